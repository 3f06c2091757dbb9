"""Which name means what in one file: scopes, imports, and what a variable was made by. Read from statements alone, before the walk."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hardcode_hunter.languages.python.chains import chain, last_name

Function = ast.FunctionDef | ast.AsyncFunctionDef
_BUILTINS = frozenset(dir(builtins))
_DEEPEST = 4  # steps from a variable to what made it
_LONGEST = 8  # calls in one chain of methods

NATURES = {
    "dataclasses.dataclass": "dataclass", "pydantic.dataclasses.dataclass": "pydantic", "attr.s": "attrs", "attr.attrs": "attrs", "attr.dataclass": "attrs", "attr.define": "attrs", "attr.frozen": "attrs", "attr.mutable": "attrs", "attrs.define": "attrs", "attrs.frozen": "attrs", "attrs.mutable": "attrs",
    "enum.Enum": "enum", "enum.IntEnum": "enum", "enum.StrEnum": "enum", "enum.Flag": "enum", "enum.IntFlag": "enum", "enum.ReprEnum": "enum", "typing.NamedTuple": "namedtuple", "typing_extensions.NamedTuple": "namedtuple", "typing.TypedDict": "typeddict", "typing_extensions.TypedDict": "typeddict",
    "pydantic.BaseModel": "pydantic", "pydantic.BaseSettings": "pydantic", "pydantic_settings.BaseSettings": "pydantic", "pydantic.v1.BaseSettings": "pydantic", "pydantic.v1.BaseModel": "pydantic", "sqlmodel.SQLModel": "pydantic",
}  # fmt: skip
"""Base class or decorator → what kind of fields the class body declares."""


@dataclass(eq=False, slots=True)
class Scope:
    """A module, class or function. ``path`` is its qualified name, empty for the module."""

    kind: str  # module | class | function
    path: str = ""
    parent: Scope | None = None
    stores: set[str] = field(default_factory=set)
    outer: set[str] = field(default_factory=set)  # declared global or nonlocal
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)  # name -> (module, name in it or "")
    made: dict[str, list[tuple[int, ast.expr | None]]] = field(default_factory=dict)
    receiver: str = ""  # the first parameter of a method
    nature: str = ""  # of a class: dataclass, enum …
    line: int = 0  # of a function: where its header begins

    @property
    def label(self) -> str:
        return {"module": "module", "class": f"class {self.path}", "function": f"def {self.path}"}[self.kind]

    def inside(self, name: str) -> str:
        """The qualified name of ``name`` in this scope."""
        return f"{self.path}.{name}" if self.path else name

    def defined(self, name: str) -> str:
        """Under which name its value is known; a function's variables are no attributes of the function."""
        return f"{self.path}:{name}" if self.kind == "function" else self.inside(name)

    def owner(self, name: str) -> Scope | None:
        """The scope in which ``name`` is bound, as seen from here."""
        scope: Scope | None = self
        while scope is not None:
            visible = scope.kind != "class" or scope is self
            if visible and name not in scope.outer and (name in scope.stores or name in scope.imports):
                return scope
            scope = scope.parent
        return None

    def owner_class(self, name: str) -> Scope | None:
        """The class whose instance ``name`` is: ``self`` in one of its methods, or in a function inside one."""
        scope: Scope | None = self
        while scope is not None and scope.kind == "function":
            if scope.receiver == name and scope.parent is not None and scope.parent.kind == "class":
                return scope.parent
            if name in scope.stores and scope.receiver != name:
                return None
            scope = scope.parent
        return None


