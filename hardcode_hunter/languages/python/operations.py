"""One planned modification, in both of its forms: what happens to LibCST's nodes, and which characters of the text it replaces.

Both are made independently and must give the same bytes; the proofs are told by :class:`Touch` what may differ where.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hardcode_hunter.model import Shape, Span, Tier

if TYPE_CHECKING:
    import libcst as cst

NodeChange = Callable[[Any], Any]  # from the node as its children left it to its replacement


class Touch(enum.Enum):
    """What a splice replaces: one expression by another, whole arguments of a call, or whole statements.

    Two splices around a call make it the body of a lambda that another call is given last.
    """

    VALUE = "value"
    ARGUMENT = "argument"
    STATEMENT = "statement"
    AROUND = "around"


@dataclass(frozen=True, slots=True)
class Splice:
    """Characters ``span`` of the original become ``text``."""

    span: Span
    text: str
    touch: Touch


@dataclass(frozen=True, slots=True)
class Import:
    """``from module import name as local``; ``import module`` when ``name`` is empty."""

    module: str
    name: str = ""
    local: str = ""

    @property
    def line(self) -> str:
        if not self.name:
            return f"import {self.module}"
        return f"from {self.module} import {self.name}" + (
            f" as {self.local}" if self.local not in ("", self.name) else ""
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """A read of one field, as an expression of type ``str``; ``text`` is quoted with double quotes."""

    text: str
    secret: str
    key: str


@dataclass(frozen=True, slots=True)
class Swap:
    """What the value proof compares: the literal as it was and the expression that stands for it, both as source.

    ``parts`` maps the arguments of each read to the part of the literal that it stands for (``""``: all of it).
    """

    literal: str
    expression: str
    shape: Shape
    parts: tuple[tuple[Reading, str], ...]
    moved: bool = False  # the parts are arguments of their own now, and the expression is what remains
    percent: bool = False  # the literal is the format of a ``%`` operator


@dataclass(frozen=True, slots=True)
class Insertion:
    """Source lines that go before statement ``index`` of the module, ``header`` lines of its header staying above them."""

    index: int
    header: int
    text: str


@dataclass(frozen=True, slots=True)
class Operation:
    """All that one or more findings need: applied whole, or not at all. ``reason`` says why it wants a review."""

    findings: tuple[str, ...]
    splices: tuple[Splice, ...]
    changes: tuple[tuple[cst.CSTNode, NodeChange], ...]
    statement: int  # index in the module's body of the statement it stands in
    swaps: tuple[Swap, ...] = ()
    imports: tuple[Import, ...] = ()
    tier: Tier = Tier.SAFE
    reason: str = ""
    inserts: tuple[Insertion, ...] = ()  # statements beside it in the module's body
    gone: tuple[int, ...] = ()  # statements of the module's body that are removed
    around: tuple[tuple[cst.CSTNode, NodeChange], ...] = ()  # changes of nodes that come after all others
    removes: bool = False  # the value is deleted, nothing stands in for it
