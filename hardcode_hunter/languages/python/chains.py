"""Expressions that only follow names: ``settings.DB["password"]``, ``app.config.get("X")``, ``get_password()``."""

from __future__ import annotations

import ast
from dataclasses import dataclass

_LONGEST = 16
_ACCESSORS = frozenset({"get", "pop", "getattr"})


@dataclass(frozen=True, slots=True)
class Chain:
    """``parts`` are names, keys, ``[index]`` and, at the end, ``name()`` for a call without arguments.

    ``keyed`` says that the last part is a mapping's key.
    """

    parts: tuple[str, ...]
    keyed: bool


def chain(node: ast.expr) -> Chain | None:
    """The chain that ``node`` is, or ``None``."""
    if isinstance(node, ast.Name):
        return Chain((node.id,), False)
    parts: list[str] = []
    keyed = called = False
    while not isinstance(node, ast.Name):
        part, keys, below = _step(node)
        if below is None or len(parts) > _LONGEST:
            return None
        keyed = keyed or (keys and not parts)
        if part == "()":
            if parts or called:
                return None
            called = True
        elif part:
            parts.append(part + "()" if called and not parts else part)
        node = below
    parts.append(node.id + "()" if called and not parts else node.id)
    return Chain(tuple(parts[::-1]), keyed)


def _step(node: ast.expr) -> tuple[str, bool, ast.expr | None]:
    """One part, whether it is a key, and the expression it is looked up in (``None`` at the end of what can be followed)."""
    if isinstance(node, ast.Attribute):
        return node.attr, False, node.value
    if isinstance(node, ast.Await):
        return "", False, node.value
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        key = node.slice.value
        if isinstance(key, str):
            return key, True, node.value
        return (f"[{key}]", False, node.value) if type(key) is int else ("", False, None)
    if isinstance(node, ast.Call):
        return _called(node)
    return "", False, None


def _called(node: ast.Call) -> tuple[str, bool, ast.expr | None]:
    if not node.args and not node.keywords and isinstance(node.func, ast.Name | ast.Attribute):
        return "()", False, node.func
    first = node.args[0] if node.args else None
    if (
        isinstance(node.func, ast.Attribute)
        and node.func.attr in _ACCESSORS
        and isinstance(first, ast.Constant)
        and isinstance(first.value, str)
    ):
        return first.value, True, node.func.value
    if isinstance(node.func, ast.Name) and node.func.id == "getattr" and len(node.args) > 1:
        name = node.args[1]
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            return name.value, False, node.args[0]
    return "", False, None


def last_name(node: ast.expr) -> str:
    """The name by which a reader would call ``node``: ``user.password`` and ``form.get("password").strip()`` are ``password``."""
    for _ in range(_LONGEST):
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Attribute):
            return node.attr
        if isinstance(node, ast.Subscript):
            if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
                return node.slice.value
            node = node.value
        elif isinstance(node, ast.Await | ast.NamedExpr):
            node = node.value
        elif isinstance(node, ast.Call):
            key = _called(node)
            if key[0] and key[0] != "()":
                return key[0]
            if isinstance(node.func, ast.Attribute) and node.func.attr in (
                "strip",
                "lower",
                "upper",
                "decode",
                "encode",
                "rstrip",
                "lstrip",
            ):
                node = node.func.value
            else:
                node = node.func
        else:
            return ""
    return ""
