"""Consumers of every runtime, and functions that AWS keeps: the right role reads, and nobody else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from hardcode_hunter.generate import deployments
from hardcode_hunter.integrations.template_checks import violations
from hardcode_hunter.model import Consumer, Evaluated, Home, Kind, Plan, RotationChoice, SecretField
from hardcode_hunter.plugins import Rotation, load
from tests import iam
from tests.generating import (
    ACCOUNT,
    MASTER,
    REGION,
    ROLE,
    Deployed,
    database,
    fields,
    parameters_for,
    parsed,
    plan,
    texts,
    token,
)
from tests.terraform_provider.runner import Run
from tests.test_generate import _lint
from tests.test_generate_terraform import GIVEN
from tests.test_plan import finding, made

pytest_plugins = ("tests.terraform_provider.running",)

HOSTED = {name: r for name, r in load("rotations", Rotation).items() if r.hosted}
ALL: dict[str, Any] = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
TEMPLATE = "migration/prod/secrets.yaml"
SCHEDULE = "AWS::SecretsManager::RotationSchedule"

RUNTIMES = {
    # the parameter, what its description says, and the consumer
    "LambdaRolesOrdersDb": ("execution role of the Lambda function", Consumer("fn.py", 1, "h", runtime="lambda")),
    "EcsTaskRolesOrdersDb": ("task role", Consumer("app.py", 2, "c", Evaluated.IMPORT, "ecs")),
    "EcsExecutionRolesOrdersDb": ("ValueFrom", Consumer("task.yaml", 3, "t", Evaluated.DEPLOY, "ecs")),
    "EksRolesOrdersDb": ("pod identity", Consumer("pod.py", 4, "c", runtime="eks")),
    "CiRolesOrdersDb": ("OIDC", Consumer("ci.py", 6, "c", runtime="ci")),
    "ConsumerRolesOrdersDb": ("Read by x.py:7", Consumer("x.py", 7, "c")),
}


@pytest.mark.parametrize("infrastructure", ["cloudformation", "terraform"])
def test_each_runtime_asks_for_the_role_that_reads(infrastructure: str) -> None:
    instance = Consumer("i.py", 5, "c", runtime="ec2")
    of = plan(database(consumers=(*(c for _, c in RUNTIMES.values()), instance)), infrastructure=infrastructure)
    (deployment,) = deployments(of)
    for name, (words, _) in RUNTIMES.items():
        asked = name if infrastructure == "cloudformation" else re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
        assert words in deployment.required[asked]
    assert any("instance profile" in text for text in deployment.required.values())


def test_each_runtimes_role_gets_the_policy_and_no_other_does() -> None:
    of = plan(database(consumers=tuple(c for _, c in RUNTIMES.values())), token())
    template = parsed(texts(of)[TEMPLATE])
    deployed = Deployed(template, parameters_for(template, **{name: f"the-{name.lower()}" for name in RUNTIMES}))
    policies = deployed.of_type("AWS::IAM::ManagedPolicy")
    assert set(policies["ConsumerPolicyOrdersDb"]["Roles"]) == {f"the-{name.lower()}" for name in RUNTIMES}
    assert policies["ConsumerPolicyMailToken"]["Roles"] == ["mailer"]
    guard = deployed.resources()["ResourcePolicyOrdersDb"]["Properties"]["ResourcePolicy"]
    secret = deployed.resolve({"Ref": "SecretOrdersDb"})
    for name in (*RUNTIMES, "somebody"):
        request = iam.Request(f"{ROLE}the-{name.lower()}", "secretsmanager:GetSecretValue", secret)
        assert iam.allowed(request, [ALL], guard, owner=ACCOUNT) is (name != "somebody")
    assert _lint(texts(of)[TEMPLATE]) == []


# ---------------------------------------------------------------- four homes


def test_each_home_gets_what_it_needs_and_the_page_says_why() -> None:
    secrets = [
        database(why="because it can change"),
        token("flag", home=Home.PARAMETER_STORE, why="because it is small and static"),
        database("master", home=Home.MANAGED, rotation=RotationChoice(), why="because the service keeps it"),
        token("uploads", home=Home.ROLE, kind=Kind.AWS_KEY, why="because a role serves"),
    ]
    files = texts(plan(*secrets))
    deployed = {r["Type"] for r in parsed(files[TEMPLATE])["Resources"].values()}
    assert "AWS::SecretsManager::Secret" in deployed and "AWS::SSM::Parameter" not in deployed
    for secret in secrets:
        assert secret.why in files["migration/ROLL-OUT.md"]
    moved = texts(plan(replace(secrets[0], home=Home.PARAMETER_STORE, rotation=RotationChoice())))
    assert "AWS::SecretsManager::Secret" not in moved[TEMPLATE]
    assert "parameter/prod/shop/orders-db" in moved[TEMPLATE]


# ---------------------------------------------------------------- functions that AWS keeps


def _hosted(name: str, infrastructure: str = "cloudformation") -> Plan:
    rotation = HOSTED[name]
    master = (SecretField("masterarn", constant=MASTER),) if "masterarn" in rotation.required_keys else ()
    keys = fields(*sorted({*rotation.required_keys} - {"masterarn"}))
    secret = database(engine=rotation.engines[0], rotation=RotationChoice(name), fields=(*keys, *master))
    return plan(secret, token(), infrastructure=infrastructure)


def test_every_engine_without_a_function_of_ours_has_one_of_awss() -> None:
    engines = {rotation.engines[0] for rotation in HOSTED.values()}
    assert engines == {"oracle", "sqlserver", "db2", "redshift", "mongodb"} and len(HOSTED) == 10


@pytest.mark.parametrize(
    ("engine", "kept"), [("oracle", "hosted-oracle-single-user"), ("mssql", "hosted-sqlserver-single-user")]
)
def test_the_plan_names_the_function_that_aws_keeps(engine: str, kept: str) -> None:
    found = finding("shop/db.py:3", "connect.password", kind=Kind.DATABASE, engine=engine)
    (secret,) = made(found).secrets
    assert secret.rotation.name == "none" and kept in secret.rotation.why


@pytest.mark.parametrize("name", HOSTED)
def test_a_hosted_function_is_deployed_by_the_current_transform(name: str) -> None:
    of = _hosted(name)
    body = texts(of)[TEMPLATE]
    template = parsed(body)
    assert template["Transform"] == "AWS::SecretsManager-2024-09-16"
    assert _lint(body) == [] and violations(template) == ()
    for enabled, subnets in (("false", ""), ("true", ""), ("true", "subnet-1,subnet-2")):
        given = {"EnableRotation": enabled, "RotationSubnetIds": subnets, "RotationSecurityGroupIds": "sg-1"}
        deployed = Deployed(template, parameters_for(template, **given))
        schedules = list(deployed.of_type(SCHEDULE).values())
        assert len(schedules) == (enabled == "true")
        for schedule in schedules:
            hosted = schedule["HostedRotationLambda"]
            assert hosted["RotationType"] == HOSTED[name].hosted and "RotationLambdaARN" not in schedule
            assert (hosted.get("VpcSubnetIds", ""), "MasterSecretArn" in hosted) == (subnets, "alternating" in name)
            assert schedule["RotateImmediatelyOnUpdate"] is False
        assert not deployed.of_type("AWS::Lambda::Function") and not deployed.of_type("AWS::IAM::Role")
    (deployment,) = deployments(of)
    assert "CAPABILITY_AUTO_EXPAND" in deployment.rotation and "pip install" not in deployment.rotation


def test_a_hosted_functions_code_gets_past_the_policy_whatever_its_role_is_called() -> None:
    template = parsed(texts(_hosted("hosted-oracle-single-user"))[TEMPLATE])
    deployed = Deployed(template, parameters_for(template, EnableRotation="true"))
    guards = {
        id: deployed.resources()[f"ResourcePolicy{id}"]["Properties"]["ResourcePolicy"]
        for id in ("OrdersDb", "MailToken")
    }
    (schedule,) = deployed.of_type(SCHEDULE).values()
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{schedule['HostedRotationLambda']['RotationLambdaName']}"
    for id, source, may in (
        ("OrdersDb", function, True),
        ("OrdersDb", f"{function}-2", False),
        ("OrdersDb", "", False),
        ("MailToken", function, False),
    ):
        for action in ("GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"):
            context = {"lambda:SourceFunctionArn": source} if source else {}
            secret = deployed.resolve({"Ref": f"Secret{id}"})
            request = iam.Request(f"{ROLE}nested-stack-role", f"secretsmanager:{action}", secret, context)
            assert iam.allowed(request, [ALL], guards[id], owner=ACCOUNT) is may, (id, source, action)


def test_the_key_lets_a_hosted_function_write_and_nobody_who_administers() -> None:
    template = parsed(texts(_hosted("hosted-oracle-single-user"))[TEMPLATE])
    given = parameters_for(template, EnableRotation="true")
    deployed = Deployed(template, given)
    key = deployed.resolve({"Fn::GetAtt": "Key.Arn"})
    context = {
        "kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com",
        "kms:CallerAccount": ACCOUNT,
        "kms:EncryptionContext:SecretARN": deployed.resolve({"Ref": "SecretOrdersDb"}),
    }
    policy = deployed.resources()["Key"]["Properties"]["KeyPolicy"]
    for who, may in (
        (f"{ROLE}nested-stack-role", True),
        (given["AdministratorArns"], False),
        (given["DeployerArns"], False),
    ):
        request = iam.Request(who, "kms:GenerateDataKey", key, context)
        assert iam.allowed(request, [ALL], policy, owner=ACCOUNT, key=True) is may


@pytest.mark.parametrize("name", HOSTED)
@pytest.mark.parametrize("subnets", [[], ["subnet-1", "subnet-2"]], ids=["no-network", "network"])
def test_terraform_has_cloudformation_deploy_the_same_function(
    terraform_run: Run, name: str, subnets: list[str]
) -> None:
    """The transform is CloudFormation's, so Terraform hands it a stack: what that holds is what the other back end's template holds."""
    variables = {
        **GIVEN,
        "enable_rotation": True,
        "rotation_subnet_ids": subnets,
        "rotation_security_group_ids": ["sg-1"],
    }
    state = terraform_run.applied(texts(_hosted(name, "terraform")), variables)
    stack = state["aws_cloudformation_stack.rotation_orders_db[0]"]
    assert set(stack["capabilities"]) == {"CAPABILITY_AUTO_EXPAND", "CAPABILITY_IAM"}
    assert _lint(stack["template_body"]) == []
    ours = json.loads(stack["template_body"])
    template = parsed(texts(_hosted(name))[TEMPLATE])
    network = {"RotationSubnetIds": ",".join(subnets), "RotationSecurityGroupIds": "sg-1"}
    given = {"EnableRotation": "true", "ConsumerRolesOrdersDb": "orders", **network}
    (theirs,) = Deployed(template, parameters_for(template, **given)).of_type(SCHEDULE).values()
    assert ours["Transform"] == template["Transform"]
    assert ours["Resources"]["Schedule"] == {"Type": SCHEDULE, "Properties": theirs}
    assert not [a for a in state if a.startswith(("aws_lambda", "aws_iam_role.", "aws_secretsmanager_secret_rotation"))]


def test_terraform_deploys_no_stack_before_rotation_is_enabled(terraform_run: Run) -> None:
    state = terraform_run.applied(texts(_hosted("hosted-oracle-single-user", "terraform")), GIVEN)
    assert not [address for address in state if address.startswith("aws_cloudformation_stack")]
