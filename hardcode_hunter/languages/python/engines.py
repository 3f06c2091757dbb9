"""SQLAlchemy engines: the password leaves the URL, and each new connection of the pool reads it.

An engine keeps the URL that it was made with, and with it a password that a rotation has made useless. SQLAlchemy's ``do_connect``
event is called before every connection with the arguments for the driver (SQLAlchemy documentation, "Generating dynamic
authentication tokens").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import libcst as cst

from hardcode_hunter.languages.python.operations import Insertion, Operation, Splice, Swap, Touch
from hardcode_hunter.languages.python.reasons import Unchanged
from hardcode_hunter.languages.python.shapes_code import part, without
from hardcode_hunter.languages.python.strings import dedented, pieces, value
from hardcode_hunter.languages.python.tree import Place
from hardcode_hunter.languages.python.workbench import Workbench
from hardcode_hunter.model import Evaluated, Replacement, Shape, Span

CALLS = frozenset({"sqlalchemy.create_engine", "sqlalchemy.engine.create_engine"})
_DRIVERS = re.compile(
    r"(?:postgres(?:ql)?(?:\+(?:psycopg2|psycopg|pg8000))?|(?:mysql|mariadb)\+(?:pymysql|mysqlconnector|mariadbconnector)"
    r"|oracle\+(?:cx_oracle|oracledb))://"
)
"""Dialects whose driver takes the keyword ``password``."""
_OWN_WAY = frozenset({"creator", "async_creator", "connect_args", "pool"})
"""Arguments with which a program makes its connections itself."""


def plan(bench: Workbench, place: Place, rows: Sequence[Replacement]) -> Operation | None:
    """``engine = create_engine("…user:password@…")`` with the password read per connection; ``None`` when it is no such statement."""
    row = rows[0]
    if row.shape is not Shape.URL or len(rows) != 1 or (row.part or row.key) != "password" or len(place.ancestors) != 5:
        return None
    argument, call, assignment, line, module = place.ancestors
    if not (isinstance(argument, cst.Arg) and isinstance(call, cst.Call) and isinstance(assignment, cst.Assign)):
        return None
    if not (isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1 and isinstance(module, cst.Module)):
        return None
    target = assignment.targets[0].target
    given = {a.keyword.value for a in call.args if a.keyword is not None}
    if bench.callee(call) not in CALLS or len(assignment.targets) != 1 or not isinstance(target, cst.Name):
        return None
    if call.args[0] is not argument or any(a.star for a in call.args) or given & _OWN_WAY:
        return None
    literal = pieces(place.node, bench.tree)
    if literal is None or not _DRIVERS.match(value(literal)) or place.statement + 1 >= len(module.body):
        return None
    return _listening(bench, place, row, target.value)


def _listening(bench: Workbench, place: Place, row: Replacement, engine: str) -> Operation:
    literal = pieces(place.node, bench.tree)
    assert literal is not None
    text = value(literal)
    found = part(Shape.URL, text, "password")
    if text[found.start - 1] != ":":
        raise Unchanged("no-such-part", part="password")
    span = Span(found.start - 1, found.end)
    code = without(literal, [span])
    code, change = bench.expression(code, place, parse=without(dedented(literal, ""), [span]))
    reading, imports = bench.reading(replace(row, evaluated=Evaluated.CALL, callee="sqlalchemy.create_engine"), place)
    event, missing = bench.names.bind("sqlalchemy", "event", place.span.start, place.in_function)
    listener = bench.names.free("read_password")
    bench.names.chosen["", listener] = listener
    following = bench.tree.module.body[place.statement + 1]
    blank = next((n for n, above in enumerate(following.leading_lines) if above.comment), len(following.leading_lines))
    definition = (
        f'\n\n@{event}.listens_for({engine}, "do_connect")\n'
        f"def {listener}(dialect, connection_record, arguments, keywords):\n"
        f'    keywords["password"] = {reading.text}\n'
    )
    inserted = definition + "\n" * max(0, 2 - blank)
    return Operation(
        findings=(row.finding,),
        splices=(Splice(place.span, code, Touch.VALUE),),
        changes=((place.node, change),),
        statement=place.statement,
        swaps=(Swap(bench.tree.code(place.node), code, Shape.URL, ((reading, "password"),), moved=True),),
        imports=(*imports, *((missing,) if missing else ())),
        inserts=(
            Insertion(place.statement + 1, len(bench.tree.module.header), inserted.replace("\n", bench.tree.newline)),
        ),
    )
