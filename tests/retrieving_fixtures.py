"""Fixtures: the generated module as it is emitted, moto's Secrets Manager and Parameter Store, a clock, and the API calls made."""

from __future__ import annotations

import contextlib
import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from moto import mock_aws

from hardcode_hunter.retrievers.helper import HELPER
from tests.retrieving import ACCESSES, INSIDE, OLD, REGION, Clock


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


def _forget_providers() -> None:
    """Powertools keeps its clients for the whole process: another test's would ask another service."""
    with contextlib.suppress(ImportError):
        from aws_lambda_powertools.utilities.parameters import base

        base.DEFAULT_PROVIDERS.clear()


@pytest.fixture
def kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A Secrets Manager and a Parameter Store with the secrets of :data:`ACCESSES`; gives the former's client."""
    for name in ("AWS_PROFILE", "SECRETS_ENVIRONMENT", "SECRETS_LOCAL_FILE", *INSIDE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    _forget_providers()
    with mock_aws():
        manager, store = boto3.client("secretsmanager", region_name=REGION), boto3.client("ssm", region_name=REGION)
        for environment in ("production", "staging"):
            value = json.dumps(
                {"username": "shop_app", "password": OLD if environment == "production" else "on stage", "port": 5432}
            )
            manager.create_secret(Name=f"{environment}/shop/shop-db", SecretString=value)
            manager.create_secret(Name=f"{environment}/shop/deploy-key", SecretString="-----BEGIN\nEND-----\n")
            store.put_parameter(Name=f"/{environment}/shop/mail", Value='{"password": "post"}', Type="SecureString")
            store.put_parameter(Name=f"/{environment}/shop/token", Value="7c1e90d4", Type="SecureString")
        yield manager


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
