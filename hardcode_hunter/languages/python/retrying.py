"""Calls that log in, wrapped so that a refusal is answered by reading the secret again and calling once more.

``connect(…)`` becomes ``with_rotation("shop-db", OperationalError, lambda: connect(…))``. It is done where the call itself is refused
(the table of clients says so) and where evaluating it twice does nothing that evaluating it once doesn't; elsewhere a value that logs in
is not cached.
"""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst

from hardcode_hunter.languages.python import clients
from hardcode_hunter.languages.python.bindings import Names
from hardcode_hunter.languages.python.clients import Client
from hardcode_hunter.languages.python.imports import dotted
from hardcode_hunter.languages.python.operations import Import, NodeChange, Splice, Touch
from hardcode_hunter.languages.python.shapes_code import requoted
from hardcode_hunter.languages.python.tree import Place, Tree
from hardcode_hunter.literals import quoted
from hardcode_hunter.model import Replacement, Span
from hardcode_hunter.plugins import Retriever

_HARMLESS = frozenset(
    {"os.getenv", "os.environ.get", "str", "int", "float", "bool", "dict", "list", "tuple", "len", "io.StringIO", "io.BytesIO", "bytes"}
)  # fmt: skip
"""Functions that an argument may call: they can be called twice."""
_HARMLESS_METHODS = frozenset({"get", "encode", "decode", "format", "strip", "lower", "upper", "join"})
_FRAMED = frozenset({"super", "locals", "vars", "eval", "exec", "dir"})
"""Names that mean something else inside a lambda."""


@dataclass(frozen=True, slots=True)
class Retry:
    """What goes around one call, as text and as a change of its node."""

    call: cst.Call
    secret: str
    splices: tuple[Splice, Splice]
    change: NodeChange
    imports: tuple[Import, ...]


def connecting(names: Names, place: Place, row: Replacement) -> tuple[cst.Call, Client, str] | None:
    """The innermost call around ``place`` that logs in and is refused there, if that is a call in which the value is used."""
    first = True
    for ancestor in place.ancestors:
        if isinstance(ancestor, (cst.BaseSmallStatement, cst.BaseSuite, cst.Lambda, cst.CompFor)):
            return None
        if not isinstance(ancestor, cst.Call):
            continue
        for callee in _callees(names, ancestor, row, first):
            client = clients.of(callee)
            if client is not None and client.opens and client.refused_in and client.errors:
                return ancestor, client, callee
        first = False
    return None


def _callees(names: Names, call: cst.Call, row: Replacement, first: bool) -> list[str]:
    """What the call may be called by: the scan knows the classes of receivers, and where a moved constant gets to."""
    written = dotted(call.func)
    last = written.rpartition(".")[2]
    known = [row.callee] if first and row.callee else []
    known += [names.resolve(written)] if written else []
    return known + [callee for callee in row.reaches if "." in written and callee.rpartition(".")[2] == last]


def plan(
    retriever: Retriever, module: str, names: Names, tree: Tree, place: Place, row: Replacement, secret: str
) -> Retry | None:
    """The wrapping of the call that uses the value at ``place``; ``None`` where it can't be wrapped."""
    found = connecting(names, place, row) if retriever.retry else None
    if found is None:
        return None
    call, client, callee = found
    above = place.ancestors[place.ancestors.index(call) + 1 :]
    awaited = isinstance(above[0], cst.Await)
    if awaited != (client.refused_in == "await") or _in_class_body(above) or not _repeatable(names, call, place.node):
        return None
    offset, imports = place.span.start, []
    errors = []
    for error in clients.refusals(client, callee):
        home, name, within = _importable(error)
        local, needed = (name, None) if home == "builtins" else names.bind(home, name, offset, place.in_function)
        errors.append(local + within)
        imports += [needed] if needed else []
    function = retriever.retry_async if awaited else retriever.retry
    name, needed = names.bind(module, function, offset, place.in_function)
    imports += [needed] if needed else []
    refused = errors[0] if len(errors) == 1 else f"({', '.join(errors)})"
    mark = next((c for c in tree.code(place.node) if c in "'\""), '"')  # the quotes that the literal has
    head = requoted(f"{name}({quoted(secret)}, {refused}, lambda: ", mark)
    return _around(tree, call, secret, head, tuple(imports))


def _importable(error: str) -> tuple[str, str, str]:
    """Module, the name to import from it, and what follows that name: ``imaplib.IMAP4.error`` is an attribute of a class."""
    parts = error.split(".")
    named = next((i for i, part in enumerate(parts) if i and part.lstrip("_")[:1].isupper()), len(parts) - 1)
    return ".".join(parts[:named]), parts[named], "".join(f".{part}" for part in parts[named + 1 :])


def _around(tree: Tree, call: cst.Call, secret: str, head: str, imports: tuple[Import, ...]) -> Retry:
    span = tree.span(call)
    sample = cst.parse_expression(f"{head}0)")
    assert isinstance(sample, cst.Call)

    def wrap(old: cst.Call) -> cst.Call:
        last = sample.args[-1]
        assert isinstance(last.value, cst.Lambda)
        body = last.value.with_changes(body=old.with_changes(lpar=(), rpar=()))
        return sample.with_changes(
            args=[*sample.args[:-1], last.with_changes(value=body)], lpar=old.lpar, rpar=old.rpar
        )

    opening = Splice(Span(span.start, span.start), head, Touch.AROUND)
    closing = Splice(Span(span.end, span.end), ")", Touch.AROUND)
    return Retry(call, secret, (opening, closing), wrap, imports)


def _in_class_body(above: tuple[cst.CSTNode, ...]) -> bool:
    """Whether the nearest scope is a class, whose names a lambda can't see."""
    scope = next((a for a in above if isinstance(a, (cst.FunctionDef, cst.Lambda, cst.ClassDef))), None)
    return isinstance(scope, cst.ClassDef)


def _repeatable(names: Names, call: cst.Call, literal: cst.CSTNode) -> bool:
    """Whether the call can stand in a lambda and be evaluated twice: nothing in it awaits, binds, or calls what may have an effect."""
    if not dotted(call.func):
        return False
    finder = _Effects(names, call, literal)
    call.visit(finder)
    return not finder.found


class _Effects(cst.CSTVisitor):
    def __init__(self, names: Names, call: cst.Call, literal: cst.CSTNode) -> None:
        super().__init__()
        self._names = names
        self._call = call
        self._literal = literal
        self.found = False

    def on_visit(self, node: cst.CSTNode) -> bool:
        if node is self._literal:
            return False
        if isinstance(node, (cst.Await, cst.Yield, cst.NamedExpr, cst.BaseComp)) or (
            isinstance(node, cst.Name) and node.value in _FRAMED
        ):
            self.found = True
        elif isinstance(node, cst.Call) and node is not self._call:
            self.found = self.found or not self._harmless(node)
        return not self.found

    def _harmless(self, call: cst.Call) -> bool:
        name = self._names.resolve(dotted(call.func))
        client = clients.of(name)
        method = call.func.attr.value if isinstance(call.func, cst.Attribute) else ""
        return name in _HARMLESS or method in _HARMLESS_METHODS or (client is not None and not client.opens)
