"""The emitted Redis rotation against a real server and an emulated Secrets Manager."""

from __future__ import annotations

import logging
import socket
import sys
import threading
import uuid
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from hardcode_hunter.plugins import Rotation, load
from hardcode_hunter.rotations import sources
from tests.embedded.redis import EmbeddedRedis, digest, embedded_redis
from tests.rotating_login import STEPS, Crash, Recorder, RotatingLogin, crash_points, emitted, everything_said
from tests.tls_in_front import tls_in_front

pytest_plugins = ("tests.rotating_fixtures",)

NAME = "redis-acl"
ROTATION = load("rotations", Rotation)[NAME]
NewUser = Callable[..., RotatingLogin]


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return emitted(NAME, tmp_path_factory.mktemp("package"))


@pytest.fixture
def function(module: ModuleType, watched: Callable[[ModuleType], None]) -> ModuleType:
    watched(module)
    return module


@pytest.fixture
def login(new_user: NewUser, function: ModuleType) -> RotatingLogin:
    return new_user(function)


def _with_master(new_user: NewUser, function: ModuleType) -> RotatingLogin:
    """A user that may not change itself, and one that may change it."""
    master = new_user(function)
    login = new_user(function, form=lambda d: {**d, "masterarn": master.arn})
    login.server.execute("ACL", "SETUSER", login.username, "-@all", "+ping", "+get")  # type: ignore[call-arg]
    return login


# ---------------------------------------------------------------- a rotation


def test_ten_rotations_leave_two_labels_and_the_two_newest_passwords(login: RotatingLogin) -> None:
    passwords = [login.value()["password"]]
    for _ in range(10):
        token = login.rotate()
        passwords.append(login.value()["password"])
        assert sorted(map(tuple, login.stages().values())) == [("AWSCURRENT",), ("AWSPREVIOUS",)]
        assert login.stages()[token] == ["AWSCURRENT"]
        assert [login.accepts(p) for p in passwords[-3:]] == [False, True, True][-len(passwords) :]
    assert len(set(passwords)) == 11
    assert [p for p in passwords if login.accepts(p)] == passwords[-2:]


def test_a_client_that_reads_the_secret_once_per_rotation_is_never_refused(login: RotatingLogin) -> None:
    """It reconnects every 20 ms with what it knows, and learns of a rotation only some time after it."""
    known, stop, refused, connected = [login.value()["password"]], threading.Event(), list[str](), list[str]()

    def reconnect() -> None:
        while not stop.wait(0.02):
            (connected if login.accepts(known[-1]) else refused).append("")

    def connects_twice() -> None:
        enough = len(connected) + 2
        while len(connected) < enough and not refused and client.is_alive():
            stop.wait(0.005)

    client = threading.Thread(target=reconnect)
    client.start()
    try:
        for _ in range(10):
            login.rotate()
            connects_twice()
            known.append(login.value()["password"])
            connects_twice()
    finally:
        stop.set()
        client.join()
    assert refused == [] and len(connected) >= 40


def test_both_passwords_work_while_the_rotation_is_under_way(login: RotatingLogin) -> None:
    token, old = login.begin(), login.value()["password"]
    for step in STEPS:
        login.step(step, token)
        assert login.accepts(old)
        if step != "createSecret":
            assert login.accepts(login.value("AWSCURRENT" if step == "finishSecret" else "AWSPENDING")["password"])


def test_every_step_may_be_delivered_twice(login: RotatingLogin) -> None:
    token = login.begin()
    for step in STEPS:
        for _ in range(2):
            login.step(step, token)
    assert login.stages()[token] == ["AWSCURRENT"] and login.accepts(login.value()["password"])


@pytest.mark.parametrize("value", ["none", "a copy of the current one"])
def test_the_test_of_a_new_configuration_changes_nothing(login: RotatingLogin, value: str) -> None:
    before, token = login.value(), login.begin()
    if value != "none":
        login.put(token, "AWSPENDING")
    login.step("testSecret", token)
    assert login.value() == before and login.recorder.statements == []
    login.server.change_password(login.username, uuid.uuid4().hex)
    with pytest.raises(ValueError, match="refuses the password"):
        login.step("testSecret", token)


@pytest.mark.parametrize("resumed", ["from createSecret", "from the step that died"])
def test_a_crash_anywhere_converges_with_the_same_token(
    new_user: NewUser, function: ModuleType, recorder: Recorder, redis_server: EmbeddedRedis, resumed: str
) -> None:
    new_user(function).rotate()
    whole, lost = list(recorder.events), []
    assert {"log in", "ACL SETUSER", "ACL SAVE", *ROTATION.iam_actions} <= set(whole)
    for point in crash_points(whole):
        login = new_user(function)
        old, token = login.value()["password"], login.begin()
        recorder.events.clear()
        recorder.dies_after = point
        died = _die(login, token)
        assert recorder.events == whole[: point + 1]
        recorder.dies_after = None
        for step in STEPS[0 if resumed == "from createSecret" else STEPS.index(died) :]:
            login.step(step, token)
        new = login.value()["password"]
        kept = next(line for line in redis_server.users.read_text().splitlines() if f" {login.username} " in line)
        if not (login.stages()[token] == ["AWSCURRENT"] and login.accepts(new) and login.accepts(old)) or not {
            digest(old), digest(new)
        } <= set(kept.split()):  # fmt: skip
            lost.append(f"{died}, after {whole[point]}")
    assert lost == []


