"""The emitted PostgreSQL rotation: its rights, what it may say, how it logs in, and what its package holds."""

from __future__ import annotations

import base64
import logging
import re
import socket
import sys
import uuid
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

from hardcode_hunter.plugins import Rotation, load
from hardcode_hunter.rotations import sources
from tests.embedded.postgres import EmbeddedPostgres, identifier, literal
from tests.rotating_login import STEPS, Recorder, RotatingLogin, emitted, everything_said
from tests.tls_in_front import TlsInFront, tls_in_front

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


# ---------------------------------------------------------------- rights


def test_the_actions_are_exactly_the_calls(new_login: NewLogin, function: ModuleType, recorder: Recorder) -> None:
    """Every path: plain, test first, the previous password, a master, and what an earlier delivery left."""
    login = _with_master(new_login, function)
    login.step("testSecret", login.begin())
    for _ in range(2):
        login.rotate(next(iter(v for v, labels in login.stages().items() if "AWSPENDING" in labels), ""))
    login.server.change_password(login.username, login.value("AWSPREVIOUS")["password"])
    login.rotate()
    assert recorder.operations() == set(ROTATION.iam_actions)


# ---------------------------------------------------------------- the master


def _with_master(new_login: NewLogin, function: ModuleType, **keys: object) -> RotatingLogin:
    master = new_login(
        function, form=lambda d: {key: value for key, value in {**d, **keys}.items() if value is not None}
    )
    login = new_login(function, form=lambda d: {**d, "masterarn": master.arn})
    login.server.execute(f"ALTER ROLE {identifier(master.username)} CREATEROLE")
    login.server.execute(f"GRANT {identifier(login.username)} TO {identifier(master.username)} WITH ADMIN OPTION")
    return login


def test_a_master_changes_the_password_where_the_login_may_not(new_login: NewLogin, function: ModuleType) -> None:
    login = _with_master(new_login, function)
    old = login.value()["password"]
    assert login.finished(login.rotate(), old)
    [who] = {who for who, sql in login.recorder.statements if sql.startswith("ALTER ROLE")}
    assert who != login.username
    assert login.value()["masterarn"]


def test_a_master_is_of_no_use_to_whoever_does_not_know_the_password(new_login: NewLogin, function: ModuleType) -> None:
    login = _with_master(new_login, function)
    password = login.value()["password"]
    login.put(password="a guess")
    token = login.begin()
    login.step("createSecret", token)
    login.server.change_password(login.username, uuid.uuid4().hex)
    with pytest.raises(ValueError, match="refuses the passwords"):
        login.step("setSecret", token)
    assert not login.accepts(password) and not login.recorder.statements


@pytest.mark.parametrize(
    ("host", "variable", "message"),
    [
        ("elsewhere.example.com", "", "another host"),
        ("elsewhere.example.com", "127.0.0.1", "another host"),
        (None, "", "'host'"),
        (None, "127.0.0.1", ""),
    ],
)
def test_a_master_belongs_to_the_same_server(
    new_login: NewLogin,
    function: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    host: str | None,
    variable: str,
    message: str,
) -> None:
    monkeypatch.setenv("MASTER_HOST", variable)
    login = _with_master(new_login, function, host=host)
    old, token = login.value()["password"], login.begin()
    login.step("createSecret", token)
    if message:
        with pytest.raises(ValueError, match=message):
            login.step("setSecret", token)
        assert login.accepts(old)
    else:
        login.rotate(token)
        assert login.finished(token, old)


def test_the_masters_secret_says_whether_the_master_needs_tls(new_login: NewLogin, function: ModuleType) -> None:
    """Whoever may write the login's secret must not have the master log in without TLS."""
    login = _with_master(new_login, function, ssl=True)
    login.put(ssl=False)
    token = login.begin()
    login.step("createSecret", token)
    with pytest.raises(ValueError, match="the server offers no TLS"):
        login.step("setSecret", token)


# ---------------------------------------------------------------- settings of the server

