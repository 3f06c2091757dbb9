"""Secrets that exist under another name or with other keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hardcode_hunter import store
from hardcode_hunter.errors import Refused, UsageError
from hardcode_hunter.model import (
    Home,
    LiteralType,
    Position,
    Replacement,
    Shape,
    Span,
)
from hardcode_hunter.store import Adoption, Connection, Outcome
from tests.store_fixtures import (
    BODY,
    CANARY,
    DATABASE,
    LIVE,
    OTHER,
    aws_in_process,
    client,
    connected,
    deliver,
    plan_of,
)


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    with aws_in_process(monkeypatch, tmp_path):
        yield


@pytest.fixture
def connection() -> Connection:
    return connected()


# ---------------------------------------------------------------- adopting under other names and keys


def replacement_of(key: str) -> Replacement:
    return Replacement(
        "1" * 16,
        "r",
        "settings.py",
        4,
        "PASSWORD",
        0,
        Span(0, 1),
        Shape.WHOLE,
        LiteralType.STR,
        Position.ASSIGNMENT,
        "db",
        key,
    )


@pytest.mark.parametrize(
    ("held", "keys"),
    [
        (BODY, {key: key for key in BODY}),
        ({"user": "orders", "pass": CANARY, "database": "shop"}, {"username": "user", "password": "pass"}),
        ({"user": "orders", "owner": "orders", "pw": CANARY}, {"username": "user", "password": "pw"}),
        (
            {"password": CANARY, "host": "db.internal", "port": "5432"},
            {"password": "password", "host": "host", "port": "port"},
        ),
    ],
)
def test_a_secret_with_other_keys_is_adopted(
    connection: Connection, held: dict[str, object], keys: dict[str, str]
) -> None:
    arn = client().create_secret(Name="team/orders", SecretString=json.dumps(held))["ARN"]
    plan = replace(plan_of(DATABASE), replacements=(replacement_of("password"),))
    found = store.adoption(plan, DATABASE, "team/orders", LIVE, connection)
    assert found == Adoption("db", arn, "json", keys)
    adopted = store.adopt(plan, found)
    assert CANARY not in repr(adopted)
    assert [r.key for r in adopted.replacements] == [keys["password"]]
    values = {("db", keys[key]): value for (_, key), value in LIVE.items() if key in keys}
    assert deliver(adopted, connection, values).outcome is Outcome.SAME


def test_a_plain_text_is_adopted_where_the_code_reads_one_field(connection: Connection) -> None:
    client().create_secret(Name="team/token", SecretString=CANARY)
    found = store.adoption(plan_of(DATABASE), DATABASE, "team/token", LIVE, connection)
    adopted = store.adopt(plan_of(DATABASE), found)
    assert (found.form, [f.key for f in adopted.secrets[0].fields]) == ("text", ["password"])
    assert deliver(adopted, connection).outcome is Outcome.SAME


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ({**BODY, "password": OTHER}, "live value under 'password'"),
        ({**BODY, "password": OTHER, "previous": CANARY}, "live value under 'password'"),
        ({**BODY, "host": "elsewhere"}, "live value under 'host'"),
        ({"username": "orders"}, "under which key it holds 'password'"),
        ({"a": CANARY, "b": CANARY}, "under which key it holds 'password'"),
    ],
)
def test_a_secret_with_another_value_is_not_adopted(
    connection: Connection, held: dict[str, object], words: str
) -> None:
    client().create_secret(Name="team/orders", SecretString=json.dumps(held))
    with pytest.raises(Refused, match=words) as raised:
        store.adoption(plan_of(DATABASE), DATABASE, "team/orders", LIVE, connection)
    assert CANARY not in str(raised.value)
    assert OTHER not in str(raised.value)


def test_what_can_not_be_adopted_says_why(connection: Connection) -> None:
    client().create_secret(Name="empty")
    client().create_secret(Name="text", SecretString=OTHER)
    for name, secret, values, error in [
        ("absent", DATABASE, LIVE, UsageError),
        ("empty", DATABASE, LIVE, Refused),
        ("text", DATABASE, LIVE, Refused),
        ("text", DATABASE, {}, UsageError),
        ("text", replace(DATABASE, home=Home.ROLE), LIVE, UsageError),
    ]:
        with pytest.raises(error):
            store.adoption(plan_of(secret), secret, name, values, connection)
