"""INI files, Java properties and other files of ``key = value`` lines with ``[sections]``. Reported, not rewritten."""

from __future__ import annotations

import re

from hardcode_hunter.languages.gather import Found, Gather
from hardcode_hunter.languages.holes import default_of, with_holes
from hardcode_hunter.model import Extraction, LiteralType, Position, Source
from hardcode_hunter.plugins import Hits, Language

_LINE = re.compile(
    rb"""^(?:\xef\xbb\xbf)?[ \t]*(?:\[(?P<section>[^\]\r\n]{1,200})\][^\r\n]*
      | (?P<name>[A-Za-z_*][^\s=:\#;"']{0,150})(?P<sep>[ \t]*[=:][ \t]*|[ \t]+)(?P<value>[^\r\n]*))""",
    re.M | re.X,
)
_COMMENT = re.compile(rb"[ \t]+[#;][ \t][^\r\n]*\Z")


def candidates(source: Source, hits: Hits = None) -> Extraction:
    """The value of each line. A line without ``=`` or ``:`` counts only when it is ``name value`` and no more."""
    gather = Gather(source, hits)
    section = ""
    for match in _LINE.finditer(source.data):
        if match.group("section") is not None:
            section = match.group("section").decode("utf-8", "replace").strip()
            continue
        _add(gather, match, section)
    return gather.extraction()


def _add(gather: Gather, match: re.Match[bytes], section: str) -> None:
    start, end = match.span("value")
    raw = match.group("value").rstrip()
    comment = _COMMENT.search(raw)
    if comment and raw[:1] not in (b'"', b"'"):
        raw = raw[: comment.start()].rstrip()
    if not match.group("sep").strip() and (b" " in raw or b"\t" in raw):
        return
    raw = raw.rstrip(b";") if not match.group("sep").strip() else raw
    if len(raw) > 1 and raw[:1] in (b'"', b"'") and (close := raw.find(raw[:1], 1)) > 0:
        start, raw = start + 1, raw[1:close]
    end = start + len(raw)
    name = match.group("name").decode("utf-8", "replace")
    text, position = raw.decode("utf-8", "replace"), Position.PROPERTY
    default = default_of(text)
    if default:
        first = start + len(text[: default[1]].encode())
        text, name, position, start = text[default[1] : default[2]], default[0], Position.ENV_DEFAULT, first
        end = start + len(text.encode("utf-8", "replace"))
    text = with_holes(text)
    literal = LiteralType.TEMPLATE if "\0" in text else LiteralType.STR
    symbol = f"{section}.{name}" if section else name
    gather.add(
        Found(
            start,
            end,
            text,
            name,
            symbol,
            match.start("name"),
            literal,
            position,
            f"dict {section}" if section else "module",
        )
    )


INI = Language(
    name="ini",
    title="INI",
    candidates=candidates,
    suffixes=(
        ".ini",
        ".cfg",
        ".conf",
        ".properties",
        ".cnf",
        ".config",
        ".editorconfig",
        ".pypirc",
        ".gitconfig",
        ".tfbackend",
    ),
    filenames=(
        ".pypirc",
        ".my.cnf",
        ".boto",
        ".s3cfg",
        ".npmrc",
        ".netrc",
        "credentials",
        ".passwd-s3fs",
        ".gitconfig",
    ),
    recognises=lambda path, data: not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"),
    priority=3,
)
