"""The emitted MySQL rotation (single user) against a real MariaDB and an emulated Secrets Manager."""

from __future__ import annotations

import logging
import re
import socket
import uuid
from collections.abc import Callable
from importlib import metadata
from types import ModuleType

import pytest

from hardcode_hunter.plugins import Rotation, load
from hardcode_hunter.rotations import sources
from tests.embedded.mariadb import EmbeddedMariaDB, account, literal
from tests.rotating_login import STEPS, Crash, Document, Recorder, RotatingLogin, crash_points, emitted, everything_said

pytest_plugins = ("tests.rotating_fixtures",)

NAME = "mysql-single-user"
ROTATION = load("rotations", Rotation)[NAME]
NewAccount = Callable[..., RotatingLogin]


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return emitted(NAME, tmp_path_factory.mktemp("package"))


@pytest.fixture
def function(module: ModuleType, watched: Callable[[ModuleType], None]) -> ModuleType:
    watched(module)
    return module


@pytest.fixture
def login(new_account: NewAccount, function: ModuleType) -> RotatingLogin:
    return new_account(function)


def _with_master(new_account: NewAccount, function: ModuleType, **keys: object) -> RotatingLogin:
    master = new_account(
        function, form=lambda d: {key: value for key, value in {**d, **keys}.items() if value is not None}
    )
    login = new_account(function, form=lambda d: {**d, "masterarn": master.arn})
    login.execute(f"GRANT CREATE USER, SELECT ON *.* TO {account(master.username)} WITH GRANT OPTION")
    login.execute(f"GRANT UPDATE ON mysql.* TO {account(master.username)}")
    return login


# ---------------------------------------------------------------- a rotation


def test_ten_rotations_leave_two_labels_and_only_the_newest_password(login: RotatingLogin) -> None:
    session = login.server.connect(user=login.username, password=login.value()["password"])
    used = {login.value()["password"]}
    for _ in range(10):
        old = login.value()["password"]
        assert login.finished(login.rotate(), old)
        used.add(login.value()["password"])
    assert len(used) == 11
    assert [password for password in used if login.accepts(password)] == [login.value()["password"]]
    cursor = session.cursor()
    cursor.execute("SELECT 1")  # a session that was open before the first rotation is not cut off
    assert cursor.fetchone() == (1,)
    session.close()


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
    before, token = login.value(), login.begin()
    if value != "none":
        login.put(token, "AWSPENDING")
    stages = login.stages()
    login.step("testSecret", token)
    assert (login.value(), login.stages()) == (before, stages)
    assert [sql for _, sql in login.recorder.statements] == ["SELECT 1"]
    login.server.change_password(login.username, uuid.uuid4().hex)
    with pytest.raises(ValueError, match="refuses the password"):
        login.step("testSecret", token)


@pytest.mark.parametrize("resumed", ["from createSecret", "from the step that died"])
def test_a_crash_anywhere_converges_with_the_same_token(
    new_account: NewAccount, function: ModuleType, recorder: Recorder, resumed: str
) -> None:
    new_account(function).rotate()
    whole, lost = list(recorder.events), []
    assert {"log in", "SET PASSWORD = …", *ROTATION.iam_actions} <= set(whole)
    for point in crash_points(whole):
        login = new_account(function)
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


def test_the_previous_password_is_a_way_in(login: RotatingLogin) -> None:
    first = login.value()["password"]
    login.rotate()
    current = login.value()["password"]
    login.server.change_password(login.username, first)  # the server was restored from a backup
    assert login.finished(login.rotate(), current)


@pytest.mark.parametrize("host", ["", "elsewhere.example.com"])
def test_a_master_changes_the_password_where_the_login_may_not(
    new_account: NewAccount, function: ModuleType, host: str
) -> None:
    login = _with_master(new_account, function, **({"host": host} if host else {}))
    old, token = login.value()["password"], login.begin()
    login.step("createSecret", token)
    if host:
        with pytest.raises(ValueError, match="names another host"):
            login.step("setSecret", token)
        return
    login.rotate(token)
    assert login.finished(token, old)
    [who] = {who for who, sql in login.recorder.statements if sql.startswith("SET PASSWORD")}
    assert who != login.username


def test_a_master_is_of_no_use_to_whoever_does_not_know_the_password(
    new_account: NewAccount, function: ModuleType
) -> None:
    login = _with_master(new_account, function)
    password = login.value()["password"]
    login.put(password="a guess")
    token = login.begin()
    login.step("createSecret", token)
    login.server.change_password(login.username, uuid.uuid4().hex)
    with pytest.raises(ValueError, match="refuses the passwords"):
        login.step("setSecret", token)
    assert not login.accepts(password) and not login.recorder.statements


