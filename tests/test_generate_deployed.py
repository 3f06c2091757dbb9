"""What is generated, deployed: the empty shell, the live value, the second phase as an update; and secrets that exist already."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from hardcode_hunter.model import Order, Plan
from tests.embedded.aws import EmbeddedAws
from tests.embedded.stacks import deploy, error_code, failed_resources
from tests.generating import Deployed, database, parameters_for, parsed, plan, texts, token

pytest_plugins = ("tests.embedded.fixtures",)

NAME, STACK, PATH = "prod/shop/orders-db", "shop-prod-secrets", "migration/prod/secrets.yaml"
LIVE = json.dumps({"engine": "postgres", "host": "db", "username": "orders", "password": "hunter-orders-2019"})
BUCKET, KEY = "packages", "rotation.zip"


@pytest.fixture
def account(aws: EmbeddedAws) -> EmbeddedAws:
    """An account with the roles that read, and the bucket with the packaged function."""
    iam, s3 = aws.client("iam"), aws.client("s3")
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
    for role in ("orders", "mailer"):
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": aws.region})
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"PK\5\6" + bytes(18))
    return aws


def _phase(of: Plan, rotating: bool) -> tuple[str, dict[str, str]]:
    """The template of one phase with the parameters that its commands in ROLL-OUT.md give."""
    template = texts(of, frozenset({"orders-db"}) if rotating else frozenset())[PATH]
    given = parameters_for(parsed(template), ConsumerRolesOrdersDb="orders")
    if rotating:
        given |= {"EnableRotation": "true", "RotationCodeBucket": BUCKET, "RotationCodeKeyPostgresqlSingleUser": KEY}
    return template, given


def _deploy(aws: EmbeddedAws, of: Plan, rotating: bool = False, **more: str) -> dict[str, Any]:
    template, given = _phase(of, rotating)
    return deploy(aws, template, name=STACK, **{**given, **more})


def test_the_value_outlives_both_phases(account: EmbeddedAws) -> None:
    secrets, wanted = account.client("secretsmanager"), plan(database(), token("mail-token", consumers=()))
    known = {"ConsumerRolesMailToken": "mailer"}
    _deploy(account, wanted, **known)
    shell = secrets.describe_secret(SecretId=NAME)
    assert not shell.get("VersionIdsToStages") and not shell.get("RotationEnabled")
    assert error_code(secrets.get_secret_value, SecretId=NAME) == "ResourceNotFoundException"

    secrets.put_secret_value(SecretId=NAME, SecretString=LIVE)
    before = secrets.get_secret_value(SecretId=NAME)
    _deploy(account, wanted, rotating=True, **known)
    after, described = secrets.get_secret_value(SecretId=NAME), secrets.describe_secret(SecretId=NAME)
    assert (after["ARN"], after["SecretString"], after["VersionId"]) == (before["ARN"], LIVE, before["VersionId"])
    assert described["RotationEnabled"] is True
    assert described["RotationRules"]["ScheduleExpression"] == "rate(30 days)"
    assert described["KmsKeyId"] == shell["KmsKeyId"]
    assert not secrets.describe_secret(SecretId="prod/shop/mail-token").get("RotationEnabled")

    _deploy(account, wanted, **known)  # the way back: the first phase again
    back = secrets.describe_secret(SecretId=NAME)
    assert not back.get("RotationEnabled") and secrets.get_secret_value(SecretId=NAME)["SecretString"] == LIVE


def test_every_resource_is_really_there(account: EmbeddedAws) -> None:
    template, given = _phase(plan(database()), rotating=True)
    deploy(account, template, name=STACK, **given)
    rows = account.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
    assert {r["LogicalResourceId"] for r in rows} == set(Deployed(parsed(template), given).resources())
    assert all(r["ResourceStatus"] == "CREATE_COMPLETE" for r in rows)
    nameless = {r["ResourceType"] for r in rows if not r.get("PhysicalResourceId")}
    assert nameless <= {"AWS::Lambda::Permission"}  # moto has no id for a statement of a function's policy
    attached = account.client("iam").list_attached_role_policies(RoleName="orders")["AttachedPolicies"]
    assert len(attached) == 1
    policy = json.loads(account.client("secretsmanager").get_resource_policy(SecretId=NAME)["ResourcePolicy"])
    assert {s["Effect"] for s in policy["Statement"]} == {"Deny"}
    aliases = {a["AliasName"]: a.get("TargetKeyId") for a in account.client("kms").list_aliases()["Aliases"]}
    assert (
        account.client("secretsmanager")
        .describe_secret(SecretId=NAME)["KmsKeyId"]
        .endswith(f"/{aliases['alias/shop/prod']}")
    )


def test_deploying_twice_changes_nothing(account: EmbeddedAws) -> None:
    secrets, wanted = account.client("secretsmanager"), plan(database())
    first = _deploy(account, wanted)["Outputs"]
    secrets.put_secret_value(SecretId=NAME, SecretString=LIVE)
    before = secrets.get_secret_value(SecretId=NAME)
    assert _deploy(account, wanted)["Outputs"] == first
    after = secrets.get_secret_value(SecretId=NAME)
    assert (after["VersionId"], after["SecretString"]) == (before["VersionId"], LIVE)


def test_creating_over_an_existing_name_fails(account: EmbeddedAws) -> None:
    secrets = account.client("secretsmanager")
    secrets.create_secret(Name=NAME, SecretString=LIVE)
    with pytest.raises(WaiterError):
        _deploy(account, plan(database()))
    assert "SecretOrdersDb" in failed_resources(account, STACK)
    assert secrets.get_secret_value(SecretId=NAME)["SecretString"] == LIVE


@pytest.mark.parametrize("order", list(Order), ids=lambda o: o.value)
def test_a_secret_that_exists_is_adopted_by_its_arn(account: EmbeddedAws, order: Order) -> None:
    """In either order: what differs is only whether the ARN is required."""
    secrets = account.client("secretsmanager")
    made = secrets.create_secret(Name=NAME, SecretString=LIVE)
    wanted = plan(database(), order=order)
    adopted = {"ExistingSecretArnOrdersDb": made["ARN"]}
    for rotating in (False, False, True):  # twice the first phase, as a person does who is not sure
        _deploy(account, wanted, rotating, **adopted)
    described = secrets.describe_secret(SecretId=NAME)
    assert described["ARN"] == made["ARN"] and described["RotationEnabled"] is True
    assert secrets.get_secret_value(SecretId=NAME)["SecretString"] == LIVE
    rows = account.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
    assert "AWS::SecretsManager::Secret" not in {r["ResourceType"] for r in rows}
    assert secrets.get_resource_policy(SecretId=NAME)["ResourcePolicy"]


def test_removing_the_stack_leaves_the_secret(account: EmbeddedAws) -> None:
    secrets, client = account.client("secretsmanager"), account.client("cloudformation")
    _deploy(account, plan(database()))
    secrets.put_secret_value(SecretId=NAME, SecretString=LIVE)
    client.delete_stack(StackName=STACK)
    client.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 0, "MaxAttempts": 1})
    assert secrets.get_secret_value(SecretId=NAME)["SecretString"] == LIVE


def test_no_value_is_needed_to_generate() -> None:
    """The stage gets a plan, and a plan has no value: nothing can leak that was never there."""
    every = "".join(texts(plan(database(), token())).values())
    assert "hunter-orders-2019" not in every and "SecretString:" not in every and "GenerateSecretString" not in every
