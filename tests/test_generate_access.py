"""Who may do what with what is generated: the policies are evaluated as IAM does, for both back ends."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from hardcode_hunter.model import Home, Plan
from hardcode_hunter.plugins import Retriever, Rotation, load
from tests import iam
from tests.generating import (
    ACCOUNT,
    PEOPLE,
    REGION,
    ROLE,
    ROTATION,
    Deployed,
    database,
    everything,
    parameters_for,
    parsed,
    plan,
    texts,
    token,
)
from tests.terraform_provider.runner import Run

pytest_plugins = ("tests.terraform_provider.running",)

OTHER_SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:other/thing-AbCdEf"
ALL: dict[str, Any] = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
READERS = {"orders-db": f"{ROLE}orders", "mail-token": f"{ROLE}service/mailer", "feature-key": f"{ROLE}service/mailer"}


@dataclass(frozen=True)
class World:
    """What a deployment left behind: policies with every symbol resolved."""

    key: str
    key_policy: Mapping[str, Any]
    arns: Mapping[str, str]
    resource_policies: Mapping[str, Mapping[str, Any]]
    consumer_policies: Mapping[str, Mapping[str, Any]]
    rotation_role: str
    rotation_policies: tuple[Mapping[str, Any], ...]


def _plan(infrastructure: str) -> Plan:
    return plan(database(), token(), token("feature-key", home=Home.PARAMETER_STORE), infrastructure=infrastructure)


PARAMETER = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/prod/shop/feature-key"


def _cloudformation() -> World:
    template = parsed(texts(_plan("cloudformation"))["migration/prod/secrets.yaml"])
    inputs = {"EnableRotation": "true", "ConsumerRolesOrdersDb": "orders", "RotationSubnetIds": "subnet-1"}
    deployed = Deployed(template, parameters_for(template, **inputs))
    ids = {"orders-db": "OrdersDb", "mail-token": "MailToken", "feature-key": "FeatureKey"}
    resources = deployed.resources()
    role = "RotationRolePostgresqlSingleUser"
    return World(
        key=deployed.resolve({"Fn::GetAtt": "Key.Arn"}),
        key_policy=resources["Key"]["Properties"]["KeyPolicy"],
        arns={
            "feature-key": PARAMETER,
            **{id: deployed.resolve({"Ref": f"Secret{ids[id]}"}) for id in ("orders-db", "mail-token")},
        },
        resource_policies={
            id: resources[f"ResourcePolicy{ids[id]}"]["Properties"]["ResourcePolicy"]
            for id in ("orders-db", "mail-token")
        },
        consumer_policies={
            id: resources[f"ConsumerPolicy{logical}"]["Properties"]["PolicyDocument"] for id, logical in ids.items()
        },
        rotation_role=deployed.resolve({"Fn::GetAtt": f"{role}.Arn"}),
        rotation_policies=tuple(p["PolicyDocument"] for p in resources[role]["Properties"]["Policies"]),
    )


def _terraform(run: Run) -> World:
    variables = {
        "administrator_arns": [PEOPLE["AdministratorArns"]],
        "deployer_arns": [PEOPLE["DeployerArns"]],
        "writer_arns": [PEOPLE["WriterArns"]],
        "consumer_roles_orders_db": ["orders"],
        "enable_rotation": True,
        "rotation_subnet_ids": ["subnet-1"],
        "rotation_security_group_ids": ["sg-1"],
    }
    state = run.applied(texts(_plan("terraform")), variables)
    ids = {"orders-db": "orders_db", "mail-token": "mail_token", "feature-key": "feature_key"}
    secrets = ("orders-db", "mail-token")
    role = "rotation_postgresql_single_user"
    rotation = [f"aws_iam_role_policy.{role}[0]", f"aws_iam_role_policy.{role}_network[0]"]
    return World(
        key=state["aws_kms_key.this"]["arn"],
        key_policy=json.loads(state["aws_kms_key.this"]["policy"]),
        arns={
            "feature-key": PARAMETER,
            **{id: state[f"aws_secretsmanager_secret.{ids[id]}[0]"]["arn"] for id in secrets},
        },
        resource_policies={
            id: json.loads(state[f"aws_secretsmanager_secret_policy.{ids[id]}"]["policy"]) for id in secrets
        },
        consumer_policies={id: json.loads(state[f"aws_iam_policy.read_{name}"]["policy"]) for id, name in ids.items()},
        rotation_role=state[f"aws_iam_role.{role}[0]"]["arn"],
        rotation_policies=tuple(json.loads(state[address]["policy"]) for address in rotation),
    )


@pytest.fixture(scope="module", params=["cloudformation", "terraform"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    yield (
        _cloudformation() if request.param == "cloudformation" else _terraform(request.getfixturevalue("terraform_run"))
    )


def _actor(world: World, who: str) -> tuple[str, tuple[Mapping[str, Any], ...]]:
    """ARN and identity policies. All but readers and the rotation function may do everything as far as IAM goes."""
    strong = {
        "administrator": PEOPLE["AdministratorArns"],
        "deployer": PEOPLE["DeployerArns"],
        "writer": PEOPLE["WriterArns"],
        "somebody": f"{ROLE}somebody",
        "namesake": f"{ROLE}deep/path/orders",
        "nearly": f"{ROLE}not-orders",
        "root": f"arn:aws:iam::{ACCOUNT}:root",
        "stranger": "arn:aws:iam::999999999999:role/orders",
    }
    if who in strong:
        return strong[who], (ALL,)
    if who == "rotation":
        return world.rotation_role, world.rotation_policies
    return READERS[who], (world.consumer_policies[who],)


def _may(world: World, who: str, action: str, on: str, **context: str) -> bool:
    principal, identity = _actor(world, who)
    arn = world.arns.get(on, on)
    request = iam.Request(principal, action, arn, {k.replace("_", ":"): v for k, v in context.items()})
    return iam.allowed(request, identity, world.resource_policies.get(on), owner=ACCOUNT)


def _may_use_key(world: World, who: str, action: str, context: Mapping[str, str]) -> bool:
    principal, identity = _actor(world, who)
    request = iam.Request(principal, action, world.key, context)
    return iam.allowed(request, identity, world.key_policy, owner=ACCOUNT, key=True)


def _through(world: World, who: str, service: str, entry: str, arn: str, version: str = "") -> dict[str, str]:
    via = {
        "kms:ViaService": f"{service}.{REGION}.amazonaws.com",
        "kms:CallerAccount": _actor(world, who)[0].split(":")[4],
    }
    return {
        **via,
        f"kms:EncryptionContext:{entry}": arn,
        **({"kms:EncryptionContext:SecretVersionId": version} if version else {}),
    }


def _can(world: World, who: str, verb: str, on: str) -> bool:
    """Whether ``who`` gets all the way through ``verb``: the call itself and the use of the key behind it."""
    arn = world.arns.get(on, on)
    secret = _through(world, who, "secretsmanager", "SecretARN", arn, "11111111-0000-0000-0000-000000000000")
    validation = {**secret, "kms:EncryptionContext:SecretVersionId": "RequestToValidateKeyAccess"}
    if verb == "read":
        return _may(world, who, "secretsmanager:GetSecretValue", on) and _may_use_key(world, who, "kms:Decrypt", secret)
    if verb == "write":
        return _may(world, who, "secretsmanager:PutSecretValue", on) and _may_use_key(
            world, who, "kms:GenerateDataKey", secret
        )
    if verb == "read parameter":
        used = _through(world, who, "ssm", "PARAMETER_ARN", arn)
        return _may(world, who, "ssm:GetParameter", on) and _may_use_key(world, who, "kms:Decrypt", used)
    if verb == "set the key":
        return all(_may_use_key(world, who, a, validation) for a in ("kms:Decrypt", "kms:GenerateDataKey"))
    if verb == "decrypt through the service":
        return _may_use_key(world, who, "kms:Decrypt", secret)
    if verb == "decrypt":
        return _may_use_key(
            world, who, "kms:Decrypt", {"kms:CallerAccount": ACCOUNT, "kms:EncryptionContext:SecretARN": arn}
        )
    if verb.startswith("kms:"):
        return _may_use_key(world, who, verb, {"kms:CallerAccount": ACCOUNT})
    return _may(world, who, verb, on)


TABLE = [
    # readers: their own secret, through the service, and nothing else
    ("orders-db", "read", "orders-db", True),
    ("mail-token", "read", "mail-token", True),
    ("feature-key", "read parameter", "feature-key", True),
    ("orders-db", "read", "mail-token", False),
    ("mail-token", "read", "orders-db", False),
    ("orders-db", "read parameter", "feature-key", False),
    ("orders-db", "decrypt", "orders-db", False),
    ("orders-db", "decrypt through the service", "mail-token", False),
    ("orders-db", "write", "orders-db", False),
    ("orders-db", "secretsmanager:PutSecretValue", "orders-db", False),
    ("orders-db", "secretsmanager:DeleteSecret", "orders-db", False),
    ("orders-db", "secretsmanager:PutResourcePolicy", "orders-db", False),
    ("orders-db", "secretsmanager:GetSecretValue", OTHER_SECRET, False),
    ("orders-db", "kms:PutKeyPolicy", "", False),
    # a role is named without its path, and by its whole name
    ("namesake", "read", "orders-db", True),
    ("nearly", "read", "orders-db", False),
    # administrators: policies and deletion, no value
    ("administrator", "kms:PutKeyPolicy", "", True),
    ("administrator", "kms:ScheduleKeyDeletion", "", True),
    ("administrator", "secretsmanager:PutResourcePolicy", "orders-db", True),
    ("administrator", "secretsmanager:DeleteSecret", "orders-db", True),
    ("administrator", "secretsmanager:CancelRotateSecret", "orders-db", True),
    ("administrator", "decrypt", "orders-db", False),
    ("administrator", "decrypt through the service", "orders-db", False),
    ("administrator", "read", "orders-db", False),
    ("administrator", "secretsmanager:GetSecretValue", "orders-db", False),
    ("administrator", "read parameter", "feature-key", False),
    ("administrator", "kms:CreateGrant", "", False),
    ("administrator", "kms:Encrypt", "", False),
    ("administrator", "secretsmanager:PutSecretValue", "orders-db", False),
    # deployers: make and change, validate the key, no value, no deletion
    ("deployer", "set the key", "orders-db", True),
    ("deployer", "kms:PutKeyPolicy", "", True),
    ("deployer", "secretsmanager:PutResourcePolicy", "orders-db", True),
    ("deployer", "secretsmanager:UpdateSecret", "orders-db", True),
    ("deployer", "secretsmanager:RotateSecret", "orders-db", True),
    ("deployer", "read", "orders-db", False),
    ("deployer", "write", "orders-db", False),
    ("deployer", "decrypt", "orders-db", False),
    ("deployer", "kms:ScheduleKeyDeletion", "", False),
    ("deployer", "secretsmanager:DeleteSecret", "orders-db", False),
    # writers: values only
    ("writer", "read", "orders-db", True),
    ("writer", "write", "orders-db", True),
    ("writer", "secretsmanager:UpdateSecretVersionStage", "orders-db", True),
    ("writer", "decrypt through the service", "orders-db", True),
    ("writer", "decrypt", "orders-db", False),
    ("writer", "secretsmanager:PutResourcePolicy", "orders-db", False),
    ("writer", "secretsmanager:RotateSecret", "orders-db", False),
    ("writer", "secretsmanager:DeleteSecret", "orders-db", False),
    ("writer", "kms:PutKeyPolicy", "", False),
    # the rotation function: its own secret
    ("rotation", "read", "orders-db", True),
    ("rotation", "write", "orders-db", True),
    ("rotation", "secretsmanager:DescribeSecret", "orders-db", True),
    ("rotation", "secretsmanager:UpdateSecretVersionStage", "orders-db", True),
    ("rotation", "secretsmanager:GetRandomPassword", "*", True),
    ("rotation", "read", "mail-token", False),
    ("rotation", "write", "mail-token", False),
    ("rotation", "decrypt through the service", "mail-token", False),
    ("rotation", "decrypt", "orders-db", False),
    ("rotation", "secretsmanager:PutResourcePolicy", "orders-db", False),
    ("rotation", "secretsmanager:DeleteSecret", "orders-db", False),
    # everyone else in the account, whatever their IAM policies say
    ("somebody", "read", "orders-db", False),
    ("somebody", "secretsmanager:GetSecretValue", "orders-db", False),
    ("somebody", "write", "orders-db", False),
    ("somebody", "secretsmanager:PutResourcePolicy", "orders-db", False),
    ("somebody", "secretsmanager:RotateSecret", "orders-db", False),
    ("somebody", "secretsmanager:DeleteSecret", "orders-db", False),
    ("somebody", "decrypt", "orders-db", False),
    ("somebody", "kms:PutKeyPolicy", "", False),
    ("stranger", "secretsmanager:GetSecretValue", "orders-db", False),
    ("stranger", "decrypt through the service", "orders-db", False),
    # the root user is the way out of a lock-out, and reads nothing
    ("root", "kms:PutKeyPolicy", "", True),
    ("root", "secretsmanager:PutResourcePolicy", "orders-db", True),
    ("root", "read", "orders-db", False),
    ("root", "decrypt", "orders-db", False),
]


@pytest.mark.parametrize(("who", "verb", "on", "expected"), TABLE, ids=lambda v: str(v).rpartition(":")[2] or "key")
def test_access(world: World, who: str, verb: str, on: str, expected: bool) -> None:
    assert _can(world, who, verb, on) is expected


def test_the_table_tells_people_apart() -> None:
    """A verb that is only ever allowed, or only ever denied, would prove nothing about the others."""
    both = ("read", "write", "read parameter", "decrypt through the service", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion",
            "secretsmanager:PutResourcePolicy", "secretsmanager:RotateSecret", "secretsmanager:DeleteSecret")  # fmt: skip
    for verb in both:
        assert {expected for _, named, _, expected in TABLE if named == verb} == {True, False}, verb


def test_both_back_ends_say_the_same(request: pytest.FixtureRequest) -> None:
    """One description, two languages: after resolving, the policies differ in nothing but how a named role's ARN is matched."""
    ours, theirs = _cloudformation(), _terraform(request.getfixturevalue("terraform_run"))
    assert _canonical(ours.key_policy) == _canonical(theirs.key_policy)
    assert {k: _canonical(v) for k, v in ours.consumer_policies.items()} == {
        k: _canonical(v) for k, v in theirs.consumer_policies.items()
    }
    for id, policy in ours.resource_policies.items():
        assert _canonical(policy) == _canonical(theirs.resource_policies[id])