def test_an_account_for_one_host_keeps_its_namesake_as_it_is(
    new_account: NewAccount, function: ModuleType, mariadb: EmbeddedMariaDB
) -> None:
    login = new_account(function)
    login.execute(f"CREATE USER {account(login.username, '10.0.0.1')} IDENTIFIED BY 'elsewhere'")
    before = mariadb.execute(f"SHOW CREATE USER {account(login.username, '10.0.0.1')}")
    login.rotate()
    assert mariadb.execute(f"SHOW CREATE USER {account(login.username, '10.0.0.1')}") == before
    login.execute(f"DROP USER {account(login.username, '10.0.0.1')}")


def test_the_actions_are_exactly_the_calls(new_account: NewAccount, function: ModuleType, recorder: Recorder) -> None:
    login = _with_master(new_account, function)
    login.step("testSecret", login.begin())
    for _ in range(2):
        login.rotate(next(iter(v for v, labels in login.stages().items() if "AWSPENDING" in labels), ""))
    assert recorder.operations() == set(ROTATION.iam_actions)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("step", ["setSecret", "testSecret", "finishSecret"])
@pytest.mark.parametrize("key", ["username", "host", "port"])
def test_a_pending_version_of_another_login_is_refused_before_any_connection(
    login: RotatingLogin, step: str, key: str
) -> None:
    token, before = login.begin(), login.value()
    other = {"username": "admin", "host": "localhost", "port": 1}[key]
    login.put(token, "AWSPENDING", **{key: other}, password=login.server.password)
    with pytest.raises(ValueError, match="username, host or port"):
        login.step(step, token)
    assert login.value() == before
    assert "log in" not in login.recorder.events


@pytest.mark.parametrize(
    "bad",
    [
        '["a password"]',
        "username=orders password=hunter-orders-2019",
        '{"password": "hunter-orders-2019", "host": "db"}',
        '{"password": "", "username": "orders", "host": "db"}',
        '{"password": ["hunter-orders-2019"], "username": "orders", "host": "db"}',
        '{"password": "hunter-orders-2019", "username": "u", "host": "db", "engine": "postgres"}',
        '{"password": "hunter-orders-2019", "username": "u", "host": "db", "port": 65536}',
    ],
)
def test_a_malformed_secret_is_refused_without_showing_it(login: RotatingLogin, bad: str) -> None:
    token = login.begin()
    login.secrets.put_secret_value(SecretId=login.arn, SecretString=bad)
    for step in ("createSecret", "testSecret"):
        with pytest.raises(ValueError, match="AWSCURRENT") as refused:
            login.step(step, token)
        assert "hunter-orders-2019" not in everything_said(refused.value)
    assert "log in" not in login.recorder.events


NAMES = ["o'brien", "a`b", "x'; DROP USER bystander; --", "back\\slash", "ünïcode 名前", "%s $1", "a@b", "x" * 80]
PASSWORDS = ["it's", 'a"b', "'; DROP USER bystander; --", "back\\'slash\\", "pässwörd 名前", "%s %%", "p" * 79, "2019"]


@pytest.mark.parametrize(("username", "password"), list(zip(NAMES, PASSWORDS, strict=True)))
def test_hostile_names_and_passwords(
    new_account: NewAccount, function: ModuleType, username: str, password: str
) -> None:
    bystander = new_account(function, "bystander")
    login = new_account(function, username, password)
    for _ in range(2):
        old = login.value()["password"]
        assert login.finished(login.rotate(), old)
    assert bystander.accepts(bystander.value()["password"])


@pytest.mark.parametrize("mode", ["ANSI_QUOTES,NO_BACKSLASH_ESCAPES", "ORACLE", ""])
def test_the_servers_sql_mode_changes_nothing(new_account: NewAccount, function: ModuleType, mode: str) -> None:
    [[before]] = new_account(function).server.execute("SELECT @@GLOBAL.sql_mode")
    login = new_account(function, "mode's \\`x`\"")
    login.server.execute(f"SET GLOBAL sql_mode = {literal(mode)}")
    try:
        old = login.value()["password"]
        assert login.finished(login.rotate(), old)
    finally:
        login.server.execute(f"SET GLOBAL sql_mode = {literal(before)}")


