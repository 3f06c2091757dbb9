"""Shell scripts: assignments, options and headers in command lines. Reported, not rewritten."""

from __future__ import annotations

from hardcode_hunter.languages import script
from hardcode_hunter.languages.gather import Found, Gather
from hardcode_hunter.languages.holes import with_holes
from hardcode_hunter.model import Evaluated, Extraction, LiteralType, Position, Source
from hardcode_hunter.plugins import Hits, Language


def candidates(source: Source, hits: Hits = None) -> Extraction:
    """What ``export X=y``, ``X=y command``, ``--option value`` and ``mysql -pvalue`` name."""
    return lines_of(source, hits)


def lines_of(source: Source, hits: Hits, *, sql: bool = False) -> Extraction:
    """The assignments in the whole text of a file; with ``sql`` also what follows ``IDENTIFIED BY`` and ``PASSWORD``."""
    gather = Gather(source, hits, Evaluated.CALL)
    rows = {(a.start, a.end): a for a in script.assignments(source.data)}
    for found in script.sql_passwords(source.data) if sql else ():
        rows.setdefault((found.start, found.end), found)
    for row in rows.values():
        text = with_holes(row.value(source.data))
        literal = LiteralType.TEMPLATE if "\0" in text else LiteralType.STR
        gather.add(Found(row.start, row.end, text, row.name, row.name, row.extent, literal, Position.ASSIGNMENT))
    return gather.extraction()


SHELL = Language(
    name="shell",
    title="Shell",
    candidates=candidates,
    suffixes=(
        ".sh",
        ".bash",
        ".zsh",
        ".ksh",
        ".fish",
        ".bat",
        ".cmd",
        ".ps1",
        ".psm1",
        ".psd1",
        "makefile",
        ".mk",
        "jenkinsfile",
        "procfile",
    ),
    filenames=(".bashrc", ".bash_profile", ".profile", ".zshrc"),
    priority=5,
)
