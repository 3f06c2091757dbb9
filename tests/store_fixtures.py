"""One database secret, its live values, and an AWS account in this process to put them into."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import moto
import pytest

from hardcode_hunter import store
from hardcode_hunter.model import (
    Environment,
    Home,
    Kind,
    Order,
    Origin,
    Plaintext,
    Plan,
    Secret,
    SecretField,
)
from hardcode_hunter.store import Connection, Delivery, Identity

CANARY = "hunter-orders-2019"
OTHER = "somebody-elses-2021"
REGION, ACCOUNT = "eu-central-1", "123456789012"
SALT = bytes(range(32))
DATABASE = Secret(
    id="db",
    kind=Kind.DATABASE,
    home=Home.SECRETS_MANAGER,
    environment="production",
    engine="postgres",
    fields=(
        SecretField("engine", (), "postgres"),
        SecretField("host", (Origin("settings.py", "HOST", line=1),)),
        SecretField("port", (Origin("settings.py", "PORT", line=2),)),
        SecretField("username", (Origin("settings.py", "USER", line=3),)),
        SecretField("password", (Origin("settings.py", "PASSWORD", finding="1" * 16, line=4),)),
    ),
)
LIVE = {
    ("db", "host"): Plaintext("db.internal"),
    ("db", "port"): Plaintext("5432"),
    ("db", "username"): Plaintext("orders"),
    ("db", "password"): Plaintext(CANARY),
}
BODY = {"engine": "postgres", "host": "db.internal", "port": 5432, "username": "orders", "password": CANARY}
NAME = "production/shop/db"


def plan_of(*secrets: Secret, order: Order = Order.SHELL_FIRST, **more: Any) -> Plan:
    environment = Environment("production", ACCOUNT, REGION, tags={"owner": "shop-team"})
    return Plan("shop", order, "helper", "cloudformation", (environment,), secrets, (), (), {}, **more)


@contextmanager
def aws_in_process(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    """An empty AWS account in this process; nothing of the caller's own configuration is seen, and nobody waits for a retry."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    (folder / "config").write_text(f"[profile shop]\nregion = {REGION}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with moto.mock_aws():
        yield


def connected() -> Connection:
    """A fresh connection whose clients may be made to fail."""
    return store.connect(Environment("production", ACCOUNT, REGION), pause=lambda seconds: None)


IDENTITY = Identity(ACCOUNT, REGION, "arn:aws:iam::123456789012:role/deployer")


def deliver(plan: Plan, connection: Connection, values: Any = None, **more: Any) -> Delivery:
    (delivery,) = store.deliver(
        plan, "production", LIVE if values is None else values, connection, IDENTITY, salt=SALT, **more
    )
    return delivery


@cache
def client(service: str = "secretsmanager") -> Any:
    return boto3.session.Session("testing", "testing").client(service, region_name=REGION)


def shell(name: str = NAME) -> None:
    """What the deployed stack leaves: a secret without a value."""
    client().create_secret(Name=name)


def current(name: str = NAME) -> Any:
    return json.loads(client().get_secret_value(SecretId=name)["SecretString"])


def versions(name: str = NAME) -> list[str]:
    return [v["VersionId"] for v in client().list_secret_version_ids(SecretId=name, IncludeDeprecated=True)["Versions"]]
