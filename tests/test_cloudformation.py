"""CloudFormation: what is found, with which bytes, and what a rewrite makes of it."""

from __future__ import annotations

import functools
import importlib
import itertools
import time
from typing import Any

import pytest

from hardcode_hunter.languages.cloudformation import CLOUDFORMATION, recognises, schema
from hardcode_hunter.model import Candidate, Extraction, LiteralType, Position, Source
from tests import rewriting_cases

CASES = rewriting_cases.cases("cloudformation")

TEMPLATE = """\
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  DbPassword:
    Type: String
    NoEcho: true
    Default: hunter-é-2019
Mappings:
  Keys:
    eu: {Token: abc-def}
    us: {Token: ghi-jkl}
Conditions:
  IsOld: !Equals [!Ref DbPassword, "letmein"]
Resources:
  Db:
    Type: AWS::RDS::DBInstance
    Properties:
      MasterUsername: admin
      MasterUserPassword: !Ref DbPassword
      Port: 5432
      Token: !FindInMap [Keys, !Ref "AWS::Region", Token]
      Url: !Sub "postgres://u:pw@${Db.Endpoint.Address}/x"
      Joined: !Join ["", ["postgres://u:", "pw@", !GetAtt Db.Address, "/x"]]
      Either:
        Fn::If: [IsOld, "arm-value", !Ref "AWS::NoValue"]
      Safe: '{{resolve:secretsmanager:x}}'
      Half: 'abc{{resolve:secretsmanager:x}}'
  Host:
    Type: AWS::EC2::Instance
    Properties:
      UserData:
        Fn::Base64: !Sub |
          #!/bin/bash
          export DB_PASSWORD='hunter3'
          mysql -u root -phunter4 ${AWS::Region}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions:
        - Name: web
          Environment:
            - Name: DB_PASSWORD
              Value: hunter5
          Command: ["sh", "-c", "run --password hunter6"]
  Secret:
    Type: AWS::SecretsManager::Secret
    Properties:
      SecretString: '{"username": "u", "password": "hunter7"}'
# token: hunter8-commented
Outputs:
  Pw: {Value: !Ref DbPassword}
"""


def extract(text: str | bytes, path: str = "t.yaml", hits: Any = None) -> Extraction:
    data = text.encode() if isinstance(text, str) else text
    return CLOUDFORMATION.candidates(Source(path, data, "cloudformation"), hits)


def named(extraction: Extraction) -> dict[str, Candidate]:
    return {c.symbol: c for c in extraction.candidates}


@pytest.mark.parametrize(
    ("symbol", "name", "raw", "value", "position", "literal"),
    [
        ("Parameters/DbPassword/Default", "DbPassword", "hunter-é-2019", "hunter-é-2019", "parameter-default", "str"),
        ("Mappings/Keys/eu/Token", "Token", "abc-def", "abc-def", "property", "str"),
        ("Conditions/IsOld/Fn::Equals/1", "DbPassword", '"letmein"', "letmein", "comparison", "str"),
        ("Resources/Db/Properties/MasterUsername", "MasterUsername", "admin", "admin", "property", "str"),
        ("Resources/Db/Properties/Port", "Port", "5432", "5432", "property", "int"),
        (
            "Resources/Db/Properties/Url",
            "Url",
            '"postgres://u:pw@${Db.Endpoint.Address}/x"',
            "postgres://u:pw@\0/x",
            "property",
            "template",
        ),
        (
            "Resources/Db/Properties/Joined",
            "Joined",
            '!Join ["", ["postgres://u:", "pw@", !GetAtt Db.Address, "/x"]]',
            "postgres://u:pw@\0/x",
            "property",
            "template",
        ),
        ("Resources/Db/Properties/Either", "Either", '"arm-value"', "arm-value", "property", "str"),
        ("Resources/Db/Properties/Half", "Half", "'abc{{resolve:secretsmanager:x}}'", "abc\0", "property", "template"),
        ("Resources/Host/Properties/UserData/DB_PASSWORD", "DB_PASSWORD", "hunter3", "hunter3", "text", "text"),
        ("Resources/Host/Properties/UserData/password", "password", "hunter4", "hunter4", "text", "text"),
        (
            "Resources/Task/Properties/ContainerDefinitions/0/Environment/DB_PASSWORD",
            "DB_PASSWORD",
            "hunter5",
            "hunter5",
            "property",
            "str",
        ),
        (
            "Resources/Task/Properties/ContainerDefinitions/0/Command/2/password",
            "password",
            "hunter6",
            "hunter6",
            "text",
            "text",
        ),
        ("Resources/Secret/Properties/SecretString/password", "password", "hunter7", "hunter7", "property", "str"),
        ("comment/token", "token", "hunter8-commented", "hunter8-commented", "text", "text"),
    ],
)
def test_candidates(symbol: str, name: str, raw: str, value: str, position: str, literal: str) -> None:
    candidate = named(extract(TEMPLATE))[symbol]
    data = TEMPLATE.encode()
    assert data[candidate.span.start : candidate.span.end].decode() == raw
    assert (candidate.name, candidate.value.reveal()) == (name, value)
    assert (candidate.position, candidate.literal) == (Position(position), LiteralType(literal))
    assert candidate.line == data[: candidate.span.start].count(b"\n") + 1


