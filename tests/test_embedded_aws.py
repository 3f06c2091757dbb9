"""The embedded AWS refuses, rolls back and rotates as the service does: a test that passes here has met a real answer."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError, WaiterError

from tests.embedded.aws import EmbeddedAws
from tests.embedded.stacks import LIVE_VALUE as LIVE
from tests.embedded.stacks import SECRET_NAME as NAME
from tests.embedded.stacks import TWO_PHASES as TEMPLATE
from tests.embedded.stacks import deploy, error_code, failed_resources

pytest_plugins = ("tests.embedded.fixtures",)

SECRET_ONLY = """
Resources:
  Database:
    Type: AWS::SecretsManager::Secret
    Properties: {Name: prod/orders/database}
"""

WITH_INSTANCE = """
Resources:
  Instance:
    Type: AWS::RDS::DBInstance
    Properties:
      DBInstanceIdentifier: orders
      Engine: postgres
      DBInstanceClass: db.t3.small
      AllocatedStorage: "20"
      MasterUsername: postgres
      ManageMasterUserPassword: true
"""

ATTACHMENT = """
  Attachment:
    Type: AWS::SecretsManager::SecretTargetAttachment
    Properties: {SecretId: prod/orders/database, TargetId: !Ref Instance, TargetType: "AWS::RDS::DBInstance"}
