"""The emitted PostgreSQL rotation (alternating users) against a real server and an emulated Secrets Manager."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import pytest

from hardcode_hunter.plugins import Rotation, load
from hardcode_hunter.rotations import sources
from tests.embedded.postgres import literal
from tests.rotating_alternating import ask, master_of, session_of, with_master, works
from tests.rotating_login import STEPS, Crash, Recorder, RotatingLogin, crash_points, emitted

pytest_plugins = ("tests.rotating_fixtures",)

NAME = "postgresql-alternating-users"
ROTATIONS = load("rotations", Rotation)
NewLogin = Callable[..., RotatingLogin]


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return emitted(NAME, tmp_path_factory.mktemp("package"))


@pytest.fixture
def function(module: ModuleType, watched: Callable[[ModuleType], None]) -> ModuleType:
    watched(module)
    return module


@pytest.fixture
def alternating(new_login: NewLogin, function: ModuleType) -> NewLogin:
    """``alternating(username)``: a login with a master that is no superuser."""
    return partial(with_master, new_login, function)


# ---------------------------------------------------------------- a rotation


def test_ten_rotations_alternate_and_the_credential_before_goes_on_working(alternating: NewLogin) -> None:
    login = alternating()
    names, credentials = [login.value()["username"]], [login.value()]
    for _ in range(10):
        token = login.rotate()
        credentials.append(login.value())
        names.append(login.value()["username"])
        assert sorted(map(tuple, login.stages().values())) == [("AWSCURRENT",), ("AWSPREVIOUS",)]
        assert login.stages()[token] == ["AWSCURRENT"]
        assert [works(login, c) for c in credentials[-3:]] == [False, True, True][-len(credentials) :]
        assert {k: v for k, v in login.value().items() if k not in ("username", "password")} == {
            k: v for k, v in credentials[0].items() if k not in ("username", "password")
        }
    assert names == [login.username, f"{login.username}_clone"] * 5 + [login.username]


def test_a_client_that_reads_the_secret_once_per_rotation_is_never_refused(alternating: NewLogin) -> None:
    """It reconnects every 20 ms with what it knows, and learns of a rotation only some time after it."""
    login = alternating()
    known, stop, refused, connected = [login.value()], threading.Event(), list[str](), list[str]()

    def reconnect() -> None:
        while not stop.wait(0.02):
            credential = known[-1]
            (connected if works(login, credential) else refused).append(credential["username"])

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
            known.append(login.value())
            connects_twice()
    finally:
        stop.set()
        client.join()
    assert refused == []
    assert set(connected) == {login.username, f"{login.username}_clone"}


@pytest.mark.parametrize("value", ["none", "a copy of the current one"])
def test_the_test_of_a_new_configuration_changes_nothing(alternating: NewLogin, value: str) -> None:
    login = alternating()
    before, token = login.value(), login.begin()
    if value != "none":
        login.put(token, "AWSPENDING")
    login.step("testSecret", token)
    assert [sql for _, sql in login.recorder.statements] == ["SELECT 1"]
    assert login.value() == before and works(login, before)


@pytest.mark.parametrize("earlier", [0, 1])
def test_a_crash_anywhere_converges_with_the_same_token(
    alternating: NewLogin, recorder: Recorder, earlier: int
) -> None:
    def ready() -> RotatingLogin:
        login = alternating()
        login.execute("ALTER ROLE {login} SET search_path TO orders, public")
        for _ in range(earlier):
            login.rotate()
        recorder.events.clear()
        return login

    ready().rotate()
    whole, lost = list(recorder.events), []
    assert {"log in", "ALTER ROLE … LOGIN", *ROTATIONS[NAME].iam_actions} <= set(whole)
    for point in crash_points(whole):
        login = ready()
        old, token = login.value(), login.begin()
        recorder.dies_after = point
        died = _die(login, token)
        recorder.dies_after = None
        assert recorder.events == whole[: point + 1]
        for step in STEPS:
            login.step(step, token)
        converged = login.stages()[token] == ["AWSCURRENT"] and works(login, old) and _acts_as_first(login)
        if not converged or sorted(map(tuple, login.stages().values())) != [("AWSCURRENT",), ("AWSPREVIOUS",)]:
            lost.append(f"{died}, after {whole[point]}")
    assert lost == []


def _die(login: RotatingLogin, token: str) -> str:
    for step in STEPS:
        try:
            login.step(step, token)
        except Crash:
            return step
    pytest.fail("the rotation ended before the crash")


def _acts_as_first(login: RotatingLogin) -> bool:
    session = session_of(login)
    [[who, path]] = ask(session, "SELECT current_user, current_setting('search_path')")
    session.close()
    return (who, path) == (login.username, "orders, public")


# ---------------------------------------------------------------- one owner


def test_both_logins_are_one_owner(alternating: NewLogin) -> None:
    """Tables, later grants, row security and ``$user``, after ``DISCARD ALL``, before and after each of four swaps."""
    login = alternating()
    login.execute("CREATE SCHEMA {login} AUTHORIZATION {login}")
    login.execute("CREATE TABLE {login}.notes (owner name DEFAULT current_user, note text)")
    login.execute("ALTER TABLE {login}.notes ENABLE ROW LEVEL SECURITY")
    login.execute("CREATE POLICY own ON {login}.notes USING (owner = current_user)")
    login.execute("GRANT SELECT, INSERT ON {login}.notes TO {login}")
    for swap in range(5):
        session = session_of(login)
        ask(session, "DISCARD ALL")
        ask(session, f"CREATE TABLE made_{swap} (n int)")  # in the schema that "$user" names
        login.execute(f"CREATE TABLE {{login}}.later_{swap} AS SELECT 1 AS n")
        login.execute(f"GRANT SELECT ON {{login}}.later_{swap} TO {{login}}")
        for earlier in range(swap + 1):
            ask(session, f"INSERT INTO made_{earlier} VALUES (1)")
            ask(session, f"ALTER TABLE made_{earlier} ADD COLUMN after_{swap} text")
            assert ask(session, f"SELECT n FROM later_{earlier}") == [[1]]
        ask(session, "INSERT INTO notes (note) VALUES ('mine')")
        assert ask(session, "SELECT count(*) FROM notes") == [[swap + 1]]
        session.close()
        login.rotate()
    owners = login.server.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE tablename LIKE 'made_%'")
    assert owners == [[login.username]]
    login.execute("DROP SCHEMA {login} CASCADE")


SETTINGS = {
    "search_path": """ '$user', orders, public""",
    "default_transaction_read_only": "on",
    "statement_timeout": "'7s'",
    "orders.tenant": "'it''s; one\\two'",
    "role": "pg_read_all_data",
}


def test_the_first_logins_settings_hold_for_the_clone(alternating: NewLogin) -> None:
    login = alternating()
    login.execute(f"ALTER ROLE {master_of(login)} SUPERUSER")  # for a setting that no extension has declared
    login.execute("GRANT pg_read_all_data TO {login}")
    for name, value in SETTINGS.items():
        login.execute(f"ALTER ROLE {{login}} SET {name} TO {value}")
    login.execute("ALTER ROLE {login} IN DATABASE postgres SET application_name TO 'orders here'")
    login.execute("ALTER ROLE {login} IN DATABASE template1 SET lock_timeout TO '9s'")
    asked = ", ".join(f"current_setting({literal(name)})" for name in (*SETTINGS, "application_name", "lock_timeout"))
    seen = []
    for _ in range(3):
        session = session_of(login)
        seen += ask(session, f"SELECT {asked}, current_user")
        session.close()
        login.rotate()
    assert (
        seen
        == [
            [
                '"$user", orders, public',
                "on",
                "7s",
                "it's; one\\two",
                "pg_read_all_data",
                "orders here",
                "0",
                "pg_read_all_data",
            ]
        ]
        * 3
    )


def test_settings_of_the_master_do_not_stand_in_the_way(alternating: NewLogin) -> None:
    login = alternating()
    login.execute(f"GRANT pg_read_all_data TO {master_of(login)}")
    login.execute(f"ALTER ROLE {master_of(login)} SET role TO pg_read_all_data")
    login.execute(f"ALTER ROLE {master_of(login)} SET default_transaction_read_only TO on")
    for _ in range(2):
        login.rotate()
        assert works(login, login.value())


def test_a_setting_that_the_master_may_not_copy_is_told(alternating: NewLogin) -> None:
    login = alternating()
    login.execute("ALTER ROLE {login} SET orders.tenant TO 'two'")
    token = login.begin()
    login.step("createSecret", token)
    with pytest.raises(ValueError, match=r"copying the setting orders.tenant failed: SQLSTATE 42501"):
        login.step("setSecret", token)
    assert works(login, login.value())


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "username", ["o'brien", 'a"b', 'x"; DROP ROLE bystander; --', "back\\slash", "ünïcode", ":n $1", "x" * 57]
)
def test_hostile_names(alternating: NewLogin, new_login: NewLogin, function: ModuleType, username: str) -> None:
    bystander, login = new_login(function, "bystander"), alternating(username)
    for expected in (f"{username}_clone", username):
        login.rotate()
        assert login.value()["username"] == expected and works(login, login.value())
    assert works(bystander, bystander.value())


def test_a_name_that_leaves_no_room_for_its_clone_is_refused(alternating: NewLogin) -> None:
    login = alternating("x" * 58)
    with pytest.raises(ValueError, match="63 bytes"):
        login.step("createSecret", login.begin())


def test_a_secret_without_a_master_is_refused(new_login: NewLogin, function: ModuleType) -> None:
    login = new_login(function)
    with pytest.raises(ValueError, match="'masterarn' in AWSCURRENT is absent"):
        login.step("createSecret", login.begin())


@pytest.mark.parametrize("step", ["setSecret", "testSecret", "finishSecret"])
@pytest.mark.parametrize("other", [{"username": "postgres"}, {"host": "localhost"}, {"port": 1}, {}], ids=str)
def test_a_pending_version_that_is_not_the_alternate_is_refused(
    alternating: NewLogin, step: str, other: dict[str, Any]
) -> None:
    login = alternating()
    token, alternate = login.begin(), {"username": f"{login.username}_clone"}
    login.put(token, "AWSPENDING", **({**alternate, **other} if other else {}), password=uuid.uuid4().hex)
    with pytest.raises(ValueError, match="names a username, host or port"):
        login.step(step, token)
    assert "log in" not in login.recorder.events


def test_a_master_is_of_no_use_to_whoever_does_not_know_the_password(alternating: NewLogin) -> None:
    login = alternating()
    login.put(password="a guess")
    token = login.begin()
    login.step("createSecret", token)
    with pytest.raises(ValueError, match="refuses the login in AWSCURRENT"):
        login.step("setSecret", token)
    assert login.recorder.statements == []


def test_hostile_passwords(alternating: NewLogin) -> None:
    login = alternating()
    for password in ("it's", "'; DROP ROLE bystander; --", "back\\'slash", "pässwörd 名前", ":p $1 %s $$", "p" * 500):
        login.server.change_password(login.value()["username"], password)
        login.put(password=password)
        login.rotate()
        assert works(login, login.value())


def test_a_master_without_rights_is_told(alternating: NewLogin) -> None:
    login = alternating()
    login.execute(f"REVOKE {{login}} FROM {master_of(login)}")
    login.execute(f"ALTER ROLE {master_of(login)} NOCREATEROLE")
    token = login.begin()
    login.step("createSecret", token)
    with pytest.raises(ValueError, match=r"setSecret of .*: CREATE ROLE failed: SQLSTATE 42501"):
        login.step("setSecret", token)


# ---------------------------------------------------------------- the two rotations


def test_the_actions_are_exactly_the_calls(alternating: NewLogin, recorder: Recorder) -> None:
    login = alternating()
    for _ in range(2):
        login.rotate()
    assert recorder.operations() == set(ROTATIONS[NAME].iam_actions)


def test_both_functions_share_their_parts() -> None:
    single, both = ROTATIONS["postgresql-single-user"], ROTATIONS[NAME]
    assert single.parts == both.parts and single.requirements == both.requirements
    assert sources(both)["requirements.txt"] == sources(single)["requirements.txt"]
