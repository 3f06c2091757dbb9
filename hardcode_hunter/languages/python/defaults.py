"""Credentials that are defaults: of a look-up in the environment, and of a parameter. Both become lazy.

A default that is a call would be evaluated even when it isn't needed: an environment variable that is set must win without AWS.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import libcst as cst

from hardcode_hunter.languages.python.imports import dotted
from hardcode_hunter.languages.python.operations import NodeChange, Operation, Splice, Touch
from hardcode_hunter.languages.python.reasons import Unchanged
from hardcode_hunter.languages.python.tree import Place
from hardcode_hunter.languages.python.workbench import Workbench
from hardcode_hunter.model import Evaluated, Position, Replacement, Span

InPlace = Callable[[Workbench, Place, Sequence[Replacement]], Operation]

READERS = frozenset(
    {
        "decouple.config",
        "decouple.AutoConfig",
        "environs.Env",
        "environs.env",
        "environ.Env",
        "starlette.config.Config",
        "prettyconf.config",
    }
)
"""Readers of settings that give ``None`` back for a missing variable when the default is ``None`` and nothing is cast."""
CASTS = frozenset({"cast", "validate", "subcast"})
TRANSPARENT = frozenset({"staticmethod", "classmethod", "contextlib.contextmanager", "contextlib.asynccontextmanager"})
"""Decorators that leave a function's parameters alone."""
_SIMPLE_TYPE = re.compile(r"str|bytes|int|object|typing\.Any|Any")


def plan(bench: Workbench, place: Place, rows: Sequence[Replacement], in_place: InPlace) -> Operation | None:
    """The operation when the literal is a default, else ``None``."""
    if isinstance(place.parent, cst.Param) and place.parent.default is place.node:
        return _parameter(bench, place, rows, in_place)
    if _in_scheme(bench, place):
        raise Unchanged("unknown-default")
    call = (
        place.ancestors[1] if isinstance(place.parent, cst.Arg) and isinstance(place.ancestors[1], cst.Call) else None
    )
    if call is None:
        return None
    return _lookup(bench, place, call, rows, in_place)


def _in_scheme(bench: Workbench, place: Place) -> bool:
    """Whether the literal is a default in the scheme of a reader: ``environ.Env(SECRET_KEY=(str, "…"))``."""
    above = place.ancestors[:4]
    element, pair, argument, call = above if len(above) == 4 else (None,) * 4
    return (
        isinstance(element, cst.Element)
        and isinstance(pair, cst.Tuple)
        and isinstance(argument, cst.Arg)
        and isinstance(call, cst.Call)
        and bench.callee(call) in READERS
    )


# ---------------------------------------------------------------- look-ups


def _lookup(
    bench: Workbench, place: Place, call: cst.Call, rows: Sequence[Replacement], in_place: InPlace
) -> Operation | None:
    if not _is_default(place, call):
        return None
    key = call.args[0]
    plain = key.keyword is None and not key.star and isinstance(key.value, (cst.SimpleString, cst.Name, cst.Attribute))
    form = _form(bench, call, bench.tree.code(key.value)) if plain and len(call.args) == 2 else ""
    if form:
        return _lazy(bench, place, call, rows, in_place, form)
    if plain and (_reads_settings(bench.callee(call)) or _reads_settings(rows[0].callee)):
        return _reader(bench, place, call, rows, in_place)
    if rows[0].position is Position.ENV_DEFAULT:
        raise Unchanged("unknown-default")
    return None


def _is_default(place: Place, call: cst.Call) -> bool:
    """Whether the literal is the call's ``default``, or its second argument."""
    argument = place.parent
    assert isinstance(argument, cst.Arg)
    if argument.keyword is not None:
        return argument.keyword.value == "default"
    return len(call.args) > 1 and call.args[1] is argument


