"""The generated module's cache: threads, expiry, forks, outages and rotations, on a clock that only the tests move."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import EndpointConnectionError

from tests.retrieving import NEW, OLD, Clock, rotate

pytest_plugins = ("tests.retrieving_fixtures",)


def together(count: int, work: Callable[[], Any]) -> list[Any]:
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


# ---------------------------------------------------------------- the cache


def test_sixteen_threads_one_call(kept_in_memory: Any, helper: ModuleType, calls: list[str]) -> None:
    results = together(16, lambda: [helper.get_secret("shop-db", "password") for _ in range(50)])
    assert {value for row in results for value in row} == {OLD}
    assert calls == ["GetSecretValue"]


def test_cached_until_it_expires(kept_in_memory: Any, helper: ModuleType, calls: list[str], clock: Clock) -> None:
    assert helper.get_secret("shop-db", "password") == OLD
    rotate(kept_in_memory)
    clock.now += helper.TTL * 0.89
    assert helper.get_secret("shop-db", "password") == OLD
    clock.now += helper.TTL * 0.22
    assert helper.get_secret("shop-db", "password") == NEW
    assert calls.count("GetSecretValue") == 2


def test_refresh_forgets(kept_in_memory: Any, helper: ModuleType) -> None:
    assert helper.get_secret("shop-db", "password") == OLD
    rotate(kept_in_memory)
    helper.refresh("shop-db")
    assert helper.get_secret("shop-db", "password") == NEW


def test_fresh_sees_a_rotation_at_once(kept_in_memory: Any, helper: ModuleType, clock: Clock) -> None:
    for password in ("first", "second", "third"):
        rotate(kept_in_memory, password)
        clock.now += 0.001
        assert helper.get_secret("shop-db", "password", fresh=True) == password
        assert helper.get_secret("shop-db", "username") == "shop_app"


def test_fresh_reads_share_a_read_that_began_after_them(
    kept_in_memory: Any, helper: ModuleType, calls: list[str]
) -> None:
    """The clock stands still, so that every read begins no later than the one call that serves all."""
    assert set(together(16, lambda: helper.get_secret("shop-db", "password", fresh=True))) == {OLD}
    assert calls == ["GetSecretValue"]


def test_fork(kept_in_memory: Any, helper: ModuleType) -> None:
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
    kept_in_memory: Any,
    helper: ModuleType,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
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


def test_outage_with_nothing_cached(kept_in_memory: Any, helper: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_rotation_is_survived(kept_in_memory: Any, helper: ModuleType, clock: Clock) -> None:
    database = Database(OLD)

    def connect() -> str:
        return database.connect(helper.get_secret("shop-db", "password"))

    assert helper.with_rotation("shop-db", PermissionError, connect) == "connection"
    for password in (NEW, "third"):
        database.password = password
        rotate(kept_in_memory, password)
        clock.now += 2
        assert helper.with_rotation("shop-db", PermissionError, connect) == "connection"
    assert database.attempts == 5


def test_wrong_password_is_still_an_error(
    kept_in_memory: Any, helper: ModuleType, calls: list[str], clock: Clock
) -> None:
    database = Database("something else")
    for _ in range(5):  # a storm of refusals doesn't become a storm of API calls
        with pytest.raises(PermissionError):
            helper.with_rotation(
                "shop-db", PermissionError, lambda: database.connect(helper.get_secret("shop-db", "password"))
            )
    assert database.attempts == 5
    assert calls.count("GetSecretValue") == 2
    clock.now += helper.FORCED
    with pytest.raises(PermissionError):
        helper.with_rotation(
            "shop-db", PermissionError, lambda: database.connect(helper.get_secret("shop-db", "password"))
        )
    assert calls.count("GetSecretValue") == 3


def test_other_errors_are_not_retried(kept_in_memory: Any, helper: ModuleType, calls: list[str]) -> None:
    def fail() -> None:
        raise KeyError("table")

    with pytest.raises(KeyError):
        helper.with_rotation("shop-db", PermissionError, fail)
    assert calls == []


def test_rotation_seen_by_another_thread(kept_in_memory: Any, helper: ModuleType, calls: list[str]) -> None:
    """The version changed while the call was under way: it is repeated without another read."""
    database = Database(NEW)
    helper.get_secret("shop-db", "password")
    stale = [OLD]

    def connect() -> str:
        password = stale.pop() if stale else helper.get_secret("shop-db", "password")
        if password == OLD:
            rotate(kept_in_memory)
            helper.refresh("shop-db")
            helper.get_secret("shop-db", "password")
        return database.connect(password)

    assert helper.with_rotation("shop-db", PermissionError, connect) == "connection"
    assert calls.count("GetSecretValue") == 2


def test_rotation_is_survived_by_what_is_awaited(
    kept_in_memory: Any, helper: ModuleType, calls: list[str], clock: Clock
) -> None:
    """The loop reads nothing itself: AWS is asked in other threads only."""
    database, readers = Database(OLD), set()
    real = helper._read

    def noted(secret: str) -> Any:
        readers.add(threading.get_ident())
        return real(secret)

    helper._read = noted  # type: ignore[attr-defined]

    async def connect() -> str:
        return database.connect(helper.get_secret("shop-db", "password"))

    async def serve() -> list[str]:
        first = await helper.with_rotation_async("shop-db", (KeyError, PermissionError), connect)
        database.password = NEW
        rotate(kept_in_memory)
        clock.now += 2
        second = await helper.with_rotation_async("shop-db", PermissionError, connect)
        database.password = "something else"
        clock.now += 2
        with pytest.raises(PermissionError):
            await helper.with_rotation_async("shop-db", PermissionError, connect)
        return [first, second]

    assert asyncio.run(serve()) == ["connection", "connection"]
    assert database.attempts == 4
    assert calls.count("GetSecretValue") == 3
    assert threading.get_ident() not in readers


def test_coroutines_read_in_a_thread(kept_in_memory: Any, helper: ModuleType, calls: list[str]) -> None:
    async def serve() -> list[str]:
        reads = [helper.get_secret_async("shop-db", "password") for _ in range(8)]
        return [*await asyncio.gather(*reads), await helper.get_secret_async("shop-db", "username", fresh=True)]

    assert asyncio.run(serve()) == [OLD] * 8 + ["shop_app"]
    assert calls.count("GetSecretValue") <= 2
