"""Text rules: what can be read from lines alone. For files that their own language can't read, Python 2 above all.

Every pattern starts at the start of a word and repeats possessively, so that matching takes time linear in the text.
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hardcode_hunter.languages import script
from hardcode_hunter.languages.gather import Found, Gather
from hardcode_hunter.languages.script import Assignment
from hardcode_hunter.model import Evaluated, Extraction, LiteralType, Position, Source
from hardcode_hunter.plugins import Hits, Language

CODE = (".py", ".pyw", ".pyi", ".ipynb")
"""Files whose unquoted values are expressions, not literals."""
_NAMES = frozenset({"name", "key", "parameterkey", "optionname", "variable"})
_VALUES = frozenset({"value", "parametervalue", "stringvalue"})

# name = "value", "name": u'value', obj["name"] = r"value", name: str = "value", name == "value"; quotes may be escaped;
# name: {{ .Values.name | default "value" }} of a chart
_QUOTED = re.compile(
    rb"""(?<![\w.$@-])(?P<n>[A-Za-z_][\w.-]{0,127}(?![\w.-]))\\?["']?\]?[ \t]{0,20}
         (?::[ \t]{0,4}[A-Za-z_][\w.]{0,40}(?:\[[\w., |]{0,40}\])?[ \t]{0,4}(?==))?
         (?:=>|:=|[=!]=|=|:)[ \t]{0,20}
         (?:\{\{-?[ \t]{0,4}(?:[.$][\w.$]{0,80}[ \t]{1,4}\|[ \t]{0,4})?(?:default[ \t]{1,4})?)?[bBuUrR]{0,2}
         (?P<q>\"{3}|'{3}|\\?["'])(?P<v>(?:(?!(?P=q))(?:\\[^\r\n]|[^\\\r\n])){0,8192})(?P=q)""",
    re.X,
)
_URL = re.compile(
    rb"""(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s"'<>`/@:\\]{0,200}:[^\s"'<>`/@\\]{1,200}@[^\s"'<>`\\]{1,300}"""
)
_TOKEN = re.compile(rb"(?<![\w+/=.~-])[\w+/=.~-]{16,4096}(?![\w+/=.~-])")
_KEY_BLOCK = re.compile(
    rb"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----)){16,16384}-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
)
_LETTER = re.compile(rb"[A-Za-z]")
_DIGIT = re.compile(rb"[0-9]")


def assignments(data: bytes, start: int, end: int, *, bare: bool) -> list[Assignment]:
    """What gives a name a literal value in ``data[start:end]``, in the order of offsets; ``bare`` takes unquoted values too."""
    rows = [
        Assignment(m["n"].decode("ascii", "replace"), m.start("v"), m.end("v"), m.start())
        for m in _QUOTED.finditer(data, start, end)
        if m["v"]
    ]
    if bare:
        taken = _Taken(rows)
        urls = _Taken([])
        for match in _URL.finditer(data, start, end):
            urls.add(*match.span())
        for row in (*script.assignments(data, start, end), *script.sql_passwords(data, start, end)):
            if not urls.holds(row.extent) and taken.add(row.start, row.end):  # `//user:password@` assigns nothing
                rows.append(row)
    return sorted(rows, key=lambda row: (row.start, row.end))


_CHART = re.compile(
    rb"""^[ \t-]{0,80}(?P<n>[A-Za-z_][\w.-]{0,100}):[ \t]{1,8}\{\{-?[ \t]{0,4}(?:[.$][\w.$]{0,80}[ \t]{1,4}\|[ \t]{0,4})?(?:default[ \t]{1,4})?"""
    rb"""(?P<q>["'])(?P<v>[^"'\r\n\\]{1,400})(?P=q)""",
    re.M,
)


def charts(data: bytes) -> Iterator[Assignment]:
    """What a chart's template gives to a key in so many words: ``password: {{ .Values.password | default "value" }}``."""
    for m in _CHART.finditer(data) if b"{{" in data else ():
        yield Assignment(m["n"].decode("ascii", "replace"), m.start("v"), m.end("v"), m.start("n"))


def loose(data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where something stands that may be a credential whatever its name: a URL with a password, a token, a private key."""
    for pattern in (_KEY_BLOCK, _URL):
        for match in pattern.finditer(data, start, end):
            yield match.span()
    for match in _TOKEN.finditer(data, start, end):
        if _LETTER.search(match.group()) and _DIGIT.search(match.group()):
            yield match.span()


def candidates(source: Source, hits: Hits = None) -> Extraction:
    """Assignments, URLs, tokens and private keys, line by line; the language of what is found is ``text``, which nothing rewrites."""
    gather = Gather(replace(source, language="text"), hits, Evaluated.IMPORT)
    data = source.data
    blocks = _Blocks(data, gather)
    taken = _Taken([])
    for row in _paired(assignments(data, 0, len(data), bare=not source.path.lower().endswith(CODE)), data):
        taken.add(row.start, row.end)
        gather.add(blocks.found(row.start, row.end, row.value(data), row.name, row.extent))
    for start, end in loose(data, 0, len(data)):
        if taken.add(start, end):
            gather.add(blocks.found(start, end, data[start:end].decode("utf-8", "replace"), "", start))
    return gather.extraction()


def _paired(rows: list[Assignment], data: bytes) -> Iterator[Assignment]:
    """``name: DB_PASSWORD`` with ``value: …`` on the next line is one assignment."""
    before: Assignment | None = None
    for row in rows:
        follows = before is not None and data.count(b"\n", before.end, row.start) <= 1
        if before is not None and follows and before.name.lower() in _NAMES and row.name.lower() in _VALUES:
            yield Assignment(before.value(data), row.start, row.end, before.extent)
        else:
            yield row
        before = row


class _Taken:
    """Byte ranges that are spoken for, none overlapping another: those of the start, and those that were added, mostly in order."""

    def __init__(self, rows: list[Assignment]) -> None:
        self._first = sorted((row.start, row.end) for row in rows)
        self._added: list[tuple[int, int]] = []

    def holds(self, offset: int) -> bool:
        return _overlaps(self._first, offset, offset + 1) or _overlaps(self._added, offset, offset + 1)

    def add(self, start: int, end: int) -> bool:
        """Takes a range; ``False`` when a part of it is taken already."""
        if _overlaps(self._first, start, end) or _overlaps(self._added, start, end):
            return False
        insort(self._added, (start, end))
        return True


def _overlaps(ranges: list[tuple[int, int]], start: int, end: int) -> bool:
    at = bisect_left(ranges, (start, end))
    return bool(at and ranges[at - 1][1] > start) or (at < len(ranges) and ranges[at][0] < end)


@dataclass(slots=True)
class _Blocks:
    """Neighbouring lines of one indentation, which values of one connection share."""

    data: bytes
    gather: Gather
    _starts: list[int] | None = None

    def found(self, start: int, end: int, value: str, name: str, extent: int) -> Found:
        lines = self.gather.lines
        first, last = lines.line(extent), lines.line(max(start, end - 1))
        begin = lines.starts[first - 1]
        stop = lines.starts[last] if last < len(lines.starts) else len(self.data)
        symbol = f"text/{name}" if name else "text"
        scope = f"block@{self._start(first)}"
        return Found(
            start, end, value, name, symbol, begin, LiteralType.TEXT, Position.TEXT, scope, extent_end=stop - 1
        )

    def _start(self, line: int) -> int:
        if self._starts is None:
            self._starts = []
            indent, at = -1, 0
            starts = self.gather.lines.starts
            for number, start in enumerate(starts):
                row = self.data[
                    start : min(start + 200, starts[number + 1] if number + 1 < len(starts) else len(self.data))
                ]
                width = len(row) - len(row.lstrip(b" \t"))
                if not row.strip() or width != indent:
                    at = start
                indent = width if row.strip() else -1
                self._starts.append(at)
        return self._starts[line - 1]


TEXT = Language(name="text", title="text", candidates=candidates)