def _die(login: RotatingLogin, token: str) -> str:
    for step in STEPS:
        try:
            login.step(step, token)
        except Crash:
            return step
    pytest.fail("the rotation ended before the crash")


def test_the_previous_password_is_a_way_in(login: RotatingLogin) -> None:
    first = login.value()["password"]
    login.rotate()
    login.server.change_password(login.username, first)  # the server was restored from a backup
    login.rotate()
    assert login.accepts(login.value()["password"])


def test_a_master_changes_the_user_where_it_may_not(new_user: NewUser, function: ModuleType) -> None:
    login = _with_master(new_user, function)
    for _ in range(2):
        login.rotate()
        assert login.accepts(login.value()["password"])
    assert {who for who, command in login.recorder.statements if command.startswith("ACL")} != {login.username}
    rights = login.server.execute("ACL", "GETUSER", login.username)[5]  # type: ignore[call-arg]
    assert sorted(rights.split()) == ["+get", "+ping", "-@all"]


def test_a_master_is_of_no_use_to_whoever_does_not_know_the_password(new_user: NewUser, function: ModuleType) -> None:
    login = _with_master(new_user, function)
    login.put(password="a guess")
    login.put(stage="AWSPREVIOUS", password="another guess")
    token = login.begin()
    login.step("createSecret", token)
    with pytest.raises(ValueError, match="refuses the passwords"):
        login.step("setSecret", token)
    assert login.recorder.statements == []


def test_every_node_is_changed(new_user: NewUser, function: ModuleType) -> None:
    with embedded_redis(keeps_users=False) as second:
        login = new_user(function, form=lambda d: {**d, "nodes": [f"{second.host}:{second.port}"]})
        rules = ("reset", "on", digest(login.value()["password"]), "~*", "+@all")
        second.execute("ACL", "SETUSER", login.username, *rules)
        login.rotate()
        assert login.accepts(login.value()["password"]) and second.accepts(login.username, login.value()["password"])


def test_a_server_without_a_file_for_its_users_writes_them_into_its_configuration(
    new_user: NewUser, function: ModuleType, aws: Any
) -> None:
    with embedded_redis(keeps_users=False) as server:
        login = new_user(function, form=lambda d: {**d, "port": server.port})
        rules = ("reset", "on", digest(login.value()["password"]), "~*", "+@all")
        server.execute("ACL", "SETUSER", login.username, *rules)
        login.rotate()
        configuration = server.users.with_name("redis.conf").read_text()
        assert digest(login.value()["password"]) in configuration
        server.execute("ACL", "SETUSER", login.username, "-config")
        with pytest.raises(ValueError, match="CONFIG REWRITE failed: NoPermissionError"):
            login.rotate()


def test_the_actions_are_exactly_the_calls(new_user: NewUser, function: ModuleType, recorder: Recorder) -> None:
    login = _with_master(new_user, function)
    login.step("testSecret", login.begin())
    login.rotate(next(v for v, labels in login.stages().items() if "AWSPENDING" in labels))
    login.rotate()
    assert recorder.operations() == set(ROTATION.iam_actions)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("step", ["setSecret", "testSecret", "finishSecret"])
@pytest.mark.parametrize("key", ["username", "host", "port"])
def test_a_pending_version_of_another_login_is_refused_before_any_connection(
    login: RotatingLogin, step: str, key: str
) -> None:
    token, other = login.begin(), {"username": "admin", "host": "localhost", "port": 1}[key]
    login.put(token, "AWSPENDING", **{key: other}, password=login.server.password)
    with pytest.raises(ValueError, match="another username, host or port"):
        login.step(step, token)
    assert "log in" not in login.recorder.events


@pytest.mark.parametrize(
    "bad",
    [
        '["a password"]',
        "hunter-orders-2019",
        '{"password": "hunter-orders-2019"}',
        '{"password": "", "host": "db"}',
        '{"password": "hunter-orders-2019", "host": "db", "username": "u on nopass"}',
        '{"password": "hunter-orders-2019", "host": "db", "engine": "memcached"}',
        '{"password": "hunter-orders-2019", "host": "db", "nodes": "elsewhere"}',
    ],
)
def test_a_malformed_secret_is_refused_without_showing_it(login: RotatingLogin, bad: str) -> None:
    token = login.begin()
    login.secrets.put_secret_value(SecretId=login.arn, SecretString=bad)
    with pytest.raises(ValueError, match="AWSCURRENT") as refused:
        login.step("createSecret", token)
    assert "hunter-orders-2019" not in everything_said(refused.value)
    assert "log in" not in login.recorder.events