@pytest.mark.parametrize(
    "symbol",
    [
        "Resources/Db/Properties/MasterUserPassword",
        "Resources/Db/Properties/Safe",
        "Resources/Db/Properties/Token",
        "Outputs/Pw/Value",
    ],
)
def test_a_reference_is_no_literal(symbol: str) -> None:
    assert symbol not in named(extract(TEMPLATE))


@pytest.mark.parametrize(
    "text",
    [
        "Parameters:\n  DbPassword: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /prod/db/password}\nResources: {A: {Type: 'AWS::S3::Bucket'}}\n",
        "Resources:\n  S:\n    Type: AWS::SecretsManager::Secret\n    Properties:\n      GenerateSecretString: {GenerateStringKey: password, ExcludeCharacters: '/@'}\n",
        "Resources:\n  S:\n    Type: AWS::RDS::DBInstance\n    Properties:\n      MasterUserPassword: !GetAtt Secret.Password\n",
        "Resources:\n  S:\n    Type: AWS::RDS::DBInstance\n    Properties:\n      MasterUserPassword: !ImportValue 'shared-password'\n",
    ],
)
def test_names_of_secrets_are_no_literals(text: str) -> None:
    assert not [c for c in extract(text).candidates if c.symbol != "Resources/A/Type"]


def test_references_lead_from_a_property_to_what_sets_it() -> None:
    rows = {(r.target, r.resource, r.parameter) for r in extract(TEMPLATE).references if not r.defines}
    assert ("t.yaml#Parameters/DbPassword", "AWS::RDS::DBInstance", "MasterUserPassword") in rows
    assert ("t.yaml#Mappings/Keys/eu/Token", "AWS::RDS::DBInstance", "Token") in rows
    assert ("t.yaml#Mappings/Keys/us/Token", "AWS::RDS::DBInstance", "Token") in rows
    assert ("t.yaml#Parameters/DbPassword", "Outputs", "Pw") in rows
    default = named(extract(TEMPLATE))["Parameters/DbPassword/Default"]
    assert (default.defines, default.note) == ("t.yaml#Parameters/DbPassword", "NoEcho")


@pytest.mark.parametrize(
    "use",
    [
        "!Ref P",
        "{Ref: P}",
        "!Sub '${P}'",
        '!Sub ["${x}", {x: !Ref P}]',
        '!Join ["", [!Ref P]]',
        "!If [c, !Ref P, x]",
        "!Select [0, [!Ref P]]",
        "{'Fn::Sub': 'a${P}'}",
        "!Sub 'x-${ P }'",
    ],
)
def test_a_parameter_reaches_a_property_through(use: str) -> None:
    text = f"Parameters:\n  P: {{Type: String, Default: hunter-2019}}\nResources:\n  Db:\n    Type: AWS::RDS::DBInstance\n    Properties:\n      MasterUserPassword: {use}\n"
    assert any(
        r.target == "t.yaml#Parameters/P"
        and r.resource == "AWS::RDS::DBInstance"
        and r.parameter == "MasterUserPassword"
        for r in extract(text).references
    )


def test_parameter_files_meet_their_templates() -> None:
    text = '[{"ParameterKey": "DbPassword", "ParameterValue": "hunter-2019"}, {"ParameterKey": "Port", "ParameterValue": 5432}]'
    found = named(extract(text, "infra/params/prod.json"))
    assert found["Parameters/DbPassword"].defines == "infra#Parameters/DbPassword"
    assert found["Parameters/DbPassword"].value.reveal() == "hunter-2019"
    joined = {(r.target, r.defines) for r in extract(TEMPLATE, "infra/db.yaml").references}
    assert ("infra#Parameters/DbPassword", "infra/db.yaml#Parameters/DbPassword") in joined
    pipeline = named(extract('{"Parameters": {"DbPassword": "hunter-2019"}}', "infra/prod.json"))
    assert pipeline["Parameters/DbPassword"].defines == "infra#Parameters/DbPassword"