def test_no_password_in_logs_nor_in_the_servers(
    login: RotatingLogin, mariadb: EmbeddedMariaDB, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    passwords = {login.value()["password"]}
    start = len(mariadb.log.read_text(errors="replace"))
    for _ in range(2):
        login.rotate()
        passwords.add(login.value()["password"])
    servers = mariadb.log.read_text(errors="replace")[start:]
    assert re.search(r"SET PASSWORD = '\*[0-9A-F]{40}'", servers)
    assert login.arn in caplog.text
    assert not [password for password in passwords if password in caplog.text + servers]


def _refused(login: RotatingLogin) -> None:
    login.server.change_password(login.username, uuid.uuid4().hex)
    login.put(stage="AWSPREVIOUS", password="hunter-orders-2018")


def _no_such_database(login: RotatingLogin) -> None:
    login.put(dbname="nowhere")


def _nobody_listens(login: RotatingLogin) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        login.put(port=closed.getsockname()[1])


def _locked(login: RotatingLogin) -> None:
    login.execute("ALTER USER {login} ACCOUNT LOCK")


def _wants_tls(login: RotatingLogin) -> None:
    login.put(ssl=True)


FAILURES: dict[str, tuple[Callable[[RotatingLogin], None], str]] = {
    "refused": (_refused, "refuses the passwords in AWSPENDING, AWSCURRENT and AWSPREVIOUS"),
    "locked": (_locked, "refuses the passwords in AWSPENDING, AWSCURRENT and AWSPREVIOUS"),
    "no such database": (_no_such_database, "no connection to 127.0.0.1, port [0-9]+: error 10(44|49)"),
    "nobody listens": (_nobody_listens, "ConnectionRefusedError"),
    "the server has no TLS": (_wants_tls, "offers no TLS"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_an_error_says_what_failed_and_no_password(
    login: RotatingLogin, failure: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    old = login.value()["password"]
    prepare, message = FAILURES[failure]
    prepare(login)
    token = login.begin()
    login.step("createSecret", token)
    with pytest.raises(ValueError, match=f"setSecret of {login.arn}, version {token}: .*{message}") as told:
        login.step("setSecret", token)
    assert told.value.__cause__ is None and told.value.__context__ is None
    said = everything_said(told.value) + caplog.text
    values = [login.value(stage)["password"] for stage in ("AWSCURRENT", "AWSPENDING")]
    assert not [value for value in (old, *values, "hunter-orders-2018") if value in said]


FORMS: dict[str, Callable[[Document], Document]] = {
    "port as text": lambda d: {**d, "port": str(d["port"])},
    "no engine, ssl left open": lambda d: {key: d[key] for key in ("username", "password", "host", "port")},
    "numbers": lambda d: {**d, "username": int(d["username"]), "password": int(d["password"])},
    "Aurora, and keys of one's own": lambda d: {**d, "engine": "aurora-mysql", "pool": {"size": 5}},
}


@pytest.mark.parametrize("form", FORMS)
def test_the_forms_that_a_secret_comes_in(new_account: NewAccount, function: ModuleType, form: str) -> None:
    login = new_account(function, "20190401", "20190402", FORMS[form])
    before = login.value()
    assert login.finished(login.rotate(), "20190402")
    assert login.value() == {**before, "password": login.value()["password"]}


# ---------------------------------------------------------------- the package


@pytest.mark.parametrize("name", ["mysql-single-user", "mysql-alternating-users"])
def test_requirements_are_pinned_and_what_is_tested_here(name: str) -> None:
    rotation = load("rotations", Rotation)[name]
    assert set(sources(rotation)) == {"lambda_function.py", "mysql_login.py", "rotation_steps.py", "requirements.txt"}
    lines = sources(rotation)["requirements.txt"].decode().replace("\\\n", "").splitlines()
    [line] = [line for line in lines if line and not line.startswith("#")]
    assert re.fullmatch(r"pymysql==\S+\s+--hash=sha256:[0-9a-f]{64}", line)
    assert (line.split()[0],) == rotation.requirements
    assert f"pymysql=={metadata.version('pymysql')}" == line.split()[0]
    assert "Root-Is-Purelib: true" in (metadata.distribution("pymysql").read_text("WHEEL") or "")


def test_a_server_that_is_mysql_is_given_the_password_itself(module: ModuleType) -> None:
    """It hides passwords in its logs, and knows no hash of the plugin that it uses."""
    import sys

    expression = sys.modules["mysql_login"].password_expression
    assert expression("it's", False, "caching_sha2_password") == "'it''s'"
    assert expression("it's", True, "ed25519") == "PASSWORD('it''s')"
    # mysql_native_password of "password", as MySQL's documentation shows it
    assert expression("password", True, "mysql_native_password") == "'*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19'"
