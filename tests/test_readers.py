"""Who may read what: roles, users, boundaries, the secret's own policy and its key's, read from an AWS account and evaluated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardcode_hunter import store
from hardcode_hunter.model import Consumer, Home, Reader
from hardcode_hunter.store import Connection
from tests.store_fixtures import ACCOUNT, DATABASE, NAME, REGION, aws_in_process, client, connected, plan_of

ROLE = f"arn:aws:iam::{ACCOUNT}:role/shop"
GET = ("secretsmanager:GetSecretValue",)
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    with aws_in_process(monkeypatch, tmp_path):
        client().create_secret(Name=NAME, SecretString="{}")
        yield


@pytest.fixture
def connection() -> Connection:
    return connected()


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any = GET[0], resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def role(inline: str = "", attached: str = "", **more: Any) -> None:
    manager = client("iam")
    manager.create_role(RoleName="shop", AssumeRolePolicyDocument=TRUST, **more)
    if inline:
        manager.put_role_policy(RoleName="shop", PolicyName="inline", PolicyDocument=inline)
    if attached:
        arn = manager.create_policy(PolicyName="attached", PolicyDocument=attached)["Policy"]["Arn"]
        manager.attach_role_policy(RoleName="shop", PolicyArn=arn)


def asked(connection: Connection, who: str = ROLE, home: Home = Home.SECRETS_MANAGER) -> Reader:
    secret = replace(DATABASE, home=home, consumers=(Consumer("shop/db.py", 1, "connect", role=who),))
    (reader,) = store.readers(plan_of(secret), "production", connection, GET)
    assert (reader.secret, reader.role) == ("db", who)
    return reader


def secret_arn() -> str:
    return str(client().describe_secret(SecretId=NAME)["ARN"])


@pytest.mark.parametrize(
    ("inline", "attached", "allowed", "words"),
    [
        ("", "", False, "no policy allows secretsmanager:GetSecretValue"),
        (document(allow()), "", True, ""),
        ("", document(allow("secretsmanager:*")), True, ""),
        (document(allow(resource=f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{NAME}-??????")), "", True, ""),
        (document(allow(resource=f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:other-??????")), "", False, "no policy"),
        (document(allow(), {**allow(), "Effect": "Deny"}), "", False, "denies"),
        (document(allow(Condition={"StringEquals": {"aws:SourceVpce": "x"}})), "", None, "depends on aws:SourceVpce"),
        (document(allow(Condition={"StringEquals": {"aws:ResourceTag/stage": "x"}})), "", None, "aws:ResourceTag"),
    ],
)  # fmt: skip
def test_a_roles_own_policies(
    connection: Connection, inline: str, attached: str, allowed: bool | None, words: str
) -> None:
    role(inline, attached)
    reader = asked(connection)
    assert reader.allowed is allowed
    assert words in reader.why


def test_a_role_that_is_not_there_and_one_of_another_account(connection: Connection) -> None:
    assert (asked(connection).allowed, asked(connection).why) == (False, "there is no such role or user")
    foreign = asked(connection, "arn:aws:iam::999999999999:role/shop")
    assert foreign.allowed is None
    assert "another account" in foreign.why


def test_a_boundary_counts(connection: Connection) -> None:
    arn = client("iam").create_policy(PolicyName="b", PolicyDocument=document(allow("s3:*")))["Policy"]["Arn"]
    role(document(allow()), PermissionsBoundary=arn)
    assert asked(connection).allowed is False


def test_a_user_reads_through_a_group(connection: Connection) -> None:
    manager = client("iam")
    manager.create_user(UserName="anna")
    who = f"arn:aws:iam::{ACCOUNT}:user/anna"
    assert asked(connection, who).allowed is False
    manager.create_group(GroupName="readers")
    manager.put_group_policy(GroupName="readers", PolicyName="p", PolicyDocument=document(allow()))
    manager.add_user_to_group(GroupName="readers", UserName="anna")
    assert asked(connection, who).allowed is True


def test_the_secrets_own_policy_counts(connection: Connection) -> None:
    role(document(allow()))
    others = {"ArnNotLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/other"}}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:*", "Resource": "*", "Condition": others}
    client().put_resource_policy(SecretId=NAME, ResourcePolicy=document(deny))
    reader = asked(connection)
    assert (reader.allowed, reader.why) == (False, "a policy denies secretsmanager:GetSecretValue on it")


@pytest.mark.parametrize(
    ("key_statement", "decrypt", "allowed"),
    [
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, True, True),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, False, False),
        ({"AWS": ROLE}, False, True),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"}, True, False),
    ],
)
def test_its_key_must_let_it_decrypt(
    connection: Connection, key_statement: dict[str, str], decrypt: bool, allowed: bool
) -> None:
    through = {
        "StringEquals": {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com", "kms:CallerAccount": ACCOUNT}
    }
    named = {"StringLike": {"kms:EncryptionContext:SecretARN": f"arn:aws:secretsmanager:*:*:secret:{NAME}-*"}}
    policy = document(allow("kms:Decrypt", Principal=key_statement, Condition={**through, **named}))
    key = client("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"]
    client().update_secret(SecretId=NAME, KmsKeyId=key)
    role(document(allow(), *([allow("kms:Decrypt", key)] if decrypt else [])))
    reader = asked(connection)
    assert reader.allowed is allowed
    assert allowed or key in reader.why


def test_a_parameter_is_read_by_another_call(connection: Connection) -> None:
    client("ssm").put_parameter(Name=f"/{NAME}", Value="x", Type="SecureString")
    role(document(allow("ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/{NAME}")))
    assert asked(connection, home=Home.PARAMETER_STORE).allowed is True
    assert asked(connection).allowed is False


def test_what_may_not_be_looked_at_can_not_be_told(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    role(document(allow()))

    def call(service: str, operation: str, name: str, **arguments: Any) -> Any:
        if service == "iam":
            raise store.StoreError(name, "GetRole", "AccessDenied")
        return real(service, operation, name, **arguments)

    real = connection.call
    monkeypatch.setattr(Connection, "call", lambda self, *words, **more: call(*words, **more))
    reader = asked(connection)
    assert reader.allowed is None
    assert "GetRole failed (AccessDenied)" in reader.why


def test_only_arns_of_secrets_that_exist_are_asked_about(connection: Connection) -> None:
    consumers = (Consumer("a.py", 1, "x", role="unknown"), Consumer("b.tf", 1, "y", role="deployer"))
    assert store.readers(plan_of(replace(DATABASE, consumers=consumers)), "production", connection, GET) == ()
    absent = replace(DATABASE, id="gone", consumers=(Consumer("a.py", 1, "x", role=ROLE),))
    assert store.readers(plan_of(absent), "production", connection, GET) == ()
