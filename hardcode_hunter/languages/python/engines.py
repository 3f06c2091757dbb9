"""SQLAlchemy engines: the password leaves the URL, and each new connection of the pool reads it.

An engine keeps the URL that it was made with, and with it a password that a rotation has made useless. SQLAlchemy's ``do_connect``
event is called before every connection with the arguments for the driver (SQLAlchemy documentation, "Generating dynamic
authentication tokens").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import libcst as cst

from hardcode_hunter.languages.python.operations import Import, Insertion, Operation, Reading, Splice, Swap, Touch
from hardcode_hunter.languages.python.reasons import Unchanged
from hardcode_hunter.languages.python.shapes_code import part, without
from hardcode_hunter.languages.python.strings import dedented, pieces, value
from hardcode_hunter.languages.python.tree import Place
from hardcode_hunter.languages.python.workbench import Workbench
from hardcode_hunter.model import Replacement, Shape, Span

ASYNCHRONOUS = frozenset(
    {"sqlalchemy.ext.asyncio.create_async_engine", "sqlalchemy.ext.asyncio.engine.create_async_engine"}
)
CALLS = frozenset({"sqlalchemy.create_engine", "sqlalchemy.engine.create_engine"}) | ASYNCHRONOUS
_DRIVERS = re.compile(
    r"(?:postgres(?:ql)?(?:\+(?:psycopg2|psycopg|pg8000|asyncpg))?"
    r"|(?:mysql|mariadb)\+(?:pymysql|mysqlconnector|mariadbconnector|aiomysql|asyncmy)|oracle\+(?:cx_oracle|oracledb))://"
)
"""Dialects whose driver takes the keyword ``password``."""
_ARGUMENTS = {"password": "password", "username": "user"}
"""Role → the driver's argument."""
_OWN_WAY = frozenset({"creator", "async_creator", "connect_args", "pool"})
"""Arguments with which a program makes its connections itself."""


def plan(bench: Workbench, place: Place, rows: Sequence[Replacement]) -> Operation | None:
    """``create_engine("…user:password@…")`` with the password read per connection; ``None`` when it is no such call.

    An engine that a statement of the module makes gets a listener below it; one that a function makes goes through a new function.
    """
    roles = {row.part or row.key for row in rows}
    if rows[0].shape is not Shape.URL or "password" not in roles or not roles <= _ARGUMENTS.keys():
        return None
    if len(place.ancestors) < 3 or not isinstance(place.parent, cst.Arg):
        return None
    argument, call = place.ancestors[:2]
    if not isinstance(call, cst.Call) or bench.callee(call) not in CALLS or call.args[0] is not argument:
        return None
    given = {a.keyword.value for a in call.args if a.keyword is not None}
    literal = pieces(place.node, bench.tree)
    if any(a.star for a in call.args) or given & _OWN_WAY or literal is None or not _DRIVERS.match(value(literal)):
        return None
    engine = _assigned(place)
    if engine:
        return _listening(bench, place, rows, engine + _inner(bench, call))
    span = bench.tree.span(call)
    if place.in_function and place.statement and "#" not in bench.tree.layout.text[span.start : span.end]:
        return _wrapped(bench, place, rows, call)
    return None


def _inner(bench: Workbench, call: cst.Call) -> str:
    """The attribute of an asynchronous engine that has the events (SQLAlchemy documentation, "Using events with the asyncio extension")."""
    return ".sync_engine" if bench.callee(call) in ASYNCHRONOUS else ""


def _assigned(place: Place) -> str:
    """The name that a statement of the module gives to the engine; empty where it is made elsewhere."""
    if len(place.ancestors) != 5:
        return ""
    _, _, assignment, line, module = place.ancestors
    if not isinstance(assignment, cst.Assign) or len(assignment.targets) != 1 or not isinstance(module, cst.Module):
        return ""
    if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
        return ""
    target = assignment.targets[0].target
    return target.value if isinstance(target, cst.Name) else ""


@dataclass(frozen=True, slots=True)
class _Moved:
    """The URL without its credential, and the reads as lines of a ``do_connect`` listener."""

    code: str
    parse: str
    swap: Swap
    lines: tuple[str, ...]
    event: str
    imports: tuple[Import, ...]


def _moved(bench: Workbench, place: Place, rows: Sequence[Replacement]) -> _Moved:
    literal = pieces(place.node, bench.tree)
    assert literal is not None
    text = value(literal)
    roles = [row.part or row.key for row in rows]
    found = part(Shape.URL, text, "password")
    if text[found.start - 1] != ":":
        raise Unchanged("no-such-part", part="password")
    span = Span(found.start - 1, found.end)
    if "username" in roles:
        span = Span(part(Shape.URL, text, "username").start, found.end + 1)  # with the @
    code = without(literal, [span])
    imports: list[Import] = []
    reads: list[tuple[Reading, str]] = []
    lines: list[str] = []
    for number, (row, role) in enumerate(zip(rows, roles, strict=True)):
        reading, needed = _present(bench, place, row, number == 0)
        imports += needed
        reads.append((reading, role))
        lines.append(f'keywords["{_ARGUMENTS[role]}"] = {reading.text}')
    event, missing = bench.names.bind("sqlalchemy", "event", place.span.start, place.in_function)
    imports += [missing] if missing else []
    swap = Swap(bench.tree.code(place.node), code, Shape.URL, tuple(reads), moved=True)
    parse = without(dedented(literal, bench.tree.indent(place)), [span])
    return _Moved(code, parse, swap, tuple(lines), event, tuple(imports))


