"""Readers in other accounts and in other regions: all that lets them in, and nothing that lets in anybody else."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardcode_hunter.errors import UsageError
from hardcode_hunter.generate import deployments, generate
from hardcode_hunter.integrations.template_checks import violations
from hardcode_hunter.model import Consumer, Home, Plan
from tests import iam
from tests.generating import (
    ACCOUNT,
    PEOPLE,
    PROD,
    REGION,
    ROLE,
    Deployed,
    database,
    parameters_for,
    parsed,
    plan,
    texts,
    token,
)
from tests.terraform_provider.runner import Run
from tests.test_generate import _lint
from tests.test_generate_terraform import GIVEN

pytest_plugins = ("tests.terraform_provider.running",)

AWAY, COPY = "999999999999", "eu-west-1"
APP = f"arn:aws:iam::{AWAY}:role/deep/app"
HERE = f"{ROLE}orders"
ALL: dict[str, Any] = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
TEMPLATE, COPIES, READERS = (f"migration/prod/{name}.yaml" for name in ("secrets", "copies", f"readers-{AWAY}"))
COPY_KEY = f"arn:aws:kms:{COPY}:{ACCOUNT}:key/22222222-2222-3333-4444-555555555555"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:prod/shop/orders-db-AbCdEf"


def _plan(infrastructure: str = "cloudformation") -> Plan:
    """One secret with readers in two accounts, one that nobody elsewhere reads; copies in another region."""
    consumers = (Consumer("a.py", 1, "f", role=APP), Consumer("b.py", 2, "g", role=HERE))
    environment = replace(PROD, replicas=(COPY,))
    return plan(database(consumers=consumers), token(), environments=(environment,), infrastructure=infrastructure)


World = Mapping[str, Any]


def _cloudformation() -> World:
    files = texts(_plan())
    main, away, there = (parsed(files[path]) for path in (TEMPLATE, READERS, COPIES))
    deployed = Deployed(main, parameters_for(main, EnableRotation="true"))
    key = deployed.resolve({"Fn::GetAtt": "Key.Arn"})
    told = {"SecretArnOrdersDb": SECRET, "KeyArns": key, "ReplicaKeyArnEuWest1": COPY_KEY}
    resources = deployed.resources()
    # where a template is deployed decides what its region is
    copies = json.loads(json.dumps(Deployed(there, PEOPLE).resources()["Key"]).replace(REGION, COPY))
    return {
        "key": key,
        "key policy": resources["Key"]["Properties"]["KeyPolicy"],
        "copies' key policy": copies["Properties"]["KeyPolicy"],
        "resource policy": resources["ResourcePolicyOrdersDb"]["Properties"]["ResourcePolicy"],
        "here": resources["ConsumerPolicyOrdersDb"]["Properties"]["PolicyDocument"],
        "away": Deployed(away, told).resources()["ConsumerPolicyOrdersDb"]["Properties"]["PolicyDocument"],
        "rotation": resources["RotationRolePostgresqlSingleUser"]["Properties"]["Policies"][0]["PolicyDocument"],
    }


def _terraform(run: Run) -> World:
    files = texts(_plan("terraform"))
    given = {k: v for k, v in GIVEN.items() if k.endswith("_arns")}
    key = {f"replica_key_arn_{COPY.replace('-', '_')}": COPY_KEY}
    made = run.applied(files, {**given, "enable_rotation": True})
    state = run.applied(files, {**given, **key, "enable_rotation": True})
    readers = {path.replace(f"readers-{AWAY}/", ""): text for path, text in files.items() if f"readers-{AWAY}" in path}
    told = {"secret_arn_orders_db": SECRET, "key_arns": [state["aws_kms_key.this"]["arn"]], **key}
    assert "aws_kms_key.copies_eu_west_1[0]" not in state
    assert (
        made["aws_kms_key.copies_eu_west_1[0]"]["region"] == made["aws_kms_alias.copies_eu_west_1[0]"]["region"] == COPY
    )
    return {
        "key": state["aws_kms_key.this"]["arn"],
        "key policy": json.loads(state["aws_kms_key.this"]["policy"]),
        "copies' key policy": json.loads(made["aws_kms_key.copies_eu_west_1[0]"]["policy"]),
        "resource policy": json.loads(state["aws_secretsmanager_secret_policy.orders_db"]["policy"]),
        "here": json.loads(state["aws_iam_policy.read_orders_db"]["policy"]),
        "away": json.loads(run.applied(readers, told)["aws_iam_policy.read_orders_db"]["policy"]),
        "rotation": json.loads(state["aws_iam_role_policy.rotation_postgresql_single_user[0]"]["policy"]),
    }


@pytest.fixture(scope="module", params=["cloudformation", "terraform"])
def world(request: pytest.FixtureRequest) -> World:
    return (
        _cloudformation() if request.param == "cloudformation" else _terraform(request.getfixturevalue("terraform_run"))
    )


def _reads(world: World, who: str, identity: Any, region: str, secret: str = SECRET, direct: bool = False) -> bool:
    """Whether ``who`` gets the value of ``secret`` in ``region``, and the use of the key there."""
    arn = secret.replace(REGION, region)
    guard = world["resource policy"] if secret == SECRET else None
    request = iam.Request(who, "secretsmanager:GetSecretValue", arn)
    context = {"kms:CallerAccount": who.split(":")[4], "kms:EncryptionContext:SecretARN": arn}
    if not direct:
        context["kms:ViaService"] = f"secretsmanager.{region}.amazonaws.com"
    key, policy = (world["key"], "key policy") if region == REGION else (COPY_KEY, "copies' key policy")
    use = iam.Request(who, "kms:Decrypt", key, context)
    return iam.allowed(request, [identity], guard, owner=ACCOUNT) and iam.allowed(
        use, [identity], world[policy], owner=ACCOUNT, key=True
    )


OTHER = SECRET.replace("orders-db", "mail-token")
STRANGER = f"arn:aws:iam::{AWAY}:role/other"
TABLE = [
    # who, with which policy, in which region, which secret, expected
    (APP, "away", REGION, SECRET, True),
    (APP, "away", COPY, SECRET, True),
    (APP, "away", REGION, OTHER, False),
    (APP, "away", "us-east-1", SECRET, False),
    (APP, "all", REGION, SECRET, True),  # its account may grant it more, and it still gets this one alone
    (APP, "all", REGION, OTHER, False),
    (STRANGER, "all", REGION, SECRET, False),
    (STRANGER, "all", COPY, SECRET, False),
    (f"arn:aws:iam::{AWAY}:role/app", "all", REGION, SECRET, False),  # the path belongs to the name of a role elsewhere
    (f"arn:aws:iam::{AWAY}:root", "all", REGION, SECRET, False),
    ("arn:aws:iam::888888888888:role/deep/app", "all", REGION, SECRET, False),
    (HERE, "here", REGION, SECRET, True),
    (HERE, "here", COPY, SECRET, True),
    (HERE, "here", COPY, OTHER, False),
    (PEOPLE["AdministratorArns"], "all", COPY, SECRET, False),
    (PEOPLE["DeployerArns"], "all", COPY, SECRET, False),
]


@pytest.mark.parametrize(("who", "by", "region", "secret", "expected"), TABLE, ids=lambda v: str(v).rpartition(":")[2])
def test_who_reads_where(world: World, who: str, by: str, region: str, secret: str, expected: bool) -> None:
    identity = ALL if by == "all" else world[by]
    assert _reads(world, who, identity, region, secret) is expected


def test_nobody_elsewhere_uses_a_key_but_through_the_service(world: World) -> None:
    for region in (REGION, COPY):
        assert not _reads(world, APP, ALL, region, direct=True)


def test_somebody_elsewhere_changes_nothing(world: World) -> None:
    for action in (
        "PutSecretValue",
        "DeleteSecret",
        "PutResourcePolicy",
        "RotateSecret",
        "UpdateSecret",
        "DescribeSecret",
    ):
        request = iam.Request(APP, f"secretsmanager:{action}", SECRET)
        assert not iam.allowed(request, [ALL], world["resource policy"], owner=ACCOUNT), action
    for action in ("kms:GenerateDataKey", "kms:Encrypt", "kms:PutKeyPolicy", "kms:CreateGrant"):
        for key, policy in ((world["key"], "key policy"), (COPY_KEY, "copies' key policy")):
            request = iam.Request(APP, action, key, {"kms:CallerAccount": AWAY})
            assert not iam.allowed(request, [ALL], world[policy], owner=ACCOUNT, key=True), action


def test_who_stores_a_value_may_encrypt_its_copies_and_nobody_else(world: World) -> None:
    """Secrets Manager makes a copy with the rights of whoever stores the value (API Reference, "ReplicateSecretToRegions")."""
    context = {
        "kms:ViaService": f"secretsmanager.{COPY}.amazonaws.com",
        "kms:CallerAccount": ACCOUNT,
        "kms:EncryptionContext:SecretARN": SECRET.replace(REGION, COPY),
    }
    role = f"{ROLE}shop/prod/rotation/RotationRole"
    for who, identity, may in (
        (PEOPLE["WriterArns"], ALL, True),
        (role, world["rotation"], True),
        (HERE, ALL, False),
        (APP, ALL, False),
        (PEOPLE["AdministratorArns"], ALL, False),
    ):
        for action in ("kms:Encrypt", "kms:GenerateDataKey"):
            request = iam.Request(who, action, COPY_KEY, context)
            assert iam.allowed(request, [identity], world["copies' key policy"], owner=ACCOUNT, key=True) is may, who


def test_the_linter_has_nothing_to_say() -> None:
    for path, body in texts(_plan()).items():
        if path.endswith(".yaml"):
            assert _lint(body) == [] and violations(parsed(body)) == (), path


def test_terraform_accepts_both_modules(terraform_run: Run) -> None:
    files = texts(_plan("terraform"))
    away = {path.replace(f"readers-{AWAY}/", ""): text for path, text in files.items() if f"readers-{AWAY}" in path}
    for module in (files, away):
        folder = terraform_run.folder(module)
        assert terraform_run.terraform.run(folder, "fmt", "-check", "-diff").out == ""
        assert terraform_run.terraform.run(folder, "validate", "-no-color").code == 0


@pytest.mark.parametrize("infrastructure", ["cloudformation", "terraform"])
def test_the_page_tells_both_accounts_what_to_run(infrastructure: str, tmp_path: Path) -> None:
    page = texts(_plan(infrastructure))["migration/ROLL-OUT.md"]
    blocks = page.split("```sh\n")[1:]
    block = next(b.partition("```")[0] for b in blocks if f"PROFILE_{AWAY}" in b)
    for command, answer in (("aws", "an-answer"), ("terraform", "")):
        (tmp_path / command).write_text(f'#!/bin/sh\necho "{command} $*" >> "{tmp_path}/said"\necho {answer}\n')
        (tmp_path / command).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", f"PROFILE_{AWAY}": "away"}
    done = subprocess.run(["bash", "-euc", block], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = (tmp_path / "said").read_text()
    assert (
        f"readers-{AWAY}" in said
        and "an-answer" in said
        and f"describe-key --key-id alias/shop/prod --query KeyMetadata.Arn --output text --region {COPY}" in said
    )
    assert "the secret's full ARN" in page.replace("\\", "")


def test_a_secret_that_exists_may_have_a_key_that_has_to_let_them_in() -> None:
    away = database(existing="old/orders", consumers=(Consumer("a.py", 1, "f", role=APP),))
    assert "that key's policy must let it decrypt" in texts(plan(away))["migration/ROLL-OUT.md"]
    assert "that key's policy" not in texts(_plan())["migration/ROLL-OUT.md"]


def test_keys_for_copies_come_first() -> None:
    (deployment,) = deployments(_plan())
    assert deployment.shell.index("copies.yaml") < deployment.shell.index("secrets.yaml")
    assert "export REPLICA_KEY_ARN_EU_WEST1=" in deployment.shell
    assert not [name for name in deployment.required if name.startswith("ReplicaKey")]


def test_nothing_is_written_for_elsewhere_where_everything_is_here() -> None:
    for infrastructure in ("cloudformation", "terraform"):
        paths = texts(plan(database(), token(), infrastructure=infrastructure))
        assert not [path for path in paths if "readers-" in path or "copies" in path]
        assert not [text for path, text in paths.items() if "/rotation/" not in path and "copies_" in text]


def test_a_parameter_cannot_be_read_from_another_account() -> None:
    away = token(home=Home.PARAMETER_STORE, consumers=(Consumer("a.py", 1, "f", role=APP),))
    with pytest.raises(UsageError, match="in another account, which can't read a parameter of this one"):
        generate(plan(away))
