"""The value proof: what the program gets from the new expression, compared with what it got from the literal.

A small evaluator of our own knows just the few forms that a rewrite emits; nothing of the repository is run. It is fed with the
present value (the result must be equal), with a hostile one (the result must still carry it), and with a marker (the present value
must be gone in every encoding).
"""

from __future__ import annotations

import ast
import base64
import warnings
from collections.abc import Callable, Mapping
from urllib.parse import quote

from hardcode_hunter import shapes
from hardcode_hunter.languages.python import environment
from hardcode_hunter.languages.python.operations import Swap
from hardcode_hunter.languages.python.reasons import Unchanged
from hardcode_hunter.languages.python.strings import HOLE
from hardcode_hunter.model import Shape

HOSTILE = "p%41@:/?#[1]{2}'3\"4\\5 $6;&+=,7|<8>~^`é€"
"""A password that a rotation could set, with every character that means something to a URL, libpq, ODBC, % or str.format."""
MARKER = "m0rk3r"
ENVIRON = "what the environment holds"
_PLAIN_ROLES: Mapping[str, str] = {
    "host": "db.example",
    "port": "5433",
    "account_key": "aB3+/x9Kq7w=",  # base64, whoever renews it
}
"""Parts that no rotation gives a hostile value."""

Value = str | bytes | int
Reads = Mapping[str, str]  # dump of a read's syntax tree -> what it gives


def prove(swap: Swap) -> None:
    """Raises :class:`Unchanged` with the name of the proof that fails. Never formats a value."""
    try:
        old = _evaluate(_parsed(swap.literal), {})
        new = _parsed(swap.expression)
        if swap.shape is Shape.WHOLE:
            _whole(old, new, swap)
        else:
            _partial(old, new, swap)
    except (_Unknown, SyntaxError, UnicodeError, RecursionError):
        raise Unchanged("proof-value") from None


def _whole(old: Value, new: ast.expr, swap: Swap) -> None:
    present = old.decode("utf-8") if isinstance(old, bytes) else str(old)
    result = _evaluate(new, _reads(swap, lambda _: present))
    if type(result) is not type(old):
        raise Unchanged("proof-type")
    if result != old:
        raise Unchanged("proof-value")
    if isinstance(old, int):
        if _evaluate(new, _reads(swap, lambda _: str(old + 1))) != old + 1:
            raise Unchanged("proof-plaintext")  # the number doesn't come from the read
    else:
        _any(_text(_evaluate(new, _reads(swap, lambda _: HOSTILE))) == HOSTILE)
        _gone(present, _text(_evaluate(new, _reads(swap, lambda _: MARKER))), "")


def _partial(old: Value, new: ast.expr, swap: Swap) -> None:
    if isinstance(old, int):
        raise Unchanged("proof-type")
    text = _printed(old, swap)
    parts = {part.role: part for part in shapes.parse(swap.shape, text)}
    roles = [role for _, role in swap.parts]
    result = _evaluate(new, _reads(swap, lambda role: parts[role].value))
    if type(result) is not type(old):
        raise Unchanged("proof-type")
    kept = {role: part.value for role, part in parts.items() if not (swap.moved and role in roles)}
    if dict(shapes.extract(swap.shape, _printed(result, swap))) != kept:
        raise Unchanged("proof-value")
    hostile = _printed(_evaluate(new, _reads(swap, _hostile)), swap)
    if swap.shape is Shape.BEARER:
        token = parts[roles[0]]
        _any(hostile == text[: token.start] + HOSTILE + text[token.end :])
    else:
        expected = kept | ({} if swap.moved else {role: _hostile(role) for role in roles})
        _any(dict(shapes.extract(swap.shape, hostile)) == expected)
    skeleton = text
    for start, end in sorted({(parts[role].start, parts[role].end) for role in roles}, reverse=True):
        skeleton = skeleton[:start] + skeleton[end:]
    marked = _printed(_evaluate(new, _reads(swap, lambda _: MARKER)), swap)
    for role in roles:
        _gone(parts[role].value, marked, skeleton)
    if swap.shape is Shape.URL and swap.moved:
        gone = parts["password"]
        start, end = (parts["username"].start, gone.end + 1) if "username" in roles else (gone.start - 1, gone.end)
        if _printed(result, swap) != text[:start] + text[end:]:
            raise Unchanged("proof-value")
    elif swap.shape is Shape.URL:
        _same_outside(text, _printed(result, swap), swap.shape)