def _canonical(node: Any) -> Any:
    """Lists of strings in order, single ones unwrapped, the partition and account wildcards of role patterns filled in."""
    if isinstance(node, list) and all(isinstance(v, str) for v in node):
        named = sorted(v.replace("arn:*:iam::", "arn:aws:iam::") for v in node)
        return named[0] if len(named) == 1 else named
    if isinstance(node, list):
        return [_canonical(v) for v in node]
    return {k: _canonical(v) for k, v in node.items()} if isinstance(node, Mapping) else node


# ---------------------------------------------------------------- exactly what the code calls


def _allowed_actions(policies: Any, service: str = "secretsmanager") -> set[str]:
    rows = [s for p in policies for s in p["Statement"]]
    return {
        a
        for s in rows
        for a in (s["Action"] if isinstance(s["Action"], list) else [s["Action"]])
        if a.startswith(f"{service}:")
    }


def test_the_execution_role_has_exactly_the_calls_of_its_function(world: World) -> None:
    assert _allowed_actions(world.rotation_policies) == set(load("rotations", Rotation)[ROTATION].iam_actions)
    assert _allowed_actions(world.rotation_policies, "kms") == {"kms:Decrypt", "kms:GenerateDataKey"}


def test_a_consumer_has_exactly_the_calls_of_the_rewritten_code(world: World) -> None:
    wanted = set(load("retrievers", Retriever)["helper"].iam_actions)
    assert _allowed_actions([world.consumer_policies["orders-db"]]) == wanted
    assert _allowed_actions([world.consumer_policies["feature-key"]], "ssm") == {"ssm:GetParameter"}


