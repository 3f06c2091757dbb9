"""The store: a value is written once, read back, and never written over."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardcode_hunter import store
from hardcode_hunter.errors import Refused, UsageError
from hardcode_hunter.model import (
    Environment,
    Home,
    Kind,
    Order,
    Origin,
    Plaintext,
    Question,
    Secret,
    SecretField,
)
from hardcode_hunter.store import Connection, Delivery, Identity, Outcome
from hardcode_hunter.store.deliver import request_token
from tests.store_fixtures import (
    ACCOUNT,
    BODY,
    CANARY,
    DATABASE,
    IDENTITY,
    LIVE,
    NAME,
    OTHER,
    REGION,
    SALT,
    aws_in_process,
    client,
    connected,
    current,
    deliver,
    plan_of,
    shell,
    versions,
)


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    with aws_in_process(monkeypatch, tmp_path):
        yield


@pytest.fixture
def connection() -> Connection:
    return connected()


# ---------------------------------------------------------------- shell first


def test_nothing_is_made_before_the_stack_is_there(connection: Connection) -> None:
    delivery = deliver(plan_of(DATABASE), connection)
    assert (delivery.outcome, delivery.done) == (Outcome.MISSING, False)
    assert "deploy the stack" in delivery.message
    assert client().list_secrets()["SecretList"] == []


def test_an_empty_secret_is_filled_once_and_read_back(connection: Connection) -> None:
    shell()
    recorded: list[Delivery] = []
    first = deliver(plan_of(DATABASE), connection, record=recorded.append)
    assert (first.outcome, first.done) == (Outcome.STORED, True)
    assert current() == BODY
    assert isinstance(current()["port"], int)
    assert versions() == [first.version] == [request_token(plan_of(DATABASE), DATABASE, NAME, IDENTITY, SALT)]
    assert first.arn.startswith(f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{NAME}-")
    second = deliver(plan_of(DATABASE), connection, record=recorded.append)
    assert (second.outcome, second.version) == (Outcome.SAME, first.version)
    assert versions() == [first.version]
    assert recorded == [first, second]


def test_another_value_is_never_written_over(connection: Connection) -> None:
    client().create_secret(Name=NAME, SecretString=json.dumps({**BODY, "password": OTHER}))
    before = versions()
    delivery = deliver(plan_of(DATABASE), connection)
    assert (delivery.outcome, delivery.done) == (Outcome.CONFLICT, False)
    assert "for password" in delivery.message
    assert CANARY not in repr(delivery)
    assert OTHER not in repr(delivery)
    assert (current()["password"], versions()) == (OTHER, before)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (json.dumps({**BODY, "port": "5432"}), Outcome.SAME),
        (json.dumps({**BODY, "dbInstanceIdentifier": "orders", "masterarn": "arn:aws:x"}), Outcome.SAME),
        (json.dumps(dict(reversed(BODY.items()))), Outcome.SAME),
        (json.dumps({k: v for k, v in BODY.items() if k != "password"}), Outcome.CONFLICT),
        (json.dumps({**BODY, "port": True}), Outcome.CONFLICT),
        (json.dumps({**BODY, "password": None}), Outcome.CONFLICT),
        (json.dumps({**BODY, "password": {"nested": CANARY}}), Outcome.CONFLICT),
        (json.dumps([CANARY]), Outcome.CONFLICT),
        (CANARY, Outcome.CONFLICT),
        ("[" * 20000, Outcome.CONFLICT),
        ("{}", Outcome.CONFLICT),
    ],
)
def test_what_counts_as_the_same_value(connection: Connection, text: str, outcome: Outcome) -> None:
    client().create_secret(Name=NAME, SecretString=text)
    assert deliver(plan_of(DATABASE), connection).outcome is outcome
    assert client().get_secret_value(SecretId=NAME)["SecretString"] == text


def test_binary_and_deleted_secrets_are_left_alone(connection: Connection) -> None:
    client().create_secret(Name=NAME, SecretBinary=b"\x00\x01")
    assert "binary" in deliver(plan_of(DATABASE), connection).message
    client().delete_secret(SecretId=NAME, RecoveryWindowInDays=30)
    delivery = deliver(plan_of(DATABASE), connection)
    assert delivery.outcome is Outcome.CONFLICT
    assert "restore-secret" in delivery.message


def test_a_rotated_secret_is_no_conflict(connection: Connection) -> None:
    shell()
    first = deliver(plan_of(DATABASE), connection)
    client().put_secret_value(SecretId=NAME, SecretString=json.dumps({**BODY, "password": OTHER}))
    later = deliver(plan_of(DATABASE), connection, recorded={"db": first.version})
    assert (later.outcome, later.done) == (Outcome.SUPERSEDED, True)
    assert deliver(plan_of(DATABASE), connection).outcome is Outcome.CONFLICT, (
        "unless an earlier run is known to have stored it"
    )
    moved = {**LIVE, ("db", "password"): Plaintext("third-2022")}
    assert deliver(plan_of(DATABASE), connection, moved, recorded={"db": first.version}).outcome is Outcome.CONFLICT
    assert current()["password"] == OTHER


# ---------------------------------------------------------------- adopt


def test_adopting_creates_what_is_absent(connection: Connection) -> None:
    delivery = deliver(plan_of(DATABASE, order=Order.ADOPT), connection)
    assert delivery.outcome is Outcome.STORED
    assert current() == BODY
    found = client().describe_secret(SecretId=NAME)
    tags = {t["Key"]: t["Value"] for t in found["Tags"]}
    assert tags == {
        "application": "shop",
        "environment": "production",
        "managed-by": "hardcode-hunter",
        "secret": "db",
        "owner": "shop-team",
    }
    assert found.get("KmsKeyId") is None
    assert delivery.arn == found["ARN"]
    assert deliver(plan_of(DATABASE, order=Order.ADOPT), connection).outcome is Outcome.SAME


@pytest.mark.parametrize("order", list(Order))
def test_a_secret_that_the_plan_calls_existing_is_never_created(connection: Connection, order: Order) -> None:
    adopted = replace(DATABASE, existing="team/orders")
    delivery = deliver(plan_of(adopted, order=order), connection)
    assert (delivery.outcome, delivery.name) == (Outcome.MISSING, "team/orders")
    assert "'existing'" in delivery.message
    arn = client().create_secret(Name="team/orders", SecretString=json.dumps(BODY))["ARN"]
    assert deliver(plan_of(adopted, order=order), connection).outcome is Outcome.SAME
    assert deliver(plan_of(replace(DATABASE, existing=arn), order=order), connection).outcome is Outcome.SAME


# ---------------------------------------------------------------- parameters, texts, and what has no value


def test_a_parameter_is_made_encrypted_and_read_back(connection: Connection) -> None:
    parameter = replace(DATABASE, home=Home.PARAMETER_STORE)
    delivery = deliver(plan_of(parameter), connection)
    assert (delivery.outcome, delivery.name, delivery.version) == (Outcome.STORED, f"/{NAME}", "1")
    found = client("ssm").get_parameter(Name=f"/{NAME}", WithDecryption=True)["Parameter"]
    assert (found["Type"], json.loads(found["Value"])) == ("SecureString", BODY)
    assert deliver(plan_of(parameter), connection).outcome is Outcome.SAME
    client("ssm").put_parameter(Name=f"/{NAME}", Value=OTHER, Type="SecureString", Overwrite=True)
    assert deliver(plan_of(parameter), connection).outcome is Outcome.CONFLICT
    assert deliver(plan_of(parameter), connection, recorded={"db": "1"}).outcome is Outcome.SUPERSEDED
    assert client("ssm").get_parameter(Name=f"/{NAME}", WithDecryption=True)["Parameter"]["Value"] == OTHER


@pytest.mark.parametrize("name", ["/team/db", "team/db", "db"])
def test_a_parameters_name_begins_at_the_root(connection: Connection, name: str) -> None:
    client("ssm").put_parameter(Name="/" + name.lstrip("/"), Value=json.dumps(BODY), Type="SecureString")
    existing = replace(DATABASE, home=Home.PARAMETER_STORE, existing=name)
    assert deliver(plan_of(existing), connection).outcome is Outcome.SAME


def test_a_parameter_of_another_type_is_left_alone(connection: Connection) -> None:
    client("ssm").put_parameter(Name=f"/{NAME}", Value=json.dumps(BODY), Type="String")
    delivery = deliver(plan_of(replace(DATABASE, home=Home.PARAMETER_STORE)), connection)
    assert (delivery.outcome, "SecureString" in delivery.message) == (Outcome.CONFLICT, True)


def test_a_text_is_stored_raw(connection: Connection) -> None:
    key = Secret(
        "signing",
        Kind.PRIVATE_KEY,
        Home.SECRETS_MANAGER,
        "production",
        (SecretField("private_key", (Origin("a.py", "KEY"),)),),
        form="text",
    )
    value = "-----BEGIN\nü\u2028\n"
    shell("production/shop/signing")
    assert deliver(plan_of(key), connection, {("signing", "private_key"): Plaintext(value)}).outcome is Outcome.STORED
    assert client().get_secret_value(SecretId="production/shop/signing")["SecretString"] == value


@pytest.mark.parametrize(
    ("secret", "values", "outcome", "words"),
    [
        (replace(DATABASE, home=Home.ROLE), LIVE, Outcome.NOTHING, "role"),
        (replace(DATABASE, home=Home.MANAGED), LIVE, Outcome.NOTHING, "managed-password"),
        (replace(DATABASE, questions=(Question("q", "Is it one?"),)), LIVE, Outcome.BLOCKED, "Is it one?"),
        (
            DATABASE,
            {k: v for k, v in LIVE.items() if k[1] != "password"},
            Outcome.INCOMPLETE,
            "'password' (settings.py:4)",
        ),
        (DATABASE, {**LIVE, ("db", "password"): Plaintext(CANARY * 4000)}, Outcome.FAILED, "larger than 65536"),
        (
            replace(DATABASE, home=Home.PARAMETER_STORE),
            {**LIVE, ("db", "password"): Plaintext("x" * 4096)},
            Outcome.FAILED,
            "larger than 4096",
        ),
    ],
)
def test_what_is_not_stored_says_why(
    connection: Connection, secret: Secret, values: Any, outcome: Outcome, words: str
) -> None:
    shell()
    delivery = deliver(plan_of(secret), connection, values)
    assert delivery.outcome is outcome
    assert words in delivery.message
    assert CANARY not in repr(delivery)


def test_only_the_environment_that_was_asked_for_is_touched(connection: Connection) -> None:
    shell()
    elsewhere = replace(DATABASE, id="db@staging", environment="staging")
    plan = replace(
        plan_of(DATABASE, elsewhere), environments=(Environment("production", ACCOUNT, REGION), Environment("staging"))
    )
    assert [d.secret for d in store.deliver(plan, "production", LIVE, connection, IDENTITY, salt=SALT)] == ["db"]


def test_one_secret_in_trouble_stops_no_other(connection: Connection) -> None:
    client().create_secret(Name=NAME, SecretString="another")
    shell("production/shop/second")
    values = {**LIVE, **{("second", key): value for (_, key), value in LIVE.items()}}
    outcomes = store.deliver(
        plan_of(DATABASE, replace(DATABASE, id="second")), "production", values, connection, IDENTITY, salt=SALT
    )
    assert [d.outcome for d in outcomes] == [Outcome.CONFLICT, Outcome.STORED]


# ---------------------------------------------------------------- the request token


def test_the_token_says_nothing_of_the_value_and_is_the_same_each_time() -> None:
    plan = plan_of(DATABASE)
    token = request_token(plan, DATABASE, NAME, IDENTITY, SALT)
    assert token == request_token(plan, DATABASE, NAME, IDENTITY, SALT)
    assert 32 <= len(token) <= 64
    others = {
        request_token(plan, DATABASE, NAME, IDENTITY, bytes(32)),
        request_token(plan, DATABASE, "another", IDENTITY, SALT),
        request_token(plan, replace(DATABASE, id="x"), NAME, IDENTITY, SALT),
        request_token(plan, DATABASE, NAME, replace(IDENTITY, account="210987654321"), SALT),
        request_token(plan, DATABASE, NAME, replace(IDENTITY, region="us-east-1"), SALT),
    }
    assert len(others | {token}) == 6


# ---------------------------------------------------------------- who, where


def test_account_region_and_role_are_told(connection: Connection) -> None:
    identity = store.identify(connection)
    assert (identity.account, identity.region, identity.endpoint) == (ACCOUNT, REGION, "")
    assert f"account {ACCOUNT}, region {REGION}, as arn:" in str(identity)


def test_the_account_is_confirmed_or_refused() -> None:
    known, unknown = Environment("production", ACCOUNT), Environment("production")
    assert store.require_account(IDENTITY, known)
    assert store.require_account(IDENTITY, unknown, ACCOUNT)
    assert not store.require_account(IDENTITY, unknown), "a person has to say yes"
    for environment, given in [
        (known, "210987654321"),
        (Environment("production", "210987654321"), ""),
        (Environment("production", "210987654321"), ACCOUNT),
    ]:
        with pytest.raises(Refused, match="nothing was stored"):
            store.require_account(IDENTITY, environment, given)


def test_profile_and_region_come_from_the_plan_or_the_callers_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.connect(Environment("production", profile="shop")).region == REGION
    assert store.connect(Environment("production", profile="shop", region="us-east-1")).region == "us-east-1"
    with pytest.raises(UsageError, match=r"environments\.production\.profile"):
        store.connect(Environment("production", profile="nobody", region=REGION))
    with pytest.raises(UsageError, match=r"environments\.production\.region"):
        store.connect(Environment("production"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert store.connect(Environment("production")).region == "eu-west-1"


def test_the_callers_endpoint_is_used_and_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://user:{CANARY}@127.0.0.1:1/x")
    connection = store.connect(Environment("production", region=REGION))
    assert connection.client("ssm").meta.endpoint_url.startswith("http://user:")
    identity = Identity("1", REGION, "r", store.connection._endpoint(connection))
    assert identity.endpoint == "http://127.0.0.1:1/x"


def test_request_logging_is_off(connection: Connection) -> None:
    for name in ("botocore", "boto3", "urllib3"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    store.connect(Environment("production", region=REGION))
    assert all(logging.getLogger(name).getEffectiveLevel() >= logging.INFO for name in ("botocore", "boto3", "urllib3"))


# ---------------------------------------------------------------- what is there


def test_observing_tells_keys_and_no_values(connection: Connection) -> None:
    shell("production/shop/empty")
    client().create_secret(Name=NAME, SecretString=json.dumps(BODY))
    client("ssm").put_parameter(Name="/production/shop/flag", Value=CANARY, Type="SecureString")
    flag = replace(DATABASE, id="flag", home=Home.PARAMETER_STORE)
    plan = plan_of(
        DATABASE,
        replace(DATABASE, id="empty"),
        replace(DATABASE, id="absent"),
        replace(DATABASE, id="role", home=Home.ROLE),
        flag,
    )
    seen = store.observe(plan, "production", connection)
    assert {(s.secret, s.exists, s.stored) for s in seen.values()} == {
        ("db", True, True),
        ("empty", True, False),
        ("absent", False, False),
        ("flag", True, True),
    }
    assert seen["db"].keys == frozenset(BODY)
    assert seen["flag"].keys == {""}
    assert CANARY not in repr(seen)


def test_fetching_takes_the_recorded_version(connection: Connection) -> None:
    shell()
    first = deliver(plan_of(DATABASE), connection)
    client().put_secret_value(SecretId=NAME, SecretString=json.dumps({**BODY, "password": OTHER}))
    moved = {("db", key): Plaintext(str(value)) for key, value in BODY.items() if key != "engine"}
    assert store.fetch(plan_of(DATABASE), "production", connection, {"db": first.version}) == (moved, ())
    assert store.fetch(plan_of(DATABASE), "production", connection, {})[0]["db", "password"] == Plaintext(OTHER)
    assert store.fetch(plan_of(DATABASE), "production", connection, {"db": "0" * 32})[0]["db", "password"] == Plaintext(
        OTHER
    )
    values, failed = store.fetch(plan_of(replace(DATABASE, id="absent")), "production", connection, {})
    assert (values, failed) == ({}, ("production/shop/absent: has no value in the store",))


def test_importing_the_package_loads_no_client_library() -> None:
    program = "import sys, hardcode_hunter.store; sys.exit(any(m.split('.')[0] in ('boto3', 'botocore') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