def test_a_nested_stack_passes_its_parameters_on() -> None:
    text = "Resources:\n  Inner:\n    Type: AWS::CloudFormation::Stack\n    Properties:\n      TemplateURL: ./inner/db.yaml\n      Parameters:\n        Pw: hunter-2019\n"
    assert (
        named(extract(text, "infra/outer.yaml"))["Resources/Inner/Properties/Parameters/Pw"].defines
        == "infra/inner/db.yaml#Parameters/Pw"
    )


def test_an_alias_leads_to_its_anchor() -> None:
    text = (
        "x: &pw hunter-2019\nResources:\n  Db: {Type: 'AWS::RDS::DBInstance', Properties: {MasterUserPassword: *pw}}\n"
    )
    extraction = extract(text)
    (anchor,) = [c for c in extraction.candidates if c.name == "x"]
    assert any(r.target == anchor.defines and r.parameter == "MasterUserPassword" for r in extraction.references)


@pytest.mark.parametrize(
    ("path", "text", "is_one"),
    [
        ("a.yaml", 'AWSTemplateFormatVersion: "2010-09-09"\n', True),
        ("a.yml", "Transform: AWS::Serverless-2016-10-31\n", True),
        ("a.json", '{"Resources": {"A": {"Type": "AWS::S3::Bucket"}}}', True),
        ("a.template", "Resources:\n  A:\n    Type: Custom::X\n", True),
        ("p.json", '[{"ParameterKey": "a", "ParameterValue": "b"}]', True),
        ("docker-compose.yml", "services:\n  db:\n    image: postgres\n", False),
        ("k8s.yaml", "kind: Pod\nspec:\n  Resources: x\n", False),
        ("azure.json", '{"resources": [{"type": "Microsoft.Sql/servers"}]}', False),
        ("main.tf.json", '{"Resources": {"A": {"Type": "AWS::S3::Bucket"}}}', False),
    ],
)
def test_templates_are_told_by_their_content(path: str, text: str, is_one: bool) -> None:
    assert recognises(path, text.encode()) is is_one


@pytest.mark.parametrize("variant", ["crlf", "bom", "json"])
def test_positions_hold_in_every_layout(variant: str) -> None:
    data = TEMPLATE.encode()
    if variant == "crlf":
        data = data.replace(b"\n", b"\r\n")
    elif variant == "bom":
        data = b"\xef\xbb\xbf" + data
    else:
        data = '{"Résources": 1,\t"Resources": {"Db": {"Type": "AWS::RDS::DBInstance", "Properties": {"MasterUserPassword": "hunter-é"}}}}'.encode()
    found = extract(data).candidates
    assert found
    for candidate in found:
        raw = data[candidate.span.start : candidate.span.end].decode()
        value = candidate.value.reveal()
        assert value in raw or candidate.literal is LiteralType.TEMPLATE
        assert candidate.line == data[: candidate.span.start].count(b"\n") + 1


def test_windows_keep_what_stands_near_a_hit() -> None:
    """Near: a hit lies between a candidate's name and its literal's end. What other code can refer to by name is always kept."""
    data = TEMPLATE.encode()
    whole = extract(TEMPLATE).candidates
    everywhere = extract(TEMPLATE, hits=list(range(len(data)))).candidates
    assert everywhere == whole
    assert {c.defines != "" for c in extract(TEMPLATE, hits=[]).candidates} == {True}
    for word in (b"MasterUsername", b"DB_PASSWORD", b"SecretString", b"Url"):
        hit = data.index(word)
        kept = extract(TEMPLATE, hits=[hit]).candidates
        assert set(kept) <= set(whole)
        near = [c for c in kept if not c.defines]
        assert near and all(c.span.end >= hit for c in near)


def test_equal_symbols_are_numbered_whatever_the_hits() -> None:
    text = "Resources:\n  Db:\n    Type: AWS::RDS::DBInstance\n    Properties:\n      MasterUserPassword: first-one\n      MasterUserPassword: second-one\n"
    assert [c.ordinal for c in extract(text).candidates] == [0, 1]
    second = extract(text, hits=[text.rindex("MasterUserPassword")]).candidates
    assert [(c.ordinal, c.value.reveal()) for c in second] == [(1, "second-one")]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Resources:\n  A: {Type: AWS::S3::Bucket}\n  A: {Type: AWS::S3::Bucket}\n", 3),
        ("Resources:\n\tA:\n    Type: AWS::S3::Bucket\n", 2),
        ('Resources:\n  A: {Type: "AWS::S3::Bucket", B: [1,\n', 3),
        ("Resources:\n  A: {Type: AWS::S3::Bucket, X: " + "[" * 10_000 + "]" * 10_000 + "}\n", 2),
        ("AWSTemplateFormatVersion: x\n" + "".join(" " * i + "a:\n" for i in range(2_000)), 1001),
        ("AWSTemplateFormatVersion: x\n" + "".join(" " * i + "a:\n" for i in range(300)), 152),
    ],
)
def test_bad_input_is_a_problem_with_its_line(text: str, line: int) -> None:
    (problem, *_) = extract(text).problems
    assert problem.path == "t.yaml"
    assert abs(problem.line - line) <= 1
    assert not problem.fatal