def _form(bench: Workbench, call: cst.Call, key: str) -> str:
    """The look-up of ``key`` in ``os.environ`` as a conditional expression, with ``{}`` for the default; empty for other calls."""
    function = call.func
    written = bench.tree.code(function)
    if bench.callee(call) == "os.getenv" and isinstance(function, cst.Name):
        return f"{written}({key}) if {written}({key}) is not None else {{}}"
    if not isinstance(function, cst.Attribute):
        return ""
    mapping, method = dotted(function.value), function.attr.value
    if bench.names.resolve(mapping) == "os" and method == "getenv":
        mapping, method = f"{mapping}.environ", "get"
    if bench.names.resolve(mapping) != "os.environ" or method not in ("get", "setdefault"):
        return ""
    other = f"{written}({key}, {{}})" if method == "setdefault" else "{}"
    return f"{mapping}[{key}] if {key} in {mapping} else {other}"


def _reads_settings(callee: str) -> bool:
    """``decouple.config``, ``environs.Env`` and its ``str``."""
    return callee in READERS or callee.removesuffix(".str") in READERS


def _reader(
    bench: Workbench, place: Place, call: cst.Call, rows: Sequence[Replacement], in_place: InPlace
) -> Operation:
    """``config("X", default="…")``: asked first with ``None`` for a default, which can't be told from a cast's result."""
    if len(call.args) != 2 or any(a.star or (a.keyword and a.keyword.value in CASTS) for a in call.args):
        raise Unchanged("unknown-default")
    span, inner = bench.tree.span(call), place.span
    text = bench.tree.layout.text
    asked = f"{text[span.start : inner.start]}None{text[inner.end : span.end]}"
    return _lazy(bench, place, call, rows, in_place, f"{asked} if {asked} is not None else {{}}")


def _lazy(
    bench: Workbench, place: Place, call: cst.Call, rows: Sequence[Replacement], in_place: InPlace, form: str
) -> Operation:
    """The whole call gives way to a conditional expression; ``form`` has ``{}`` where the read goes."""
    inner = in_place(bench, place, rows)
    before, _, after = form.rpartition("{}")
    outer = Place(call, place.ancestors[2:], bench.tree.span(call), place.statement)
    read = inner.splices[0].text
    text, change = bench.expression(f"{before}{read}{after}", outer, is_sum=True)
    return replace(inner, splices=(Splice(outer.span, text, Touch.VALUE),), changes=((call, change),))


# ---------------------------------------------------------------- parameters


def _parameter(bench: Workbench, place: Place, rows: Sequence[Replacement], in_place: InPlace) -> Operation:
    """``def f(password="…")`` → ``def f(password=None)`` with the fetch at the start of the body."""
    function = next((a for a in place.ancestors if isinstance(a, (cst.FunctionDef, cst.Lambda))), None)
    param = place.parent
    assert isinstance(param, cst.Param)
    if not isinstance(function, cst.FunctionDef):
        raise Unchanged("lambda-default")
    if any(bench.names.resolve(dotted(d.decorator)) not in TRANSPARENT for d in function.decorators):
        raise Unchanged("decorated-default")
    if not isinstance(function.body, cst.IndentedBlock):
        raise Unchanged("one-line-suite")
    name = param.name.value
    uses = _ParameterUses(name)
    function.body.visit(uses)
    if not uses.used:
        raise Unchanged("unused-default")
    if uses.none_matters or _given_none(bench, name):
        raise Unchanged("none-is-meaningful")
    annotated = _optional(bench, param)
    body_place = Place(place.node, (function.body, *place.ancestors), place.span, place.statement)
    inner = in_place(bench, body_place, [replace(row, evaluated=Evaluated.CALL) for row in rows])
    none, make_none = bench.expression("None", place)
    read = inner.splices[0].text
    read = read[1:-1] if read.startswith("(await ") else read  # an assignment takes it without parentheses
    guard = _Guard(bench, function.body, name, read)
    splices = [Splice(place.span, none, Touch.VALUE), guard.splice]
    changes: list[tuple[cst.CSTNode, NodeChange]] = [(place.node, make_none), (function.body, guard.change)]
    if annotated:
        splices.append(annotated[0])
        changes.append(annotated[1])
    return replace(inner, splices=tuple(splices), changes=tuple(changes))


