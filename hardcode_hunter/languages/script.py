"""Names and values in lines of script, configuration or SQL: what user data, heredocs, Dockerfiles and shell files hold.

Every pattern is anchored at the start of a word and repeats only bounded or disjoint classes, so that matching is linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hardcode_hunter.languages import commands

_VALUE = rb"""(?P<v>"[^"\\\r\n]*(?:\\.[^"\\\r\n]*)*"|'[^'\\\r\n]*(?:\\.[^'\\\r\n]*)*'|(?!["']|\$[\w({])(?:\$\{[^{}\s]*\}|[^\s"'`;,|<>()\[\]{}&#])(?:\$\{[^{}\s]*\}|[^\s"'`;|<>(){}&])*)"""
# NAME=value, name: value, "name": "value", name => value, name := value
_ASSIGNMENT = re.compile(
    rb"""(?<![\w.$%{/-])["']?(?P<n>[A-Za-z_][\w.-]{0,99})["']?[ \t]{0,20}(?:=>|:=|=(?!=)|:(?![:/=]))[ \t]{0,20}"""
    + _VALUE
)
# --password value, --password=value, -Dname=value; -repotoken value, as Go's flags and PowerShell have it
_OPTION = re.compile(
    rb"(?<![^\s\"'(=])(?:--(?P<n>[A-Za-z][\w-]{0,40})(?:=|[ \t]{1,8}(?!-))|-D(?P<d>[A-Za-z][\w.-]{0,80})="
    rb"|-(?P<s>[A-Za-z]{0,20}(?:[Pp]assword|[Tt]oken|[Ss]ecret|[Aa]pi-?[Kk]ey))(?:=|[ \t]{1,8}(?!-)))" + _VALUE
)
# define('NAME', 'value'), setenv("NAME", "value")
_CALL = re.compile(
    rb"""(?<![\w.])(?:define|setenv|putenv|setx|os\.environ\.setdefault)[ \t]*\([ \t]*["'](?P<n>\w{1,100})["'][ \t]*,[ \t]*"""
    + _VALUE
)
# $Name = "value", [string]$script:Name = 'value'; ConvertTo-SecureString "value", "value" | ConvertTo-SecureString
_POWERSHELL = re.compile(
    rb"(?<![\w$.'\"])\$(?:(?:script|global|private|local):)?(?P<n>[A-Za-z_]\w{0,99})[ \t]{0,20}=[ \t]{0,20}"
    rb"(?P<v>\"[^\"`\r\n]{1,2000}\"|'[^'\r\n]{1,2000}')",
    re.I,
)
_SECURED = re.compile(
    rb"(?<![\w-])ConvertTo-SecureString[ \t]+(?:-AsPlainText[ \t]+|-Force[ \t]+){0,2}(?:-String[ \t]+)?"
    rb"(?P<v>\"[^\"`\r\n]{1,2000}\"|'[^'\r\n]{1,2000}')",
    re.I,
)
_PIPED = re.compile(
    rb"(?P<v>\"[^\"`\r\n]{1,200}\"|'[^'\r\n]{1,200}')[ \t]{0,20}\|[ \t]{0,20}ConvertTo-SecureString(?![\w-])", re.I
)
# Authorization: Bearer value, as curl's -H has it
_HEADER = re.compile(
    rb"(?<![\w-])(?P<n>(?:Proxy-)?Authorization)[ \t]*:[ \t]*"
    rb"(?P<v>(?:[Bb]earer|[Tt]oken|[Bb]asic|[Bb]ot|ApiKey)[ \t]+[^\s\"'`$<>{}()\\]{8,4000})"
)
_SQL = re.compile(
    rb"(?<![\w'\"])(?P<n>IDENTIFIED[ \t]+(?:WITH[ \t]+\S{1,60}[ \t]+)?(?:BY|AS)(?:[ \t]+PASSWORD)?|(?:ENCRYPTED[ \t]+)?PASSWORD)[ \t]*(?:=[ \t]*)?\(?[ \t]*(?P<v>N?'(?:[^'\r\n]|'')*')",
    re.I,
)
_SQL_QUOTED = re.compile(rb"\b(?P<n>IDENTIFIED[ \t]+BY)[ \t]+(?P<v>\"[^\"\\\r\n]{1,200}\")", re.I)
_SECURE = re.compile(rb"ConvertTo-SecureString", re.I)
_SPEAKS = re.compile(
    r"""://[^\s/@:]{0,200}:[^\s/@]{1,200}@ | -----BEGIN\ [A-Z ]{0,40}PRIVATE | \b(?:bearer|basic|token)\ [\w+/=.~-]{8}
      | (?<![\w+/=.~-])(?=[\w+/=.~-]{0,100}?[0-9])(?=[\w+/=.~-]{0,100}?[A-Za-z])[\w+/=.~-]{16,}""",
    re.X | re.I,
)
_REFERENCE = re.compile(rb"\A[\"']?(?:\$[\w({]|%[\w]+%|\{\{|<%|`)")


@dataclass(frozen=True, slots=True)
class Assignment:
    """``start`` to ``end`` is the value inside its quotes; ``extent`` is where the name starts."""

    name: str
    start: int
    end: int
    extent: int

    def value(self, data: bytes) -> str:
        return data[self.start : self.end].decode("utf-8", "replace")


def assignments(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Assignment]:
    """Everything in ``data[start:end]`` that gives a name a literal value, in the order of offsets, each value once."""
    stop = len(data) if end is None else end
    rows: dict[tuple[int, int], Assignment] = {}
    for name, match in commands.passwords(data, start, stop):
        _take(rows, data, match, name)
    for pattern in (_SECURED, _PIPED) if _SECURE.search(data, start, stop) else ():
        for match in pattern.finditer(data, start, stop):
            _take(rows, data, match, "password")
    for pattern in (_HEADER, _POWERSHELL, _CALL, _OPTION, _ASSIGNMENT):
        for match in pattern.finditer(data, start, stop):
            said = match.group("n") or match.groupdict().get("d") or match.groupdict().get("s") or b""
            _take(rows, data, match, said.decode("ascii", "replace"))
    yield from sorted(rows.values(), key=lambda a: a.start)


def sql_passwords(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Assignment]:
    """``IDENTIFIED BY '…'`` and ``PASSWORD '…'``."""
    rows: dict[tuple[int, int], Assignment] = {}
    for pattern in (_SQL, _SQL_QUOTED):
        for match in pattern.finditer(data, start, len(data) if end is None else end):
            _take(rows, data, match, "password")
    yield from rows.values()


def _take(rows: dict[tuple[int, int], Assignment], data: bytes, match: re.Match[bytes], name: str) -> None:
    first, last = match.span("v")
    raw = match.group("v")
    if _REFERENCE.match(raw):
        return
    if raw[:1] in (b'"', b"'"):
        first, last = first + 1, last - 1
    elif raw[:2] == b"N'":
        first, last = first + 2, last - 1
    else:
        last -= len(raw) - len(raw.rstrip(b"\\,"))
    if last > first:
        rows.setdefault((first, last), Assignment(name, first, last, match.start()))


def speaks(value: str) -> bool:
    """Whether a rule about values alone could match in ``value``; for prose, which is no candidate otherwise."""
    return bool(_SPEAKS.search(value))