def test_bad_json_is_a_problem() -> None:
    head = '{"Resources": {"A": {"Type": "AWS::S3::Bucket", "Properties": '
    for text in (
        head + "[" * 100_000,
        head + '{"a":' * 20_000 + "1",
        head + '"x\n',
        '{"Resources": {"A": {"Type": "AWS::S3::Bucket"}}]',
    ):
        assert extract(text, "t.json").problems
    assert named(
        extract('{"Resources": {"A": {"Type": "AWS::S3::Bucket", // why\n\t"Properties": {"Pw": "x",},}}}', "t.json")
    )["Resources/A/Properties/Pw"]


def test_no_anchor_makes_a_document_grow() -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
    )
    started = time.monotonic()
    found = extract(
        bomb
        + "AWSTemplateFormatVersion: x\nResources: {A: {Type: 'AWS::RDS::DBInstance', Properties: {MasterUserPassword: hunter-2019}}}\n"
    )
    assert "Resources/A/Properties/MasterUserPassword" in named(found)
    assert len(found.candidates) < 50
    assert time.monotonic() - started < 60  # a guard against a hang, not a timing


def test_the_schemas_name_secret_and_create_only_properties() -> None:
    assert sum(map(len, schema.secret_properties().values())) >= 120
    assert schema.is_secret("AWS::RDS::DBInstance", "MasterUserPassword")
    assert not schema.is_secret("AWS::CodeBuild::Project", "EncryptionKey")
    assert schema.replaces("AWS::RDS::DBInstance", "MasterUsername")
    assert schema.replaces("AWS::EMR::Cluster", "KerberosAttributes.KdcAdminPassword")
    assert not schema.replaces("AWS::RDS::DBInstance", "MasterUserPassword")
    assert schema.identifies("AWS::RDS::DBInstance", "DBInstanceIdentifier")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rewrite(case: rewriting_cases.Case) -> None:
    rewriting_cases.check(CLOUDFORMATION, case)


@functools.cache
def _lint(text: str) -> frozenset[tuple[str, str]]:
    from cfnlint.api import lint

    return frozenset((m.rule.id, m.message.split("'")[0]) for m in lint(text, regions=["eu-west-1"]))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_cfn_lint_reports_nothing_new(case: rewriting_cases.Case) -> None:
    pytest.importorskip("cfnlint", reason="cfn-lint is not installed: its verdict on rewritten templates was not asked")
    for path, data in case.after.items():
        if data != case.before[path] and b"Resources" in data:
            assert _lint(data.decode()) - _lint(case.before[path].decode()) == frozenset()


def test_a_proof_that_fails_leaves_the_file_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    rewrite = importlib.import_module("hardcode_hunter.languages.cloudformation.rewrite")
    monkeypatch.setattr(rewrite, "plain", lambda *_: next(counter))
    counter = itertools.count()
    case = next(c for c in CASES if c.name == "parameter_ref")
    result, after = rewriting_cases.run(CLOUDFORMATION, case, case.before)
    assert after == case.before
    assert [s.code for r in result.values() for s in r.skips] == ["proof-failed"]


def test_a_moved_literal_is_not_touched() -> None:
    case = next(c for c in CASES if c.name == "literal_plain")
    source = Source("db.yaml", case.before["db.yaml"], "cloudformation")
    rows, access = rewriting_cases.replacements(CLOUDFORMATION, case, {"db.yaml": source})
    moved = Source("db.yaml", b"# a line more\n" + source.data, "cloudformation")
    rewriting = rewriting_cases.Rewriting(access, rewriting_cases.UNUSED, {})
    assert CLOUDFORMATION.rewrite is not None
    result = CLOUDFORMATION.rewrite({"db.yaml": moved}, rows, rewriting)["db.yaml"]
    assert result.change is None
    assert [s.code for s in result.skips] == ["moved"]
