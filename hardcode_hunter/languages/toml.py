"""TOML. ``tomllib`` tells no positions, so tables, keys and values are read here. Reported, not rewritten."""

from __future__ import annotations

import re

from hardcode_hunter.languages.gather import Found, Gather, as_text
from hardcode_hunter.languages.pairs import numeric_candidate
from hardcode_hunter.model import Extraction, LiteralType, Position, Source
from hardcode_hunter.plugins import Hits, Language

_TOKEN = re.compile(
    rb'''[ \t]*(?:(?P<string>"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"[^"\\\r\n]*(?:\\.[^"\\\r\n]*)*"|'[^'\r\n]*')'''
    rb"""|(?P<comment>\#[^\r\n]*)|(?P<line>(?:\r?\n|\r)+)|(?P<mark>\[\[|\]\]|[\[\]{}=,.])|(?P<word>[^\s\[\]{}=,.\#"']+))""",
    re.S,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|\r?\n\s*|(.))", re.S)
_SAID = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "e": "\x1b"}
DEPTH = 150


class _Unreadable(Exception):
    def __init__(self, offset: int) -> None:
        super().__init__()
        self.offset = offset


def candidates(source: Source, hits: Hits = None) -> Extraction:
    """Strings (and numbers under telling names) under keys, in tables, inline tables and arrays."""
    gather = Gather(source, hits)
    try:
        _Reader(gather).read()
    except _Unreadable as error:
        return as_text(source, hits, gather.lines.line(error.offset), "could not be parsed as TOML")
    return gather.extraction()


class _Reader:
    """One pass over the tokens. ``open`` holds the brackets of the value that is being read."""

    def __init__(self, gather: Gather) -> None:
        self.gather = gather
        self.data = gather.source.data
        self.table: tuple[str, ...] = ()
        self.scope = "module"
        self.open: list[tuple[bytes, tuple[str, ...]]] = []
        self.key: tuple[str, ...] = ()
        self.extent = 0
        self.value = False  # an equals sign was read: what follows is the value

    def read(self) -> None:
        at = 3 if self.data.startswith(b"\xef\xbb\xbf") else 0
        while at < len(self.data):
            match = _TOKEN.match(self.data, at)
            if match is None:
                if self.data[at:].strip():
                    raise _Unreadable(at)
                return
            at = match.end()
            kind = match.lastgroup or ""
            if kind == "line":
                if not self.open:
                    self.key, self.value = (), False
            elif kind == "mark":
                at = self._mark(match.group(kind), match.start(kind), at)
            elif kind != "comment":
                self._word(kind, match.start(kind), at)
        if self.open:
            raise _Unreadable(len(self.data) - 1)

    def _mark(self, mark: bytes, start: int, end: int) -> int:
        if mark in (b"[", b"[[") and not self.open and not self.value:
            return self._header(start, end)
        for one in (mark[:1], mark[1:]):
            if one:
                self._bracket(one, start)
        return end

    def _bracket(self, mark: bytes, at: int) -> None:
        if mark in (b"[", b"{"):
            if len(self.open) >= DEPTH or not self.value:
                raise _Unreadable(at)
            self.open.append((mark, self.key))
            if mark == b"{":
                self.table, self.key, self.value = self.table + self.key, (), False
        elif mark in (b"]", b"}"):
            if not self.open or self.open[-1][0] != (b"[" if mark == b"]" else b"{"):
                raise _Unreadable(at)
            opened, key = self.open.pop()
            if opened == b"{":
                self.table = self.table[: len(self.table) - len(key)]
            self.key, self.value = key, True
        elif mark == b"," and self.open and self.open[-1][0] == b"{":
            self.key, self.value = (), False
        elif mark == b"=":
            self.value = True

    def _header(self, start: int, end: int) -> int:
        """``[table]`` or ``[[table]]``: the names in it are the prefix of what follows."""
        stop = next((m.start() for m in [re.compile(rb"[\r\n]|\Z").search(self.data, end)] if m), len(self.data))
        names = [
            m.group() for m in re.finditer(rb"\"[^\"]*\"|'[^']*'|[^\s.\[\]\"'#]+", self.data[end:stop].split(b"#")[0])
        ]
        if b"]" not in self.data[end:stop]:
            raise _Unreadable(start)
        self.table = tuple(n.decode("utf-8", "replace").strip("\"'") for n in names)
        self.scope = f"dict@{start}"
        return stop

    def _word(self, kind: str, start: int, end: int) -> None:
        raw = self.data[start:end]
        if not self.value:
            name = text_of(raw) if kind == "string" else raw.decode("utf-8", "replace")
            self.extent = self.extent if self.key else start
            self.key = (*self.key, name)
            return
        name = self.key[-1] if self.key else ""
        element = bool(self.open) and self.open[-1][0] == b"["
        if kind == "word" and not (re.fullmatch(rb"[+-]?\d[\d_]*", raw) and numeric_candidate(name)):
            return
        self.gather.add(
            Found(
                start=start,
                end=end,
                value=text_of(raw) if kind == "string" else raw.decode("ascii", "replace"),
                name=name,
                symbol=".".join((*self.table, *self.key)),
                extent=self.extent,
                literal=LiteralType.STR if kind == "string" else LiteralType.INT,
                position=Position.ELEMENT if element else Position.PROPERTY,
                scope=self.scope,
            )
        )


def text_of(raw: bytes) -> str:
    """What a TOML string token says."""
    text = raw.decode("utf-8", "replace")
    for quotes in ('"""', "'''"):
        if text.startswith(quotes):
            inner = text[3:-3].removeprefix("\r\n").removeprefix("\n")
            return inner if quotes == "'''" else _unescaped(inner)
    return text[1:-1] if text.startswith("'") else _unescaped(text[1:-1])


def _unescaped(text: str) -> str:
    def said(match: re.Match[str]) -> str:
        code = match.group(1) or match.group(2)
        if code:
            return chr(min(int(code, 16), 0x10FFFF))
        return _SAID.get(match.group(3), match.group(3)) if match.group(3) else ""

    return _ESCAPE.sub(said, text) if "\\" in text else text


TOML = Language(
    name="toml", title="TOML", candidates=candidates, suffixes=(".toml",), filenames=("Pipfile",), priority=5
)
