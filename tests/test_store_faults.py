"""The store: a value is never lost or written twice, whatever the network does."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import moto
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError
from moto.core.models import botocore_stubber
from moto.moto_api._internal import moto_api_backend

from hardcode_hunter import store
from hardcode_hunter.model import (
    Home,
    Order,
    Plan,
)
from hardcode_hunter.store import Connection, Outcome
from hardcode_hunter.store.connection import StoreError
from tests.store_fixtures import (
    BODY,
    CANARY,
    DATABASE,
    NAME,
    aws_in_process,
    client,
    connected,
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


@pytest.fixture(scope="module")
def shared() -> Connection:
    """One connection for many tests: making clients is what takes time."""
    with moto.mock_aws():
        made = connected()
        for service in ("secretsmanager", "ssm", "sts"):
            made.client(service)
    return made


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


def test_observing_tells_what_fails(connection: Connection) -> None:
    Faulty(connection, 1, 1000, denied)
    (seen,) = store.observe(plan_of(DATABASE), "production", connection).values()
    assert (seen.exists, seen.stored) == (False, False)
    assert "AccessDeniedException" in seen.error