def _given_none(bench: Workbench, parameter: str) -> bool:
    """Whether a call in this file passes ``None`` on purpose for a parameter of this name."""
    return any(
        isinstance(node, ast.keyword)
        and node.arg == parameter
        and isinstance(node.value, ast.Constant)
        and node.value.value is None
        for node in ast.walk(bench.tree.syntax)
    )


def _optional(bench: Workbench, param: cst.Param) -> tuple[Splice, tuple[cst.CSTNode, NodeChange]] | None:
    """``str`` → ``"str | None"``, unquoted where annotations are not evaluated (PEP 563); ``None`` without an annotation."""
    if param.annotation is None:
        return None
    node = param.annotation.annotation
    written = bench.tree.code(node)
    if not _SIMPLE_TYPE.fullmatch(written) or node.lpar:
        raise Unchanged("none-is-meaningful")
    text = f"{written} | None" if "annotations" in bench.names.future else f'"{written} | None"'
    new = cst.parse_expression(text)
    return Splice(bench.tree.span(node), text, Touch.VALUE), (node, lambda _: new)


class _Guard:
    """``if name is None: name = …`` as the first statement after the docstring, as text and as nodes."""

    def __init__(self, bench: Workbench, block: cst.IndentedBlock, name: str, read: str) -> None:
        self._at = 1 if _docstring(block.body[0]) else 0
        if self._at == len(block.body):
            raise Unchanged("unused-default")
        self._length = len(block.body)
        following = block.body[self._at]
        tree = bench.tree
        start = tree.outer_start(following)
        line, column = tree.layout.place(tree.span(following).start)
        if isinstance(following, cst.FunctionDef) and following.decorators:
            line, column = tree.layout.place(tree.span(following.decorators[0]).start)
        indent = tree.layout.text[tree.layout.starts[line - 1] :][:column]
        if indent.strip(" \t"):
            raise Unchanged("one-line-suite")
        deeper = indent + tree.module.default_indent
        text = f"{indent}if {name} is None:\n{deeper}{name} = {read}\n".replace("\n", tree.newline)
        self.splice = Splice(Span(start, start), text, Touch.STATEMENT)
        self._node = cst.parse_statement(
            f"if {name} is None:\n    {name} = {read}\n", config=tree.module.config_for_parsing
        )

    def change(self, block: cst.IndentedBlock) -> cst.IndentedBlock:
        body = list(block.body)
        at = self._at + len(body) - self._length  # behind the guards of parameters before this one
        return block.with_changes(body=(*body[:at], self._node, *body[at:]))


def _docstring(statement: cst.BaseStatement) -> bool:
    small = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) and statement.body else None
    return isinstance(small, cst.Expr) and isinstance(small.value, (cst.SimpleString, cst.ConcatenatedString))


class _ParameterUses(cst.CSTVisitor):
    """Whether a parameter is used, and whether a test of it could tell ``None`` from the default."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.used = False
        self.none_matters = False

    def visit_Name(self, node: cst.Name) -> None:
        self.used = self.used or node.value == self._name

    def _test(self, *tests: cst.BaseExpression) -> None:
        self.none_matters = self.none_matters or any(isinstance(t, cst.Name) and t.value == self._name for t in tests)

    def visit_If(self, node: cst.If) -> None:
        self._test(node.test)

    def visit_While(self, node: cst.While) -> None:
        self._test(node.test)

    def visit_IfExp(self, node: cst.IfExp) -> None:
        self._test(node.test)

    def visit_BooleanOperation(self, node: cst.BooleanOperation) -> None:
        self._test(node.left, node.right)

    def visit_UnaryOperation(self, node: cst.UnaryOperation) -> None:
        if isinstance(node.operator, cst.Not):
            self._test(node.expression)

    def visit_Comparison(self, node: cst.Comparison) -> None:
        sides = [node.left, *(c.comparator for c in node.comparisons)]
        if any(isinstance(side, cst.Name) and side.value == "None" for side in sides):
            self._test(*sides)