"""


def test_a_secret_without_a_value_is_empty_until_one_is_put(aws: EmbeddedAws) -> None:
    stack = deploy(aws, TEMPLATE)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    secrets = aws.client("secretsmanager")
    described = secrets.describe_secret(SecretId=NAME)
    assert described["ARN"] == stack["Outputs"][0]["OutputValue"]
    assert described.get("VersionIdsToStages", {}) == {}
    assert described["KmsKeyId"].startswith("arn:aws:kms:")
    assert not described.get("RotationEnabled")
    for stage in ({}, {"VersionStage": "AWSCURRENT"}):
        assert error_code(secrets.get_secret_value, SecretId=NAME, **stage) == "ResourceNotFoundException"
    secrets.put_secret_value(SecretId=NAME, SecretString=LIVE)
    assert secrets.get_secret_value(SecretId=NAME)["SecretString"] == LIVE
    policy = json.loads(secrets.get_resource_policy(SecretId=NAME)["ResourcePolicy"])
    assert policy["Version"] == "2012-10-17"


def test_creating_over_an_existing_name_fails_the_stack_and_leaves_the_secret_alone(aws: EmbeddedAws) -> None:
    secrets = aws.client("secretsmanager")
    arn = secrets.create_secret(Name=NAME, SecretString=LIVE)["ARN"]
    with pytest.raises(WaiterError):
        deploy(aws, TEMPLATE)
    [stack] = aws.client("cloudformation").describe_stacks(StackName="orders")["Stacks"]
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "already exists" in failed_resources(aws)["Database"]
    assert aws.client("cloudformation").describe_stack_resources(StackName="orders")["StackResources"] == []
    assert secrets.get_secret_value(SecretId=NAME)["SecretString"] == LIVE
    assert secrets.describe_secret(SecretId=NAME)["ARN"] == arn


def test_an_update_keeps_arn_and_value(aws: EmbeddedAws) -> None:
    deploy(aws, TEMPLATE)
    secrets = aws.client("secretsmanager")
    secrets.put_secret_value(SecretId=NAME, SecretString=LIVE)
    before = secrets.get_secret_value(SecretId=NAME)
    deploy(aws, TEMPLATE, Description="second")
    after = secrets.get_secret_value(SecretId=NAME)
    assert secrets.describe_secret(SecretId=NAME)["Description"] == "second"
    assert [after[key] for key in ("ARN", "VersionId", "SecretString")] == [
        before[key] for key in ("ARN", "VersionId", "SecretString")
    ]


def test_a_key_and_a_role_are_updated_in_place(aws: EmbeddedAws) -> None:
    deploy(aws, TEMPLATE)
    key = aws.client("secretsmanager").describe_secret(SecretId=NAME)["KmsKeyId"]
    deploy(aws, TEMPLATE.replace("kms:*", "kms:Describe*").replace("lambda.amazonaws.com", "ec2.amazonaws.com"))
    assert aws.client("secretsmanager").describe_secret(SecretId=NAME)["KmsKeyId"] == key
    assert "kms:Describe*" in aws.client("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    [role] = aws.client("iam").list_roles()["Roles"]
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "ec2.amazonaws.com"}


def test_a_generated_value_has_the_template_and_the_length(aws: EmbeddedAws) -> None:
    generate = '{SecretStringTemplate: \'{"username": "orders"}\', GenerateStringKey: password, PasswordLength: 40}'
    template = SECRET_ONLY.replace("database}", f"database, GenerateSecretString: {generate}}}")
    deploy(aws, template)
    value = json.loads(aws.client("secretsmanager").get_secret_value(SecretId=NAME)["SecretString"])
    assert value["username"] == "orders" and len(value["password"]) == 40


@pytest.mark.parametrize(("policy", "kept"), [("Delete", False), ("Retain", True), ("RetainExceptOnCreate", True)])
@pytest.mark.parametrize("how", ["stack deleted", "resource removed"])
def test_deletion_policy(aws: EmbeddedAws, policy: str, kept: bool, how: str) -> None:
    template = SECRET_ONLY.replace("Secret\n", f"Secret\n    DeletionPolicy: {policy}\n") + (
        "  Other:\n    Type: AWS::SecretsManager::Secret\n"
    )
    deploy(aws, template)
    if how == "stack deleted":
        aws.client("cloudformation").delete_stack(StackName="orders")
    else:
        deploy(aws, "Resources:\n  Other:\n    Type: AWS::SecretsManager::Secret\n")
    names = {secret["Name"] for secret in aws.client("secretsmanager").list_secrets()["SecretList"]}
    assert (NAME in names) is kept


@pytest.mark.parametrize(
    ("what", "template", "reason"),
    [
        ("an unknown type", SECRET_ONLY.replace("Database:\n    Type: AWS::SecretsManager::Secret", "Database:\n    Type: AWS::SecretsManager::Vault"), "has no AWS::SecretsManager::Vault"),
        ("a misspelt property", SECRET_ONLY.replace("Name:", "SecretName:"), "SecretName"),
        ("both sources of a value", SECRET_ONLY.replace("database}", "database, SecretString: a, GenerateSecretString: {}}"), "not both"),
        ("a schedule without its function", SECRET_ONLY.replace("Secret\n    Properties: {Name: prod/orders/database}", "RotationSchedule\n    Properties: {SecretId: x}"), "RotationLambdaARN"),
        ("a policy of a secret that isn't there", SECRET_ONLY.replace("Secret\n    Properties: {Name: prod/orders/database}", "ResourcePolicy\n    Properties: {SecretId: x, ResourcePolicy: {}}"), "can't find"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_fails_the_stack(aws: EmbeddedAws, what: str, template: str, reason: str) -> None:
    with pytest.raises(WaiterError):
        deploy(aws, template)
    assert reason in failed_resources(aws)["Database"], what


def test_a_public_resource_policy_is_refused(aws: EmbeddedAws) -> None:
    with pytest.raises(WaiterError):
        deploy(aws, TEMPLATE.replace("Effect: Deny", "Effect: Allow"))
    assert set(failed_resources(aws)) == {"DatabasePolicy"}


FUNCTION = """
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties: {AssumeRolePolicyDocument: {Version: 2012-10-17, Statement: []}}
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.13
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Code: {ZipFile: "def handler(event, context): pass"}
      Environment: {Variables: {VALUE: "REFERENCE"}}
