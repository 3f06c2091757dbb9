"""What rewritten code calls, run as it is emitted: against moto's Secrets Manager and Parameter Store, in process."""

from __future__ import annotations

import ast
import importlib.util
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from hardcode_hunter.languages.python.roots import OURS
from hardcode_hunter.model import Access, Home
from hardcode_hunter.plugins import Retriever, load
from hardcode_hunter.retrievers.boto3 import BOTO3
from hardcode_hunter.retrievers.helper import HELPER

REGION = "eu-central-1"
INSIDE = (
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "ECS_CONTAINER_METADATA_URI",
    "ECS_CONTAINER_METADATA_URI_V4",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
OLD, NEW = "hunter-orders-2019", "p%/@:'\"\\{}$ é"


def _access(secret: str, key: str, home: Home = Home.SECRETS_MANAGER, form: str = "json", name: str = "") -> Access:
    names = {environment: f"{environment}/shop/{secret}" for environment in ("production", "staging")}
    return Access(secret, "shop", name or names["production"], "production", names, home, form, key)


ACCESSES = [
    _access("shop-db", "username"),
    _access("shop-db", "password"),
    _access("deploy-key", "key", form="text"),
    _access("mail", "password", Home.PARAMETER_STORE),
    _access("token", "token", Home.PARAMETER_STORE, "text"),
    _access("aws", "secret_access_key", Home.ROLE),
]


class Clock:
    """Time that passes only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The API operations that were called, in order."""
    seen: list[str] = []
    real: Callable[..., Any] = BaseClient._make_api_call

    def counted(self: BaseClient, operation: str, arguments: Any) -> Any:
        seen.append(operation)
        return real(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    return seen


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A Secrets Manager and a Parameter Store with the secrets of :data:`ACCESSES`; gives the former's client."""
    for name in ("AWS_PROFILE", "SECRETS_ENVIRONMENT", "SECRETS_LOCAL_FILE", *INSIDE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        manager, store = boto3.client("secretsmanager", region_name=REGION), boto3.client("ssm", region_name=REGION)
        for environment in ("production", "staging"):
            value = json.dumps({"username": "shop_app", "password": OLD if environment == "production" else "on stage", "port": 5432})
            manager.create_secret(Name=f"{environment}/shop/shop-db", SecretString=value)
            manager.create_secret(Name=f"{environment}/shop/deploy-key", SecretString="-----BEGIN\nEND-----\n")
            store.put_parameter(Name=f"/{environment}/shop/mail", Value='{"password": "post"}', Type="SecureString")
            store.put_parameter(Name=f"/{environment}/shop/token", Value="7c1e90d4", Type="SecureString")
        yield manager


def _rotate(manager: Any, password: str = NEW) -> None:
    manager.put_secret_value(SecretId="production/shop/shop-db", SecretString=json.dumps({"username": "shop_app", "password": password}))


@pytest.fixture
def helper(tmp_path: Path, clock: Clock) -> Iterator[ModuleType]:
    path = tmp_path / "secret_store.py"
    assert HELPER.module is not None
    path.write_text(HELPER.module(ACCESSES), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("emitted_secret_store", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.time = clock  # type: ignore[attr-defined]
    yield module


def _together(count: int, work: Callable[[], Any]) -> list[Any]:
    """``work`` in ``count`` threads that start at once; their results."""
    gate = threading.Barrier(count)
    results: list[Any] = []

    def run() -> None:
        gate.wait(30)
        results.append(work())

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == count
    return results


# ---------------------------------------------------------------- what is emitted


def test_retrievers_are_found() -> None:
    assert {"helper", "boto3"} <= set(load("retrievers", Retriever))


def test_emitted_module_is_plain_python() -> None:
    assert HELPER.module is not None
    source = HELPER.module(ACCESSES)
    ast.parse(source, feature_version=(3, 8))
    assert OURS in source.encode()[:200]
    assert "aws" not in ast.literal_eval(source.partition("PARAMETERS: set[str] = ")[2].partition("\n")[0])
    assert HELPER.module(list(reversed(ACCESSES))) == source, "the module depends on the order of the plan"


def test_names_are_quoted_whatever_they_hold() -> None:
    assert HELPER.module is not None and BOTO3.definition is not None
    hostile = _access('a"b\\', "it's", name="x\n'\"é")
    module: dict[str, Any] = {}
    exec(HELPER.module([hostile]), module | {"__file__": "x"}, module)
    assert module["SECRETS"]['a"b\\']["production"] == "x\n'\"é"
    ast.parse(BOTO3.definition([hostile], "get_secret"))
    assert ast.literal_eval(HELPER.expression(hostile, "f")[1:]) == ('a"b\\', "it's")


@pytest.mark.parametrize("retriever", [HELPER, BOTO3], ids=lambda r: r.name)
def test_expression(retriever: Retriever) -> None:
    assert retriever.expression(ACCESSES[1], "get_secret") == 'get_secret("shop-db", "password")'
    assert retriever.expression(ACCESSES[2], "_get") == '_get("deploy-key")'


def test_import_touches_nothing(tmp_path: Path) -> None:
    """No boto3, no region, no file, no network when the module is imported."""
    assert HELPER.module is not None
    (tmp_path / "secret_store.py").write_text(HELPER.module(ACCESSES), encoding="utf-8")
    program = "import sys, secret_store; sys.exit(any(m.partition('.')[0] in ('boto3', 'botocore', 'socket') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env={"PATH": ""}, timeout=60).returncode == 0


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("secret", "field", "expected"),
    [
        ("shop-db", "password", OLD),
        ("shop-db", "port", "5432"),
        ("deploy-key", None, "-----BEGIN\nEND-----\n"),
        ("mail", "password", "post"),
        ("token", None, "7c1e90d4"),
    ],
)
def test_read(aws: Any, helper: ModuleType, secret: str, field: str | None, expected: str) -> None:
    assert helper.get_secret(secret, field) == expected
    assert BOTO3.definition is not None
    script: dict[str, Any] = {"boto3": boto3, "json": json, "os": os}
    exec(BOTO3.definition(ACCESSES, "read"), script)
    assert script["read"](secret, field) == expected


def test_environment_is_one_variable(aws: Any, helper: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRETS_ENVIRONMENT", "staging")
    assert helper.get_secret("shop-db", "password") == "on stage"
    monkeypatch.setenv("SECRETS_ENVIRONMENT", "moon")
    helper.refresh("shop-db")
    with pytest.raises(helper.SecretError, match=r"SECRETS_ENVIRONMENT=moon \(it has: production, staging\)"):
        helper.get_secret("shop-db", "password")


def test_identifier_of_one_secret(aws: Any, helper: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = boto3.client("secretsmanager", region_name="us-west-2").create_secret(Name="elsewhere", SecretString='{"password": "far"}')["ARN"]
    monkeypatch.setenv("SECRET_ID_SHOP_DB", arn)
    assert helper.get_secret("shop-db", "password") == "far"  # an ARN says its region itself


@pytest.mark.parametrize(
    ("secret", "field", "says"),
    [
        ("shop-db", "passwort", "no field passwort (it has: password, port, username)"),
        ("deploy-key", "key", "is not a JSON object"),
        ("nothing", "x", "no secret is called nothing"),
    ],
)
def test_errors_say_what_to_do(aws: Any, helper: ModuleType, secret: str, field: str, says: str) -> None:
    with pytest.raises(helper.SecretError) as caught:
        helper.get_secret(secret, field)
    assert says in str(caught.value)
    assert OLD not in str(caught.value) and "BEGIN" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None  # a JSON error holds the whole text


@pytest.mark.parametrize(("code", "says"), [("AccessDeniedException", "allow the read"), ("ResourceNotFoundException", "does not exist"), ("OddException", "OddException")])
def test_refusals_are_no_outage(aws: Any, helper: ModuleType, clock: Clock, monkeypatch: pytest.MonkeyPatch, code: str, says: str) -> None:
    assert helper.get_secret("shop-db", "password") == OLD
    clock.now += 10_000

    def refuse(self: BaseClient, operation: str, arguments: Any) -> Any:
        raise ClientError({"Error": {"Code": code, "Message": "x"}, "ResponseMetadata": {"HTTPStatusCode": 400}}, operation)  # type: ignore[typeddict-item]

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)
    with pytest.raises(helper.SecretError, match=says):
        helper.get_secret("shop-db", "password")


def test_no_region(helper: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    with pytest.raises(helper.SecretError, match="set AWS_DEFAULT_REGION"):
        helper.get_secret("shop-db", "password")


# ---------------------------------------------------------------- the cache


def test_sixteen_threads_one_call(aws: Any, helper: ModuleType, calls: list[str]) -> None:
    results = _together(16, lambda: [helper.get_secret("shop-db", "password") for _ in range(50)])
    assert {value for row in results for value in row} == {OLD}
    assert calls == ["GetSecretValue"]


def test_cached_until_it_expires(aws: Any, helper: ModuleType, calls: list[str], clock: Clock) -> None:
    assert helper.get_secret("shop-db", "password") == OLD
    _rotate(aws)
    clock.now += helper.TTL * 0.89
    assert helper.get_secret("shop-db", "password") == OLD
    clock.now += helper.TTL * 0.22
    assert helper.get_secret("shop-db", "password") == NEW
    assert calls.count("GetSecretValue") == 2


def test_refresh_forgets(aws: Any, helper: ModuleType) -> None:
    assert helper.get_secret("shop-db", "password") == OLD
    _rotate(aws)
    helper.refresh("shop-db")
    assert helper.get_secret("shop-db", "password") == NEW


def test_fresh_sees_a_rotation_at_once(aws: Any, helper: ModuleType, clock: Clock) -> None:
    for password in ("first", "second", "third"):
        _rotate(aws, password)
        clock.now += 0.001
        assert helper.get_secret("shop-db", "password", fresh=True) == password
        assert helper.get_secret("shop-db", "username") == "shop_app"


def test_fresh_reads_share_a_read_that_began_after_them(aws: Any, helper: ModuleType, calls: list[str]) -> None:
    """The clock stands still, so that every read begins no later than the one call that serves all."""
    assert set(_together(16, lambda: helper.get_secret("shop-db", "password", fresh=True))) == {OLD}
    assert calls == ["GetSecretValue"]


def test_fork(aws: Any, helper: ModuleType) -> None:
    """A child reads although a thread of the parent held the lock at the fork."""
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    entry = helper._entry("shop-db")
    with entry.lock, helper._guard:
        child = os.fork()
        if not child:
            good = False
            try:
                good = helper.get_secret("shop-db", "password") == OLD
            finally:
                os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# ---------------------------------------------------------------- outages


class Unplugged:
    """Stands for the network's end: every API call fails, and is counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.attempts = 0
        unplugged = self

        def fail(self: BaseClient, operation: str, arguments: Any) -> Any:
            unplugged.attempts += 1
            raise EndpointConnectionError(endpoint_url="https://secretsmanager")

        monkeypatch.setattr(BaseClient, "_make_api_call", fail)


def test_outage_serves_the_old_value_for_a_while(
    aws: Any, helper: ModuleType, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert helper.get_secret("shop-db", "password") == OLD
    unplugged = Unplugged(monkeypatch)
    clock.now += helper.TTL * 2
    with caplog.at_level(logging.DEBUG):
        for fresh in (False, True, False):
            assert helper.get_secret("shop-db", "password", fresh=fresh) == OLD
    assert unplugged.attempts == 1, "every reader waits for AWS during an outage"
    assert "the old value is used" in caplog.text and OLD not in caplog.text
    clock.now += helper.RETRY + 1
    assert helper.get_secret("shop-db", "password") == OLD
    assert unplugged.attempts == 2
    clock.now += helper.STALE
    with pytest.raises(helper.SecretError, match="EndpointConnectionError"):
        helper.get_secret("shop-db", "password")


def test_outage_with_nothing_cached(aws: Any, helper: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    Unplugged(monkeypatch)
    with pytest.raises(helper.SecretError, match=r"shop-db \(production/shop/shop-db\) can't be read"):
        helper.get_secret("shop-db", "password")


# ---------------------------------------------------------------- rotation


class Database:
    """Accepts one password at a time."""

    def __init__(self, password: str) -> None:
        self.password = password
        self.attempts = 0

    def connect(self, password: str) -> str:
        self.attempts += 1
        if password != self.password:
            raise PermissionError("password authentication failed")
        return "connection"


def _refused(error: Exception) -> bool:
    return isinstance(error, PermissionError)


def test_rotation_is_survived(aws: Any, helper: ModuleType, clock: Clock) -> None:
    database = Database(OLD)

    def connect() -> str:
        return database.connect(helper.get_secret("shop-db", "password"))

    assert helper.with_rotation(connect, _refused, "shop-db") == "connection"
    for password in (NEW, "third"):
        database.password = password
        _rotate(aws, password)
        clock.now += 2
        assert helper.with_rotation(connect, _refused, "shop-db") == "connection"
    assert database.attempts == 5


def test_wrong_password_is_still_an_error(aws: Any, helper: ModuleType, calls: list[str], clock: Clock) -> None:
    database = Database("something else")
    for _ in range(5):  # a storm of refusals doesn't become a storm of API calls
        with pytest.raises(PermissionError):
            helper.with_rotation(lambda: database.connect(helper.get_secret("shop-db", "password")), _refused, "shop-db")
    assert database.attempts == 5
    assert calls.count("GetSecretValue") == 2
    clock.now += helper.FORCED
    with pytest.raises(PermissionError):
        helper.with_rotation(lambda: database.connect(helper.get_secret("shop-db", "password")), _refused, "shop-db")
    assert calls.count("GetSecretValue") == 3


def test_other_errors_are_not_retried(aws: Any, helper: ModuleType, calls: list[str]) -> None:
    def fail() -> None:
        raise KeyError("table")

    with pytest.raises(KeyError):
        helper.with_rotation(fail, _refused, "shop-db")
    assert calls == []


def test_rotation_seen_by_another_thread(aws: Any, helper: ModuleType, calls: list[str]) -> None:
    """The version changed while the call was under way: it is repeated without another read."""
    database = Database(NEW)
    helper.get_secret("shop-db", "password")
    stale = [OLD]

    def connect() -> str:
        password = stale.pop() if stale else helper.get_secret("shop-db", "password")
        if password == OLD:
            _rotate(aws)
            helper.refresh("shop-db")
            helper.get_secret("shop-db", "password")
        return database.connect(password)

    assert helper.with_rotation(connect, _refused, "shop-db") == "connection"
    assert calls.count("GetSecretValue") == 2


# ---------------------------------------------------------------- development


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "secrets.json"
    path.write_text('{"shop-db": {"password": "local"}, "token": "t"}', encoding="utf-8")
    for name in (*INSIDE, "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SECRETS_LOCAL_FILE", str(path))
    return path


def test_local_file(helper: ModuleType, local: Path, calls: list[str]) -> None:
    assert helper.get_secret("shop-db", "password") == "local"
    assert helper.get_secret("token") == "t"
    local.write_text('{"shop-db": {"password": "changed"}}', encoding="utf-8")
    assert helper.get_secret("shop-db", "password") == "changed"
    with pytest.raises(helper.SecretError, match='has no secret mail; add it as "mail"'):
        helper.get_secret("mail", "password")
    with pytest.raises(PermissionError):
        helper.with_rotation(lambda: Database("x").connect("y"), _refused, "shop-db")
    assert calls == []


@pytest.mark.parametrize("variable", INSIDE)
def test_local_file_is_refused_inside_aws(helper: ModuleType, local: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "x")
    with pytest.raises(helper.SecretError, match=f"refused inside AWS \\({variable} is set\\)"):
        helper.get_secret("shop-db", "password")


@pytest.mark.parametrize("content", [None, "{", "[]", '{"shop-db": '])
def test_local_file_that_is_no_use(helper: ModuleType, local: Path, content: str | None) -> None:
    local.unlink()
    if content is not None:
        local.write_text(content, encoding="utf-8")
    with pytest.raises(helper.SecretError, match="SECRETS_LOCAL_FILE"):
        helper.get_secret("shop-db", "password")
