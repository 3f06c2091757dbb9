"""The emitted PostgreSQL rotation (single user) against a real server and an emulated Secrets Manager."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable
from types import ModuleType

import pytest

from hardcode_hunter.plugins import Rotation, load
from tests.embedded.aws import EmbeddedAws
from tests.rotating_login import STEPS, Crash, Document, Recorder, RotatingLogin, crash_points, emitted, everything_said

pytest_plugins = ("tests.rotating_fixtures",)

NAME = "postgresql-single-user"
ROTATION = load("rotations", Rotation)[NAME]
NewLogin = Callable[..., RotatingLogin]


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return emitted(NAME, tmp_path_factory.mktemp("package"))


@pytest.fixture
def function(module: ModuleType, watched: Callable[[ModuleType], None]) -> ModuleType:
    watched(module)
    return module


@pytest.fixture
def login(new_login: NewLogin, function: ModuleType) -> RotatingLogin:
    return new_login(function)


# ---------------------------------------------------------------- a rotation


def test_ten_rotations_leave_two_labels_and_only_the_newest_password(login: RotatingLogin) -> None:
    session = login.server.connect(user=login.username, password=login.value()["password"])
    unchanged = {key: value for key, value in login.value().items() if key != "password"}
    used = {login.value()["password"]}
    for _ in range(10):
        old = login.value()["password"]
        token = login.rotate()
        assert login.finished(token, old)
        assert {key: value for key, value in login.value().items() if key != "password"} == unchanged
        used.add(login.value()["password"])
    assert len(used) == 11
    assert [password for password in used if login.accepts(password)] == [login.value()["password"]]
    cursor = session.cursor()
    cursor.execute("SELECT session_user")  # a session that was open before the first rotation is not cut off
    assert cursor.fetchone() == [login.username]
    session.close()


def test_a_client_that_reads_the_secret_for_each_connection_is_refused_only_until_finish(login: RotatingLogin) -> None:
    token, allowed = login.begin(), {}
    for step in STEPS:
        login.step(step, token)
        allowed[step] = [stage for stage in ("AWSCURRENT", "AWSPENDING") if _works(login, stage)]
    assert allowed == {
        "createSecret": ["AWSCURRENT"],
        "setSecret": ["AWSPENDING"],
        "testSecret": ["AWSPENDING"],
        "finishSecret": ["AWSCURRENT"],
    }


def _works(login: RotatingLogin, stage: str) -> bool:
    return any(stage in labels for labels in login.stages().values()) and login.accepts(login.value(stage)["password"])


def test_every_step_may_be_delivered_twice(login: RotatingLogin) -> None:
    old, token = login.value()["password"], login.begin()
    for step in STEPS:
        login.step(step, token)
        pending = login.value("AWSPENDING" if step != "finishSecret" else "AWSCURRENT")
        login.step(step, token)
        assert login.value("AWSPENDING" if step != "finishSecret" else "AWSCURRENT") == pending
    login.rotate(token)
    assert login.finished(token, old)


@pytest.mark.parametrize("value", ["none", "a copy of the current one"])
def test_the_test_of_a_new_configuration_changes_nothing(login: RotatingLogin, value: str) -> None:
    """RotateImmediately false: testSecret alone, on a version that the service makes and removes again."""
    before, token = login.value(), login.begin()
    if value != "none":
        login.put(token, "AWSPENDING")
    stages = login.stages()
    login.step("testSecret", token)
    assert (login.value(), login.stages()) == (before, stages)
    assert login.accepts(before["password"])
    assert [sql for _, sql in login.recorder.statements] == ["SELECT 1"]
    if value == "none":
        login.rotate(token)
        assert login.finished(token, before["password"])
    login.server.change_password(login.username, uuid.uuid4().hex)
    with pytest.raises(ValueError, match="refuses the password"):
        login.step("testSecret", login.begin() if value == "none" else token)


# ---------------------------------------------------------------- crashes


@pytest.mark.parametrize("resumed", ["from createSecret", "from the step that died"])
def test_a_crash_anywhere_converges_with_the_same_token(
    new_login: NewLogin, function: ModuleType, recorder: Recorder, resumed: str
) -> None:
    def without_tls(document: Document) -> Document:  # asking the server for it takes time
        return {**document, "ssl": False}

    new_login(function, form=without_tls).rotate()
    whole, lost = list(recorder.events), []
    assert {"log in", "ALTER ROLE …", *ROTATION.iam_actions} <= set(whole)
    for point in crash_points(whole):
        login = new_login(function, form=without_tls)
        old, token = login.value()["password"], login.begin()
        recorder.events.clear()
        recorder.dies_after = point
        died = _die(login, token)
        assert recorder.events == whole[: point + 1]
        recorder.dies_after = None
        for step in STEPS[0 if resumed == "from createSecret" else STEPS.index(died) :]:
            login.step(step, token)
        if not login.finished(token, old):
            lost.append(f"{died}, after {whole[point]}")
    assert lost == []


def _die(login: RotatingLogin, token: str) -> str:
    for step in STEPS:
        try:
            login.step(step, token)
        except Crash:
            return step
    pytest.fail("the rotation ended before the crash")


def test_finish_finds_the_pending_label_gone(login: RotatingLogin) -> None:
    """The service takes AWSPENDING off by itself some time after AWSCURRENT has moved: it may be faster."""
    old, token = login.value()["password"], login.begin()
    for step in STEPS[:-1]:
        login.step(step, token)

    def faster(parsed: dict[str, object], **_: object) -> None:
        stage = {"VersionStage": "AWSPENDING", "RemoveFromVersionId": token}
        if "AWSPENDING" in login.stages()[token]:
            login.secrets.update_secret_version_stage(SecretId=login.arn, **stage)

    events = sys.modules["rotation_steps"].secrets_manager().meta.events
    events.register("after-call.secretsmanager.UpdateSecretVersionStage", faster)
    login.step("finishSecret", token)
    assert login.finished(token, old)


def test_the_previous_password_is_a_way_in(login: RotatingLogin) -> None:
    first = login.value()["password"]
    login.rotate()
    current = login.value()["password"]
    login.server.change_password(login.username, first)  # the server was restored from a backup
    token = login.rotate()
    assert login.finished(token, current)


def test_an_orphaned_password_is_told_and_changes_nothing(login: RotatingLogin) -> None:
    """Another token after a crash: the server has a password that no labelled version of the login holds."""
    login.server.change_password(login.username, uuid.uuid4().hex)
    login.put(stage="AWSPREVIOUS", username="postgres", password=login.server.password)
    token = login.begin()
    login.step("createSecret", token)
    before = login.stages()
    with pytest.raises(ValueError, match="refuses the passwords in AWSPENDING, AWSCURRENT and AWSPREVIOUS"):
        login.step("setSecret", token)
    assert login.stages() == before


# ---------------------------------------------------------------- what is refused


WRONG = {
    "token": (STEPS, "no such version"),
    "stage": (STEPS, "not labelled AWSPENDING"),
    "rotation": (STEPS, "rotation is not enabled"),
    "step": (("deleteSecret", "createsecret", ""), "no such step"),
}


@pytest.mark.parametrize(("wrong", "step"), [(wrong, step) for wrong, (steps, _) in WRONG.items() for step in steps])
def test_a_wrong_delivery_is_refused(login: RotatingLogin, wrong: str, step: str) -> None:
    token = login.rotate() if wrong == "stage" else login.begin()
    if wrong == "stage":
        login.rotate()  # now the first one is AWSPREVIOUS
    if wrong == "token":
        token = str(uuid.uuid4())
    if wrong == "rotation":
        login.secrets.cancel_rotate_secret(SecretId=login.arn)
    before = login.stages(), login.value()
    login.recorder.statements.clear()
    with pytest.raises(ValueError, match=WRONG[wrong][1]) as refused:
        login.step(step, token)
    assert step in str(refused.value) and login.arn in str(refused.value)
    assert (login.stages(), login.value()) == before
    assert login.recorder.statements == []


def test_a_secret_without_a_current_value_is_refused(function: ModuleType, aws: EmbeddedAws) -> None:
    secrets = aws.client("secretsmanager")
    arn = secrets.create_secret(Name="shell")["ARN"]
    token = str(uuid.uuid4())
    aws.enable_rotation(arn)
    aws.begin_rotation(arn, token)
    for step in STEPS:
        with pytest.raises(ValueError, match=r"no AWSCURRENT value|no value yet"):
            function.handler({"Step": step, "SecretId": arn, "ClientRequestToken": token}, None)
    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        secrets.get_secret_value(SecretId=arn)


@pytest.mark.parametrize("step", ["setSecret", "finishSecret"])
def test_a_pending_version_without_a_value_is_never_promoted(login: RotatingLogin, step: str) -> None:
    token, before = login.begin(), login.value()
    with pytest.raises(ValueError, match="createSecret comes first"):
        login.step(step, token)
    assert login.value() == before


@pytest.mark.parametrize("step", ["setSecret", "testSecret", "finishSecret"])
@pytest.mark.parametrize("key", ["username", "host", "port"])
def test_a_pending_version_of_another_login_is_refused_before_any_connection(
    login: RotatingLogin, step: str, key: str
) -> None:
    token, before = login.begin(), login.value()
    other = {"username": "postgres", "host": "localhost", "port": 1}[key]
    login.put(token, "AWSPENDING", **{key: other}, password=login.server.password)
    with pytest.raises(ValueError, match="names a username, host or port"):
        login.step(step, token)
    assert login.value() == before
    assert "log in" not in login.recorder.events


BAD_VALUES = {
    "no object": '["a password"]',
    "no JSON": "username=orders password=hunter-orders-2019",
    "no username": '{"password": "hunter-orders-2019", "host": "db"}',
    "no host": '{"password": "hunter-orders-2019", "username": "orders"}',
    "empty password": '{"password": "", "username": "orders", "host": "db"}',
    "password is a list": '{"password": ["hunter-orders-2019"], "username": "orders", "host": "db"}',
    "username is a boolean": '{"password": "hunter-orders-2019", "username": true, "host": "db"}',
    "NUL in the username": '{"password": "hunter-orders-2019", "username": "u\\u0000options", "host": "db"}',
    "another engine": '{"password": "hunter-orders-2019", "username": "u", "host": "db", "engine": "mysql"}',
    "port is a name": '{"password": "hunter-orders-2019", "username": "u", "host": "db", "port": "postgresql"}',
    "port out of range": '{"password": "hunter-orders-2019", "username": "u", "host": "db", "port": 65536}',
    "64 bytes of username": json.dumps({"password": "hunter-orders-2019", "username": "é" * 32, "host": "db"}),
}


@pytest.mark.parametrize("bad", BAD_VALUES)
def test_a_malformed_secret_is_refused_without_showing_it(login: RotatingLogin, bad: str) -> None:
    token = login.begin()
    login.secrets.put_secret_value(SecretId=login.arn, SecretString=BAD_VALUES[bad])
    for step in ("createSecret", "testSecret"):
        with pytest.raises(ValueError, match="AWSCURRENT") as refused:
            login.step(step, token)
        assert "hunter-orders-2019" not in everything_said(refused.value)
    assert "log in" not in login.recorder.events


# ---------------------------------------------------------------- hostile input

NAMES = [
    "o'brien",
    'a"b',
    'x"; DROP ROLE bystander; --',
    "back\\slash",
    "ünïcode 名前",
    ":name $1 %s $$",
    "x" * 63,
    "2019",
]
PASSWORDS = [
    "it's",
    'a"b',
    "'; DROP ROLE bystander; --",
    "back\\'slash\\",
    "pässwörd 名前",
    ":p $1 %s $$",
    "p" * 500,
    "2019",
]


@pytest.mark.parametrize(("username", "password"), list(zip(NAMES, PASSWORDS, strict=True)))
def test_hostile_names_and_passwords(new_login: NewLogin, function: ModuleType, username: str, password: str) -> None:
    bystander = new_login(function, "bystander")
    login = new_login(function, username, password)
    for _ in range(2):
        old = login.value()["password"]
        assert login.finished(login.rotate(), old)
    assert bystander.accepts(bystander.value()["password"])


FORMS: dict[str, Callable[[Document], Document]] = {
    "port as text": lambda d: {**d, "port": str(d["port"])},
    "no dbname, no engine": lambda d: {key: d[key] for key in ("username", "password", "host", "port")},
    "null and empty": lambda d: {**d, "dbname": None, "engine": ""},
    "numbers": lambda d: {**d, "username": int(d["username"]), "password": int(d["password"])},
    "ssl as text": lambda d: {**d, "ssl": "False"},
    "ssl that says nothing": lambda d: {**d, "ssl": "perhaps"},
    "Aurora, and keys of one's own": lambda d: {**d, "engine": "aurora-postgresql", "pool": {"size": 5}},
}


@pytest.mark.parametrize("form", FORMS)
def test_the_forms_that_a_secret_comes_in(new_login: NewLogin, function: ModuleType, form: str) -> None:
    login = new_login(function, "20190401", "20190402", FORMS[form])
    before = login.value()
    assert login.finished(login.rotate(), "20190402")
    assert login.value() == {**before, "password": login.value()["password"]}
