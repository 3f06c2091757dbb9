"""The walk over statements: where each expression stands, when it runs, and which lines are its logical line."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from hardcode_hunter.languages.python.chains import chain, last_name
from hardcode_hunter.languages.python.drafts import Binding, Draft, Drafts, Extent, Place, Use
from hardcode_hunter.languages.python.expressions import Expressions
from hardcode_hunter.languages.python.literals import literal
from hardcode_hunter.languages.python.names import Function, Names, Scope, joined
from hardcode_hunter.model import Evaluated, Position

_TELLING = re.compile(r"pass|pwd|secret|token|key|auth|cred|dsn|url", re.I)
_SIMPLE = (
    ast.Assign,
    ast.Expr,
    ast.Return,
    ast.AnnAssign,
    ast.AugAssign,
    ast.Import,
    ast.ImportFrom,
    ast.Raise,
    ast.Assert,
    ast.Pass,
    ast.Delete,
    ast.Global,
    ast.Nonlocal,
    ast.Break,
    ast.Continue,
)
_FIELD_NATURES = frozenset({"dataclass", "attrs", "namedtuple", "pydantic", "typeddict"})


def walk(names: Names) -> Drafts:
    """Every literal and every use of a name that is bound to something, in no particular order."""
    drafts = Drafts()
    _Statements(names, drafts).run()
    return drafts


class _Statements:
    def __init__(self, names: Names, drafts: Drafts) -> None:
        self.names = names
        self.drafts = drafts
        self.expressions = Expressions(names, drafts)
        self.visit = self.expressions.visit
        self._todo: list[tuple[ast.stmt, Scope, Evaluated]] = []

    def run(self) -> None:
        self._block(self.names.tree.body, self.names.root, Evaluated.IMPORT)
        while self._todo:
            self._statement(*self._todo.pop())

    def _block(self, statements: Iterable[ast.stmt], scope: Scope, evaluated: Evaluated) -> None:
        self._todo += [(statement, scope, evaluated) for statement in statements]

    def _statement(self, node: ast.stmt, scope: Scope, evaluated: Evaluated) -> None:
        place = Place(scope, evaluated, _extent(node))
        if isinstance(node, ast.Assign):
            self._assign(node, place)
        elif isinstance(node, ast.AnnAssign):
            self._annotated(node, place)
        elif isinstance(node, ast.AugAssign):
            self.visit(node.value, self._target(node.target, place).noted("augmented"), place)
        elif isinstance(node, ast.Expr):
            self._expression(node.value, place)
        elif isinstance(node, ast.Return):
            if node.value is not None:
                if scope.line and _TELLING.search(scope.path.rpartition(".")[2]):
                    place = replace(place, extent=Extent(scope.line, place.extent.last))  # its header says what it is
                self.visit(node.value, self._returned(scope), place)
        elif isinstance(node, Function):
            self._function(node, place)
        elif isinstance(node, ast.ClassDef):
            self._class(node, place)
        else:
            self._other(node, place)

    # ------------------------------------------------------------ assignments

    def _assign(self, node: ast.Assign, place: Place) -> None:
        if isinstance(node.value, ast.Constant) and not isinstance(node.value.value, str | bytes | int):
            return
        if len(node.targets) == 1:
            self._bind(node.targets[0], node.value, place)
            return
        targets = sorted(node.targets, key=lambda t: not _TELLING.search(last_name(t)))
        self._bind(targets[0], node.value, place)
        first = self.names.place_of(targets[0], place.scope)
        for other in targets[1:]:
            bound = self._target(other, place)
            if first and bound.defines:
                self.drafts.uses.append(Use(other, f"{self.names.path}::{first}", bound, place))
            self._visit_target(other, place)

    def _annotated(self, node: ast.AnnAssign, place: Place) -> None:
        if isinstance(node.annotation, ast.Subscript):
            # Annotated[str, Field(default="…")], Literal["…"]
            typed = (
                self._target(node.target, place).noted("annotation")
                if last_name(node.annotation.value) == "Literal"
                else None
            )
            self.visit(node.annotation, typed, place)
        if node.value is None:
            return
        bound = self._target(node.target, place)
        constant = "ClassVar" in ast.dump(node.annotation) if place.scope.kind == "class" else False
        if place.scope.nature in _FIELD_NATURES and not constant and bound.position is Position.ASSIGNMENT:
            bound.position, bound.note = Position.CLASS_FIELD, place.scope.nature
        self.visit(node.value, bound, place)

    def _bind(self, target: ast.expr, value: ast.expr, place: Place) -> None:
        if not isinstance(target, ast.Tuple | ast.List):
            bound = self._target(target, place)
            if place.scope.nature in ("enum", "attrs", "pydantic") and isinstance(target, ast.Name):
                bound.position, bound.note = Position.CLASS_FIELD, place.scope.nature
            self._visit_target(target, place)
            self.visit(value, bound, place)
            return
        starred = any(isinstance(e, ast.Starred) for e in target.elts)
        if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts) and not starred:
            for inner, element in zip(target.elts, value.elts, strict=True):
                self._bind(inner, element, place)
            return
        self.visit(value, None, place)
        if not starred and chain(value) is not None:
            for number, inner in enumerate(target.elts):
                self.expressions.use(value, self._target(inner, place), place, f"[{number}]")

    def _target(self, target: ast.expr, place: Place) -> Binding:
        """What a value is bound to that is assigned to ``target``."""
        scope = place.scope
        if isinstance(target, ast.Name):
            owner = scope.owner(target.id) or scope
            return Binding(
                Position.ASSIGNMENT, target.id, owner.inside(target.id), scope.label, defines=owner.defined(target.id)
            )
        name, defines, link = last_name(target), self.names.place_of(target, scope), chain(target)
        symbol = scope.inside(joined(link.parts) if link is not None else name)
        bound = Binding(Position.ASSIGNMENT, name, symbol, scope.label, defines=defines)
        if isinstance(target, ast.Attribute) and (receiver := self.names.receiver(target.value, scope, target.lineno)):
            bound.callee, bound.parameter = receiver, target.attr
        return bound

    def _visit_target(self, target: ast.expr, place: Place) -> None:
        """What runs inside an assignment's target: ``rows[f("x")] = …``."""
        if not isinstance(target, ast.Name):
            self.visit(target, None, place)

    # ------------------------------------------------------------ definitions

    def _function(self, node: Function, place: Place) -> None:
        self._decorators(node.decorator_list, place)
        inner = self.names.scopes[id(node)]
        self.expressions.defaults(node.args, inner, place)
        self.expressions.flush()
        self._block(node.body, inner, Evaluated.CALL)

    def _class(self, node: ast.ClassDef, place: Place) -> None:
        self._decorators(node.decorator_list, place)
        for base in node.bases:
            self.visit(base, None, place)
        for keyword in node.keywords:
            symbol = place.scope.inside(f"{node.name}.{keyword.arg}")
            self.visit(
                keyword.value,
                Binding(Position.ARGUMENT, keyword.arg or "", symbol, node, node.name, keyword.arg or "**"),
                place,
            )
        self._block(node.body, self.names.scopes[id(node)], place.evaluated)

    def _decorators(self, decorators: Sequence[ast.expr], place: Place) -> None:
        for decorator in decorators:
            extent = Extent(decorator.lineno, decorator.end_lineno or decorator.lineno)
            self.visit(decorator, None, Place(place.scope, place.evaluated, extent, "decorator"))

    def _returned(self, scope: Scope) -> Binding:
        name = scope.path.rpartition(".")[2]
        suffix = "" if scope.path in self.names.properties else "()"
        defines = scope.parent.defined(name + suffix) if scope.parent is not None else ""
        return Binding(Position.RETURN, name, scope.inside("return"), scope.label, defines=defines)

    # ------------------------------------------------------------ all others

    def _expression(self, node: ast.expr, place: Place) -> None:
        found = literal(node) if isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp) else None
        if found is not None and not (isinstance(node, ast.Constant) and not isinstance(node.value, str)):
            bound = Binding(Position.TEXT, "", place.scope.inside("__doc__"), place.scope.label)
            self.drafts.texts.append(Draft(node, node, found, bound, place))
        self.visit(node, None, place)

    def _other(self, node: ast.stmt, place: Place) -> None:
        scope, evaluated = place.scope, place.evaluated
        if isinstance(node, ast.For | ast.AsyncFor):
            self.expressions.loop(node.target, node.iter, place)
            self.visit(node.target, None, place)
        elif isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                self.visit(item.context_expr, None, place)
        elif isinstance(node, ast.Match):
            self._match(node, place)
        else:
            for name in node._fields:
                value = getattr(node, name, None)
                if isinstance(value, ast.expr):
                    self.visit(value, None, place)
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                self._block(block, scope, evaluated)
        for handler in getattr(node, "handlers", ()):
            if handler.type is not None:
                self.visit(handler.type, None, Place(scope, evaluated, Extent(handler.lineno, handler.type.end_lineno)))
            self._block(handler.body, scope, evaluated)

    def _match(self, node: ast.Match, place: Place) -> None:
        self.visit(node.subject, None, place)
        for case in node.cases:
            last = case.guard if case.guard is not None else case.pattern
            # what is compared may be said in the header alone: `match password:`
            first = node.lineno if _tells(node.subject) else case.pattern.lineno
            inner = Place(place.scope, place.evaluated, Extent(first, last.end_lineno or last.lineno))
            if case.guard is not None:
                self.visit(case.guard, None, inner)
            self._pattern(node.subject, case.pattern, inner)
            self._block(case.body, place.scope, place.evaluated)

    def _pattern(self, subject: ast.expr, pattern: ast.pattern, place: Place) -> None:
        """Literals in a pattern must stay literals: a call there would be read as a class."""
        todo: list[tuple[ast.expr, ast.pattern]] = [(subject, pattern)]
        while todo:
            compared, node = todo.pop()
            if isinstance(node, ast.MatchValue):
                bound = self.expressions.compared(compared, node.value, place, "pattern")
                self.visit(node.value, bound, place)
            elif (
                isinstance(node, ast.MatchSequence)
                and isinstance(compared, ast.Tuple | ast.List)
                and len(compared.elts) == len(node.patterns)
            ):
                todo += zip(compared.elts, node.patterns, strict=True)
            elif isinstance(node, ast.MatchOr | ast.MatchSequence):
                todo += [(compared, inner) for inner in node.patterns]
            elif isinstance(node, ast.MatchMapping):
                todo += [
                    (ast.Subscript(compared, key), inner) for key, inner in zip(node.keys, node.patterns, strict=True)
                ]
            elif isinstance(node, ast.MatchClass):
                todo += [
                    (ast.Attribute(compared, name), inner)
                    for name, inner in zip(node.kwd_attrs, node.kwd_patterns, strict=True)
                ]
                todo += [(compared, inner) for inner in node.patterns]
            elif isinstance(node, ast.MatchAs) and node.pattern is not None:
                todo.append((compared, node.pattern))


