"""SQLAlchemy engines that a module makes of a constant: ``URL = "postgresql://…"`` and, further down, ``engine = create_engine(URL)``.

The constant keeps its value, since anything may read it; below the engine goes a ``do_connect`` listener, so that each new connection
has the present password and not the one of the import.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import libcst as cst

from hardcode_hunter.languages.python import engines, pasted
from hardcode_hunter.languages.python.imports import dotted
from hardcode_hunter.languages.python.operations import Import, Operation
from hardcode_hunter.languages.python.strings import pieces, value
from hardcode_hunter.languages.python.tree import Place
from hardcode_hunter.languages.python.workbench import Workbench
from hardcode_hunter.model import Position, Replacement, Shape


def extended(bench: Workbench, place: Place, rows: Sequence[Replacement], operation: Operation) -> Operation:
    """The operation, with a listener below each engine of the module that is made of the constant at ``place``."""
    name = rows[0].symbol
    if not _constant(bench, place, rows, name, operation) or not _known_driver(bench, place, rows[0]):
        return operation
    for number, engine, call in _engines(bench, place.statement, name):
        lines: list[str] = []
        imports: list[Import] = []
        for row in rows:
            line, needed = engines.assignment(bench, place, row, not lines)
            lines.append(line)
            imports += needed
        insertion, event = engines.listener(bench, call, number + 1, engine, lines)
        operation = replace(
            operation, inserts=(*operation.inserts, insertion), imports=(*operation.imports, *imports, *event)
        )
    return operation


def _constant(bench: Workbench, place: Place, rows: Sequence[Replacement], name: str, operation: Operation) -> bool:
    """Whether a constant of the module, that is bound once, keeps its place in the operation and holds what a driver is given."""
    return (
        len(place.ancestors) == 3  # an assignment, its line, the module
        and rows[0].position is Position.ASSIGNMENT
        and bench.names.stores[name] == 1
        and not operation.gone
        and not operation.removes
        and all(engines.argument(row) for row in rows)
    )


def _known_driver(bench: Workbench, place: Place, row: Replacement) -> bool:
    if row.shape is Shape.URL:
        literal = pieces(place.node, bench.tree)
        return literal is not None and engines.takes_password(value(literal))
    uses = pasted.into_texts(bench, place, row)
    return bool(uses) and all(engines.takes_password(use.text) for use in uses)


def _engines(bench: Workbench, start: int, name: str) -> Iterator[tuple[int, str, cst.Call]]:
    """Statement, name and call of each engine that the module makes of ``name``, or of a text that it is in."""
    tainted = {name}
    for number, statement in enumerate(bench.tree.module.body):
        target, made = _assigned(statement)
        if number <= start or not target or made is None:
            continue
        if isinstance(made, cst.Call) and bench.callee(made) in engines.CALLS:
            if made.args and engines.plain(made) and _reads(made.args[0].value, tainted):
                yield number, target, made
        elif _reads(made, tainted):
            tainted.add(target)


def _assigned(statement: cst.CSTNode) -> tuple[str, cst.BaseExpression | None]:
    small = statement.body if isinstance(statement, cst.SimpleStatementLine) else ()
    only = small[0] if len(small) == 1 else None
    if isinstance(only, cst.Assign) and len(only.targets) == 1:
        target = only.targets[0].target
        return (target.value, only.value) if isinstance(target, cst.Name) else ("", None)
    return "", None


def _reads(expression: cst.BaseExpression, names: set[str]) -> bool:
    """Whether the expression is one of the names, or a text that it is put into."""
    if isinstance(expression, cst.Call):
        of_format = isinstance(expression.func, cst.Attribute) and expression.func.attr.value == "format"
        return of_format and any(_reads(a.value, names) for a in expression.args)
    if isinstance(expression, cst.Name):
        return expression.value in names
    if isinstance(expression, cst.Tuple):
        return any(_reads(e.value, names) for e in expression.elements)
    if isinstance(expression, cst.FormattedString):
        return any(
            isinstance(p, cst.FormattedStringExpression) and _reads(p.expression, names) for p in expression.parts
        )
    if isinstance(expression, (cst.BinaryOperation, cst.ConcatenatedString)):
        return _reads(expression.left, names) or _reads(expression.right, names)
    return dotted(expression) in names
