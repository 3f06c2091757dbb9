"""Connection strings whose call takes the password as an argument of its own: that survives every character."""

from __future__ import annotations

import re
from collections.abc import Sequence

import libcst as cst

from hardcode_hunter.languages.python import clients
from hardcode_hunter.languages.python.operations import Import, Operation, Reading, Splice, Swap, Touch
from hardcode_hunter.languages.python.reasons import Unchanged
from hardcode_hunter.languages.python.shapes_code import part, requoted, without
from hardcode_hunter.languages.python.strings import Piece, dedented, pieces, value
from hardcode_hunter.languages.python.tree import Place
from hardcode_hunter.languages.python.workbench import Workbench
from hardcode_hunter.model import Replacement, Shape, Span

_KEYWORDS = {"password": "password", "username": "user", "host": "host", "port": "port", "dbname": "dbname"}
"""Role → keyword of libpq (PostgreSQL manual, 34.1.2), under which every driver on libpq takes it as an argument."""


def plan(bench: Workbench, place: Place, rows: Sequence[Replacement]) -> Operation | None:
    """``connect("dbname=x password=y")`` → ``connect("dbname=x", password=…)``; ``None`` when the literal is no such argument."""
    if (
        rows[0].shape is not Shape.DSN
        or not isinstance(place.parent, cst.Arg)
        or not isinstance(place.ancestors[1], cst.Call)
    ):
        return None
    call, argument = place.ancestors[1], place.parent
    client = clients.of(rows[0].callee or bench.callee(call))
    position = call.args.index(argument)
    if (
        client is None
        or not client.dsn
        or not (argument.keyword.value == client.dsn if argument.keyword else position == client.position)
    ):
        return None
    if any(a.keyword is None for a in call.args[position + 1 :]):
        return None  # a positional argument or ** follows: quoting inside the string is as good
    literal = pieces(place.node, bench.tree)
    if literal is None:
        raise Unchanged("partly-computed")
    roles = [row.part or row.key for row in rows]
    given = {a.keyword.value for a in call.args if a.keyword}
    if any(role not in _KEYWORDS or _KEYWORDS[role] in given for role in roles):
        raise Unchanged("password-given-twice")
    return _moved(bench, place, call, position, literal, rows, roles)


def _moved(
    bench: Workbench,
    place: Place,
    call: cst.Call,
    position: int,
    literal: Sequence[Piece],
    rows: Sequence[Replacement],
    roles: Sequence[str],
) -> Operation:
    quote = literal[0].quote[0]
    spans = _apart([_pair(value(literal), role) for role in roles])
    code, parse = without(literal, spans), without(dedented(literal, bench.tree.indent(place)), spans)
    text, change = bench.expression(code, place, parse=parse)
    separator, comma = _separator(bench, place, call.args[position])
    readings: list[tuple[Reading, str]] = []
    imports: list[Import] = []
    arguments: list[cst.Arg] = []
    added = ""
    for row, role in zip(rows, roles, strict=True):
        reading, needed = bench.reading(row, place)
        readings.append((reading, role))
        imports += needed
        argument = f"{_KEYWORDS[role]}={requoted(reading.text, quote)}"
        added += f"{separator}{argument}"
        arguments.append(cst.parse_expression(f"f({argument})").args[0])  # type: ignore[attr-defined]
    end = bench.tree.span(call.args[position]).end

    def with_arguments(node: cst.Call) -> cst.Call:
        args = list(node.args)
        host = args[position]
        new = [a.with_changes(comma=comma) for a in arguments]
        new[-1] = new[-1].with_changes(comma=host.comma, whitespace_after_arg=host.whitespace_after_arg)
        host = host.with_changes(comma=comma, whitespace_after_arg=cst.SimpleWhitespace(""))
        return node.with_changes(args=[*args[:position], host, *new, *args[position + 1 :]])

    return Operation(
        findings=tuple(row.finding for row in rows),
        splices=(Splice(place.span, text, Touch.VALUE), Splice(Span(end, end), added, Touch.ARGUMENT)),
        changes=((place.node, change), (call, with_arguments)),
        statement=place.statement,
        swaps=(Swap(bench.tree.code(place.node), text, Shape.DSN, tuple(readings), moved=True),),
        imports=tuple(imports),
    )


def _separator(bench: Workbench, place: Place, argument: cst.Arg) -> tuple[str, cst.Comma]:
    """What parts the new argument from ``argument``: a new line where that begins one, as text and as LibCST's node."""
    tree = bench.tree
    line, column = tree.layout.place(tree.span(argument).start)
    margin = tree.layout.text[tree.layout.starts[line - 1] :][:column]
    if margin.strip(" \t"):
        return ", ", cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    inner = margin.removeprefix(tree.indent(place))
    sample = cst.parse_expression(f"f(a,{tree.newline}{inner}b)", config=tree.module.config_for_parsing)
    comma = sample.args[0].comma  # type: ignore[attr-defined]
    return f",{tree.newline}{margin}", comma


def _apart(spans: Sequence[Span]) -> list[Span]:
    """The spans in order, without the white space that two neighbours both count as theirs."""
    result: list[Span] = []
    for span in sorted(spans):
        start = max(span.start, result[-1].end) if result else span.start
        result.append(Span(start, span.end))
    return result


def _pair(text: str, role: str) -> Span:
    """``password=…`` with the white space that separates it from what stands before it, or behind it where it is the first."""
    found = part(Shape.DSN, text, role)
    start = re.search(r"\s*[a-z_]+\s*=\s*'?\Z", text[: found.start])
    end = found.end + (text[found.end : found.end + 1] == "'" and text[found.start - 1 : found.start] == "'")
    begin = start.start() if start else found.start
    if begin == 0:
        blank = re.compile(r"\s*").match(text, end)
        end = blank.end() if blank else end
    return Span(begin, end)
