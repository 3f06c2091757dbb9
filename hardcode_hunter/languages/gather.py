"""Collects what a language finds in one source: numbers equal symbols, looks up lines, keeps what stands near a hit."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field

from hardcode_hunter.languages import script
from hardcode_hunter.model import (
    Candidate,
    Evaluated,
    Extraction,
    LiteralType,
    Plaintext,
    Position,
    Problem,
    Reference,
    Source,
    Span,
)
from hardcode_hunter.plugins import Hits, near


class Lines:
    """Byte offset → line and column, both from 1. A line ends at LF, or at CR that no LF follows."""

    def __init__(self, data: bytes) -> None:
        self.starts = [0]
        at = 0
        for row in data.splitlines(keepends=True) if b"\r" in data else ():
            at += len(row)
            if row.endswith((b"\n", b"\r")):
                self.starts.append(at)
        if b"\r" not in data:
            while (at := data.find(b"\n", at) + 1) > 0:
                self.starts.append(at)

    def line(self, offset: int) -> int:
        return bisect_right(self.starts, offset)

    def column(self, offset: int) -> int:
        return offset - self.starts[self.line(offset) - 1] + 1


@dataclass(slots=True)
class Found:
    """A literal before it is numbered. ``start`` and ``end`` are the literal's; ``extent`` begins at its name.

    ``kept`` literals are yielded wherever the hits are, because other code can refer to them by name.
    """

    start: int
    end: int
    value: str
    name: str
    symbol: str
    extent: int
    literal: LiteralType = LiteralType.STR
    position: Position = Position.PROPERTY
    scope: str = "module"
    resource: str = ""
    parameter: str = ""
    callee: str = ""
    defines: str = ""
    note: str = ""
    extent_end: int = 0
    kept: bool = False


LIMIT = 100_000
"""Literals in one file beyond which its structure is given up and the rest is read by lines: a few seconds of work."""
COLUMN = 2_000
"""Values under one name in a file beyond which they are rows of data: from then on only what speaks for itself is taken."""


@dataclass(slots=True)
class Gather:
    source: Source
    hits: Hits
    evaluated: Evaluated = Evaluated.DEPLOY
    found: list[Found] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    limit: int = LIMIT
    cut: int = -1  # where the limit was reached
    _lines: Lines | None = None
    _columns: Counter[str] = field(default_factory=Counter)

    @property
    def lines(self) -> Lines:
        if self._lines is None:
            self._lines = Lines(self.source.data)
        return self._lines

    def add(self, found: Found) -> None:
        if self.full or not found.value or found.end <= found.start or self._row_of_data(found):
            return
        self.found.append(found)
        if len(self.found) >= self.limit:
            self.cut = found.end
            self.problem(found.end, f"more than {self.limit} literals in one file; from here on it was read by lines")

    def _row_of_data(self, found: Found) -> bool:
        self._columns[found.name] += 1
        count = self._columns[found.name]
        if count <= COLUMN or found.kept or not found.name:
            return False
        if count == COLUMN + 1:
            self.problem(
                found.start,
                f"more than {COLUMN} values under one name; the others were taken for data and read for tokens alone",
            )
        return not script.speaks(found.value)

    @property
    def full(self) -> bool:
        """Whether no more is taken; a walk over a large list stops then."""
        return self.cut >= 0

    def refer(
        self,
        start: int,
        end: int,
        target: str,
        *,
        resource: str = "",
        parameter: str = "",
        symbol: str = "",
        scope: str = "",
        defines: str = "",
    ) -> None:
        self.references.append(
            Reference(
                path=self.source.path,
                language=self.source.language,
                span=Span(start, end),
                line=self.lines.line(start),
                target=target,
                resource=resource,
                parameter=parameter,
                symbol=symbol,
                scope=scope,
                evaluated=self.evaluated,
                defines=defines,
            )
        )

    def problem(self, offset: int, message: str) -> None:
        told = Problem(self.source.path, self.lines.line(offset), message)
        if told not in self.problems[-1:]:  # a parser may stumble more than once on one line
            self.problems.append(told)

    def extraction(self) -> Extraction:
        """Everything found, in the order of offsets; ordinals are counted before the hits decide what is kept."""
        if self.full:
            self._by_lines(self.cut)
        counts: Counter[str] = Counter()
        candidates = []
        for row in sorted(self.found, key=lambda f: (f.start, f.end)):
            ordinal = counts[row.symbol]
            counts[row.symbol] += 1
            if row.kept or near(min(row.extent, row.start), max(row.end, row.extent_end), self.hits):
                candidates.append(self._candidate(row, ordinal))
        return Extraction(tuple(candidates), tuple(self.references), tuple(self.problems))

    def _by_lines(self, start: int) -> None:
        for row in script.assignments(self.source.data, start):
            value = row.value(self.source.data)
            symbol = f"text/{row.name}"
            found = Found(row.start, row.end, value, row.name, symbol, row.extent, LiteralType.TEXT, Position.TEXT)
            if not self._row_of_data(found):
                self.found.append(found)

    def _candidate(self, row: Found, ordinal: int) -> Candidate:
        return Candidate(
            path=self.source.path,
            language=self.source.language,
            span=Span(row.start, row.end),
            line=self.lines.line(row.start),
            end_line=self.lines.line(max(row.start, row.end - 1)),
            column=self.lines.column(row.start),
            value=Plaintext(row.value),
            literal=row.literal,
            position=row.position,
            name=row.name,
            symbol=row.symbol,
            ordinal=ordinal,
            callee=row.callee,
            parameter=row.parameter,
            resource=row.resource,
            scope=row.scope,
            evaluated=self.evaluated,
            defines=row.defines,
            note=row.note,
        )


def as_text(source: Source, hits: Hits, line: int, message: str) -> Extraction:
    """What the text rules make of a file that its language could not read, with the reason as a problem."""
    from hardcode_hunter.plugins import Language, load

    problem = Problem(source.path, line, f"{message}; text rules were used")
    text = load("languages", Language).get("text")
    found = text.candidates(source, hits) if text else Extraction()
    return Extraction(found.candidates, found.references, (*found.problems, problem))
