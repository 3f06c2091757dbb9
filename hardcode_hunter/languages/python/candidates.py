"""The finding side of Python: what :data:`PYTHON` calls."""

from __future__ import annotations

from hardcode_hunter.languages import text
from hardcode_hunter.languages.python.positions import Positions, Unreadable
from hardcode_hunter.languages.python.reading import read
from hardcode_hunter.model import Extraction, Problem, Source
from hardcode_hunter.plugins import Hits

MOST = 250_000
"""Lines, commas and brackets in one file beyond which no syntax tree is built: it would take gigabytes."""


def candidates(source: Source, hits: Hits = None) -> Extraction:
    """Literals and uses of names near ``hits``; what the text rules find, and a problem, where Python can't parse the file.

    A literal is near a hit when one of the lines of its statement is (of a compound statement, of the header), or when it passes
    its value through names of this file to a statement that is: ``P = "…"`` is yielded because of ``connect(password=P)``.
    """
    if hits is not None and not hits:
        return Extraction()
    if len(source.data) > MOST and sum(map(source.data.count, (b"\n", b"\r", b",", b"(", b"["))) > MOST:
        return as_text(source, hits, 0, "too large to be parsed")
    try:
        positions = Positions(source.data)
        return read(positions, positions.parse(), source.path, "python", hits)
    except Unreadable as error:
        return as_text(source, hits, error.line, error.reason)
    except (RecursionError, MemoryError):
        return as_text(source, hits, 0, "nested too deeply to be walked")


def as_text(source: Source, hits: Hits, line: int, reason: str) -> Extraction:
    """What the text rules make of a file that is no Python, with ``reason`` as a problem."""
    found = text.candidates(source, hits)
    problem = Problem(source.path, line, f"{reason}; text rules were used")
    return Extraction(found.candidates, found.references, (problem, *found.problems))