NAMES = ["o'brien", 'a"b', ">nopass", "#x", "back\\slash", "ünïcode名前", "%s", "x" * 300]
PASSWORDS = ["it's", 'a"b', "x on nopass", "> #", "back\\'slash\\", "pässwörd 名前", "\r\nFLUSHALL", "p" * 500]


@pytest.mark.parametrize(("username", "password"), list(zip(NAMES, PASSWORDS, strict=True)))
def test_hostile_names_and_passwords(new_user: NewUser, function: ModuleType, username: str, password: str) -> None:
    bystander, login = new_user(function, "bystander"), new_user(function, username, password)
    for _ in range(2):
        login.rotate()
        assert login.accepts(login.value()["password"]) and not login.accepts("a guess")
    assert bystander.accepts(bystander.value()["password"])


def test_no_password_in_logs_nor_in_what_the_server_is_sent(
    login: RotatingLogin, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    passwords = {login.value()["password"]}
    for _ in range(2):
        login.rotate()
        passwords.add(login.value()["password"])
    sent = " ".join(statement for _, statement in login.recorder.statements)
    assert "ACL SETUSER" in sent and login.arn in caplog.text
    assert not [password for password in passwords if password in caplog.text + sent]


def _refused(login: RotatingLogin) -> None:
    login.server.change_password(login.username, uuid.uuid4().hex)


def _nobody_listens(login: RotatingLogin) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        login.put(port=closed.getsockname()[1])


def _may_not(login: RotatingLogin) -> None:
    login.server.execute("ACL", "SETUSER", login.username, "-acl")  # type: ignore[call-arg]


def _wants_tls(login: RotatingLogin) -> None:
    login.put(ssl=True)


FAILURES: dict[str, tuple[Callable[[RotatingLogin], None], str]] = {
    "refused": (_refused, "refuses the passwords in AWSPENDING, AWSCURRENT and AWSPREVIOUS"),
    "nobody listens": (_nobody_listens, "ConnectionRefusedError"),
    "may not": (_may_not, "ACL SETUSER failed: NoPermissionError"),
    "the server has no TLS": (_wants_tls, "no connection to 127.0.0.1"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_an_error_says_what_failed_and_no_password(
    login: RotatingLogin, failure: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    if failure == "the server has no TLS":  # it waits for the rest of the line
        monkeypatch.setattr(sys.modules["redis_login"], "TIMEOUT_SECONDS", 0.5)
    old, (prepare, message) = login.value()["password"], FAILURES[failure]
    prepare(login)
    token = login.begin()
    login.step("createSecret", token)
    with pytest.raises(ValueError, match=f"setSecret of {login.arn}, version {token}: .*{message}") as told:
        login.step("setSecret", token)
    assert told.value.__cause__ is None and told.value.__context__ is None
    said = everything_said(told.value) + caplog.text
    values = [login.value(stage)["password"] for stage in ("AWSCURRENT", "AWSPENDING")]
    assert not [value for value in (old, *values) if value in said]


# ---------------------------------------------------------------- TLS


@pytest.mark.parametrize(("flag", "encrypted"), [(True, True), (None, True), (False, False)])
def test_the_ssl_key_chooses(
    login: RotatingLogin,
    redis_server: EmbeddedRedis,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
    flag: bool | None,
    encrypted: bool,
) -> None:
    if not encrypted:
        login.put(ssl=flag)
        login.rotate()
        return
    with tls_in_front((redis_server.host, redis_server.port), tmp_path, "127.0.0.1", at_once=True) as front:
        login.put(port=front.port, ssl=flag)
        with pytest.raises(ValueError, match="SSLCertVerificationError"):
            login.step("testSecret", token := login.begin())
        monkeypatch.setenv("DATABASE_CA_FILE", str(front.certificate_file))
        login.rotate(token)
        assert set(front.encrypted) == {True}


def test_a_server_that_speaks_no_tls_is_spoken_to_without_where_the_secret_leaves_it_open(
    login: RotatingLogin,
) -> None:
    login.put(ssl=None)
    login.rotate()
    assert login.accepts(login.value()["password"])


def test_requirements_are_pinned_and_what_is_tested_here() -> None:
    from importlib import metadata

    for name in (NAME, "elasticache-user"):
        rotation = load("rotations", Rotation)[name]
        assert set(sources(rotation)) >= {"lambda_function.py", "redis_login.py", "rotation_steps.py"}
        assert rotation.requirements == (f"redis=={metadata.version('redis')}",)
        assert rotation.requirements[0].encode() in sources(rotation)["requirements.txt"]
    assert "Root-Is-Purelib: true" in (metadata.distribution("redis").read_text("WHEEL") or "")
    assert "rotation_steps" in sys.modules
