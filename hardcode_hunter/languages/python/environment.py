"""Where Python reads a variable of the environment: ``os.environ["X"]``, ``os.environ.get("X")``, ``os.getenv("X")``."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from hardcode_hunter.model import Source, Span

NOTE = "environment"
"""What a replacement notes whose place is a look-up and no literal."""
LOOK_UP = re.compile(
    r"[\w.]+\['\w+'\]|[\w.]*\.get\('\w+'(?:, (?:''|None))?\)|\w*(?:\.getenv|getenv)\('\w+'(?:, (?:''|None))?\)"
)
"""A look-up as ``ast.unparse`` writes it. What it is a look-up of is known by whoever made the replacement."""


@dataclass(frozen=True, slots=True)
class Read:
    """``span`` is the whole look-up in the bytes of the source."""

    path: str
    line: int
    span: Span
    at_import: bool


class Unreadable(Exception):
    """The file's use of the variable can't be told from its text; the message says where and why."""


def reads(source: Source, name: str) -> list[Read]:
    """Every look-up of the variable. Raises :class:`Unreadable` when the file can't be parsed, or names the variable otherwise."""
    try:
        text = source.data.decode("utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (UnicodeDecodeError, SyntaxError, ValueError, RecursionError, MemoryError):
        raise Unreadable(f"{source.path} mentions {name} and can't be parsed") from None
    if text.startswith("\ufeff"):
        raise Unreadable(f"{source.path} mentions {name} and begins with a byte order mark")
    starts = _starts(source.data)
    names = _Names(tree)
    found: list[Read] = []
    inner: set[ast.expr] = set()
    for node, late in _walk(tree):
        key = names.look_up(node)
        if isinstance(key, ast.Constant) and key.value == name:
            inner.add(key)
            found.append(Read(source.path, node.lineno, _span(node, starts), not late))
    for node, _ in _walk(tree):
        if isinstance(node, ast.Constant) and node.value == name and node not in inner:
            raise Unreadable(f"{source.path}:{node.lineno} uses the name {name} otherwise than to read it")
    return found


def _starts(data: bytes) -> list[int]:
    starts = [0]
    for row in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(row))
    return starts


def _span(node: ast.expr, starts: list[int]) -> Span:
    assert node.end_lineno is not None and node.end_col_offset is not None
    return Span(starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset)


def _walk(tree: ast.AST) -> Iterator[tuple[ast.expr, bool]]:
    """Every expression, and whether it is evaluated when something is called."""
    todo: list[tuple[ast.AST, bool]] = [(tree, False)]
    while todo:
        node, late = todo.pop()
        if isinstance(node, ast.expr):
            yield node, late
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            inside = node.body if isinstance(node.body, list) else [node.body]
            outside = [child for child in ast.iter_child_nodes(node) if child not in inside]
            todo += [(child, True) for child in inside] + [(child, late) for child in outside]
        else:
            todo += [(child, late) for child in ast.iter_child_nodes(node)]


class _Names:
    """What ``os``, ``os.environ`` and ``os.getenv`` are called in a file."""

    def __init__(self, tree: ast.Module) -> None:
        self._module: set[str] = set()
        self._environ: set[str] = set()
        self._getenv: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                self._module |= {a.asname or a.name for a in node.names if a.name == "os"}
            elif isinstance(node, ast.ImportFrom) and node.module == "os":
                self._environ |= {a.asname or a.name for a in node.names if a.name == "environ"}
                self._getenv |= {a.asname or a.name for a in node.names if a.name == "getenv"}

    def look_up(self, node: ast.expr) -> ast.expr | None:
        """The key of a look-up without a default that says anything, else ``None``."""
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and self._is_environ(node.value):
            return node.slice
        if not isinstance(node, ast.Call) or node.keywords or not 1 <= len(node.args) <= 2:
            return None
        get = isinstance(node.func, ast.Attribute) and node.func.attr == "get" and self._is_environ(node.func.value)
        getenv = (isinstance(node.func, ast.Name) and node.func.id in self._getenv) or self._of_os(node.func, "getenv")
        empty = len(node.args) < 2 or (isinstance(node.args[1], ast.Constant) and node.args[1].value in (None, ""))
        return node.args[0] if (get or getenv) and empty else None

    def _is_environ(self, node: ast.expr) -> bool:
        return (isinstance(node, ast.Name) and node.id in self._environ) or self._of_os(node, "environ")

    def _of_os(self, node: ast.expr, attribute: str) -> bool:
        return (
            isinstance(node, ast.Attribute)
            and node.attr == attribute
            and isinstance(node.value, ast.Name)
            and node.value.id in self._module
        )
