"""Names in a file: which are free, what an import binds, and under which name a rewrite can call something.

Every identifier that occurs anywhere in the file counts as taken, so that no scope can shadow a name that is chosen here.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hardcode_hunter.languages.python.layout import Layout
from hardcode_hunter.languages.python.operations import Import


@dataclass(frozen=True, slots=True)
class Bound:
    """A name that a top-level import binds: ``target`` in full, and where the import ends."""

    local: str
    target: str
    end: int


@dataclass
class Names:
    """The names of one file, and those that the rewrite has already chosen."""

    used: frozenset[str]
    stores: Counter[str]  # bindings that are no top-level imports
    imports: tuple[Bound, ...]
    star: bool
    aliases: Mapping[str, str]  # local name -> dotted name, of every import anywhere
    future: frozenset[str]
    chosen: dict[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def of(cls, tree: ast.Module, layout: Layout) -> Names:
        top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        nodes = list(ast.walk(tree))
        aliases = {local: target for node in nodes for local, target in _imported(node)}
        here = tuple(
            Bound(local, target, layout.span_of(node).end) for node in top for local, target in _imported(node)
        )
        stores = Counter(name for node in nodes if node not in top for name in _stored(node))
        star = any(isinstance(node, ast.ImportFrom) and any(a.name == "*" for a in node.names) for node in nodes)
        future = frozenset(
            a.name
            for node in top
            if isinstance(node, ast.ImportFrom) and node.module == "__future__"
            for a in node.names
        )
        used = {name for node in nodes for name in (*_stored(node), *_loaded(node))} | {b.local for b in here}
        return cls(frozenset(used), stores, here, star, aliases, future)

    def free(self, name: str) -> str:
        """``name`` or the like of it that nothing in the file uses; with an underscore where a star import could rebind it."""
        taken = self.used | set(self.chosen.values())
        bare = name.lstrip("_")
        for candidate in (
            ([] if self.star else [name]) + [f"_{bare}"] + [f"_{bare}_{number}" for number in range(2, len(taken) + 3)]
        ):
            if candidate not in taken:
                return candidate
        raise AssertionError("unreachable: more names were tried than are taken")

    def bind(self, module: str, name: str, offset: int, in_function: bool) -> tuple[str, Import | None]:
        """How the code at ``offset`` calls ``module.name``, and the import that it needs (``None``: there is one)."""
        bound = self._existing(f"{module}.{name}" if name else module, offset, in_function) or self._through_module(
            module, name, offset, in_function
        )
        if bound:
            return bound, None
        if (module, name) not in self.chosen:
            wanted = name or module
            local = wanted if not name and wanted not in self.used else self.free(wanted)
            self.chosen[module, name] = local
        return self.chosen[module, name], Import(module, name, self.chosen[module, name])

    def resolve(self, dotted: str) -> str:
        """``pg.connect`` → ``psycopg2.connect``, by the imports of the file."""
        head, dot, rest = dotted.partition(".")
        return f"{self.aliases.get(head, head)}{dot}{rest}"

    def _existing(self, target: str, offset: int, in_function: bool) -> str:
        for bound in self.imports:
            once = not self.stores[bound.local] and sum(b.local == bound.local for b in self.imports) == 1
            if (
                bound.target == target
                and once
                and (in_function or bound.end <= offset)
                and not (self.star and bound.local[0] != "_")
            ):
                return bound.local
        return ""

    def _through_module(self, module: str, name: str, offset: int, in_function: bool) -> str:
        local = self._existing(module, offset, in_function) if name and "." not in module else ""
        return f"{local}.{name}" if local else ""


def _imported(node: ast.AST) -> Iterator[tuple[str, str]]:
    """(local name, dotted name) for each name that an import statement binds."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield (
                (alias.asname, alias.name)
                if alias.asname
                else (alias.name.partition(".")[0], alias.name.partition(".")[0])
            )
    elif isinstance(node, ast.ImportFrom) and not node.level:
        for alias in node.names:
            yield alias.asname or alias.name, f"{node.module}.{alias.name}"
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name, f"{'.' * node.level}{node.module or ''}.{alias.name}"


def _stored(node: ast.AST) -> Iterator[str]:
    """The names that a node binds."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name
    elif isinstance(node, (ast.Global, ast.Nonlocal)):
        yield from node.names
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from (local for local, _ in _imported(node))
    elif isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest
    elif type(node).__name__ in ("TypeVar", "ParamSpec", "TypeVarTuple"):  # from Python 3.12 on
        yield getattr(node, "name", "")


def _loaded(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
