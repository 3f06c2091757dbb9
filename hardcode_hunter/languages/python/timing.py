"""When rewritten code reads a secret: at import, or only when something is called."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator

_DEFERRED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def read_at_import(source: bytes) -> Container[str]:
    """The names of secrets that a call is given as its first argument which runs when ``source`` is imported.

    Bodies of functions and lambdas run later; their defaults and decorators, and bodies of classes, don't. What can't be parsed has all.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _Every()
    return {asked for call in _calls_at_import(tree) if (asked := _asked(call)) is not None}


class _Every:
    """Has whatever is asked for."""

    def __contains__(self, item: object) -> bool:
        return True


def _calls_at_import(tree: ast.AST) -> Iterator[ast.Call]:
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Call):
            yield node
        if isinstance(node, _DEFERRED):
            todo += [*node.args.defaults, *(d for d in node.args.kw_defaults if d)]
            todo += getattr(node, "decorator_list", [])
        else:
            todo += ast.iter_child_nodes(node)


def _asked(call: ast.Call) -> str | None:
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
