"""What a language makes of a file: candidates and references with exact byte spans."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hardcode_hunter.model.identity import Span, fingerprint
from hardcode_hunter.model.plaintext import Plaintext
from hardcode_hunter.model.words import Evaluated, LiteralType, Position


@dataclass(frozen=True, slots=True)
class Source:
    """One file as read: ``data`` is what lies on disk, byte for byte."""

    path: str
    data: bytes
    language: str = ""

    def line_of(self, offset: int) -> int:
        """The line (from 1) on which byte ``offset`` stands; lines end at LF, or at CR not followed by LF."""
        return _newlines(self.data, offset) + 1

    def column_of(self, offset: int) -> int:
        """The column (from 1, in bytes) of byte ``offset``."""
        start = max(self.data.rfind(b"\n", 0, offset), self.data.rfind(b"\r", 0, offset)) + 1
        return offset - start + 1


def _newlines(data: bytes, end: int) -> int:
    cr = data.count(b"\r", 0, end)
    both = data.count(b"\r\n", 0, end) if cr else 0
    # a CR right before `end` whose LF lies beyond it still belongs to the pair
    return data.count(b"\n", 0, end) + cr - both - (1 if cr and data[end - 1 : end + 1] == b"\r\n" else 0)


@dataclass(frozen=True, slots=True)
class Sink:
    """Where a value ends up: a library call's parameter (``callee``) or a resource's property (``resource``)."""

    callee: str = ""
    resource: str = ""
    parameter: str = ""
    path: str = ""
    line: int = 0
    evaluated: Evaluated = Evaluated.CALL
    scope: str = ""  # the call or resource at `path`, so that siblings that reach the same one can be joined
    via: str = ""  # the path it travelled, in words: "Ref DbPassword", "var.db_password, module.db"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A literal in a source file with where it stands. The narrow waist: rules see nothing else.

    ``span`` is the literal as written, quotes and prefix included. ``symbol`` is the structural path
    (``Settings.DATABASES.default.PASSWORD``, ``Resources/Db/Properties/MasterUserPassword``) and ``ordinal`` counts
    equal symbols in the file from 0: both survive moved lines. ``scope`` names the call, mapping, block or namespace that the
    literal shares with its siblings (``call@120``, ``dict@88``, ``class Config``, ``module``).
    ``defines`` is the name under which other code can refer to the value; ``link`` joins it to references.
    """

    path: str
    language: str
    span: Span
    line: int
    end_line: int
    column: int
    value: Plaintext
    literal: LiteralType
    position: Position
    name: str
    symbol: str
    ordinal: int = 0
    callee: str = ""
    parameter: str = ""  # keyword name, or "#2" for the third positional argument
    resource: str = ""
    scope: str = "module"
    evaluated: Evaluated = Evaluated.IMPORT
    defines: str = ""
    sinks: tuple[Sink, ...] = ()
    pieces: tuple[
        tuple[int, int], ...
    ] = ()  # of a literal written in pieces on several lines: where each begins in the value, and its line
    note: str = ""  # what a language knows that blocks or shapes a rewrite: "decorator", "class body use", "generated"

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.path, self.symbol, self.ordinal)

    def reaching(self, *sinks: Sink) -> Candidate:
        """The same candidate with these sinks added."""
        return replace(self, sinks=self.sinks + sinks)


@dataclass(frozen=True, slots=True)
class Reference:
    """A use of a name: variable, settings import, template parameter, module input.

    ``target`` is in the form of :attr:`Candidate.defines`. When a reference only passes a value on to
    another name (``x = settings.Y``, a module input), that name is in ``defines``.
    """

    path: str
    language: str
    span: Span
    line: int
    target: str
    callee: str = ""
    parameter: str = ""
    resource: str = ""
    symbol: str = ""
    scope: str = ""
    evaluated: Evaluated = Evaluated.CALL
    defines: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that could not be read or parsed. ``fatal`` ones make the run incomplete (exit 2)."""

    path: str
    line: int
    message: str
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a language found in one source."""

    candidates: tuple[Candidate, ...] = ()
    references: tuple[Reference, ...] = ()
    problems: tuple[Problem, ...] = ()
