"""What is hardcoded in the bundled legacy application, read from its source when it is needed.

No test and no server of this package repeats a value: the fixture is the only place where one stands.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from hardcode_hunter.model import MASK, Plaintext

T = TypeVar("T")

SHOP = Path(__file__).resolve().parents[2] / "fixtures" / "projects" / "shop"


@dataclass(frozen=True, slots=True)
class ShopCredentials:
    """Every credential of the application. Names are plain, values are :class:`Plaintext`."""

    database: str
    database_user: str
    database_password: Plaintext
    mail_user: str
    mail_password: Plaintext
    parcel_token: Plaintext
    webhook_key: Plaintext
    session_key: Plaintext
    admin_token: Plaintext
    cache_password: Plaintext

    def mask(self, text: str) -> str:
        """``text`` with every value replaced by the mask."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Plaintext):
                text = text.replace(value.reveal(), MASK)
        return text


def shop_credentials(directory: Path = SHOP) -> ShopCredentials:
    """Read them from the *unmigrated* application at ``directory``.

    ValueError, naming what is missing, when the source doesn't hold exactly one value for each.
    """
    connections = [
        keywords
        for path in ("shop/db.py", "jobs/report.py")
        for call in _calls(directory / path, "connect")
        if "password" in (keywords := _literal_keywords(call))
    ]
    login = _only("mail login", [call.args for call in _calls(directory / "shop/mail.py", "login")])
    settings = directory / "shop/settings.py"
    return ShopCredentials(
        database=_only("database login", [found["dbname"] for found in connections]),
        database_user=_only("database user", [found["user"] for found in connections]),
        database_password=Plaintext(_only("database password", [found["password"] for found in connections])),
        mail_user=str(ast.literal_eval(login[0])),
        mail_password=Plaintext(str(ast.literal_eval(login[1]))),
        parcel_token=Plaintext(_bearer(directory / "shop/shipping.py")),
        webhook_key=Plaintext(_signing_key(directory / "shop/webhooks.py")),
        session_key=Plaintext(_setting(settings, "SECRET_KEY")),
        admin_token=Plaintext(_environment_default(settings, "SHOP_ADMIN_TOKEN")),
        cache_password=Plaintext(urlsplit(_setting(settings, "REDIS_URL")).password or ""),
    )


def _only(what: str, found: list[T]) -> T:
    """The one value that all of ``found`` have."""
    if not found:
        raise ValueError(f"No literal {what} in the application: is it the unmigrated one?")
    if any(value != found[0] for value in found):
        raise ValueError(f"The application holds {len(found)} literals as {what}, and they differ.")
    return found[0]


def _nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_bytes()))


def _calls(path: Path, function: str) -> Iterator[ast.Call]:
    """Calls of ``something.function(...)``."""
    for node in _nodes(path):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == function:
            yield node


def _literal_keywords(call: ast.Call) -> dict[str, str]:
    return {
        keyword.arg: str(keyword.value.value)
        for keyword in call.keywords
        if keyword.arg is not None and isinstance(keyword.value, ast.Constant)
    }


def _bearer(path: Path) -> str:
    headers = [
        value.value.removeprefix("Bearer ")
        for node in _nodes(path)
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and key.value == "Authorization"
        if isinstance(value, ast.Constant) and isinstance(value.value, str)
    ]
    return _only("Authorization header", headers)


def _signing_key(path: Path) -> str:
    keys = [ast.literal_eval(call.args[0]) for call in _calls(path, "new") if isinstance(call.args[0], ast.Constant)]
    return str(_only("HMAC key", keys).decode("ascii"))


def _setting(path: Path, name: str) -> str:
    """A literal in the body of ``class Config``."""
    values = [
        str(statement.value.value)
        for node in _nodes(path)
        if isinstance(node, ast.ClassDef) and node.name == "Config"
        for statement in node.body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
        if any(isinstance(target, ast.Name) and target.id == name for target in statement.targets)
    ]
    return _only(name, values)


def _environment_default(path: Path, variable: str) -> str:
    defaults = [
        str(ast.literal_eval(call.args[1]))
        for call in _calls(path, "get")
        if len(call.args) == 2 and isinstance(call.args[0], ast.Constant) and call.args[0].value == variable
    ]
    return _only(f"default of {variable}", defaults)
