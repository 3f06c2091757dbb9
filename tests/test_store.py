"""The store: a value is written once, read back, and never lost or written over, whatever the network does."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import moto
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError
from moto.core.models import botocore_stubber
from moto.moto_api._internal import moto_api_backend

from hardcode_hunter import store
from hardcode_hunter.errors import Refused, UsageError
from hardcode_hunter.model import (
    Environment,
    Home,
    Kind,
    LiteralType,
    Order,
    Origin,
    Plaintext,
    Plan,
    Position,
    Question,
    Replacement,
    Secret,
    SecretField,
    Shape,
    Span,
)
from hardcode_hunter.store import Adoption, Connection, Delivery, Identity, Outcome
from hardcode_hunter.store.connection import StoreError
from hardcode_hunter.store.deliver import request_token

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


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config").write_text(f"[profile shop]\nregion = {REGION}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with moto.mock_aws():
        yield


@pytest.fixture(scope="module")
def shared() -> Connection:
    """One connection for many tests: making clients is what takes time."""
    with moto.mock_aws():
        made = store.connect(Environment("production", ACCOUNT, REGION), pause=lambda seconds: None)
        for service in ("secretsmanager", "ssm", "sts"):
            made.client(service)
    return made


@pytest.fixture
def connection() -> Connection:
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


# ---------------------------------------------------------------- faults in each call


def answer(request: Any, status: int, body: bytes) -> AWSResponse:
    class Raw:
        def stream(self, **more: object) -> Iterator[bytes]:
            yield body

    return AWSResponse(request.url, status, {"content-type": "application/x-amz-json-1.1"}, Raw())


def refusal(code: str) -> bytes:
    return json.dumps({"__type": code, "message": f"the value {CANARY} was refused"}).encode()


Fault = Callable[[Any, str], Any]


def _commit(request: Any, event_name: str) -> AWSResponse:
    return botocore_stubber(event_name=event_name, request=request)


def throttled(request: Any, event_name: str) -> Any:
    return answer(request, 400, refusal("ThrottlingException"))


def denied(request: Any, event_name: str) -> Any:
    return answer(request, 400, refusal("AccessDeniedException"))


def failed_before(request: Any, event_name: str) -> Any:
    return answer(request, 500, refusal("InternalServiceError"))


def failed_after(request: Any, event_name: str) -> Any:
    _commit(request, event_name)
    return answer(request, 500, refusal("InternalServiceError"))


def cut_before(request: Any, event_name: str) -> Any:
    raise EndpointConnectionError(endpoint_url=f"https://{CANARY}/")


def cut_after(request: Any, event_name: str) -> Any:
    _commit(request, event_name)
    raise ConnectionClosedError(endpoint_url=f"https://{CANARY}/")


def truncated(request: Any, event_name: str) -> Any:
    body = _commit(request, event_name).content
    return answer(request, 200, body[: len(body) // 2])


def not_found(request: Any, event_name: str) -> Any:
    return answer(request, 400, refusal("ParameterNotFound" if "ssm" in event_name else "ResourceNotFoundException"))


def exists(request: Any, event_name: str) -> Any:
    return answer(request, 400, refusal("ParameterAlreadyExists" if "ssm" in event_name else "ResourceExistsException"))


def a_page(request: Any, event_name: str) -> Any:
    return answer(request, 200, f"<html>{CANARY}</html>".encode())


def crash(request: Any, event_name: str) -> Any:
    raise RuntimeError(f"could not send {CANARY}")


FAULTS = [
    throttled,
    denied,
    failed_before,
    failed_after,
    cut_before,
    cut_after,
    truncated,
    not_found,
    exists,
    a_page,
    crash,
]


class Faulty:
    """From the N-th request on, ``often`` requests meet ``fault``."""

    def __init__(self, connection: Connection, nth: int, often: int, fault: Fault) -> None:
        self.nth, self.often, self.fault, self.count = nth, often, fault, 0
        self.events = [connection.client(service).meta.events for service in ("secretsmanager", "ssm")]
        for events in self.events:
            events.register_first("before-send", self)

    def end(self) -> None:
        for events in self.events:
            events.unregister("before-send", self)

    def __call__(self, request: Any, event_name: str, **more: object) -> Any:
        self.count += 1
        return self.fault(request, event_name) if self.nth <= self.count < self.nth + self.often else None


SETTINGS = {
    "shell first": (plan_of(DATABASE), shell),
    "adopt": (plan_of(DATABASE, order=Order.ADOPT), lambda: None),
    "parameter": (plan_of(replace(DATABASE, home=Home.PARAMETER_STORE)), lambda: None),
}


def stored_text(plan: Plan) -> str | None:
    try:
        if plan.secrets[0].home is Home.PARAMETER_STORE:
            return str(client("ssm").get_parameter(Name=f"/{NAME}", WithDecryption=True)["Parameter"]["Value"])
        return str(client().get_secret_value(SecretId=NAME)["SecretString"])
    except (client().exceptions.ResourceNotFoundException, client("ssm").exceptions.ParameterNotFound):
        return None


def count_of_values(plan: Plan) -> int:
    if plan.secrets[0].home is Home.PARAMETER_STORE:
        return len(client("ssm").get_parameter_history(Name=f"/{NAME}")["Parameters"])
    return len(versions())


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("often", [1, 1000], ids=["once", "for good"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_fault_in_any_call_ends_in_success_or_in_a_state_that_the_next_run_completes(
    shared: Connection, setting: str, often: int, fault: Fault
) -> None:
    plan, prepare = SETTINGS[setting]
    for nth in range(1, 20):
        moto_api_backend.reset()
        prepare()
        faulty = Faulty(shared, nth, often, fault)
        first = deliver(plan, shared)
        faulty.end()
        assert CANARY not in repr(first)
        text = stored_text(plan)
        assert text is None or json.loads(text) == BODY
        assert not first.done or text is not None, "told to be stored, and isn't"
        second = deliver(plan, shared)
        assert second.done
        assert json.loads(stored_text(plan) or "") == BODY
        assert count_of_values(plan) == 1
        if faulty.count < nth:
            break
    assert 3 <= nth < 19


def test_a_value_that_reads_back_differently_is_not_stored(connection: Connection) -> None:
    shell()

    def twisted(request: Any, event_name: str) -> Any:
        if "GetSecretValue" not in event_name or b"VersionId" not in request.body:
            return None
        body = json.loads(_commit(request, event_name).content)
        body["SecretString"] = body["SecretString"].replace("5432", "5433")
        return answer(request, 200, json.dumps(body).encode())

    Faulty(connection, 1, 1000, twisted)
    delivery = deliver(plan_of(DATABASE), connection)
    assert (delivery.outcome, delivery.done) == (Outcome.FAILED, False)
    assert "something else" in delivery.message


def test_a_stale_reading_is_repeated(connection: Connection) -> None:
    shell()
    stale = iter(range(3))

    def late(request: Any, event_name: str) -> Any:
        is_back = "GetSecretValue" in event_name and b"VersionId" in request.body
        return not_found(request, event_name) if is_back and next(stale, None) is not None else None

    Faulty(connection, 1, 1000, late)
    assert deliver(plan_of(DATABASE), connection).outcome is Outcome.STORED


def test_errors_say_secret_call_code_and_what_to_do(connection: Connection) -> None:
    shell()
    Faulty(connection, 3, 1000, denied)
    delivery = deliver(plan_of(DATABASE), connection)
    assert delivery.message == (
        f"{NAME}: PutSecretValue failed (AccessDeniedException); "
        "the caller needs that right on it, and kms:Decrypt and kms:GenerateDataKey on its key"
    )


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_nothing_of_an_errors_own_text_is_kept(
    connection: Connection, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    Faulty(connection, 1, 1000, fault)
    with pytest.raises(StoreError) as raised, caplog.at_level(logging.DEBUG):
        connection.call("secretsmanager", "put_secret_value", NAME, SecretId=NAME, SecretString=CANARY)
        raise StoreError(NAME, "PutSecretValue", "no error")  # some answers are readable
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    assert CANARY not in f"{raised.value!s} {raised.value!r} {caplog.text}"


def test_a_mistaken_argument_is_not_quoted(connection: Connection) -> None:
    with pytest.raises(StoreError) as raised:
        connection.call("secretsmanager", "put_secret_value", NAME, SecretId=5, SecretString=[CANARY])
    assert CANARY not in str(raised.value)
    assert raised.value.code == "ParamValidationError"


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


def test_observing_tells_what_fails(connection: Connection) -> None:
    Faulty(connection, 1, 1000, denied)
    (seen,) = store.observe(plan_of(DATABASE), "production", connection).values()
    assert (seen.exists, seen.stored) == (False, False)
    assert "AccessDeniedException" in seen.error


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
