"""The emitted MySQL rotation (alternating users) against a real MariaDB and an emulated Secrets Manager."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import pymysql
import pytest

from hardcode_hunter.plugins import Rotation, load
from tests.embedded.mariadb import EmbeddedMariaDB, account
from tests.rotating_login import STEPS, Crash, Recorder, RotatingLogin, crash_points, emitted

pytest_plugins = ("tests.rotating_fixtures",)

NAME = "mysql-alternating-users"
ROTATION = load("rotations", Rotation)[NAME]
NewAccount = Callable[..., RotatingLogin]


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return emitted(NAME, tmp_path_factory.mktemp("package"))


@pytest.fixture
def function(module: ModuleType, watched: Callable[[ModuleType], None]) -> ModuleType:
    watched(module)
    return module


@pytest.fixture(scope="module")
def shop(mariadb: EmbeddedMariaDB) -> EmbeddedMariaDB:
    """A database with a table."""
    mariadb.execute("CREATE DATABASE IF NOT EXISTS shop")
    mariadb.execute("CREATE TABLE IF NOT EXISTS shop.orders (n INT)")
    return mariadb


@pytest.fixture
def alternating(new_account: NewAccount, function: ModuleType, shop: EmbeddedMariaDB) -> NewAccount:
    """``alternating(username)``: a login that may read the shop, with a master that is no superuser."""

    def create(username: str = "") -> RotatingLogin:
        master = new_account(function)
        login = new_account(function, username, form=lambda d: {**d, "masterarn": master.arn})
        login.execute("GRANT SELECT ON shop.* TO {login} WITH GRANT OPTION")
        login.execute(f"GRANT SELECT, INSERT ON shop.* TO {account(master.username)} WITH GRANT OPTION")
        login.execute(f"GRANT CREATE USER, SELECT ON *.* TO {account(master.username)}")
        login.execute(f"GRANT UPDATE ON mysql.* TO {account(master.username)}")
        return login

    return create


def _works(login: RotatingLogin, credential: Mapping[str, Any]) -> bool:
    return login.server.accepts(credential["username"], credential["password"])


def _may(login: RotatingLogin, statement: str) -> bool:
    """Whether AWSCURRENT may run ``statement``."""
    value = login.value()
    session = login.server.connect(user=value["username"], password=value["password"])
    try:
        session.cursor().execute(statement)
    except pymysql.err.MySQLError as refused:
        assert refused.args[0] in (1142, 1044, 1227), refused.args[0]  # a right is missing
        return False
    finally:
        session.close()
    return True


# ---------------------------------------------------------------- a rotation


def test_ten_rotations_alternate_and_the_credential_before_goes_on_working(alternating: NewAccount) -> None:
    login = alternating()
    names, credentials = [login.value()["username"]], [login.value()]
    for _ in range(10):
        token = login.rotate()
        credentials.append(login.value())
        names.append(login.value()["username"])
        assert sorted(map(tuple, login.stages().values())) == [("AWSCURRENT",), ("AWSPREVIOUS",)]
        assert login.stages()[token] == ["AWSCURRENT"]
        assert [_works(login, c) for c in credentials[-3:]] == [False, True, True][-len(credentials) :]
        assert _may(login, "SELECT * FROM shop.orders") and not _may(login, "INSERT INTO shop.orders VALUES (1)")
    assert names == [login.username, f"{login.username}_clone"] * 5 + [login.username]


def test_a_client_that_reads_the_secret_once_per_rotation_is_never_refused(alternating: NewAccount) -> None:
    """It reconnects every 20 ms with what it knows, and learns of a rotation only some time after it."""
    login = alternating()
    known, stop, refused, connected = [login.value()], threading.Event(), list[str](), list[str]()

    def reconnect() -> None:
        while not stop.wait(0.02):
            credential = known[-1]
            (connected if _works(login, credential) else refused).append(credential["username"])

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
def test_the_test_of_a_new_configuration_changes_nothing(alternating: NewAccount, value: str) -> None:
    login = alternating()
    before, token = login.value(), login.begin()
    if value != "none":
        login.put(token, "AWSPENDING")
    login.step("testSecret", token)
    assert [sql for _, sql in login.recorder.statements] == ["SELECT 1"]
    assert login.value() == before and _works(login, before)


@pytest.mark.parametrize("earlier", [0, 1])
def test_a_crash_anywhere_converges_with_the_same_token(
    alternating: NewAccount, recorder: Recorder, earlier: int
) -> None:
    def ready() -> RotatingLogin:
        login = alternating()
        for _ in range(earlier):
            login.rotate()
        recorder.events.clear()
        return login

    ready().rotate()
    whole, lost = list(recorder.events), []
    assert {"log in", "SET PASSWORD FOR …@… = …", *ROTATION.iam_actions} <= set(whole)
    for point in crash_points(whole):
        login = ready()
        old, token = login.value(), login.begin()
        recorder.dies_after = point
        died = _die(login, token)
        recorder.dies_after = None
        assert recorder.events == whole[: point + 1]
        for step in STEPS:
            login.step(step, token)
        converged = login.stages()[token] == ["AWSCURRENT"] and _works(login, old)
        if not (converged and _may(login, "SELECT * FROM shop.orders")):
            lost.append(f"{died}, after {whole[point]}")
    assert lost == []


def _die(login: RotatingLogin, token: str) -> str:
    for step in STEPS:
        try:
            login.step(step, token)
        except Crash:
            return step
    pytest.fail("the rotation ended before the crash")


# ---------------------------------------------------------------- rights


def test_the_clone_follows_what_the_first_login_may(alternating: NewAccount) -> None:
    """Rights granted and taken away between rotations, a role, limits and REQUIRE."""
    login = alternating()
    login.execute("ALTER USER {login} WITH MAX_USER_CONNECTIONS 17")
    login.rotate()
    [text] = login.server.execute(f"SHOW CREATE USER {account(login.username + '_clone')}")
    assert "MAX_USER_CONNECTIONS 17" in text[0]
    assert not _may(login, "INSERT INTO shop.orders VALUES (1)")
    login.execute("GRANT INSERT ON shop.* TO {login}")
    for _ in range(2):
        login.rotate()
        assert _may(login, "INSERT INTO shop.orders VALUES (1)")
    login.execute("REVOKE INSERT ON shop.* FROM {login}")
    for _ in range(2):
        login.rotate()
        assert not _may(login, "INSERT INTO shop.orders VALUES (1)")
    assert login.server.execute(f"SHOW GRANTS FOR {account(login.username + '_clone')}")[-1][0].endswith(
        " WITH GRANT OPTION"
    )


def test_roles_come_with_the_clone(alternating: NewAccount) -> None:
    login = alternating()
    login.execute("CREATE OR REPLACE ROLE clerk")
    login.execute("GRANT INSERT ON shop.* TO clerk")
    login.execute("GRANT clerk TO {login}")
    login.execute("SET DEFAULT ROLE clerk FOR {login}")
    master = json.loads(login.secrets.get_secret_value(SecretId=login.value()["masterarn"])["SecretString"])
    login.execute(f"GRANT clerk TO {account(master['username'])} WITH ADMIN OPTION")
    for _ in range(3):
        assert _may(login, "INSERT INTO shop.orders VALUES (1)")
        login.rotate()
    login.execute("DROP ROLE clerk")


def test_a_password_that_was_changed_by_hand_does_not_stop_the_way_back(alternating: NewAccount) -> None:
    """The first login has the same rights as its clone, which shows that they belong together."""
    login = alternating()
    login.rotate()
    login.server.change_password(login.username, uuid.uuid4().hex)
    login.rotate()
    assert login.value()["username"] == login.username and _works(login, login.value())


def test_the_clone_of_an_account_with_another_plugin_has_it_too(alternating: NewAccount, shop: EmbeddedMariaDB) -> None:
    shop.execute("INSTALL SONAME 'auth_ed25519'")
    login = alternating()
    token = login.begin()
    login.step("createSecret", token)
    import sys

    parts = sys.modules["mysql_login"]
    name = account("odd")
    shop.execute(f"CREATE USER {name} IDENTIFIED VIA ed25519 USING PASSWORD('hunter-orders-2019')")
    with shop.connect() as admin:
        login.function.prepare_clone(admin, name, account("odd_clone"), "throwaway", False)
        parts.set_password(admin, account("odd_clone"), "new", "ed25519")
        assert parts.plugin(parts.definition(admin, account("odd_clone"))) == "ed25519"
    shop.execute(f"DROP USER {name}, {account('odd_clone')}")
    shop.execute("UNINSTALL SONAME 'auth_ed25519'")


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "username", ["o'brien", "a`b", "x`; DROP USER bystander; --", "back\\slash", "ünïcode", "%s", "x" * 74]
)
def test_hostile_names(alternating: NewAccount, new_account: NewAccount, function: ModuleType, username: str) -> None:
    bystander, login = new_account(function, "bystander"), alternating(username)
    for expected in (f"{username}_clone", username):
        login.rotate()
        assert login.value()["username"] == expected and _works(login, login.value())
    assert _works(bystander, bystander.value())


def test_a_database_whose_name_looks_like_a_grant(alternating: NewAccount, shop: EmbeddedMariaDB) -> None:
    login = alternating()
    name = "x` TO " + account(login.username)
    quoted = "`" + name.replace("`", "``") + "`"
    shop.execute(f"CREATE DATABASE {quoted}")
    master = json.loads(login.secrets.get_secret_value(SecretId=login.value()["masterarn"])["SecretString"])
    shop.execute(f"GRANT SELECT ON {quoted}.* TO {account(master['username'])} WITH GRANT OPTION")
    login.execute(f"GRANT SELECT ON {quoted}.* TO {{login}}")
    login.rotate()
    assert _may(login, f"SHOW TABLES IN {quoted}") and _may(login, "SELECT * FROM shop.orders")
    shop.execute(f"DROP DATABASE {quoted}")


def test_a_name_that_leaves_no_room_for_its_clone_is_refused(alternating: NewAccount) -> None:
    login = alternating("x" * 75)
    token = login.begin()
    with pytest.raises(ValueError, match="longer than 80 characters"):
        login.step("createSecret", token)
    login.put(username="x" * 27, engine="mysql")
    with pytest.raises(ValueError, match="longer than 32 characters"):
        login.step("createSecret", token)


def test_a_secret_without_a_master_is_refused(new_account: NewAccount, function: ModuleType) -> None:
    login = new_account(function)
    with pytest.raises(ValueError, match="'masterarn' in AWSCURRENT is absent"):
        login.step("createSecret", login.begin())


@pytest.mark.parametrize("step", ["setSecret", "testSecret", "finishSecret"])
@pytest.mark.parametrize("other", [{"username": "admin"}, {"host": "localhost"}, {"port": 1}, {}], ids=str)
def test_a_pending_version_that_is_not_the_alternate_is_refused(
    alternating: NewAccount, step: str, other: dict[str, Any]
) -> None:
    login = alternating()
    token, alternate = login.begin(), {"username": f"{login.username}_clone"}
    login.put(token, "AWSPENDING", **({**alternate, **other} if other else {}), password=uuid.uuid4().hex)
    with pytest.raises(ValueError, match="username, host or port that does not go with"):
        login.step(step, token)
    assert "log in" not in login.recorder.events


def test_a_master_is_of_no_use_to_whoever_does_not_know_the_password(alternating: NewAccount) -> None:
    login = alternating()
    login.put(password="a guess")
    token = login.begin()
    login.step("createSecret", token)
    with pytest.raises(ValueError, match="refuses the login in AWSCURRENT"):
        login.step("setSecret", token)
    assert login.recorder.statements == []


def test_a_login_that_merely_has_the_clones_name_gets_no_other_password(
    alternating: NewAccount, new_account: NewAccount, function: ModuleType
) -> None:
    victim = new_account(function)
    victim.execute("GRANT SELECT, INSERT, DROP ON shop.* TO {login}")
    impostor = alternating(f"{victim.username}_clone")
    token = impostor.begin()
    impostor.step("createSecret", token)
    with pytest.raises(ValueError, match="lacks rights that"):
        impostor.step("setSecret", token)
    assert _works(victim, victim.value())


def test_an_account_that_merely_has_the_name_of_a_clone_is_not_taken_over(
    alternating: NewAccount, new_account: NewAccount, function: ModuleType
) -> None:
    login = alternating()
    victim = new_account(function, f"{login.username}_clone")
    victim.execute("GRANT SELECT, INSERT, DROP ON shop.* TO {login}")
    token = login.begin()
    login.step("createSecret", token)
    with pytest.raises(ValueError, match="exists and has rights that"):
        login.step("setSecret", token)
    assert _works(victim, victim.value())


def test_a_master_without_rights_is_told(alternating: NewAccount) -> None:
    login = alternating()
    master = json.loads(login.secrets.get_secret_value(SecretId=login.value()["masterarn"])["SecretString"])
    login.execute(f"REVOKE CREATE USER ON *.* FROM {account(master['username'])}")
    token = login.begin()
    login.step("createSecret", token)
    with pytest.raises(ValueError, match=r"setSecret of .*: CREATE USER failed: error 12(27|04)"):
        login.step("setSecret", token)


def test_the_actions_are_exactly_the_calls(alternating: NewAccount, recorder: Recorder) -> None:
    login = alternating()
    for _ in range(2):
        login.rotate()
    assert recorder.operations() == set(ROTATION.iam_actions)