SETTINGS = {
    "acts as another role": "ALTER ROLE {login} SET role TO pg_read_all_data",
    "reads only": "ALTER ROLE {login} SET default_transaction_read_only TO on",
    "old string syntax": "ALTER ROLE {login} SET standard_conforming_strings TO off",
    "own search path": "ALTER ROLE {login} SET search_path TO nowhere",
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_of_the_role_do_not_stand_in_the_way(login: RotatingLogin, setting: str) -> None:
    name = identifier(login.username)
    login.server.execute(f"GRANT pg_read_all_data TO {name}")
    login.server.execute(SETTINGS[setting].format(login=name))
    old = login.value()["password"]
    assert login.finished(login.rotate(), old)


def test_the_verifier_is_what_the_server_itself_would_store(
    module: ModuleType, postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = sys.modules["postgresql_login"]
    for encryption in ("scram-sha-256", "md5"):
        with postgres.connect() as connection:
            cursor = connection.cursor()
            cursor.execute(f"SET password_encryption TO {literal(encryption)}")
            cursor.execute("CREATE ROLE verified LOGIN PASSWORD 'pencil'")
        [[stored]] = postgres.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'verified'")
        postgres.execute("DROP ROLE verified")
        salt = base64.b64decode(stored.partition(":")[2].partition("$")[0])
        monkeypatch.setattr(server.os, "urandom", lambda size, salt=salt: salt)
        assert server.password_verifier("verified", "pencil", encryption) == stored


def test_a_server_that_stores_md5_is_given_md5(login: RotatingLogin) -> None:
    """Its clients may know nothing newer. The test server admits SCRAM alone, so only what it stored is looked at."""
    login.server.execute(f"ALTER ROLE {identifier(login.username)} SET password_encryption TO 'md5'")
    token = login.begin()
    login.step("createSecret", token)
    login.step("setSecret", token)
    [[stored]] = login.server.execute(f"SELECT rolpassword FROM pg_authid WHERE rolname = {literal(login.username)}")
    verifier = sys.modules["postgresql_login"].password_verifier
    assert stored == verifier(login.username, login.value("AWSPENDING")["password"], "md5")


# ---------------------------------------------------------------- what may be said


def test_no_password_in_logs_nor_in_the_servers(login: RotatingLogin, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("boto3", "botocore", "urllib3"):
        assert not logging.getLogger(f"{name}.any").isEnabledFor(logging.DEBUG)
    login.server.execute(f"ALTER ROLE {identifier(login.username)} SET log_statement TO 'all'")
    passwords = {login.value()["password"]}
    for _ in range(2):
        login.rotate()
        passwords.add(login.value()["password"])
    [[data]] = login.server.execute("SHOW data_directory")
    servers = Path(data).with_name("log").read_text(errors="replace")
    assert re.search(r"ALTER ROLE .* PASSWORD 'SCRAM-SHA-256\$4096:", servers)
    assert login.arn in caplog.text
    assert not [password for password in passwords if password in caplog.text + servers]


def _refused(login: RotatingLogin, new_login: NewLogin) -> None:
    login.server.change_password(login.username, uuid.uuid4().hex)
    login.put(stage="AWSPREVIOUS", password="hunter-orders-2018")


def _no_such_database(login: RotatingLogin, new_login: NewLogin) -> None:
    login.put(dbname="nowhere")


def _nobody_listens(login: RotatingLogin, new_login: NewLogin) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        login.put(port=closed.getsockname()[1])


def _another_protocol(login: RotatingLogin, new_login: NewLogin) -> None:
    login.put(port=login.aws.endpoint_url.rpartition(":")[2], ssl=False)


def _master_without_rights(login: RotatingLogin, new_login: NewLogin) -> None:
    login.put(masterarn=new_login(login.function).arn)


FAILURES: dict[str, tuple[Callable[[RotatingLogin, NewLogin], None], str]] = {
    "refused": (_refused, "refuses the passwords in AWSPENDING, AWSCURRENT and AWSPREVIOUS"),
    "no such database": (_no_such_database, "no connection to 127.0.0.1, port [0-9]+: SQLSTATE 3D000"),
    "nobody listens": (_nobody_listens, "ConnectionRefusedError"),
    "another protocol": (_another_protocol, "TimeoutError"),
    "master without rights": (_master_without_rights, "ALTER ROLE failed: SQLSTATE 42501"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_an_error_says_what_failed_and_no_password(
    login: RotatingLogin,
    new_login: NewLogin,
    failure: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    if failure == "another protocol":  # that server waits for the rest of a request
        monkeypatch.setattr(sys.modules["postgresql_login"], "TIMEOUT_SECONDS", 0.5)
    old = login.value()["password"]
    prepare, message = FAILURES[failure]
    prepare(login, new_login)
    token = login.begin()
    login.step("createSecret", token)
    stages = login.stages()
    with pytest.raises(ValueError, match=f"setSecret of {login.arn}, version {token}: .*{message}") as told:
        login.step("setSecret", token)
    assert told.value.__cause__ is None and told.value.__context__ is None
    said = everything_said(told.value) + caplog.text
    values = [login.value(stage)["password"] for stage in ("AWSCURRENT", "AWSPENDING")]
    assert not [value for value in (old, *values, "hunter-orders-2018") if value in said]
    assert login.stages() == stages


def test_an_error_of_secrets_manager_is_told_by_operation_and_code(
    login: RotatingLogin, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = login.begin()
    with pytest.raises(ValueError, match="DescribeSecret failed with ResourceNotFoundException"):
        login.function.handler({"Step": STEPS[0], "SecretId": login.arn + "x", "ClientRequestToken": token}, None)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("SECRETS_MANAGER_ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        sys.modules["rotation_steps"].secrets_manager.cache_clear()
        with pytest.raises(ValueError, match="could not be called: EndpointConnectionError"):
            login.step(STEPS[0], token)


def test_a_login_is_printed_without_its_password(login: RotatingLogin) -> None:
    password = login.value()["password"]
    steps, server = sys.modules["rotation_steps"], sys.modules["postgresql_login"]
    read = server.current_login(steps.secrets_manager(), login.arn)
    assert read.password == password
    assert password not in f"{read} {read!r}"


# ---------------------------------------------------------------- TLS


@pytest.fixture
def front(postgres: EmbeddedPostgres, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[TlsInFront]:
    with tls_in_front((postgres.host, postgres.port), tmp_path, getattr(request, "param", "127.0.0.1")) as front:
        yield front


@pytest.mark.parametrize(("flag", "encrypted"), [(True, True), (None, True), (False, False)])
def test_the_ssl_key_chooses(
    login: RotatingLogin, front: TlsInFront, monkeypatch: pytest.MonkeyPatch, flag: bool | None, encrypted: bool
) -> None:
    monkeypatch.setenv("DATABASE_CA_FILE", str(front.certificate_file))
    login.put(port=front.port, ssl=flag)
    old = login.value()["password"]
    assert login.finished(login.rotate(), old)
    assert set(front.encrypted) == {encrypted}


@pytest.mark.parametrize("flag", [True, None])
@pytest.mark.parametrize(("front", "trusted"), [("127.0.0.1", False), ("db.example.com", True)], indirect=["front"])
def test_a_certificate_that_cannot_be_verified_is_no_reason_to_do_without(
    login: RotatingLogin, front: TlsInFront, monkeypatch: pytest.MonkeyPatch, flag: bool | None, trusted: bool
) -> None:
    if trusted:
        monkeypatch.setenv("DATABASE_CA_FILE", str(front.certificate_file))
    login.put(port=front.port, ssl=flag)
    with pytest.raises(ValueError, match="SSLCertVerificationError"):
        login.step("testSecret", login.begin())
    assert front.encrypted == []


def test_a_server_without_tls_is_refused_where_the_secret_wants_it(login: RotatingLogin) -> None:
    login.put(ssl="true")
    with pytest.raises(ValueError, match="the server offers no TLS"):
        login.step("testSecret", login.begin())


# ---------------------------------------------------------------- new passwords


@pytest.mark.parametrize(
    ("settings", "pattern"),
    [
        ({}, r"[A-Za-z0-9,\-.=^_]{32}"),
        ({"PASSWORD_LENGTH": "64", "EXCLUDE_PUNCTUATION": "true"}, "[A-Za-z0-9]{64}"),
        ({"EXCLUDE_NUMBERS": "true", "EXCLUDE_LOWERCASE": "True", "EXCLUDE_CHARACTERS": "-_"}, "[^-_0-9a-z]{32}"),
    ],
)
def test_new_passwords_keep_to_the_settings(
    login: RotatingLogin, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], pattern: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    old = login.value()["password"]
    assert login.finished(login.rotate(), old)
    assert re.fullmatch(pattern, login.value()["password"])


# ---------------------------------------------------------------- the package


def test_the_description_agrees_with_the_function(module: ModuleType) -> None:
    steps, server = sys.modules["rotation_steps"], sys.modules["postgresql_login"]
    assert ROTATION.exclude_characters == steps.EXCLUDE_CHARACTERS
    assert callable(getattr(module, ROTATION.handler.partition(".")[2]))
    required = dict.fromkeys(ROTATION.required_keys, "1")
    assert server.login_of(steps.Version("", "AWSCURRENT", required)).username == "1"
    for key in required:
        with pytest.raises(ValueError, match=key):
            server.login_of(steps.Version("", "AWSCURRENT", {**required, key: None}))


def test_requirements_are_pinned_complete_and_what_is_tested_here() -> None:
    """Everything a requirement requires is pinned too, by version and hash, but for what the Lambda runtime carries."""
    lines = sources(ROTATION)["requirements.txt"].decode().replace("\\\n", "").splitlines()
    pinned = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"\S+==\S+(\s+--hash=sha256:[0-9a-f]{64})+", line) for line in pinned)
    assert tuple(line.split()[0] for line in pinned) == ROTATION.requirements
    names = {requirement.partition("==")[0] for requirement in ROTATION.requirements}
    for requirement in ROTATION.requirements:
        name, _, version = requirement.partition("==")
        assert metadata.version(name) == version
        for needed in metadata.requires(name) or ():
            assert ";" in needed or re.match(r"[\w.-]+", needed)[0] in names  # type: ignore[index]
        wheel = metadata.distribution(name).read_text("WHEEL") or ""
        assert "Root-Is-Purelib: true" in wheel


def test_the_files_are_emitted_as_they_are_packaged() -> None:
    package = Path(__file__).parents[1] / "hardcode_hunter" / "rotations" / ROTATION.directory
    emitted_files = sources(ROTATION)
    assert set(emitted_files) == {"lambda_function.py", "postgresql_login.py", "requirements.txt", "rotation_steps.py"}
    for name, content in emitted_files.items():
        home = package.with_name("parts") if name in ROTATION.parts else package
        assert (home / name).read_bytes() == content
