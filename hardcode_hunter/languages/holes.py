"""Placeholders that something fills in before the value is used: ``{{ x }}``, ``${X}``, ``${X:-default}``, ``<%= x %>``."""

from __future__ import annotations

import re

_HOLE = re.compile(r"\{\{[^{}]*\}\}|\$\{[^{}]*\}|\$\(\w+\)|<%[^%]*%>")
_DEFAULT = re.compile(r"\$\{([\w.]{1,100})(?::?-|:)([^{}]+)\}\Z")


def with_holes(value: str) -> str:
    """``value`` with each placeholder as ``\\x00``; a value that is nothing but placeholders becomes empty."""
    if "{" not in value and "$(" not in value and "<%" not in value:
        return value
    text = _HOLE.sub("\0", value)
    return text if text.strip("\0 \t") else ""


def default_of(value: str) -> tuple[str, int, int] | None:
    """Name and place (in characters) of the literal in ``${NAME:-literal}``."""
    match = _DEFAULT.match(value)
    return (match.group(1), match.start(2), match.end(2)) if match else None