def _any(holds: bool) -> None:
    if not holds:
        raise Unchanged("proof-any-password")


def _hostile(role: str) -> str:
    return _PLAIN_ROLES.get(role, HOSTILE)


def _same_outside(old: str, new: str, shape: Shape) -> None:
    """What is no part at all (scheme, path, options) must be the same text."""

    def outside(text: str) -> list[str]:
        pieces, at = [], 0
        for part in shapes.parse(shape, text):
            pieces.append(text[at : part.start])
            at = part.end
        return [*pieces, text[at:]]

    if outside(old) != outside(new):
        raise Unchanged("proof-value")


def _gone(value: str, result: str, skeleton: str) -> None:
    """No form of ``value`` may stand in ``result`` more often than in what was around it before."""
    data = value.encode("utf-8", "surrogatepass")
    forms = {value, quote(data, safe=""), data.hex(), base64.b64encode(data).decode().rstrip("="), repr(value)[1:-1]}
    if any(form and result.count(form) > skeleton.count(form) + MARKER.count(form) for form in forms):
        raise Unchanged("proof-plaintext")


def _reads(swap: Swap, value: Callable[[str], str]) -> Reads:
    return {ast.dump(_parsed(reading.text)): value(role) for reading, role in swap.parts}


def _text(value: Value) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _printed(value: Value, swap: Swap) -> str:
    """The text after a ``%`` operator has been at it, where one is."""
    return _text(value).replace("%%", "%") if swap.percent else _text(value)


def _parsed(code: str) -> ast.expr:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(f"({code}\n)", mode="eval").body


# ---------------------------------------------------------------- the evaluator


class _Unknown(Exception):
    """A form that no rewrite emits."""


def _evaluate(node: ast.expr, reads: Reads) -> Value:
    read = reads.get(ast.dump(node))
    if read is not None:
        return read
    if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes, int)):
        return node.value
    if isinstance(node, (ast.Subscript, ast.Call)) and environment.LOOK_UP.search(ast.unparse(node)):
        return ENVIRON  # whatever the variable holds: a text
    if isinstance(node, ast.JoinedStr):
        return "".join(_joined(part, reads) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _evaluate(node.left, reads), _evaluate(node.right, reads)
        if isinstance(left, str) and isinstance(right, str):
            return left + right
        if isinstance(left, bytes) and isinstance(right, bytes):
            return left + right
    if isinstance(node, ast.Call):
        return _called(node, reads)
    raise _Unknown


def _joined(part: ast.expr, reads: Reads) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    assert isinstance(part, ast.FormattedValue)
    if any(ast.dump(inner) in reads for inner in ast.walk(part.value) if isinstance(inner, ast.expr)):
        if part.conversion != -1 or part.format_spec is not None:
            raise _Unknown
        return str(_evaluate(part.value, reads))
    return HOLE


def _called(node: ast.Call, reads: Reads) -> Value:
    arguments = [_evaluate(argument, reads) for argument in node.args]
    keywords = {k.arg or "**": k.value for k in node.keywords}
    name = (
        node.func.attr
        if isinstance(node.func, ast.Attribute)
        else node.func.id
        if isinstance(node.func, ast.Name)
        else ""
    )
    first = arguments[0] if arguments else None
    if keywords.keys() == {"safe"} and isinstance(first, str):
        return quote(first, safe=str(_evaluate(keywords["safe"], reads)))
    if keywords:
        raise _Unknown
    if "b64encode" in name and isinstance(first, bytes):
        return base64.b64encode(first)
    if isinstance(node.func, ast.Name) and name == "int" and isinstance(first, str):
        return int(first)
    if isinstance(node.func, ast.Name) and name == "chr" and isinstance(first, int):
        return chr(first)
    if isinstance(node.func, ast.Attribute):
        return _method(name, _evaluate(node.func.value, reads), arguments)
    raise _Unknown


def _method(name: str, receiver: Value, arguments: list[Value]) -> Value:
    texts = [a for a in arguments if isinstance(a, str)]
    if len(texts) == len(arguments):
        if isinstance(receiver, str) and name == "replace" and len(texts) == 2:
            return receiver.replace(texts[0], texts[1])
        if isinstance(receiver, str) and name == "encode" and len(texts) == 1:
            return receiver.encode(texts[0])
        if isinstance(receiver, bytes) and name == "decode" and len(texts) == 1:
            return receiver.decode(texts[0])
    raise _Unknown
