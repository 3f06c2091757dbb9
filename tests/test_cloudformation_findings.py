"""CloudFormation from the first pass to the verdict: what is found, through references, parameter files and nested stacks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hardcode_hunter.languages.cloudformation import schema
from tests.infrastructure import places, scanned

HEAD = "AWSTemplateFormatVersion: '2010-09-09'\n"
DATABASE = "Resources:\n  Db:\n    Type: AWS::RDS::DBInstance\n    Properties:\n      MasterUserPassword: {}\n"
NEUTRAL = "Parameters:\n  Neutral: {Type: String}\n"
KEY_ID, KEY = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def resource(kind: str, properties: str) -> str:
    return f"{HEAD}Resources:\n  Thing:\n    Type: {kind}\n    Properties:\n{properties}"


FOUND = {
    "a neutral parameter by way of Ref": (
        {
            "t.yaml": HEAD
            + "Parameters:\n  Neutral: {Type: String,\n    Default: tide-and-time}\n"
            + DATABASE.format("!Ref Neutral")
        },
        {("t.yaml", 4, "migrate")},
    ),
    "a mapping": (
        {
            "t.yaml": HEAD
            + "Mappings:\n  Stages:\n    prod: {Neutral: tide-and-time}\n"
            + DATABASE.format("!FindInMap [Stages, prod, Neutral]")
        },
        {("t.yaml", 4, "migrate")},
    ),
    "both arms of a condition": (
        {"t.yaml": HEAD + DATABASE.format('!If [Old, "tide-and-time",\n        "time-and-tide"]')},
        {("t.yaml", 6, "migrate"), ("t.yaml", 7, "migrate")},
    ),
    "the default of a look-up": (
        {
            "t.yaml": HEAD
            + "Mappings: {Stages: {prod: {Size: small}}}\n"
            + DATABASE.format("!FindInMap [Stages, prod, Neutral,\n        {DefaultValue: tide-and-time}]")
        },
        {("t.yaml", 8, "migrate")},
    ),
    "a literal among the variables of a Fn::Sub": (
        {"t.yaml": HEAD + DATABASE.format('!Sub\n        - "${A}-${AWS::Region}"\n        - {A: tide-and-time}')},
        {("t.yaml", 8, "migrate")},
    ),
    "a part of what a Fn::Sub makes": (
        {"t.yaml": HEAD + DATABASE.format('!Sub "${AWS::Region}-x7Kq2vTz9LmR4pWd"')},
        {("t.yaml", 6, "report")},
    ),
    "user data that is joined, name and value apart": (
        {
            "t.yaml": resource(
                "AWS::EC2::Instance",
                '      UserData:\n        Fn::Base64: !Join\n          - ""\n          - - "#!/bin/sh\\n"\n'
                '            - "export DB_PASSWORD=\'"\n            - Grey-Heron-1984\n            - "\'\\n"\n',
            )
        },
        {("t.yaml", 11, "report")},
    ),
    "a part of a template that holds nothing but parameters": (
        {"t.yaml": "Parameters:\n  Neutral:\n    Type: String\n    NoEcho: true\n    Default: tide-and-time\n"},
        {("t.yaml", 5, "migrate")},
    ),
    "a resource of a Fn::ForEach": (
        {
            "t.yaml": HEAD
            + "Resources:\n  Fn::ForEach::Dbs:\n    - N\n    - [a]\n    - Db${N}:\n        Type: AWS::RDS::DBInstance\n"
            "        Properties:\n          MasterUserPassword: tide-and-time\n"
        },
        {("t.yaml", 9, "migrate")},
    ),
    "a nested template that was uploaded": (
        {
            "t.yaml": resource(
                "AWS::CloudFormation::Stack",
                '      TemplateURL: !Sub "https://s3.${AWS::URLSuffix}/bucket-${AWS::Region}/nested/db.yaml"\n'
                "      Parameters:\n        Neutral: tide-and-time\n",
            ),
            "nested/db.yaml": HEAD + NEUTRAL + DATABASE.format("!Ref Neutral"),
        },
        {("t.yaml", 8, "migrate")},
    ),
    "a serverless application's parameter": (
        {
            "t.yaml": resource(
                "AWS::Serverless::Application",
                "      Location: ./nested/db.yaml\n      Parameters:\n        Neutral: tide-and-time\n",
            ),
            "nested/db.yaml": HEAD + NEUTRAL + DATABASE.format("!Ref Neutral"),
        },
        {("t.yaml", 8, "migrate")},
    ),
    "a hidden parameter that reaches nothing of note": (
        {
            "t.yaml": HEAD
            + "Parameters:\n  Neutral:\n    Type: String\n    NoEcho: true\n    Default: tide-and-time\n"
            + "Resources:\n  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: !Ref Neutral}}\n"
        },
        {("t.yaml", 6, "migrate")},
    ),
    "a parameter that is a password where it ends up": (
        {
            "t.yaml": HEAD
            + "Parameters:\n  Neutral: {Type: String,\n    Default: tide-and-time-1984}\n"
            + "Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Environment:\n"
            "        Variables: {DB_PASSWORD: !Ref Neutral}\n"
        },
        {("t.yaml", 4, "migrate")},
    ),
    "a parameter that is the password of a URL": (
        {
            "t.yaml": HEAD
            + "Parameters:\n  Neutral: {Type: String,\n    Default: tide-and-time-1984}\n"
            + "Resources:\n  T:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n"
            '        - Environment: [{Name: STORE, Value: !Sub "mysql://shop:${Neutral}@db/shop"}]\n'
        },
        {("t.yaml", 4, "migrate")},
    ),
    "a parameter of Systems Manager that is called as its resource": (
        {
            "t.yaml": HEAD
            + "Resources:\n  OrdersDbPassword:\n    Type: AWS::SSM::Parameter\n    Properties:\n      Type: String\n"
            "      Value: tide-and-time-1984\n"
        },
        {("t.yaml", 7, "migrate")},
    ),
    "a parameter file without one telling word": (
        {
            "t.yaml": HEAD + NEUTRAL + DATABASE.format("!Ref Neutral"),
            "params/prod.json": '[{"ParameterKey": "Neutral",\n"ParameterValue": "tide-and-time"}]\n',
        },
        {("params/prod.json", 2, "migrate")},
    ),
    "the configuration file of a pipeline": (
        {
            "t.yaml": HEAD + NEUTRAL + DATABASE.format("!Ref Neutral"),
            "prod.json": '{"Parameters": {\n"Neutral": "tide-and-time"}, "Tags": {}}\n',
        },
        {("prod.json", 2, "migrate")},
    ),
    "a nested stack": (
        {
            "outer.yaml": resource(
                "AWS::CloudFormation::Stack",
                "      TemplateURL: ./inner.yaml\n      Parameters:\n        Neutral: tide-and-time\n",
            ),
            "inner.yaml": HEAD + NEUTRAL + DATABASE.format("!Ref Neutral"),
        },
        {("outer.yaml", 8, "migrate")},
    ),
    "a hidden parameter with a default": (
        {
            "t.yaml": HEAD
            + "Parameters:\n  DbPassword:\n    Type: String\n    NoEcho: true\n    Default: tide-and-time-9\nResources: {A: {Type: AWS::S3::Bucket}}\n"
        },
        {("t.yaml", 6, "migrate")},
    ),
    "a function's environment": (
        {
            "t.yaml": resource(
                "AWS::Lambda::Function",
                "      Environment:\n        Variables:\n          DB_PASSWORD: Grey-Heron-47\n",
            )
        },
        {("t.yaml", 8, "migrate")},
    ),
    "static keys in a function's environment": (
        {
            "t.yaml": resource(
                "AWS::Serverless::Function",
                f"      Environment:\n        Variables:\n          UPLOAD_ACCESS_KEY: {KEY_ID}\n          UPLOAD_SECRET_ACCESS_KEY: {KEY}\n",
            )
        },
        {("t.yaml", 8, "migrate"), ("t.yaml", 9, "migrate")},
    ),
    "the defaults of a serverless application": (
        {
            "t.yaml": "Transform: AWS::Serverless-2016-10-31\nGlobals:\n  Function:\n    Environment:\n      Variables:\n        DB_PASSWORD: Grey-Heron-47\nResources: {}\n"
        },
        {("t.yaml", 6, "migrate")},
    ),
    "name and value on two lines": (
        {
            "ecs.yaml": resource(
                "AWS::ECS::TaskDefinition",
                "      ContainerDefinitions:\n        - Environment:\n            - Name: DB_PASSWORD\n              Value: Grey-Heron-47\n",
            ),
            "build.yaml": resource(
                "AWS::CodeBuild::Project",
                "      Environment:\n        EnvironmentVariables:\n          - Name: DB_PASSWORD\n            Value: Grey-Heron-47\n",
            ),
        },
        {("ecs.yaml", 9, "migrate"), ("build.yaml", 9, "migrate")},
    ),
    "user data and metadata": (
        {
            "t.yaml": HEAD
            + "Resources:\n  Host:\n    Type: AWS::EC2::Instance\n    Metadata:\n      AWS::CloudFormation::Init:\n        config:\n          files:\n"
            "            /etc/app.conf:\n              content: |\n                db_password=Grey-Heron-47\n"
            "    Properties:\n      UserData:\n        Fn::Base64: !Sub |\n          #!/bin/bash\n          export DB_PASSWORD=Grey-Heron-48\n"
        },
        {("t.yaml", 11, "report"), ("t.yaml", 16, "report")},
    ),
    "an output": (
        {"t.yaml": HEAD + "Outputs:\n  DbPassword: {Value: Grey-Heron-47}\nResources: {}\n"},
        {("t.yaml", 3, "migrate")},
    ),
    "a parameter of the store, by its own name": (
        {
            "t.yaml": resource(
                "AWS::SSM::Parameter",
                "      Name: /prod/shop/DB_PASSWORD\n      Type: String\n      Value: Grey-Heron-47\n",
            )
        },
        {("t.yaml", 8, "migrate")},
    ),
    "a secret whose value stands in the template": (
        {
            "t.yaml": resource(
                "AWS::SecretsManager::Secret",
                '      SecretString: \'{"username": "shop", "password": "Grey-Heron-47"}\'\n',
            ),
            "u.yaml": resource("AWS::SecretsManager::Secret", "      SecretString: tide-and-time\n"),
            "v.json": '{"Resources": {"S": {"Type": "AWS::SecretsManager::Secret", "Properties": {\n'
            '"SecretString": "{\\"username\\":\\"shop\\",\\"password\\":\\"secret-password\\"}"}}}}\n',
        },
        {("t.yaml", 6, "migrate"), ("u.yaml", 6, "migrate"), ("v.json", 2, "migrate")},
    ),
    "a custom resource": (
        {
            "t.yaml": resource(
                "Custom::User", "      ServiceToken: !GetAtt Maker.Arn\n      DbPassword: Grey-Heron-47\n"
            )
        },
        {("t.yaml", 7, "migrate")},
    ),
    "a template in JSON": (
        {
            "t.json": '{"AWSTemplateFormatVersion": "2010-09-09", "Parameters": {"Neutral": {"Type": "String",\n"Default": "tide-and-time"}},\n"Resources": {"Db": {"Type": "AWS::RDS::DBInstance", "Properties": {"MasterUserPassword": {"Ref": "Neutral"}}}}}\n'
        },
        {("t.json", 2, "migrate")},
    ),
}

CLEAN = {
    "a parameter that names a secret": "Parameters:\n  Neutral: {Type: String, Default: tide-and-time-1984}\n"
    + DATABASE.format("!Sub '{{resolve:secretsmanager:${Neutral}:SecretString:password}}'"),
    "a parameter that names a secret, in parts": "Parameters:\n  Neutral: {Type: String, Default: tide-and-time-1984}\n"
    + DATABASE.format('!Join ["", ["{{resolve:secretsmanager:", !Ref Neutral, ":SecretString:password}}"]]'),
    "a word of what a Fn::Sub makes": DATABASE.format('!Sub "${AWS::StackName}-database-password"'),
    "a dynamic reference in parts": DATABASE.format(
        '!Join [":", ["{{resolve:secretsmanager", "shop/db", "SecretString", "password}}"]]'
    ),
    "dynamic references": DATABASE.format("'{{resolve:secretsmanager:prod/shop/db:SecretString:password}}'"),
    "a reference to a secret": DATABASE.format("!Sub '{{resolve:secretsmanager:${Secret}:SecretString:password}}'"),
    "an attribute": DATABASE.format("!GetAtt Maker.Password"),
    "an import": DATABASE.format("!ImportValue shop-db-password"),
    "a hidden parameter": "Parameters:\n  DbPassword: {Type: String, NoEcho: true}\n"
    + DATABASE.format("!Ref DbPassword"),
    "a parameter that names a parameter": "Parameters:\n  DbPassword: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /prod/db}\n"
    + DATABASE.format("!Ref DbPassword"),
    "a managed password": DATABASE.format("!Ref AWS::NoValue") + "      ManageMasterUserPassword: true\n",
    "a generated one": resource(
        "AWS::SecretsManager::Secret",
        '      GenerateSecretString: {SecretStringTemplate: \'{"username": "shop"}\', GenerateStringKey: password}\n',
    ),
    "valueFrom": resource(
        "AWS::ECS::TaskDefinition",
        "      ContainerDefinitions:\n        - Secrets:\n            - {Name: DB_PASSWORD, ValueFrom: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:db-a1b2c3'}\n",
    ),
}


@pytest.mark.parametrize("case", FOUND)
def test_found(case: str, tmp_path: Path) -> None:
    files, expected = FOUND[case]
    assert places(scanned(tmp_path, files)) == expected


@pytest.mark.parametrize("case", CLEAN)
def test_clean(case: str, tmp_path: Path) -> None:
    text = CLEAN[case]
    assert scanned(tmp_path, {"t.yaml": text if text.startswith(HEAD) else HEAD + text}) == ()


def test_the_message_tells_the_way(tmp_path: Path) -> None:
    files, _ = FOUND["a nested stack"]
    (finding,) = scanned(tmp_path, files)
    assert "reaches AWS::RDS::DBInstance.MasterUserPassword by way of Ref Neutral" in finding.reason


def _nested(path: str, value: object) -> object:
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


@pytest.mark.parametrize("way", ["literal", "parameter"])
def test_every_secret_property_of_the_schemas_is_found(way: str, tmp_path: Path) -> None:
    """Each property that the schemas call secret, with a value that no name or look gives away."""
    rows = [(kind, path) for kind, paths in schema.secret_properties().items() for path in paths]
    assert len(rows) >= 120
    lines, expected = ['{"AWSTemplateFormatVersion": "2010-09-09", "Parameters": {"Unused": {"Type": "String"}'], set()
    if way == "parameter":
        for number, _ in enumerate(rows):
            lines.append(f', "Neutral{number}x": {{"Type": "String", "Default": "tide-and-time"}}')
            expected.add(len(lines))
    lines.append('}, "Resources": {"Unused": {"Type": "AWS::S3::Bucket"}')
    for number, (kind, path) in enumerate(rows):
        value = "tide-and-time" if way == "literal" else {"Ref": f"Neutral{number}x"}
        lines.append(f', "Thing{number}": ' + json.dumps({"Type": kind, "Properties": _nested(path, value)}))
        if way == "literal":
            expected.add(len(lines))
    found = {f.line for f in scanned(tmp_path, {"t.json": "\n".join([*lines, "}}"])})}
    assert expected - found == set()
