"""The emitted PostgreSQL rotation (alternating users): which role is the clone, and which merely has its name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType

import pytest

from tests.embedded.postgres import identifier, literal
from tests.rotating_alternating import ask, master_of, session_of, with_master, works
from tests.rotating_login import RotatingLogin, emitted

pytest_plugins = ("tests.rotating_fixtures",)

NewLogin = Callable[..., RotatingLogin]


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return emitted("postgresql-alternating-users", tmp_path_factory.mktemp("package"))


@pytest.fixture
def function(module: ModuleType, watched: Callable[[ModuleType], None]) -> ModuleType:
    watched(module)
    return module


@pytest.fixture
def alternating(new_login: NewLogin, function: ModuleType) -> NewLogin:
    """``alternating(username)``: a login with a master that is no superuser."""
    return partial(with_master, new_login, function)


def test_a_login_that_merely_has_the_clones_name_gets_no_other_password(
    alternating: NewLogin, new_login: NewLogin, function: ModuleType
) -> None:
    victim = new_login(function)
    impostor = alternating(f"{victim.username}_clone")
    token = impostor.begin()
    impostor.step("createSecret", token)
    assert impostor.value("AWSPENDING")["username"] == victim.username
    with pytest.raises(ValueError, match="is not a member of"):
        impostor.step("setSecret", token)
    assert works(victim, victim.value())


UNRELATED = {
    "a group with rights": "CREATE ROLE {clone} NOLOGIN; GRANT pg_read_all_data TO {clone}",
    "an empty group": "CREATE ROLE {clone} NOLOGIN",
    "somebody's login": "CREATE ROLE {clone} LOGIN PASSWORD 'hunter-somebody-2019'",
    "a superuser": "CREATE ROLE {clone} SUPERUSER LOGIN PASSWORD 'hunter-somebody-2019'",
    "a member that acts as itself": "CREATE ROLE {clone} LOGIN PASSWORD 'hunter-somebody-2019'; GRANT {login} TO {clone}",
    "one that acts as another": "CREATE ROLE {clone} LOGIN PASSWORD 'hunter-somebody-2019'; GRANT {login} TO {clone};"
    " GRANT pg_read_all_data TO {clone}; ALTER ROLE {clone} SET role TO pg_read_all_data",
}


@pytest.mark.parametrize("role", UNRELATED)
def test_an_unrelated_role_with_the_clones_name_is_never_taken_over(alternating: NewLogin, role: str) -> None:
    login = alternating()
    clone = f"{login.username}_clone"
    for statement in UNRELATED[role].replace("{clone}", identifier(clone)).split(";"):
        login.execute(statement)
    state = f"SELECT rolcanlogin, rolpassword FROM pg_authid WHERE rolname = {literal(clone)}"
    before, token = login.server.execute(state), login.begin()
    login.step("createSecret", token)
    with pytest.raises(ValueError, match="exists and does not act as"):
        login.step("setSecret", token)
    assert login.server.execute(state) == before and works(login, login.value())


def test_a_clone_that_was_made_by_hand_is_used(alternating: NewLogin) -> None:
    """Where the master may not create roles, an administrator does."""
    login = alternating()
    clone = identifier(f"{login.username}_clone")
    login.execute(
        f"ALTER ROLE {master_of(login)} SUPERUSER"
    )  # who may change the password of a role that it did not make
    for statement in ("CREATE ROLE {clone}", "GRANT {login} TO {clone}", "ALTER ROLE {clone} SET role TO {login}"):
        login.execute(statement.replace("{clone}", clone))
    login.rotate()
    assert login.value()["username"] == f"{login.username}_clone" and works(login, login.value())


def test_a_clone_goes_on_being_one_when_its_settings_were_changed(alternating: NewLogin) -> None:
    """The version before proves that both logins have been this secret's."""
    login = alternating()
    login.rotate()
    login.rotate()
    login.execute(f"ALTER ROLE {identifier(login.username + '_clone')} RESET ALL")
    login.rotate()
    assert works(login, login.value())
    session = session_of(login)
    assert ask(session, "SELECT current_user") == [[login.username]]
    session.close()
