"""String literals as written: which characters of the source make which characters of the value.

A literal is one or more pieces side by side (or joined by ``+``), each with its own prefix and quotes. A piece is a run of
units: one character of the value with the source that spells it (``\\x41``, ``{{``, a whole ``{expression}`` of an f-string).
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import libcst as cst

    from hardcode_hunter.languages.python.tree import Tree

HOLE = "\x00"  # what stands in the value for an expression of an f-string

_TEXT = re.compile(
    r"\\N\{[^}]*\}|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}|\\x[0-9A-Fa-f]{2}|\\[0-7]{1,3}|\\\r\n|\\[abfnrtv'\"\\\n\r]|\r\n|[\s\S]"
)
_BYTES = re.compile(r"\\x[0-9A-Fa-f]{2}|\\[0-7]{1,3}|\\\r\n|\\[abfnrtv'\"\\\n\r]|\r\n|[\s\S]")
_RAW = re.compile(r"\r\n|[\s\S]")


@dataclass(frozen=True, slots=True)
class Unit:
    """``source`` is what is written, ``text`` what it means: one character, or none for an escaped line end."""

    source: str
    text: str


@dataclass(frozen=True, slots=True)
class Piece:
    """One string token. ``before`` is what separates it from the piece before it: white space, or a ``+``."""

    before: str
    prefix: str
    quote: str
    units: tuple[Unit, ...]

    @property
    def text(self) -> str:
        return "".join(unit.text for unit in self.units)

    @property
    def formatted(self) -> bool:
        return "f" in self.prefix.lower()

    @property
    def computed(self) -> bool:
        """Whether an expression stands in it."""
        return self.formatted and any(unit.text == HOLE and unit.source.startswith("{") for unit in self.units)

    @property
    def source(self) -> str:
        return f"{self.prefix}{self.quote}{''.join(unit.source for unit in self.units)}{self.quote}"


def pieces(node: cst.BaseExpression, tree: Tree) -> tuple[Piece, ...] | None:
    """The pieces of a string literal or a sum of such; ``None`` when ``node`` is none, or a template string (PEP 750)."""
    import libcst as cst

    if isinstance(node, cst.ConcatenatedString) or (
        isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Add)
    ):
        left, right = pieces(node.left, tree), pieces(node.right, tree)
        if left is None or right is None or node.left.lpar or node.right.lpar:
            return None
        between = tree.layout.text[tree.span(node.left).end : tree.span(node.right).start]
        return (*left, replace(right[0], before=between), *right[1:])
    if isinstance(node, cst.SimpleString):
        return (_simple(node.value),)
    if isinstance(node, cst.FormattedString):
        return (_formatted(node, tree.module),)
    return None


def dedented(literal: Sequence[Piece], indent: str) -> tuple[Piece, ...]:
    """The literal as LibCST parses it outside of its block: ``indent`` is taken from the lines that its pieces begin."""
    return tuple(
        replace(piece, before=re.sub(rf"(\r\n?|\n){re.escape(indent)}", r"\1", piece.before)) for piece in literal
    )


def _simple(source: str) -> Piece:
    prefix = source[: len(source) - len(source.lstrip("rRbBuU"))]
    quote = _quote(source[len(prefix) :])
    body = source[len(prefix) + len(quote) : -len(quote)]
    return Piece("", prefix, quote, _units(body, prefix.lower()))


def _formatted(node: cst.FormattedString, module: cst.Module) -> Piece:
    import libcst as cst

    prefix = node.start.rstrip("'\"")
    units: list[Unit] = []
    for part in node.parts:
        source = module.code_for_node(part)
        if isinstance(part, cst.FormattedStringText):
            units += _braces(_units(source, prefix.lower()))
        else:
            units.append(Unit(source, HOLE))
    return Piece("", prefix, node.end, tuple(units))


def _quote(text: str) -> str:
    return text[:3] if text[:3] in ('"""', "'''") else text[:1]


def _units(body: str, prefix: str) -> tuple[Unit, ...]:
    if "r" in prefix:
        return tuple(Unit(m[0], "\n" if m[0][0] == "\r" else m[0]) for m in _RAW.finditer(body))
    pattern = _BYTES if "b" in prefix else _TEXT
    return tuple(Unit(m[0], _meaning(m[0], "b" in prefix)) for m in pattern.finditer(body))


def _meaning(source: str, is_bytes: bool) -> str:
    if source[0] == "\r":
        return "\n"
    if len(source) == 1:
        return source
    if source[1] in "\r\n":
        return ""
    with warnings.catch_warnings():  # "\777" is valid and deprecated
        warnings.simplefilter("ignore")
        if is_bytes:
            value: bytes = ast.literal_eval(f'b"{source}"')
            return value.decode("latin-1")
        text: str = ast.literal_eval(f'"{source}"')
    return text


def _braces(units: Sequence[Unit]) -> list[Unit]:
    """Joins the doubled braces of an f-string."""
    joined: list[Unit] = []
    at = 0
    while at < len(units):
        unit = units[at]
        double = unit.source in ("{", "}") and at + 1 < len(units) and units[at + 1].source == unit.source
        joined.append(Unit(unit.source * 2, unit.text) if double else unit)
        at += 2 if double else 1
    return joined


def value(literal: Sequence[Piece]) -> str:
    """The value of the literal; for bytes, each byte as the character of the same number."""
    return "".join(piece.text for piece in literal)