def _present(bench: Workbench, place: Place, row: Replacement, first: bool) -> tuple[Reading, tuple[Import, ...]]:
    """The read of the row's field as a listener makes it: for each connection anew, user and password from one fetch."""
    access = bench.access(row)
    name, needed = bench.reader(place)
    retriever = bench.rewriting.retriever
    read = retriever.fresh if first and retriever.fresh else retriever.expression
    return Reading(read(access, name), row.secret, row.key), needed


def argument(row: Replacement) -> str:
    """The driver's argument that the row's field is; empty when it is none."""
    return _ARGUMENTS.get(row.part or row.key, "")


def assignment(bench: Workbench, place: Place, row: Replacement, first: bool) -> tuple[str, tuple[Import, ...]]:
    """The line of a listener that sets the row's argument, and the imports it needs."""
    reading, needed = _present(bench, place, row, first)
    return f'keywords["{argument(row)}"] = {reading.text}', needed


def takes_password(url: str) -> bool:
    """Whether the URL's driver takes the keyword ``password``."""
    return _DRIVERS.match(url) is not None


def plain(call: cst.Call) -> bool:
    """Whether the engine connects in SQLAlchemy's own way."""
    return not any(a.star or (a.keyword and a.keyword.value in _OWN_WAY) for a in call.args)


def listener(
    bench: Workbench, call: cst.Call, index: int, engine: str, lines: Sequence[str]
) -> tuple[Insertion, tuple[Import, ...]]:
    """A listener of its own for ``engine``, before statement ``index``, and the import it needs."""
    event, missing = bench.names.bind("sqlalchemy", "event", bench.tree.span(call).start, False)
    definition = _definition(event, _new_name(bench, "_read_password"), engine + _inner(bench, call), lines, "")
    return _inserted(bench, index, f"\n\n{definition}"), (missing,) if missing else ()


def _listening(bench: Workbench, place: Place, rows: Sequence[Replacement], engine: str) -> Operation:
    moved = _moved(bench, place, rows)
    code, change = bench.expression(moved.code, place, parse=moved.parse)
    listener = _new_name(bench, "_read_password")
    definition = _listener(moved, listener, engine, "")
    return Operation(
        findings=tuple(row.finding for row in rows),
        splices=(Splice(place.span, code, Touch.VALUE),),
        changes=((place.node, change),),
        statement=place.statement,
        swaps=(moved.swap,),
        imports=moved.imports,
        inserts=(_inserted(bench, place.statement + 1, f"\n\n{definition}"),),
    )


def _wrapped(bench: Workbench, place: Place, rows: Sequence[Replacement], call: cst.Call) -> Operation:
    """``create_engine(…)`` → ``_with_current_password(create_engine(…))``, the function standing above the statement of the module."""
    moved = _moved(bench, place, rows)
    code, change = bench.expression(moved.code, place, parse=moved.parse)
    wrapper = _new_name(bench, "_with_current_password")
    span, text = bench.tree.span(call), bench.tree.layout.text
    made = f"{wrapper}({text[span.start : place.span.start]}{code}{text[place.span.end : span.end]})"
    listener = _listener(moved, "read_password", f"engine{_inner(bench, call)}", "    ")
    definition = f"def {wrapper}(engine):\n{listener}\n    return engine\n"

    def wrap(old: cst.Call) -> cst.Call:
        inner = cst.Arg(old.with_changes(lpar=(), rpar=()))
        return cst.Call(cst.Name(wrapper), [inner], lpar=old.lpar, rpar=old.rpar)

    return Operation(
        findings=tuple(row.finding for row in rows),
        splices=(Splice(span, made, Touch.VALUE),),
        changes=((place.node, change), (call, wrap)),
        statement=place.statement,
        swaps=(moved.swap,),
        imports=moved.imports,
        inserts=(_inserted(bench, place.statement, f"\n\n{definition}"),),
    )


def _listener(moved: _Moved, name: str, engine: str, indent: str) -> str:
    return _definition(moved.event, name, engine, moved.lines, indent)


def _definition(event: str, name: str, engine: str, settings: Sequence[str], indent: str) -> str:
    lines = (
        f'@{event}.listens_for({engine}, "do_connect")',
        f"def {name}(dialect, connection_record, arguments, keywords):",
        *(f"    {line}" for line in settings),
    )
    return "".join(f"{indent}{line}\n" for line in lines)


def _new_name(bench: Workbench, wanted: str) -> str:
    name = bench.names.free(wanted)
    bench.names.chosen["", name] = name
    return name


def _inserted(bench: Workbench, index: int, text: str) -> Insertion:
    """The definition before statement ``index``, with two empty lines between them; as the last one, it keeps the file's last line end."""
    module = bench.tree.module
    if index == len(module.body):
        blank = next((n for n, line in enumerate(reversed(module.footer)) if line.comment), len(module.footer))
        ended = "" if module.has_trailing_newline else "\n"
        padded = ended + text.lstrip("\n").join(("\n" * max(0, 2 - blank), ""))
        return Insertion(index, 0, (padded if not ended else padded.rstrip("\n")).replace("\n", bench.tree.newline))
    above = module.body[index].leading_lines
    blank = next((n for n, line in enumerate(above) if line.comment), len(above))
    padded = text + "\n" * max(0, 2 - blank)
    return Insertion(index, len(module.header), padded.replace("\n", bench.tree.newline))