def _tells(subject: ast.expr) -> bool:
    parts = subject.elts if isinstance(subject, ast.Tuple | ast.List) else [subject]
    return any(_TELLING.search(last_name(part)) for part in parts)


def _extent(node: ast.stmt) -> Extent:
    """The lines of a simple statement, or of the header of a compound one."""
    if isinstance(node, _SIMPLE):
        return Extent(node.lineno, node.end_lineno or node.lineno)
    if not hasattr(node, "body") and not isinstance(node, ast.Match):  # a type alias, and what later versions add
        return Extent(node.lineno, node.end_lineno or node.lineno)
    last = node.lineno
    for name in ("test", "iter", "target", "subject", "returns"):
        part = getattr(node, name, None)
        last = max(last, getattr(part, "end_lineno", None) or 0)
    for name in ("bases", "keywords"):
        last = max([last, *(part.end_lineno for part in getattr(node, name, ()))])
    for item in getattr(node, "items", ()):
        last = max(last, (item.optional_vars or item.context_expr).end_lineno)
    if isinstance(node, Function):
        arguments = node.args
        given = (
            *arguments.posonlyargs,
            *arguments.args,
            *arguments.kwonlyargs,
            arguments.vararg,
            arguments.kwarg,
            *arguments.defaults,
            *arguments.kw_defaults,
        )
        last = max([last, *(part.end_lineno or 0 for part in given if part is not None)])
    return Extent(node.lineno, last)
