"""From a located literal and its replacements to an operation: the rewrite that keeps the program's meaning, or the reason for none."""

from __future__ import annotations

import re
from collections.abc import Sequence

import libcst as cst

from hardcode_hunter.languages.python import (
    aws_keys,
    connections,
    constants,
    defaults,
    engines,
    fields,
    guards,
    listening,
    pasted,
)
from hardcode_hunter.languages.python.imports import dotted
from hardcode_hunter.languages.python.operations import Import, Operation, Reading, Swap
from hardcode_hunter.languages.python.reasons import Unchanged
from hardcode_hunter.languages.python.shapes_code import Tools, Wanted, other, part, partial, whole
from hardcode_hunter.languages.python.strings import Piece, dedented, pieces, value
from hardcode_hunter.languages.python.tree import Place
from hardcode_hunter.languages.python.workbench import Workbench
from hardcode_hunter.model import Home, LiteralType, Replacement, Shape

# what a text holds that is filled by % or str.format later on
_PERCENT = re.compile(r"%(?:\(\w+\))?[srd](?![0-9A-Fa-f])")
_BRACES = re.compile(r"\{\d*\}|\{\{")


def plan(bench: Workbench, place: Place, rows: Sequence[Replacement]) -> Operation:
    """The operation for all ``rows``, which stand in one literal. Raises :class:`Unchanged`."""
    bench.begin()
    operation = pasted.quoted(bench, place, rows, _planned(bench, place, rows))
    return bench.wrapped(listening.extended(bench, place, rows, operation))


def _planned(bench: Workbench, place: Place, rows: Sequence[Replacement]) -> Operation:
    row = rows[0]
    guards.check(place, row)
    if row.shape is Shape.WHOLE and _assembled(bench, place):
        raise Unchanged("assembled")
    if row.shape is Shape.WHOLE and pasted.is_pasted(place):
        raise Unchanged("pasted")
    if bench.access(row).home is Home.ROLE:
        return aws_keys.plan(bench, place, rows)
    special = defaults.plan(bench, place, rows, in_place) or fields.plan(bench, place, rows, in_place)
    if special:
        return special
    if guards.decorator(place):
        raise Unchanged("decorator")
    moved = constants.plan(bench, place, rows, in_place) or engines.plan(bench, place, rows)
    if moved:
        return moved
    bench.begin()  # what a constant's uses asked for, where they could not take the read
    return connections.plan(bench, place, rows) or in_place(bench, place, rows)


def _assembled(bench: Workbench, place: Place) -> bool:
    """Whether the literal is one piece of a value that ``+=`` puts together from several."""
    if isinstance(place.parent, cst.AugAssign):
        return True
    name = next((dotted(t.target) for t in getattr(place.parent, "targets", ()) if isinstance(t, cst.AssignTarget)), "")
    return name in bench.tree.extended


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
    quote = literal[0].quote[0] if literal else _free_quote(place)
    if literal and any(piece.computed for piece in literal):
        raise Unchanged("partly-computed")
    if row.literal is LiteralType.BYTES and not (literal and value(literal).isascii()):
        raise Unchanged("binary-value")
    reading, needed = bench.reading(row, place)
    code = whole(reading, quote, row.literal.value)
    swap = Swap(bench.tree.code(place.node), code, Shape.WHOLE, ((reading, ""),))
    return bench.swap_expression(rows, place, code, swap, needed)


def _free_quote(place: Place) -> str:
    """The quotes for a read where the literal has none of its own: others than those of an f-string around it."""
    around = next((a for a in place.ancestors if isinstance(a, cst.FormattedString)), None)
    return other(around.end) if around else '"'


def _partial(bench: Workbench, place: Place, rows: Sequence[Replacement], shape: Shape) -> Operation:
    literal = pieces(place.node, bench.tree)
    if literal is None:
        raise Unchanged("partly-computed")
    roles = [row.part or row.key for row in rows]
    percent = _is_percent(place)
    _refuse_templates(place, shape, literal, roles)
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
    wanted = [Wanted(role, reading) for role, reading in zip(roles, readings, strict=True)]
    code, is_sum = partial(shape, literal, wanted, tools, percent)
    parse, _ = partial(shape, dedented(literal, bench.tree.indent(place)), wanted, tools, percent)
    swap = Swap(bench.tree.code(place.node), code, shape, tuple(zip(readings, roles, strict=True)), percent=percent)
    return bench.swap_expression(rows, place, code, swap, imports, is_sum=is_sum, parse=parse)


def _refuse_templates(place: Place, shape: Shape, literal: Sequence[Piece], roles: Sequence[str]) -> None:
    """Raises for a text that ``%`` or ``str.format`` fills in later on, in which a rotated value could hold a placeholder.

    A quoted URL part holds no braces, and ``%`` right behind the literal is allowed for.
    """
    text = value(literal)
    if _PERCENT.search(text) and not _is_percent(place):
        raise Unchanged("formatted")
    doubled = ("%%",) if _is_percent(place) else ("{{", "}}") if _formats(place) else ()
    written = [text[found.start : found.end] for found in (part(shape, text, role) for role in roles)]
    if any(mark in one for one in written for mark in doubled):
        raise Unchanged("formatted")  # the program's value is another one than what is written here
    if shape is Shape.URL or any(piece.formatted for piece in literal):
        return
    for found in sorted((part(shape, text, role) for role in roles), key=lambda p: p.start, reverse=True):
        braced = text[found.start - 1 : found.start] == "{" and text[found.end : found.end + 1] == "}"
        text = text[: found.start - braced] + text[found.end + braced :]
    if _BRACES.search(text) or _formats(place):
        raise Unchanged("formatted")


def _is_percent(place: Place) -> bool:
    """Whether the literal is the format of a ``%`` operator."""
    parent = place.parent
    return (
        isinstance(parent, cst.BinaryOperation)
        and isinstance(parent.operator, cst.Modulo)
        and parent.left is place.node
    )


def _formats(place: Place) -> bool:
    """Whether the literal is the format of ``%`` or the receiver of ``.format``."""
    parent = place.parent
    return _is_percent(place) or (isinstance(parent, cst.Attribute) and parent.attr.value in ("format", "format_map"))
