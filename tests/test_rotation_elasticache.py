"""The emitted ElastiCache rotation: a double of its API changes a user of the real server."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from hardcode_hunter.plugins import Rotation, load
from tests.embedded.redis import EmbeddedRedis, digest
from tests.rotating_login import STEPS, Crash, Document, Recorder, RotatingLogin, crash_points, emitted

pytest_plugins = ("tests.rotating_fixtures",)

NewUser = Callable[..., RotatingLogin]


@pytest.fixture
def elasticache(
    tmp_path: Any,
    watched: Callable[[ModuleType], None],
    redis_server: EmbeddedRedis,
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    module = emitted("elasticache-user", tmp_path)
    watched(module)

    class Double:
        def __init__(self) -> None:
            self.calls, self.busy = list[str](), 0

        def describe_users(self, *, UserId: str) -> Document:
            self.calls.append("elasticache:DescribeUsers")
            recorder.saw("elasticache:DescribeUsers")
            status, self.busy = ("modifying", self.busy - 1) if self.busy else ("active", 0)
            return {"Users": [{"UserName": UserId.removeprefix("id-"), "Status": status}]}

        def modify_user(self, *, UserId: str, Passwords: list[str]) -> Document:
            self.calls.append("elasticache:ModifyUser")
            assert len(Passwords) == 2, "ElastiCache takes one or two passwords"
            rules = ("resetpass", *(digest(p) for p in Passwords))
            redis_server.execute("ACL", "SETUSER", UserId.removeprefix("id-"), *rules)
            self.busy = 2
            recorder.saw("elasticache:ModifyUser")
            return {}

    double = Double()
    monkeypatch.setattr(module, "elasticache", lambda: double)
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0)
    return module, double


def test_an_elasticache_user_has_two_passwords_in_turn(new_user: NewUser, elasticache: Any, recorder: Recorder) -> None:
    module, double = elasticache
    login = new_user(module, form=lambda d: {**d, "user_id": f"id-{d['username']}"})
    passwords = [login.value()["password"]]
    for _ in range(3):
        login.rotate()
        passwords.append(login.value()["password"])
        assert [login.accepts(p) for p in passwords[-2:]] == [True, True]
    rotation = load("rotations", Rotation)["elasticache-user"]
    assert {*recorder.operations(), *double.calls} == set(rotation.iam_actions)


def test_an_elasticache_user_of_another_name_is_not_changed(
    new_user: NewUser, elasticache: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, double = elasticache
    login = new_user(module, form=lambda d: {**d, "user_id": "id-bystander"})
    token = login.begin()
    login.step("createSecret", token)
    with pytest.raises(ValueError, match="has another name"):
        login.step("setSecret", token)
    monkeypatch.setenv("USER_IDS", "id-other")
    with pytest.raises(ValueError, match="none that this function serves"):
        login.step("setSecret", token)
    assert "elasticache:ModifyUser" not in double.calls


@pytest.mark.parametrize("resumed", ["from createSecret", "from the step that died"])
def test_a_crash_anywhere_converges_with_the_same_token(
    new_user: NewUser, elasticache: Any, recorder: Recorder, resumed: str
) -> None:
    """Repeated deliveries included: after a crash every step, or those from the one that died, comes again."""
    module, _ = elasticache

    def ready() -> RotatingLogin:
        login = new_user(module, form=lambda d: {**d, "user_id": f"id-{d['username']}"})
        recorder.events.clear()
        return login

    ready().rotate()
    whole, lost = list(recorder.events), []
    assert {"log in", "elasticache:ModifyUser", "secretsmanager:PutSecretValue"} <= set(whole)
    for point in crash_points(whole):
        login = ready()
        old, token = login.value()["password"], login.begin()
        recorder.dies_after = point
        died = _die(login, token)
        recorder.dies_after = None
        for step in STEPS[0 if resumed == "from createSecret" else STEPS.index(died) :]:
            for _ in range(2):
                login.step(step, token)
        both = [login.accepts(password) for password in (old, login.value()["password"])]
        if login.stages()[token] != ["AWSCURRENT"] or both != [True, True]:
            lost.append(f"{died}, after {whole[point]}")
    assert lost == []


def _die(login: RotatingLogin, token: str) -> str:
    for step in STEPS:
        try:
            login.step(step, token)
        except Crash:
            return step
    pytest.fail("the rotation ended before the crash")


def test_the_test_of_a_new_configuration_changes_nothing(new_user: NewUser, elasticache: Any) -> None:
    module, double = elasticache
    login = new_user(module, form=lambda d: {**d, "user_id": f"id-{d['username']}"})
    before = login.value()
    login.step("testSecret", login.begin())
    assert login.value() == before and "elasticache:ModifyUser" not in double.calls
