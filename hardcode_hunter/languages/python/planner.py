"""From a located literal and its replacements to an operation: the rewrite that keeps the program's meaning, or the reason for none."""

from __future__ import annotations

import re
from collections.abc import Sequence

import libcst as cst

from hardcode_hunter.languages.python import aws_keys, connections, defaults, fields, guards
from hardcode_hunter.languages.python.operations import Import, Operation, Reading, Swap
from hardcode_hunter.languages.python.reasons import Unchanged
from hardcode_hunter.languages.python.shapes_code import Tools, Wanted, partial, whole
from hardcode_hunter.languages.python.strings import dedented, pieces, value
from hardcode_hunter.languages.python.tree import Place
from hardcode_hunter.languages.python.workbench import Workbench
from hardcode_hunter.model import Home, LiteralType, Replacement, Shape

# what a text holds that is filled by % or str.format later on
_PERCENT = re.compile(r"%(?:\(\w+\))?[srd](?![0-9A-Fa-f])")
_BRACES = re.compile(r"\{\d*\}|\{\{")


def plan(bench: Workbench, place: Place, rows: Sequence[Replacement]) -> Operation:
    """The operation for all ``rows``, which stand in one literal. Raises :class:`Unchanged`."""
    row = rows[0]
    guards.check(place, row)
    if bench.access(row).home is Home.ROLE:
        return aws_keys.plan(bench, place, rows)
    special = defaults.plan(bench, place, rows, in_place) or fields.plan(bench, place, rows, in_place)
    if special:
        return special
    if guards.decorator(place):
        raise Unchanged("decorator")
    return connections.plan(bench, place, rows) or in_place(bench, place, rows)


def in_place(bench: Workbench, place: Place, rows: Sequence[Replacement]) -> Operation:
    """The literal gives way to an expression of the same type, evaluated at the same time."""
    shape = rows[0].shape
    if any(row.shape is not shape for row in rows):
        raise Unchanged("overlaps")
    if shape is Shape.WHOLE:
        return _whole(bench, place, rows)
    return _partial(bench, place, rows, shape)


def _whole(bench: Workbench, place: Place, rows: Sequence[Replacement]) -> Operation:
    row = rows[0]
    if len(rows) > 1:
        raise Unchanged("overlaps")
    if row.literal is LiteralType.TEMPLATE:
        raise Unchanged("partly-computed")
    if _formats(place):
        raise Unchanged("formatted")
    literal = pieces(place.node, bench.tree)
    quote = literal[0].quote[0] if literal else '"'
    if literal and any(piece.computed for piece in literal):
        raise Unchanged("partly-computed")
    if row.literal is LiteralType.BYTES and not (literal and value(literal).isascii()):
        raise Unchanged("binary-value")
    reading, needed = bench.reading(row, place)
    code = whole(reading, quote, row.literal.value)
    swap = Swap(bench.tree.code(place.node), code, Shape.WHOLE, ((reading, ""),))
    return bench.swap_expression(rows, place, code, swap, needed)


def _partial(bench: Workbench, place: Place, rows: Sequence[Replacement], shape: Shape) -> Operation:
    literal = pieces(place.node, bench.tree)
    if literal is None:
        raise Unchanged("partly-computed")
    text = value(literal)
    percent = (
        isinstance(place.parent, cst.BinaryOperation)
        and isinstance(place.parent.operator, cst.Modulo)
        and place.parent.left is place.node
    )
    formatted_later = _PERCENT.search(text) is not None and not percent
    if formatted_later or (
        shape is not Shape.URL and (_BRACES.search(text) or _formats(place)) and not any(p.formatted for p in literal)
    ):
        raise Unchanged("formatted")
    readings: list[Reading] = []
    imports: list[Import] = []
    for row in rows:
        reading, needed = bench.reading(row, place)
        readings.append(reading)
        imports += needed
    tools = Tools()
    if shape is Shape.URL:
        name, extra = bench.names.bind("urllib.parse", "quote", place.span.start, place.in_function)
        tools = Tools(quote=name)
        imports += [extra] if extra else []
    elif shape is Shape.BASIC:
        name, extra = bench.names.bind("base64", "b64encode", place.span.start, place.in_function)
        tools = Tools(b64encode=name)
        imports += [extra] if extra else []
    roles = [row.part or row.key for row in rows]
    wanted = [Wanted(role, reading) for role, reading in zip(roles, readings, strict=True)]
    code, is_sum = partial(shape, literal, wanted, tools, percent)
    parse, _ = partial(shape, dedented(literal, bench.tree.indent(place)), wanted, tools, percent)
    swap = Swap(bench.tree.code(place.node), code, shape, tuple(zip(readings, roles, strict=True)), percent=percent)
    return bench.swap_expression(rows, place, code, swap, imports, is_sum=is_sum, parse=parse)


def _formats(place: Place) -> bool:
    """Whether the literal is the format of ``%`` or the receiver of ``.format``."""
    parent = place.parent
    if isinstance(parent, cst.BinaryOperation):
        return isinstance(parent.operator, cst.Modulo) and parent.left is place.node
    return isinstance(parent, cst.Attribute) and parent.attr.value in ("format", "format_map")