def test_a_wildcard_resource_stands_only_where_an_action_has_no_resource(world: World) -> None:
    wide = [
        set(s["Action"])
        for p in (*world.rotation_policies, *world.consumer_policies.values())
        for s in p["Statement"]
        if "*" in (s["Resource"] if isinstance(s["Resource"], list) else [s["Resource"]])
    ]
    assert {"secretsmanager:GetRandomPassword"} in wide
    assert all(
        actions == {"secretsmanager:GetRandomPassword"} or all(a.startswith("ec2:") for a in actions)
        for actions in wide
    )
    assert len(wide) == 2


@pytest.mark.parametrize("vpc", [False, True])
def test_network_rights_come_with_a_network_only(vpc: bool) -> None:
    template = parsed(texts(plan(*everything()))["migration/prod/secrets.yaml"])
    given = parameters_for(
        template, EnableRotation="true", **({"RotationSubnetIds": "subnet-1,subnet-2"} if vpc else {})
    )
    role = Deployed(template, given).resources()["RotationRolePostgresqlSingleUser"]["Properties"]
    assert (_allowed_actions([p["PolicyDocument"] for p in role["Policies"]], "ec2") != set()) is vpc


def test_a_policy_of_an_unknown_role_cannot_be_deployed_without_naming_it() -> None:
    template = parsed(texts(plan(database(consumers=())))["migration/prod/secrets.yaml"])
    assert "Default" not in template["Parameters"]["ConsumerRolesOrdersDb"]


def test_lambda_permission_is_as_narrow_as_the_function_allows() -> None:
    one = parsed(texts(plan(database()))["migration/prod/secrets.yaml"])
    two = parsed(texts(plan(database(), database("stock-db")))["migration/prod/secrets.yaml"])
    for template, narrow in ((one, True), (two, False)):
        given = parameters_for(template, EnableRotation="true")
        (permission,) = Deployed(template, given).of_type("AWS::Lambda::Permission").values()
        assert permission["Principal"] == "secretsmanager.amazonaws.com"
        assert permission["SourceAccount"] == ACCOUNT
        assert ("SourceArn" in permission) is narrow
        if narrow:
            assert permission["SourceArn"].endswith(":secret:prod/shop/orders-db-AbCdEf")
