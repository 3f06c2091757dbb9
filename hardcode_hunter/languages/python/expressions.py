"""The walk over expressions: which literal is bound to what. Iterative, because a sum or a chain may be thousands of nodes deep."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from hardcode_hunter.languages import commands
from hardcode_hunter.languages.python import placeholders
from hardcode_hunter.languages.python.calls import Calls
from hardcode_hunter.languages.python.chains import last_name
from hardcode_hunter.languages.python.drafts import Binding, Draft, Drafts, Place, Use
from hardcode_hunter.languages.python.literals import TEMPLATES, Literal, literal
from hardcode_hunter.languages.python.names import Names, Scope
from hardcode_hunter.model import Evaluated, LiteralType, Position

NUMERIC = re.compile(r"port|pass|pwd|pin\b|pin$|secret|token|key|code|otp|account|^#\d+$", re.I)
"""Names and parameters whose number may be a credential or part of a connection."""
NAME_KEYS = frozenset({"Name", "name", "Key", "key", "ParameterKey", "OptionName"})
VALUE_KEYS = frozenset({"Value", "value", "ParameterValue"})
_LOGIN = re.compile(r"(?:\w*_)?(?:auth|basic_?auth|credentials?|creds?|logins?|user_?pass(?:word)?s?)", re.I)
_PEOPLE = re.compile(r"(?:\w*_)?(?:users|accounts|admins|members)", re.I)
"""Names of one pair of user and password, and of lists in which such pairs stand among others."""
_CONTAINERS = (ast.Tuple, ast.List, ast.Set)
_Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


class Expressions:
    """Writes what it finds into ``drafts``."""

    def __init__(self, names: Names, drafts: Drafts) -> None:
        self.names = names
        self.drafts = drafts
        self._todo: list[tuple[ast.expr, Binding | None, Place]] = []
        self._calls = Calls(names, self.push, self.use)
        self._handlers: dict[type[ast.expr], Callable[[Any, Binding | None, Place], None]] = {
            ast.Constant: self._constant,
            ast.BinOp: self._operation,
            ast.IfExp: self._conditional,
            ast.BoolOp: self._boolean,
            ast.NamedExpr: self._walrus,
            ast.Await: self._through,
            ast.Starred: self._through,
            ast.Dict: self._dict,
            ast.Tuple: self._container,
            ast.List: self._container,
            ast.Set: self._container,
            ast.Compare: self._compare,
            ast.Call: self._call,
            ast.Lambda: self._lambda,
            ast.Name: self._name,
            ast.Attribute: self._name,
            ast.Subscript: self._name,
            ast.Yield: self._yield,
            **dict.fromkeys((ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp), self._comprehension),
            **dict.fromkeys(TEMPLATES, self._template),
        }

    def visit(self, node: ast.expr, binding: Binding | None, place: Place) -> None:
        """Everything in and below ``node``, whose value is bound to ``binding``."""
        self._todo.append((node, binding, place))
        self.flush()

    def flush(self) -> None:
        """Everything that was pushed and not visited yet."""
        while self._todo:
            node, binding, place = self._todo.pop()
            handler = self._handlers.get(type(node))
            if handler is not None:
                handler(node, binding, place)
            else:
                self._children(node, place)

    def push(self, node: ast.expr, binding: Binding | None, place: Place) -> None:
        self._todo.append((node, binding, place))

    def use(self, node: ast.expr, binding: Binding, place: Place, suffix: str = "") -> None:
        """Notes that the value ``node`` names goes where ``binding`` says."""
        target = self.names.target(node, place.scope)
        if target:
            self.drafts.uses.append(Use(node, target + suffix, binding.reached, place))

    def emit(self, node: ast.expr, found: Literal, binding: Binding, place: Place) -> None:
        if found.type is not LiteralType.INT or NUMERIC.search(binding.name) or NUMERIC.search(binding.parameter):
            self.drafts.literals.append(Draft(node, node, found, binding, place))

    def _children(self, node: ast.expr, place: Place) -> None:
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.expr):
                self.push(value, None, place)
            elif isinstance(value, list):
                self._todo += [(item, None, place) for item in value if isinstance(item, ast.expr)]

    # ------------------------------------------------------------ literals

    def _constant(self, node: ast.Constant, binding: Binding | None, place: Place) -> None:
        if node.end_lineno != node.lineno and node.end_lineno is not None:
            self.drafts.multiline.append((node.lineno + 1, node.end_lineno))
        if binding is not None and (found := literal(node)) is not None:
            self.emit(node, found, binding, place)

    def _template(self, node: ast.JoinedStr, binding: Binding | None, place: Place) -> None:
        if node.end_lineno != node.lineno and node.end_lineno is not None:
            self.drafts.multiline.append((node.lineno + 1, node.end_lineno))
        if binding is not None and (found := literal(node)) is not None:
            self.emit(node, found, binding if isinstance(node, ast.JoinedStr) else binding.noted("t-string"), place)
        for part in node.values:
            value = getattr(part, "value", None)
            if isinstance(part, ast.Constant) or not isinstance(value, ast.expr):
                continue
            if binding is not None:
                self.use(value, binding, place)
            self.push(value, None, place)
            if (spec := getattr(part, "format_spec", None)) is not None:
                self.push(spec, None, place)

    def _operation(self, node: ast.BinOp, binding: Binding | None, place: Place) -> None:
        if isinstance(node.op, ast.Add):
            self._sum(node, binding, place)
        elif (
            isinstance(node.op, ast.Mod)
            and binding is not None
            and (found := literal(node.left))
            and found.type is not LiteralType.INT
        ):
            self.push(node.left, binding.noted("percent-format"), place)
            argument = binding.noted("percent-format argument")
            values = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
            said = placeholders.percent(found.value) if isinstance(found.value, str) else ()
            for value, name in zip_longest(values, said[: len(values)], fillvalue=""):
                assert isinstance(value, ast.expr)
                self.push(value, argument.item(name, node) if name else argument, place)
        else:
            self._children(node, place)

    def _sum(self, node: ast.BinOp, binding: Binding | None, place: Place) -> None:
        """The run of literals at the start of a sum is one literal; what follows is bound term by term."""
        spine: list[ast.expr] = [node]
        while isinstance(below := spine[-1], ast.BinOp) and isinstance(below.op, ast.Add):
            spine.append(below.left)
        terms = [spine[-1], *(part.right for part in spine[-2::-1] if isinstance(part, ast.BinOp))]
        if binding is None:
            self._todo += [(term, None, place) for term in terms]
            return
        run = 0
        while run < len(terms) and literal(terms[run]) is not None:
            run += 1
        whole = literal(spine[-run]) if run > 1 else None
        if whole is None:
            run = 0
        else:
            first, last = spine[-run].lineno, spine[-run].end_lineno or 0
            if last > first:
                self.drafts.multiline.append((first + 1, last))
            self.emit(spine[-run], whole, binding if run == len(terms) else binding.noted("concatenation"), place)
        part = binding.noted("concatenation")
        self._todo += [(term, part, place) for term in terms[run:]]

    # ------------------------------------------------------------ what passes a value on

    def _name(self, node: ast.Name | ast.Attribute | ast.Subscript, binding: Binding | None, place: Place) -> None:
        if binding is not None:
            self.use(node, binding, place)
        if not isinstance(node, ast.Name):
            self.push(node.value, None, place)
        if isinstance(node, ast.Subscript):
            typed = binding is not None and last_name(node.value) == "Literal"
            for inner in node.slice.elts if typed and isinstance(node.slice, ast.Tuple) else [node.slice]:
                self.push(inner, binding.noted("type") if typed and binding is not None else None, place)

    def _through(self, node: ast.Await | ast.Starred, binding: Binding | None, place: Place) -> None:
        self.push(node.value, binding, place)

    def _conditional(self, node: ast.IfExp, binding: Binding | None, place: Place) -> None:
        self.push(node.test, None, place)
        self.push(node.body, binding, place)
        self.push(node.orelse, binding, place)

    def _boolean(self, node: ast.BoolOp, binding: Binding | None, place: Place) -> None:
        if isinstance(node.op, ast.And):
            for value in node.values[:-1]:
                self.push(value, None, place)
            self.push(node.values[-1], binding, place)
            return
        bound = binding
        for value in node.values:
            if bound is not binding and literal(value) is None:
                self.push(value, binding, place)
            else:
                self.push(value, bound, place)
            if isinstance(value, ast.Call | ast.Subscript) and (found := self._calls.fallback(value, binding, place)):
                bound = found

    def _walrus(self, node: ast.NamedExpr, binding: Binding | None, place: Place) -> None:
        name = node.target.id
        place.scope.stores.add(name)
        outer = binding.reached if binding is not None and binding.reached.callee else None
        bound = Binding(
            Position.ASSIGNMENT,
            name,
            place.scope.inside(name),
            place.scope.label,
            defines=place.scope.defined(name),
            note="walrus",
            outer=outer,
        )
        self.push(node.value, bound, place)

    def _yield(self, node: ast.Yield, binding: Binding | None, place: Place) -> None:
        if node.value is not None:
            name = place.scope.path.rpartition(".")[2]
            self.push(node.value, Binding(Position.RETURN, name, place.scope.inside("yield"), place.scope.label), place)

    def _call(self, node: ast.Call, binding: Binding | None, place: Place) -> None:
        if binding is not None and (found := literal(node)) is not None and len(found.value) > 1:
            self.emit(node, found, binding.noted("joined"), place)
        else:
            self._calls.visit(node, binding, place)

    # ------------------------------------------------------------ containers

    def _dict(self, node: ast.Dict, binding: Binding | None, place: Place) -> None:
        base = binding or Binding(Position.ITEM, "", place.scope.path, node)
        named = _value_of(node, NAME_KEYS)
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                self.push(value, base, place)
                continue
            text = (
                str(key.value) if isinstance(key, ast.Constant) and isinstance(key.value, str | int) else last_name(key)
            )
            if not isinstance(key, ast.Constant):
                self.push(key, None, place)
            bound = base.item(text, node)
            if named and text in VALUE_KEYS:
                bound.name = named
            self.push(value, bound, place)

    def _container(self, node: ast.Tuple | ast.List | ast.Set, binding: Binding | None, place: Place) -> None:
        numbers = binding is not None and bool(NUMERIC.search(binding.name))
        pair = binding is not None and binding.position is Position.ELEMENT and len(node.elts) == 2
        pair = pair and isinstance(node, ast.Tuple)
        first = node.elts[0].value if pair and isinstance(node.elts[0], ast.Constant) else None
        named = first if isinstance(first, str) and self._calls.says_credential(first) else ""
        if not named and binding is not None and isinstance(node, ast.Tuple) and _is_login(binding.name, node):
            named = f"{binding.name}_password"
        words = [str(e.value) if isinstance(e, ast.Constant) else "" for e in node.elts]
        for number, element in enumerate(node.elts):
            if isinstance(element, ast.Constant) and (
                binding is None
                or not (isinstance(element.value, str | bytes) or (numbers and type(element.value) is int))
            ):
                if element.end_lineno != element.lineno:
                    self.push(element, None, place)
                continue
            said = (named if number else "") or commands.option(words, number)
            inner = commands.attached(words, number) if words[number] and binding is not None else None
            if inner and binding is not None and (found := literal(element)) is not None:
                bound = binding.element(number, node, said)
                self.drafts.literals.append(Draft(element, element, found, bound, place, inner))
                continue
            self.push(element, binding.element(number, node, said) if binding is not None else None, place)

    def _comprehension(self, node: _Comprehension, binding: Binding | None, place: Place) -> None:
        inner = Scope("function", place.scope.inside("<comprehension>"), place.scope)
        for generator in node.generators:
            inner.stores.update(n.id for n in ast.walk(generator.target) if isinstance(n, ast.Name))
        below = Place(inner, place.evaluated, place.extent, place.note)
        bound = binding.noted("comprehension") if binding is not None else None
        if isinstance(node, ast.DictComp):
            self.push(node.key, None, below)
            self.push(node.value, bound.item(last_name(node.key), node) if bound is not None else None, below)
        else:
            self.push(node.elt, bound, below)
        for generator in node.generators:
            self.loop(generator.target, generator.iter, below)
            self._todo += [(test, None, below) for test in generator.ifs]

    def loop(self, target: ast.expr, values: ast.expr, place: Place) -> None:
        """``for target in values``: members of a literal list are bound to the loop's names."""
        label = place.scope.label
        if not isinstance(values, _CONTAINERS):
            self.push(values, None, place)
        elif isinstance(target, ast.Tuple):
            for number, row in enumerate(values.elts):
                fits = isinstance(row, ast.Tuple) and len(row.elts) == len(target.elts)
                if not fits or not isinstance(row, ast.Tuple):
                    self.push(row, None, place)
                    continue
                for name, element in zip(target.elts, row.elts, strict=True):
                    said = last_name(name)
                    self.push(
                        element,
                        Binding(Position.ELEMENT, said, place.scope.inside(f"{said}[{number}]"), row, note="loop"),
                        place,
                    )
        else:
            said = last_name(target)
            self.push(values, Binding(Position.ELEMENT, said, place.scope.inside(said), label, note="loop"), place)

    # ------------------------------------------------------------ comparisons and lambdas

    def _compare(self, node: ast.Compare, binding: Binding | None, place: Place) -> None:
        operands = [node.left, *node.comparators]
        bound: list[Binding | None] = [None] * len(operands)
        for number, op in enumerate(node.ops):
            left, right = operands[number], operands[number + 1]
            if isinstance(op, ast.Eq | ast.NotEq | ast.Is | ast.IsNot):
                bound[number] = bound[number] or self.compared(right, left, place)
                bound[number + 1] = self.compared(left, None if isinstance(right, _CONTAINERS) else right, place)
            elif isinstance(right, _CONTAINERS):
                bound[number + 1] = self.compared(left, None, place)
            elif isinstance(op, ast.In | ast.NotIn):
                bound[number] = bound[number] or self.compared(right, left, place, "membership")
        for operand, found in zip(operands, bound, strict=True):
            if found is not None and isinstance(operand, _CONTAINERS):
                self._todo += [(element, found, place) for element in operand.elts]
            else:
                self.push(operand, found, place)

    def compared(self, other: ast.expr, value: ast.expr | None, place: Place, note: str = "") -> Binding | None:
        """The binding of ``value`` that is compared with ``other``; ``None`` when it is no literal or the other has no name."""
        name = last_name(other)
        if not name or (value is not None and literal(value) is None):
            return None
        return Binding(Position.COMPARISON, name, place.scope.inside(f"{name}=="), place.scope.label, note=note)

    def _lambda(self, node: ast.Lambda, binding: Binding | None, place: Place) -> None:
        inner = Scope("function", place.scope.inside("<lambda>"), place.scope)
        arguments = node.args
        inner.stores.update(a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs))
        self.defaults(arguments, inner, place)
        bound = replace(binding, position=Position.RETURN) if binding is not None else None
        self.push(node.body, bound, Place(inner, Evaluated.CALL, place.extent, place.note))

    def defaults(self, arguments: ast.arguments, inner: Scope, place: Place) -> None:
        """The defaults of a function's parameters, which run where the function is defined."""
        positional = [*arguments.posonlyargs, *arguments.args]
        pairs: Sequence[tuple[ast.arg, ast.expr | None]] = [
            *zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True),
            *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
        ]
        for parameter, value in pairs:
            if value is not None:
                symbol, defines = inner.inside(parameter.arg), inner.defined(parameter.arg)
                self.push(value, Binding(Position.DEFAULT, parameter.arg, symbol, inner.label, defines=defines), place)


def _is_login(name: str, node: ast.Tuple) -> bool:
    """Whether a pair is a user and a password: ``auth=("bob", "…")``. Beside somebody's name only what is no word counts."""
    pair = [e.value if isinstance(e, ast.Constant) else None for e in node.elts]
    if (
        len(pair) != 2
        or not isinstance(pair[1], str | bytes)
        or not (_LOGIN.fullmatch(name) or _PEOPLE.fullmatch(name))
    ):
        return False
    text = pair[1] if isinstance(pair[1], str) else pair[1].decode("latin-1")
    if text.isupper() and isinstance(pair[0], str) and pair[0].isupper():
        return False  # two constants
    return bool(_LOGIN.fullmatch(name)) or (" " not in text and not text.isalpha() and not text.isdigit())


def _value_of(node: ast.Dict, keys: frozenset[str]) -> str:
    """The text under the first of ``keys`` in a dict literal: ``{"name": "DB_PASSWORD", "value": …}`` names the value."""
    for key, value in zip(node.keys, node.values, strict=True):
        if (
            isinstance(key, ast.Constant)
            and key.value in keys
            and isinstance(value, ast.Constant)
            and isinstance(value.value, str)
        ):
            return value.value
    return ""
