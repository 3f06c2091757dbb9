"""Arguments of calls: to which library call's parameter a literal goes, and which calls only pass a value on."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import replace

from hardcode_hunter.languages.python import placeholders
from hardcode_hunter.languages.python.chains import chain, last_name
from hardcode_hunter.languages.python.drafts import Binding, Place
from hardcode_hunter.languages.python.known_calls import (
    ASSERTIONS,
    CREDENTIAL,
    DECODERS,
    DEFAULTS,
    DICTS,
    ENVIRONMENT,
    ENVIRONMENT_NAMES,
    ENVIRONMENT_TYPES,
    FETCHES,
    FIELDS,
    FIRST_IS_DEFAULT,
    IDENTIFIER,
    OPTIONS,
    SAME_METHODS,
    SAME_VALUE,
    TAKES_MORE,
    TEXT_OPTIONS,
    login_argument,
)
from hardcode_hunter.languages.python.literals import literal
from hardcode_hunter.languages.python.names import Names, joined
from hardcode_hunter.model import Position

Push = Callable[[ast.expr, Binding | None, Place], None]
Note = Callable[[ast.expr, Binding, Place], None]


class Calls:
    """Binds what a call is given. ``push`` walks on with an expression, ``use`` notes a use of a name."""

    def __init__(self, names: Names, push: Push, use: Note) -> None:
        self._names = names
        self._push = push
        self._use = use

    @staticmethod
    def says_credential(text: str) -> bool:
        """Whether ``text`` is an identifier that names a part of a credential."""
        return bool(IDENTIFIER.fullmatch(text) and CREDENTIAL.search(text))

    def visit(self, node: ast.Call, binding: Binding | None, place: Place) -> None:
        callee = self._names.callee(node.func, place.scope, node.lineno)
        last = callee.rpartition(".")[2]
        receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
        if receiver is not None and last in SAME_METHODS and self._of_text(node, last, receiver, place):
            self._method(node, last, receiver, binding, place)
            return
        self._push(node.func, None, place)
        if self._environment(node, callee):
            self._default(node, callee, binding, place)
            return
        if binding is not None and last in SAME_VALUE and _passes_on(node, last):
            self._same(node, last, binding, place)
        elif last in DECODERS and node.args:
            self._decoder(node, callee, binding, place)
        elif last in DICTS:
            self._dict(node, last, binding, place)
        elif (
            last in ("update", "from_mapping")
            and receiver is not None
            and chain(receiver) is not None
            and not _only_literals(node)
        ):
            self._update(node, callee, receiver, place)
        elif last in ("setdefault", "setattr") and self._assigned(node, callee, last, receiver, place):
            return
        else:
            self._general(node, callee, binding, place)
        if binding is not None:
            self._use(node, binding, place)

    # ------------------------------------------------------------ calls that pass a value on

    @staticmethod
    def _of_text(node: ast.Call, last: str, receiver: ast.expr, place: Place) -> bool:
        """Whether it is the method of a text, and not ``jwt.encode(payload, "key")`` or ``dataclasses.replace(x, password="…")``."""
        given = any(not isinstance(value, ast.Constant) for value in node.args) or any(
            k.arg not in TEXT_OPTIONS for k in node.keywords
        )
        if given and last not in ("format", "format_map"):
            return False
        base = receiver
        while isinstance(base, ast.Attribute):
            base = base.value
        owner = place.scope.owner(base.id) if isinstance(base, ast.Name) else None
        if isinstance(base, ast.Name) and owner is not None and base.id in owner.imports:
            return last_name(receiver).isupper()
        return True

    def _method(self, node: ast.Call, last: str, receiver: ast.expr, binding: Binding | None, place: Place) -> None:
        formats = last in ("format", "format_map")
        self._push(receiver, binding.noted("str.format") if binding is not None and formats else binding, place)
        argument = binding.noted("str.format argument") if binding is not None and formats else None
        found = literal(receiver) if argument is not None else None
        said = placeholders.braces(found.value) if found is not None and isinstance(found.value, str) else {}
        for given, value in (*enumerate(node.args), *((k.arg, k.value) for k in node.keywords)):
            name = said.get(str(given), "")
            self._push(value, argument.item(name, node) if argument is not None and name else argument, place)

    def _same(self, node: ast.Call, last: str, binding: Binding, place: Place) -> None:
        passed = node.args[-1] if last == "cast" else node.args[0]
        for value in (*node.args, *(k.value for k in node.keywords)):
            self._push(value, binding if value is passed else None, place)

    def _decoder(self, node: ast.Call, callee: str, binding: Binding | None, place: Place) -> None:
        if binding is None:
            bound = Binding(Position.ARGUMENT, "", place.scope.inside(f"{callee}.#0"), node, callee, "#0")
        else:
            bound = replace(binding, position=Position.ARGUMENT, callee=callee, parameter="#0", outer=_call_of(binding))
        for value in (*node.args, *(k.value for k in node.keywords)):
            self._push(value, bound if value is node.args[0] else None, place)

    def _dict(self, node: ast.Call, last: str, binding: Binding | None, place: Place) -> None:
        base = binding or Binding(Position.ITEM, "", place.scope.path, node)
        for value in node.args:
            self._push(value, base if last != "defaultdict" else None, place)
        for keyword in node.keywords:
            self._push(keyword.value, base.item(keyword.arg, node) if keyword.arg else base, place)

    # ------------------------------------------------------------ defaults of environment variables

    def _environment(self, node: ast.Call, callee: str) -> bool:
        """Whether the call reads an environment variable or a setting, with its name as first argument."""
        if not node.args:
            return False
        func = node.func
        if (
            callee in ENVIRONMENT
            or callee.endswith((".environ.get", ".getenv"))
            or callee.startswith(ENVIRONMENT_TYPES)
        ):
            return True
        if isinstance(func, ast.Attribute):
            owner = last_name(func.value)
            return (func.attr in ("get", "pop") and owner == "environ") or (
                isinstance(func.value, ast.Name) and owner == "env"
            )
        return (
            isinstance(func, ast.Name)
            and func.id in ENVIRONMENT_NAMES
            and isinstance(node.args[0], ast.Constant | ast.Name)
        )

    def _default(self, node: ast.Call, callee: str, binding: Binding | None, place: Place) -> None:
        key = _key(node.args[0])
        bound = self._env_default(key, callee, binding, place)
        for number, value in enumerate(node.args[1:], 1):
            self._push(value, bound if number == 1 else None, place)
        for keyword in node.keywords:
            self._push(keyword.value, bound if keyword.arg in ("default", "default_value") else None, place)
        if not isinstance(node.args[0], ast.Constant):
            self._push(node.args[0], None, place)

    def _env_default(self, key: str, callee: str, binding: Binding | None, place: Place) -> Binding:
        if binding is None:
            return Binding(
                Position.ENV_DEFAULT, key, place.scope.inside(f"{callee}.{key}"), place.scope.label, callee, "default"
            )
        own = binding.callee and binding.position is not Position.ENV_DEFAULT
        symbol = place.scope.inside(f"{callee}.{key}") if own else binding.symbol
        return replace(
            binding,
            position=Position.ENV_DEFAULT,
            name=key or binding.name,
            symbol=symbol,
            callee=callee,
            parameter="default",
            outer=_call_of(binding),
        )

    def fallback(self, value: ast.Call | ast.Subscript, binding: Binding | None, place: Place) -> Binding | None:
        """The binding of the literal in ``value or "literal"`` when ``value`` reads the environment."""
        if isinstance(value, ast.Subscript):
            return None  # a missing key raises: what follows `or` replaces an empty variable only
        callee = self._names.callee(value.func, place.scope, value.lineno)
        if not self._environment(value, callee):
            return None
        return self._env_default(_key(value.args[0]), callee, binding, place).noted("or")

    # ------------------------------------------------------------ calls that set a key

    def _assigned(self, node: ast.Call, callee: str, last: str, receiver: ast.expr | None, place: Place) -> bool:
        """``mapping.setdefault("K", "v")`` and ``setattr(object, "k", "v")``; whether it was one."""
        at = 1 if last == "setattr" else 0
        owner = node.args[0] if last == "setattr" and node.args else receiver
        if owner is None or len(node.args) != at + 2 or not isinstance(node.args[at], ast.Constant):
            return False
        key = _key(node.args[at])
        link = chain(owner)
        symbol = place.scope.inside(joined((*link.parts, key)) if link else key)
        defines = f"{self._names.place_of(owner, place.scope)}.{key}" if link else ""
        bound = Binding(Position.ASSIGNMENT, key, symbol, place.scope.label, callee, f"#{at + 1}", defines)
        self._push(node.args[at + 1], bound, place)
        return True

    def _update(self, node: ast.Call, callee: str, receiver: ast.expr, place: Place) -> None:
        link = chain(receiver)
        symbol = place.scope.inside(joined(link.parts)) if link else place.scope.path
        base = Binding(Position.ITEM, "", symbol, node, callee, "#0", self._names.place_of(receiver, place.scope))
        for value in node.args:
            self._push(value, base, place)
        for keyword in node.keywords:
            bound = replace(base.item(keyword.arg, node), callee=callee, parameter=keyword.arg) if keyword.arg else base
            self._push(keyword.value, bound, place)

    # ------------------------------------------------------------ all others

    def _general(self, node: ast.Call, callee: str, binding: Binding | None, place: Place) -> None:
        positional: Sequence[ast.expr] = node.args
        if callee == "functools.partial" and positional:
            callee = self._names.callee(positional[0], place.scope, node.lineno)
            self._push(positional[0], None, place)
            positional = positional[1:]
        parameters = self._names.parameters.get(callee, ())
        last = callee.rpartition(".")[2]
        option = _option(node, last)
        key, fetches = "", bool(FETCHES.fullmatch(last))
        asserted = last in ASSERTIONS and len(positional) > 1 and self._asserted(positional, place)
        for number, value in enumerate(positional[2:] if asserted else positional, 2 if asserted else 0):
            if isinstance(value, ast.Starred):
                self._push(value.value, self._argument(node, callee, "*" if not number else "", "", place), place)
                continue
            name = parameters[number] if number < len(parameters) else key or login_argument(last, number, positional)
            bound = self._argument(node, callee, f"#{number}", name, place)
            if number < len(parameters):
                bound.defines = f"{self._names.homes[callee]}{parameters[number]}"
            elif binding is not None and not binding.callee and last in FIRST_IS_DEFAULT and not number:
                bound = replace(binding, callee=callee, parameter="#0")
            self._push(value, bound, place)
            said = value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""
            key = said if self.says_credential(said) and not fetches else ""
        for keyword in node.keywords:
            self._keyword(node, keyword, callee, option, binding, place)

    def _asserted(self, pair: Sequence[ast.expr], place: Place) -> bool:
        """``assertEqual(user.password, "x")`` compares its first two arguments; whether one of them is a literal and the other has a name."""
        for value, other in ((pair[0], pair[1]), (pair[1], pair[0])):
            name = last_name(other)
            if isinstance(value, ast.Constant) and name and not isinstance(other, ast.Call):
                symbol = place.scope.inside(f"{name}==")
                self._push(
                    value, Binding(Position.COMPARISON, name, symbol, place.scope.label, note="assertion"), place
                )
                self._push(other, None, place)
                return True
        return False

    def _keyword(
        self, node: ast.Call, keyword: ast.keyword, callee: str, option: str, binding: Binding | None, place: Place
    ) -> None:
        name, value = keyword.arg, keyword.value
        if name is None:
            bound = self._argument(node, callee, "**", "", place)
            if isinstance(value, ast.Dict):
                self._unpacked(node, value, callee, place)
            else:
                self._push(value, bound, place)
            return
        bound = self._argument(node, callee, name, name, place)
        last = callee.rpartition(".")[2]
        if callee in self._names.parameters:
            bound.defines = f"{self._names.homes[callee]}{name}"
        if name in DEFAULTS and option:
            bound.name, bound.symbol, bound.note = option, place.scope.inside(f"{callee}.{option}"), OPTIONS[last]
        elif name in DEFAULTS and binding is not None and not binding.callee:
            position = binding.position if last in FIELDS else Position.ARGUMENT
            bound = replace(binding, position=position, callee=callee, parameter=name)
        self._push(value, bound, place)

    def _unpacked(self, node: ast.Call, value: ast.Dict, callee: str, place: Place) -> None:
        """``f(**{"password": "x"})``"""
        for key, item in zip(value.keys, value.values, strict=True):
            name = _key(key) if key is not None else "**"
            self._push(item, self._argument(node, callee, name or "*", name if name != "**" else "", place), place)

    def _argument(self, node: ast.Call, callee: str, parameter: str, name: str, place: Place) -> Binding:
        return Binding(
            Position.ARGUMENT, name, place.scope.inside(f"{callee}.{parameter or '*'}"), node, callee, parameter
        )


def _call_of(binding: Binding) -> Binding | None:
    """The call argument that a bound value reaches, when it reaches one."""
    reached = binding.reached
    return reached if reached.callee and reached.position is not Position.ENV_DEFAULT else None


def _passes_on(node: ast.Call, last: str) -> bool:
    """Whether a call of a function that returns its argument has that one argument."""
    return (len(node.args) == 1 or (bool(node.args) and last in TAKES_MORE)) and all(
        k.arg in TEXT_OPTIONS for k in node.keywords
    )


def _only_literals(node: ast.Call) -> bool:
    """``digest.update(b"…")`` updates no mapping."""
    return not node.keywords and all(isinstance(value, ast.Constant | ast.JoinedStr | ast.BinOp) for value in node.args)


def _key(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) and isinstance(node.value, str | int) else last_name(node)


def _option(node: ast.Call, last: str) -> str:
    """The name under which an option's value is found: of its ``dest``, its longest flag, or its first argument."""
    if last not in OPTIONS:
        return ""
    for keyword in node.keywords:
        if keyword.arg == "dest" and isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str):
            return keyword.value.value
    flags = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    long = [flag.split("/")[0] for flag in flags if flag.startswith("--")]
    return (long or flags or [""])[0].lstrip("-").replace("-", "_")
