"""When rewritten code reads a secret: at import, or only when something is called."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_DEFERRED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def read_at_import(source: bytes, component: str) -> bool:
    """Whether a call whose first argument is the secret's name runs when ``source`` is imported.

    Bodies of functions and lambdas run later; their defaults and decorators, and bodies of classes, don't. True for what can't be parsed.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    return any(_asks_for(call, component) for call in _calls_at_import(tree))


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


def _asks_for(call: ast.Call, component: str) -> bool:
    return bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value == component
