"""PostgreSQL logins that alternate: a login with a master, and what a session of either sees."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from tests.embedded.postgres import identifier
from tests.rotating_login import Document, RotatingLogin


def with_master(new_login: Callable[..., RotatingLogin], function: ModuleType, username: str = "") -> RotatingLogin:
    """A login with a master that is no superuser; neither speaks TLS, to save time."""
    master = new_login(function, form=_plain)
    login = new_login(function, username, form=lambda d: _plain({**d, "masterarn": master.arn}))
    login.execute(f"ALTER ROLE {identifier(master.username)} CREATEROLE")
    login.execute(f"GRANT {{login}} TO {identifier(master.username)} WITH ADMIN OPTION")
    return login


def _plain(document: Document) -> Document:
    return {**document, "ssl": False}


def master_of(login: RotatingLogin) -> str:
    value = json.loads(login.secrets.get_secret_value(SecretId=login.value()["masterarn"])["SecretString"])
    return identifier(value["username"])


def session_of(login: RotatingLogin, credential: Mapping[str, Any] | None = None) -> Any:
    """A connection with that version's login, AWSCURRENT's when none is given."""
    credential = credential or login.value()
    return login.server.connect(user=credential["username"], password=credential["password"])


def ask(session: Any, statement: str) -> Any:
    cursor = session.cursor()
    cursor.execute(statement)
    return [list(row) for row in cursor.fetchall()] if cursor.description else []


def works(login: RotatingLogin, credential: Mapping[str, Any]) -> bool:
    return login.server.accepts(credential["username"], credential["password"])
