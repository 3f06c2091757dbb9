"""Dockerfiles: ``ENV``, ``ARG`` and what command lines assign. Reported, not rewritten."""

from __future__ import annotations

import re

from hardcode_hunter.languages import script
from hardcode_hunter.languages.gather import Found, Gather
from hardcode_hunter.languages.holes import with_holes
from hardcode_hunter.model import Evaluated, Extraction, LiteralType, Position, Source
from hardcode_hunter.plugins import Hits, Language

_ENV = re.compile(rb"""^[ \t]*ENV[ \t]+(?P<n>[A-Za-z_]\w{0,99})[ \t]+(?P<v>[^\s=][^\r\n]*)""", re.M | re.I)


def candidates(source: Source, hits: Hits = None) -> Extraction:
    """``ENV name value``, ``ENV name=value …``, ``ARG name=value`` and assignments in ``RUN`` and ``CMD``."""
    gather = Gather(source, hits, Evaluated.CALL)
    rows = {(a.start, a.end): a for a in script.assignments(source.data)}
    for match in _ENV.finditer(source.data):
        raw = match.group("v").rstrip(b" \t\\")
        start = match.start("v")
        if raw[:1] in (b'"', b"'") and raw[-1:] == raw[:1] and len(raw) > 1:
            start, raw = start + 1, raw[1:-1]
        rows.setdefault(
            (start, start + len(raw)),
            script.Assignment(match.group("n").decode("ascii"), start, start + len(raw), match.start("n")),
        )
    for row in rows.values():
        text = with_holes(row.value(source.data))
        literal = LiteralType.TEMPLATE if "\0" in text else LiteralType.STR
        gather.add(Found(row.start, row.end, text, row.name, row.name, row.extent, literal, Position.ASSIGNMENT))
    return gather.extraction()


DOCKERFILE = Language(
    name="dockerfile",
    title="Dockerfile",
    candidates=candidates,
    suffixes=("dockerfile", "containerfile", ".dockerfile"),
    patterns=("dockerfile[.-]*", "containerfile[.-]*"),
    recognises=lambda path, data: not path.lower().endswith(".dockerignore"),
    priority=5,
)
