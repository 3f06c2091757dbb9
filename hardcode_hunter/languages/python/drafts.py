"""What the walk writes down: a literal or a use of a name, with what it is bound to. Turned into candidates and references later."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace

from hardcode_hunter.languages.python.literals import Literal
from hardcode_hunter.languages.python.names import Scope
from hardcode_hunter.model import Evaluated, Position


@dataclass(eq=False, slots=True)
class Extent:
    """The lines of one statement; of a compound one, those of its header."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where an expression stands: what it can see, when it runs, and which lines belong to it."""

    scope: Scope
    evaluated: Evaluated
    extent: Extent
    note: str = ""


@dataclass(slots=True)
class Binding:
    """What the value of an expression is bound to.

    ``symbol`` and ``defines`` are qualified; ``group`` is the call or container that the value shares with its siblings, or a scope's
    label. ``outer`` is the call argument that the value reaches through what stands in between.
    """

    position: Position
    name: str
    symbol: str
    group: ast.AST | str
    callee: str = ""
    parameter: str = ""
    defines: str = ""
    note: str = ""
    outer: Binding | None = None

    def item(self, key: str, group: ast.AST) -> Binding:
        """The value under ``key`` of a mapping that is bound so."""
        return self._part(Position.ITEM, key or self.name, f".{key}" if key else ".*", group)

    def element(self, number: int, group: ast.AST, name: str = "") -> Binding:
        """A member of a tuple or list that is bound so."""
        return self._part(Position.ELEMENT, name or self.name, f"[{number}]", group)

    def _part(self, position: Position, name: str, path: str, group: ast.AST) -> Binding:
        return Binding(
            position,
            name,
            (self.symbol + path).removeprefix("."),
            group,
            self.callee,
            (self.parameter + path).removeprefix(".") if self.callee else "",
            self.defines + path if self.defines else "",
            self.note,
            self.outer.sub(path) if self.outer else None,
        )

    def sub(self, path: str) -> Binding:
        """The argument's part at ``path``."""
        return replace(self, parameter=self.parameter + path, outer=None)

    def noted(self, note: str) -> Binding:
        return replace(self, note=f"{self.note}, {note}" if self.note else note)

    @property
    def reached(self) -> Binding:
        """The call argument that the value ends up in, or this binding."""
        return self.outer or self


@dataclass(slots=True)
class Draft:
    """A literal: from the start of ``first`` to the end of ``last``. ``attached`` names the rest of it from an offset on: ``-p…``."""

    first: ast.expr
    last: ast.expr
    literal: Literal
    binding: Binding
    place: Place
    attached: tuple[str, int] | None = None

    @property
    def order(self) -> tuple[int, int]:
        return self.first.lineno, self.first.col_offset


@dataclass(slots=True)
class Use:
    """A use of a name."""

    node: ast.expr
    target: str
    binding: Binding
    place: Place


@dataclass(slots=True)
class Drafts:
    """Everything found in one file. ``multiline`` are the lines inside strings that span several."""

    literals: list[Draft] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    texts: list[Draft] = field(default_factory=list)  # strings that stand alone: docstrings and the like
    multiline: list[tuple[int, int]] = field(default_factory=list)
