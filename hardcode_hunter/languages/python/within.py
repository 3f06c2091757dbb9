"""Text inside a Python file that is no expression: comments, and what a string holds as configuration, JSON, SQL or a command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hardcode_hunter.languages import commands, script, text
from hardcode_hunter.languages.embedded import unescape
from hardcode_hunter.languages.python.drafts import Draft
from hardcode_hunter.languages.python.positions import Positions
from hardcode_hunter.languages.script import Assignment
from hardcode_hunter.model import LiteralType, Position

_NAMED = re.compile(r"""\w["']?\s{0,4}[=:]\s{0,4}["'][^"']""")
_CONNECTION = re.compile(r"(?:^|\s)(?:host|user|dbname|port)\s*=|;", re.I)  # its parts are found by its shape
_SQL = re.compile(r"identified\s+by|\b(?:create|alter|set|grant)\b.{0,200}\bpassword\b", re.I)


@dataclass(frozen=True, slots=True)
class Comment:
    """Something in a comment that may be a credential: its bytes, its name, and the line it stands on."""

    name: str
    start: int
    end: int
    line_start: int
    line_end: int
    scope: str


def comments(positions: Positions, multiline: list[tuple[int, int]]) -> Iterator[Comment]:
    """What comments assign or show, of lines that are nothing but a comment. ``multiline`` are line ranges inside strings."""
    data = positions.data
    inside = {line for first, last in multiline for line in range(first, last + 1)}
    previous, scope = -1, ""
    for line in positions.comment_lines():
        if line in inside:
            continue
        start, end = positions.lines(line, line)
        if line != previous + 1:
            scope = f"comment@{start}"
        previous = line
        rows = text.assignments(data, start, end, bare=False)
        for row in rows:
            yield Comment(row.name, row.start, row.end, start, end - 1, scope)
        for first, last in text.loose(data, start, end):
            if not any(row.start < last and first < row.end for row in rows):
                yield Comment("", first, last, start, end - 1, scope)


def inner_texts(data: bytes, start: int, end: int, draft: Draft) -> list[Assignment]:
    """What the text of a string literal at ``data[start:end]`` assigns to names."""
    value = draft.literal.value
    if draft.literal.type is LiteralType.INT or len(value) < (4 if draft.attached else 8):
        return []
    first = start + re.match(rb"[A-Za-z]{0,3}(?:\"{3}|'{3}|[\"'])?", data[start:end]).end()  # type: ignore[union-attr]
    if draft.attached and data.startswith(raw := value.encode("utf-8", "replace"), first):
        name, offset = draft.attached
        return [Assignment(name, first + len(value[:offset].encode()), first + len(raw), first)]
    prose = draft.binding.position is Position.TEXT
    if "\n" in value:
        if b"\\n" in data[first:end] and b"\n" not in data[first:end]:
            return _unescaped(data[first:end], first, bare=not prose)
        return text.assignments(data, first, end, bare=not prose)
    if value.lstrip()[:1] in ("{", "["):
        return text.assignments(data, first, end, bare=False)
    if prose or (_NAMED.search(value) and not _CONNECTION.search(value)):
        return text.assignments(data, first, end, bare=False)
    if _SQL.search(value):
        return list(script.sql_passwords(data, first, end))
    if commands.speaks(value):
        return list(script.assignments(data, first, end))
    return []


def _unescaped(raw: bytes, first: int, *, bare: bool) -> list[Assignment]:
    """What several lines that are written as one assign: a name begins behind ``\\n``, not with its ``n``."""
    plain, at = unescape(raw)
    rows = text.assignments(plain, 0, len(plain), bare=bare)
    return [Assignment(row.name, first + at[row.start], first + at[row.end], first + at[row.extent]) for row in rows]
