"""What a literal expression evaluates to, as far as that can be told without running anything."""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from dataclasses import dataclass

from hardcode_hunter.model import LiteralType

HOLE = "\x00"
_LONGEST = 20_000  # characters of a literal whose pieces are told apart
_TEMPLATE_STRING: type[ast.expr] | None = getattr(ast, "TemplateStr", None)  # PEP 750, from Python 3.14 on
TEMPLATES: tuple[type[ast.expr], ...] = (ast.JoinedStr, _TEMPLATE_STRING) if _TEMPLATE_STRING else (ast.JoinedStr,)
_MOST_PIECES = 100
_PLAIN: dict[type, LiteralType] = {str: LiteralType.STR, bytes: LiteralType.BYTES, int: LiteralType.INT}


@dataclass(frozen=True, slots=True)
class Literal:
    """``value`` as text: bytes one character a byte (Latin-1), integers in decimal, an interpolated part as ``\\x00``."""

    value: str
    type: LiteralType


def literal(node: ast.expr) -> Literal | None:
    """The literal that ``node`` is: a constant, an f-string, a sum of such; ``None`` when it is none."""
    if isinstance(node, ast.Constant):
        return _constant(node.value)
    if isinstance(node, TEMPLATES):
        return _template(node)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        terms: list[Literal] = []
        for term in addends(node):
            found = None if isinstance(term, ast.BinOp) else literal(term)
            if found is None:
                return None
            terms.append(found)
        return fold(terms)
    return _character(node) or _joined(node)


def addends(node: ast.expr) -> list[ast.expr]:
    """The terms of a sum from left to right, however they are bracketed; a sum may be thousands of terms deep."""
    terms: list[ast.expr] = []
    todo = [node]
    while todo:
        term = todo.pop()
        if isinstance(term, ast.BinOp) and isinstance(term.op, ast.Add):
            todo += [term.right, term.left]
        else:
            terms.append(term)
    return terms


def fold(terms: list[Literal]) -> Literal | None:
    """The sum of literals; ``None`` where Python would refuse to add them, or add numbers."""
    types = {term.type for term in terms}
    if types == {LiteralType.BYTES}:
        return Literal("".join(term.value for term in terms), LiteralType.BYTES)
    if types and types <= {LiteralType.STR, LiteralType.TEMPLATE}:
        return Literal(
            "".join(term.value for term in terms),
            LiteralType.TEMPLATE if LiteralType.TEMPLATE in types else LiteralType.STR,
        )
    return None


def pieces(source: str, first: int) -> tuple[tuple[int, int], ...]:
    """Where in its value each piece of a literal begins that is written as several strings, and on which line; ``first`` is its line.

    Empty when it is one string, or has pieces whose length can't be told.
    """
    found: list[tuple[int, int]] = []
    size = 0
    if source[-3:] in ('"""', "'''") or len(source) > _LONGEST:
        return ()
    try:
        for token in tokenize.generate_tokens(io.StringIO(f"({source}\n)").readline):
            if token.type == tokenize.STRING:
                found.append((size, first + token.start[0] - 1))
                size += _size(token.string)
            elif token.type not in (tokenize.OP, tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.ENDMARKER):
                return ()
    except (SyntaxError, ValueError, tokenize.TokenError):
        return ()
    return tuple(found) if len(found) > 1 else ()


def _size(text: str) -> int:
    if text[0] in "'\"" and text[:3] not in ('"""', "'''") and "\\" not in text:
        return len(text) - 2
    return len(ast.literal_eval(text))


def agrees(source: str, expected: Literal) -> bool:
    """Whether ``source``, cut out of the file, is an expression with this literal value: the proof of a span."""
    value = expected.value
    if (
        expected.type is LiteralType.STR
        and len(source) == len(value) + 2
        and source[0] == source[-1]
        and source[0] in "'\""
        and source[1:-1] == value
    ):
        return "\\" not in value and source[0] not in value and "\n" not in value and "\r" not in value
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = literal(ast.parse(f"({source}\n)", mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return found == expected


def _constant(value: object) -> Literal | None:
    kind = _PLAIN.get(type(value))
    if kind is None:
        return None
    if isinstance(value, bytes):
        return Literal(value.decode("latin-1"), kind)
    try:
        return Literal(str(value), kind)
    except ValueError:  # more digits than Python prints
        return None


def _template(node: ast.expr) -> Literal:
    parts: list[str] = []
    for part in getattr(node, "values", ()):
        parts.append(part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else HOLE)
    only_text = isinstance(node, ast.JoinedStr) and HOLE not in parts
    return Literal("".join(parts), LiteralType.STR if only_text else LiteralType.TEMPLATE)


def _character(node: ast.expr) -> Literal | None:
    """``chr(65)``, with which some hide a literal."""
    if not (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "chr"
        and len(node.args) == 1
        and not node.keywords
    ):
        return None
    code = node.args[0]
    if isinstance(code, ast.Constant) and type(code.value) is int and 0 <= code.value < 0x110000:
        return Literal(chr(code.value), LiteralType.STR)
    return None


def _joined(node: ast.expr) -> Literal | None:
    """``"".join(["hunter", "-", "2019"])``, with which others hide one."""
    if not (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "join"
        and isinstance(between := node.func.value, ast.Constant)
        and between.value in ("", "-", "_", ".", ":", "/", "@")
        and len(node.args) == 1
        and not node.keywords
        and isinstance(row := node.args[0], ast.List | ast.Tuple)
        and 1 < len(row.elts) <= _MOST_PIECES
    ):
        return None
    texts = [e.value for e in row.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)]
    return Literal(str(between.value).join(texts), LiteralType.STR) if len(texts) == len(row.elts) else None
