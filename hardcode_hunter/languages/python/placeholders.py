"""What the placeholders of a format stand for, as far as the text around them says: ``host=%s password=%s``, ``amqp://{}:{}@{}``,
``IDENTIFIED BY '%s'``."""

from __future__ import annotations

import re
from collections.abc import Mapping

_CONVERSION = re.compile(r"%(?:%|(?:\((\w+)\))?[-#0 +\d.]*[a-zA-Z])")
_FIELD = re.compile(r"\{\{|\}\}|\{(\w*)(?:![rsa])?(?::[^{}]*)?\}")
_KEY = re.compile(r"([A-Za-z_]\w{1,30})\s{0,3}=\s{0,3}['\"{]?\Z")
_ACCOUNT = re.compile(r"(?:\bidentified\s{1,3}by|\bpassword)\s{1,3}['\"]?\Z", re.I)
_USER = re.compile(r"://\Z")
_PASSWORD = re.compile(r"://[^/@\s]{0,200}:\Z")


def percent(template: str) -> tuple[str, ...]:
    """The name of each value that ``%`` takes from a tuple, in order; empty where nothing says it."""
    found = [m for m in _CONVERSION.finditer(template) if m[0] != "%%"]
    return tuple(_name(template, m) for m in found) if all(m[1] is None for m in found) else ()


def braces(template: str) -> Mapping[str, str]:
    """Argument of ``str.format`` (its number as text, or its keyword) → its name, where the text says one."""
    found: dict[str, str] = {}
    fields = [m for m in _FIELD.finditer(template) if m[0] not in ("{{", "}}")]
    for number, match in enumerate(fields):
        if name := _name(template, match):
            found.setdefault(match[1] or str(number), name)
    return found


def _name(template: str, match: re.Match[str]) -> str:
    before, after = template[: match.start()], template[match.end() :]
    if _USER.search(before) and after.startswith(":"):
        return "username"
    if _PASSWORD.search(before) and after.startswith("@"):
        return "password"
    if _ACCOUNT.search(before):
        return "password"
    key = _KEY.search(before)
    return key[1].lower() if key else ""
