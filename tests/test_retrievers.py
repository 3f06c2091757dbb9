"""What rewritten code calls, run as it is emitted: against moto's Secrets Manager and Parameter Store, in process."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from hardcode_hunter.languages.python.roots import OURS
from hardcode_hunter.plugins import Retriever, load
from hardcode_hunter.retrievers.boto3 import BOTO3
from hardcode_hunter.retrievers.caching import CACHING
from hardcode_hunter.retrievers.helper import HELPER
from hardcode_hunter.retrievers.powertools import POWERTOOLS
from tests.retrieving import ACCESSES, INSIDE, NEW, OLD, Clock, access, rotate

pytest_plugins = ("tests.retrieving_fixtures",)


# ---------------------------------------------------------------- what is emitted


def test_retrievers_are_found() -> None:
    assert set(load("retrievers", Retriever)) == {"helper", "boto3", "caching", "powertools"}


def test_emitted_module_is_plain_python() -> None:
    assert HELPER.module is not None
    source = HELPER.module(ACCESSES)
    ast.parse(source, feature_version=(3, 8))
    assert OURS in source.encode()[:200]
    assert "aws" not in ast.literal_eval(source.partition("PARAMETERS: set[str] = ")[2].partition("\n")[0])
    assert HELPER.module(list(reversed(ACCESSES))) == source, "the module depends on the order of the plan"


def test_names_are_quoted_whatever_they_hold() -> None:
    assert HELPER.module is not None and BOTO3.definition is not None
    hostile = access('a"b\\', "it's", name="x\n'\"é")
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
def test_read(kept_in_memory: Any, helper: ModuleType, secret: str, field: str | None, expected: str) -> None:
    assert helper.get_secret(secret, field) == expected
    assert _script(BOTO3)["read"](secret, field) == expected


def _script(retriever: Retriever) -> dict[str, Any]:
    """A script into which the retriever's definition was written, as ``read``."""
    assert retriever.definition is not None
    script: dict[str, Any] = {}
    for item in retriever.definition_imports:
        module, _, name = item.partition(":")
        library = pytest.importorskip(
            module, reason=f"{module} is not installed, so that the retriever '{retriever.name}' is not run"
        )
        script[name or module] = importlib.import_module(f"{module}.{name}") if name else library
    exec(retriever.definition(ACCESSES, "read"), script)
    return script


@pytest.mark.parametrize("retriever", [CACHING, POWERTOOLS], ids=lambda r: r.name)
def test_inline_caches(kept_in_memory: Any, calls: list[str], retriever: Retriever) -> None:
    read = _script(retriever)["read"]
    calls.clear()
    assert [read("shop-db", "password") for _ in range(5)] == [OLD] * 5
    assert calls.count("GetSecretValue") == 1
    assert read("deploy-key") == "-----BEGIN\nEND-----\n"
    assert read("mail", "password") == "post" and read("token") == "7c1e90d4"
    rotate(kept_in_memory)
    assert read("shop-db", "password") == OLD
    assert read("shop-db", "password", fresh=True) == NEW


@pytest.mark.parametrize("retriever", [BOTO3, CACHING, POWERTOOLS], ids=lambda r: r.name)
def test_inline_definition_is_plain_python(retriever: Retriever) -> None:
    assert retriever.definition is not None
    for accesses in (ACCESSES, ACCESSES[:3], ACCESSES[3:5]):
        tree = ast.parse(retriever.definition(accesses, "_read"), feature_version=(3, 8))
        assert [type(node) for node in tree.body] == [ast.FunctionDef]


def test_environment_is_one_variable(kept_in_memory: Any, helper: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRETS_ENVIRONMENT", "staging")
    assert helper.get_secret("shop-db", "password") == "on stage"
    monkeypatch.setenv("SECRETS_ENVIRONMENT", "moon")
    helper.refresh("shop-db")
    with pytest.raises(helper.SecretError, match=r"SECRETS_ENVIRONMENT=moon \(it has: production, staging\)"):
        helper.get_secret("shop-db", "password")


def test_identifier_of_one_secret(kept_in_memory: Any, helper: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = boto3.client("secretsmanager", region_name="us-west-2").create_secret(
        Name="elsewhere", SecretString='{"password": "far"}'
    )["ARN"]
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
def test_errors_say_what_to_do(kept_in_memory: Any, helper: ModuleType, secret: str, field: str, says: str) -> None:
    with pytest.raises(helper.SecretError) as caught:
        helper.get_secret(secret, field)
    assert says in str(caught.value)
    assert OLD not in str(caught.value) and "BEGIN" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None  # a JSON error holds the whole text


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("AccessDeniedException", "allow the read"),
        ("ResourceNotFoundException", "does not exist"),
        ("OddException", "OddException"),
    ],
)
def test_refusals_are_no_outage(
    kept_in_memory: Any, helper: ModuleType, clock: Clock, monkeypatch: pytest.MonkeyPatch, code: str, says: str
) -> None:
    assert helper.get_secret("shop-db", "password") == OLD
    clock.now += 10_000

    def refuse(self: BaseClient, operation: str, arguments: Any) -> Any:
        raise ClientError(
            {"Error": {"Code": code, "Message": "x"}, "ResponseMetadata": {"HTTPStatusCode": 400}}, operation
        )  # type: ignore[typeddict-item]

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
        helper.with_rotation("shop-db", Exception, _refused)
    assert calls == []


def _refused() -> None:
    raise PermissionError("password authentication failed")


@pytest.mark.parametrize("variable", INSIDE)
def test_local_file_is_refused_inside_aws(
    helper: ModuleType, local: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
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