"""


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ("x={{resolve:secretsmanager:prod/orders/database:SecretString:username}}", "x=orders"),
        ("{{resolve:secretsmanager:ARN:SecretString:password:AWSCURRENT}}", "gull-3"),
        ("{{resolve:secretsmanager:prod/orders/database}}", LIVE),
        ("{{resolve:ssm:/prod/region}}", "north"),
        ("{{resolve:ssm:/prod/token}}", None),  # a SecureString
        ("{{resolve:ssm-secure:/prod/token}}", None),  # not in a function's environment
        ("{{resolve:secretsmanager:prod/orders/database:SecretString:pasword}}", None),
        ("{{resolve:secretsmanager:prod/orders/datebase:SecretString:password}}", None),
        ("{{resolve:ssm:/prod/tokem}}", None),
    ],
)
def test_dynamic_references_are_resolved_or_fail(aws: EmbeddedAws, reference: str, value: str | None) -> None:
    arn = aws.client("secretsmanager").create_secret(Name=NAME, SecretString=LIVE)["ARN"]
    aws.client("ssm").put_parameter(Name="/prod/token", Value="tern-1", Type="SecureString")
    aws.client("ssm").put_parameter(Name="/prod/region", Value="north", Type="String")
    template = FUNCTION.replace("REFERENCE", reference.replace("ARN", arn))
    if value is None:
        with pytest.raises(WaiterError):
            deploy(aws, template)
        assert set(failed_resources(aws)) == {"Function"}
        return
    deploy(aws, template)
    [function] = aws.client("lambda").list_functions()["Functions"]
    assert function["Environment"]["Variables"]["VALUE"] == value


def test_a_secure_parameter_can_be_a_master_password(aws: EmbeddedAws) -> None:
    aws.client("ssm").put_parameter(Name="/prod/master", Value="tern-and-gull", Type="SecureString")
    template = WITH_INSTANCE.replace(
        "ManageMasterUserPassword: true", "MasterUserPassword: '{{resolve:ssm-secure:%s}}'"
    )
    deploy(aws, template % "/prod/master")
    with pytest.raises(WaiterError):
        deploy(
            aws,
            template.replace("DBInstanceIdentifier: orders", "DBInstanceIdentifier: other") % "/prod/none",
            name="other",
        )
    assert set(failed_resources(aws, "other")) == {"Instance"}


def test_a_parameter_that_the_template_does_not_have_is_refused(aws: EmbeddedAws) -> None:
    with pytest.raises(ClientError, match="do not exist in the template"):
        deploy(aws, SECRET_ONLY, Rotation="on")
    deploy(aws, SECRET_ONLY)
    with pytest.raises(ClientError, match="do not exist in the template"):
        deploy(aws, TEMPLATE, Rotatoin="on")
    [stack] = aws.client("cloudformation").describe_stacks(StackName="orders")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"


def test_change_sets_deploy_and_update_like_stacks(aws: EmbeddedAws) -> None:
    client = aws.client("cloudformation")
    for kind, template in (("CREATE", SECRET_ONLY), ("UPDATE", TEMPLATE.replace("orders/database", "orders/db"))):
        arguments = {"StackName": "orders", "ChangeSetName": f"change-{kind}"}
        client.create_change_set(**arguments, TemplateBody=template, ChangeSetType=kind)
        client.execute_change_set(**arguments)
        [stack] = client.describe_stacks(StackName="orders")["Stacks"]
        assert stack["StackStatus"] == f"{kind}_COMPLETE"
    names = [secret["Name"] for secret in aws.client("secretsmanager").list_secrets()["SecretList"]]
    # Another Name is another secret, and the new template says UpdateReplacePolicy: Retain.
    assert sorted(names) == ["prod/orders/database", "prod/orders/db"]


def test_an_attachment_writes_the_address_and_takes_it_away_again(aws: EmbeddedAws) -> None:
    secrets = aws.client("secretsmanager")
    secrets.create_secret(Name=NAME)
    with pytest.raises(WaiterError):
        deploy(aws, WITH_INSTANCE + ATTACHMENT, name="too-early")
    assert "can't find the specified secret value" in failed_resources(aws, "too-early")["Attachment"]
    secrets.put_secret_value(SecretId=NAME, SecretString=LIVE)
    deploy(aws, WITH_INSTANCE + ATTACHMENT)
    [instance] = aws.client("rds").describe_db_instances()["DBInstances"]
    fields = json.loads(secrets.get_secret_value(SecretId=NAME)["SecretString"])
    assert fields.pop("host") == instance["Endpoint"]["Address"]
    assert fields.pop("port") == instance["Endpoint"]["Port"]
    assert fields == {**json.loads(LIVE), "engine": "postgres", "dbInstanceIdentifier": "orders"}
    deploy(aws, WITH_INSTANCE)
    assert json.loads(secrets.get_secret_value(SecretId=NAME)["SecretString"]) == json.loads(LIVE)