@dataclass(slots=True)
class Names:
    """All scopes of one file. ``package`` is the dotted path of its directory, for relative imports."""

    path: str
    tree: ast.Module
    root: Scope = field(default_factory=lambda: Scope("module"))
    scopes: dict[int, Scope] = field(default_factory=dict)
    parameters: dict[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # qualified function or class -> positional names
    homes: dict[str, str] = field(default_factory=dict)  # the same -> what stands before a parameter in what it defines
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    modules: set[str] = field(default_factory=set)  # imported as `import a.b`
    stars: list[str] = field(default_factory=list)
    properties: set[str] = field(default_factory=set)  # methods that are read as attributes

    def __post_init__(self) -> None:
        todo: list[tuple[ast.stmt, Scope]] = [(stmt, self.root) for stmt in reversed(self.tree.body)]
        while todo:
            stmt, scope = todo.pop()
            inner = self._bind(stmt, scope)
            todo += [(child, inner) for child in reversed(list(_statements(stmt)))]
        for path, node in self.classes.items():
            nature = self.scopes[id(node)].nature = self._nature(path, 0)
            if nature in ("dataclass", "attrs", "namedtuple", "pydantic") and path not in self.parameters:
                fields = (
                    s.target.id for s in node.body if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)
                )
                self.parameters[path] = tuple(fields)
                self.homes[path] = f"{path}."

    # ------------------------------------------------------------ reading statements

    def _bind(self, stmt: ast.stmt, scope: Scope) -> Scope:
        """Notes what ``stmt`` binds; the scope of its body."""
        if isinstance(stmt, ast.Assign):
            for target in stmt.targets:
                self._store(target, stmt.value, scope)
        elif isinstance(stmt, ast.AnnAssign):
            self._store(stmt.target, stmt.value if _maker(stmt.value) else None, scope, stmt.annotation)
        elif isinstance(stmt, Function):
            return self._function(stmt, scope)
        elif isinstance(stmt, ast.ClassDef):
            return self._class(stmt, scope)
        elif isinstance(stmt, ast.Import | ast.ImportFrom):
            self._import(stmt, scope)
        elif isinstance(stmt, ast.With | ast.AsyncWith):
            for item in stmt.items:
                if item.optional_vars is not None:
                    self._store(item.optional_vars, item.context_expr, scope)
        elif isinstance(stmt, ast.For | ast.AsyncFor):
            self._store(stmt.target, None, scope)
        elif isinstance(stmt, ast.Global | ast.Nonlocal):
            scope.outer.update(stmt.names)
            if isinstance(stmt, ast.Global):
                self.root.stores.update(stmt.names)
        elif isinstance(stmt, ast.AugAssign):
            self._store(stmt.target, None, scope)
        elif isinstance(stmt, ast.Try | ast.TryStar):
            scope.stores.update(handler.name for handler in stmt.handlers if handler.name)
        return scope

    def _store(
        self, target: ast.expr, value: ast.expr | None, scope: Scope, annotation: ast.expr | None = None
    ) -> None:
        maker = _maker(value) or (annotation if isinstance(annotation, ast.Name | ast.Attribute) else None)
        if isinstance(target, ast.Name):
            scope.stores.add(target.id)
            scope.made.setdefault(target.id, []).append((target.lineno, maker))
        elif (
            isinstance(target, ast.Attribute)
            and isinstance(target.value, ast.Name)
            and (owner := scope.owner_class(target.value.id))
        ):
            owner.made.setdefault(f"self.{target.attr}", []).append((target.lineno, maker))
        elif isinstance(target, ast.Tuple | ast.List):
            values: Sequence[ast.expr | None] = target.elts if value is None else getattr(value, "elts", ())
            for number, element in enumerate(target.elts):
                inner = element.value if isinstance(element, ast.Starred) else element
                paired = values[number] if value is not None and len(values) == len(target.elts) else None
                self._store(inner, paired, scope)

    def _function(self, stmt: Function, scope: Scope) -> Scope:
        scope.stores.add(stmt.name)
        inner = self.scopes[id(stmt)] = Scope("function", scope.inside(stmt.name), scope, line=stmt.lineno)
        positional = [*stmt.args.posonlyargs, *stmt.args.args]
        static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in stmt.decorator_list)
        if any(last_name(d) in ("property", "cached_property") for d in stmt.decorator_list):
            self.properties.add(inner.path)
        if scope.kind == "class" and positional and not static:
            inner.receiver = positional[0].arg
            positional = positional[1:]
        for path in (inner.path, scope.path) if scope.kind == "class" and stmt.name == "__init__" else (inner.path,):
            self.parameters[path] = tuple(a.arg for a in positional)
            self.homes[path] = inner.defined("")
        for argument in (
            *stmt.args.posonlyargs,
            *stmt.args.args,
            *stmt.args.kwonlyargs,
            *(a for a in (stmt.args.vararg, stmt.args.kwarg) if a),
        ):
            inner.stores.add(argument.arg)
            if isinstance(argument.annotation, ast.Name | ast.Attribute):
                inner.made[argument.arg] = [(0, argument.annotation)]
        return inner

    def _class(self, stmt: ast.ClassDef, scope: Scope) -> Scope:
        scope.stores.add(stmt.name)
        inner = self.scopes[id(stmt)] = Scope("class", scope.inside(stmt.name), scope)
        self.classes[inner.path] = stmt
        return inner

    def _import(self, stmt: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        if isinstance(stmt, ast.Import):
            for alias in stmt.names:
                self.modules.add(alias.name)
                first = alias.name.partition(".")[0]
                scope.imports.setdefault(alias.asname or first, (alias.name if alias.asname else first, ""))
            return
        module = self.absolute(stmt.module or "", stmt.level)
        for alias in stmt.names:
            if alias.name == "*":
                self.stars.append(module)
            else:
                scope.imports.setdefault(alias.asname or alias.name, (module, alias.name))

    def absolute(self, module: str, level: int) -> str:
        """The dotted name of a module that is imported with ``level`` leading dots, as far as the file's path tells it."""
        if not level:
            return module
        folders = self.path.split("/")[:-1]
        base = folders[: len(folders) - (level - 1)] if level > 1 else folders
        return ".".join([*base, *([module] if module else [])])

    def _nature(self, path: str, depth: int) -> str:
        node = self.classes.get(path)
        if node is None or depth > _DEEPEST:
            return ""
        scope = self.scopes[id(node)].parent or self.root
        for decorator in node.decorator_list:
            plain = decorator.func if isinstance(decorator, ast.Call) else decorator
            if nature := NATURES.get(self.callee(plain, scope, node.lineno)):
                return nature
        for base in node.bases:
            name = self.callee(base, scope, node.lineno)
            known = NATURES.get(name) or (
                "pydantic" if name.rpartition(".")[2] in ("BaseSettings", "BaseModel") else ""
            )
            if found := known or self._nature(name, depth + 1):
                return found
        return ""

    # ------------------------------------------------------------ resolving

    def callee(self, func: ast.expr, scope: Scope, line: int, depth: int = 0) -> str:
        """The dotted name of what ``func`` is, through imports and what variables were made by; ``?.last`` where that can't be told."""
        tail: list[str] = []
        node, calls = func, 0
        while not isinstance(node, ast.Name):
            if isinstance(node, ast.Attribute):
                tail.append(node.attr)
                node = node.value
            elif isinstance(node, ast.Call) and calls < _LONGEST:
                calls += 1
                node = node.func
            elif isinstance(node, ast.Await):
                node = node.value
            elif isinstance(node, ast.Constant | ast.JoinedStr) and tail:
                return (
                    f"{'bytes' if isinstance(getattr(node, 'value', ''), bytes) else 'str'}.{tail[-1]}"
                    if len(tail) == 1
                    else f"?.{tail[0]}"
                )
            else:
                return f"?.{tail[0]}" if tail else "?"
        return self._dotted(node.id, tail[::-1], scope, line, depth)

    def _dotted(self, name: str, tail: list[str], scope: Scope, line: int, depth: int) -> str:
        unknown = f"?.{tail[-1]}" if tail else name
        holder = scope.owner_class(name)
        if holder is not None and tail:
            made = self._made(holder, f"self.{tail[0]}", line, depth)
            if made:
                return ".".join([made, *tail[1:]])
            return holder.inside(tail[0]) if len(tail) == 1 else unknown
        owner = scope.owner(name)
        if owner is None:
            if name in _BUILTINS:
                return ".".join([name, *tail])
            return ".".join([self.stars[0], name, *tail]) if len(self.stars) == 1 else unknown
        if name in owner.imports:
            return ".".join([*(part for part in owner.imports[name] if part), *tail])
        if owner.inside(name) in self.parameters or owner.inside(name) in self.classes:
            return ".".join([owner.inside(name), *tail])
        made = self._made(owner, name, line, depth)
        return ".".join([made, *tail]) if made else unknown

    def _made(self, scope: Scope, name: str, line: int, depth: int) -> str:
        """What a variable was made by: the last maker before ``line``, or the first one."""
        rows = scope.made.get(name)
        if not rows or depth >= _DEEPEST:
            return ""
        maker = next((m for at, m in reversed(rows) if at <= line), rows[0][1])
        if maker is None:
            return ""
        found = self.callee(maker, scope, line, depth + 1)
        # what a function of this file returns is not known by its name
        return "" if found.startswith("?") or (found in self.parameters and found not in self.classes) else found

    def target(self, node: ast.expr, scope: Scope) -> str:
        """What an expression refers to, in the form of ``Candidate.defines``; empty when it is no chain of names and constant keys."""
        link = chain(node)
        if link is None:
            return ""
        first, rest = link.parts[0], link.parts[1:]
        if link.keyed and len(link.parts) > 2 and link.parts[-2] == "config":
            return f"*::{link.parts[-1]}"
        holder = scope.owner_class(first)
        if holder is not None:
            return f"{self.path}::{holder.inside(joined(rest))}" if rest else ""
        plain = first.removesuffix("()")
        owner = scope.owner(plain)
        if owner is None:
            if plain in _BUILTINS or not self.stars:
                return ""
            module = self.stars[0] if len(self.stars) == 1 else "*"
            return f"{module}::{joined(link.parts)}"
        if plain in owner.imports:
            return self._imported(*owner.imports[plain], link.parts)
        if (
            link.parts == (plain,)
            and owner.inside(plain) in self.parameters
            and owner.inside(plain) not in self.classes
        ):
            return ""  # a function that is passed on, not what it returns
        return f"{self.path}::{owner.defined(joined(link.parts))}"

    def place_of(self, node: ast.expr, scope: Scope) -> str:
        """The qualified name that an assignment to ``node`` defines in this file; empty when its target is no chain."""
        link = chain(node)
        if link is None:
            return ""
        first, rest = link.parts[0], link.parts[1:]
        holder = scope.owner_class(first)
        if holder is not None and rest:
            return holder.inside(joined(rest))
        owner = scope.owner(first)
        return (
            owner.defined(joined(link.parts))
            if owner is not None and first not in owner.imports
            else joined(link.parts)
        )

    def receiver(self, node: ast.expr, scope: Scope, line: int) -> str:
        """The module or class whose attribute is set, where imports tell it: ``stripe``, ``requests.Session``; else empty."""
        found = self.callee(node, scope, line)
        link = chain(node)
        if link is None or found.startswith("?"):
            return ""
        owner = scope.owner(link.parts[0])
        if owner is not None and link.parts[0] in owner.imports:
            return found
        return found if found != joined(link.parts) and found.partition(".")[0] not in self.classes else ""

    def _imported(self, module: str, name: str, parts: Sequence[str]) -> str:
        rest = list(parts[1:])
        if name:
            rest.insert(0, name + ("()" if parts[0].endswith("()") else ""))
        else:
            while rest and f"{module}.{rest[0]}" in self.modules:
                module = f"{module}.{rest.pop(0)}"
        if not rest or (rest[-1].endswith("()") and rest[-1][0].isupper()):
            return ""  # a module, or a new object of a class
        if module == "django.conf" and rest[0] in ("settings", "settings()"):
            return f"*::{joined(rest[1:])}" if len(rest) > 1 else ""
        return f"{module}::{joined(rest)}"


def joined(parts: Sequence[str]) -> str:
    """``('A', '[1]', 'b')`` → ``A[1].b``."""
    return "".join(part if part.startswith("[") or not number else f".{part}" for number, part in enumerate(parts))


def _maker(value: ast.expr | None) -> ast.expr | None:
    """What is called to make ``value``."""
    while isinstance(value, ast.Await):
        value = value.value
    if isinstance(value, ast.BoolOp):
        value = value.values[-1]
    return value.func if isinstance(value, ast.Call) else None


def _statements(stmt: ast.stmt) -> Iterator[ast.stmt]:
    """The statements directly inside a compound statement."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(stmt, name, None)
        if isinstance(block, list):
            yield from block
    for part in (*getattr(stmt, "handlers", ()), *getattr(stmt, "cases", ())):
        yield from part.body
