"""Credentials that the program itself pastes into a longer text: ``f"postgresql://{USER}:{PASSWORD}@{HOST}/shop"``.

As long as the value stood there, its characters were known to fit. A rotated one may hold any: into a URL it goes percent-encoded
(RFC 3986, 2.1), and where it goes into a text that is quoted by other rules, a person must look at it first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

import libcst as cst

from hardcode_hunter.languages.python.imports import dotted
from hardcode_hunter.languages.python.operations import Import, NodeChange, Operation, Splice, Touch
from hardcode_hunter.languages.python.shapes_code import other, requoted
from hardcode_hunter.languages.python.strings import pieces, value
from hardcode_hunter.languages.python.tree import Place
from hardcode_hunter.languages.python.workbench import Workbench
from hardcode_hunter.model import LiteralType, Position, Replacement, Shape, Tier

OURS, ANOTHER = "\x01", "\x00"  # what stands in a text for the value, and for every other computed part
_BOUND = frozenset({Position.ASSIGNMENT, Position.CLASS_FIELD, Position.ITEM, Position.DEFAULT, Position.ENV_DEFAULT})
_AUTHORITY = re.compile(r"[\w+.\-\x00]+://([^/?#]*)")
_PARTS = (cst.FormattedString, cst.ConcatenatedString)
_SETTING = re.compile(r"(?:pass(?:word|wd)?|pwd)\s*=\s*['\"{]?\Z", re.I)
_CONVERSION = re.compile(r"%(?:%|\((\w+)\)[-#0 +\d.]*[a-zA-Z]|[-#0 +\d.]*[a-zA-Z])")
_FIELD = re.compile(r"\{\{|\}\}|\{(\w*)(?:![rsa])?(?::[^{}]*)?\}")
_ENCODED = "the value would be percent-encoded in the URL that it is put into, which changes it now; see that what reads the URL decodes it"
_GIVEN = "the value is percent-encoded in the URL that it is put into, and so are values that come from elsewhere; see that none of them is encoded already"
_UNQUOTED = "the value is put into a connection string, where a rotated one with a space, a quote or a semicolon would break it; pass it as an argument of its own"


@dataclass(frozen=True, slots=True)
class _Use:
    """One place at which the value goes into a text: its expression, and the text with :data:`OURS` where it goes."""

    place: Place
    text: str

    @property
    def in_url(self) -> bool:
        """Whether it is the user name or password of a URL."""
        at = self.text.index(OURS)
        authority = _AUTHORITY.match(self.text)
        return authority is not None and authority.start(1) <= at < authority.start(1) + authority[1].rfind("@")

    @property
    def nested(self) -> bool:
        """Whether an f-string stands in another one there: Python before 3.12 has no quotes left for a call."""
        return sum(isinstance(a, cst.FormattedString) for a in self.place.ancestors) > 1

    @property
    def in_settings(self) -> bool:
        """Whether it is the password of libpq's, ODBC's or another ``key=value`` text."""
        return _SETTING.search(self.text[: self.text.index(OURS)]) is not None


def into_texts(bench: Workbench, place: Place, row: Replacement) -> list[_Use]:
    """Where in this file the value of a literal goes into a URL or a connection string, by the name that it is bound to."""
    if row.shape is not Shape.WHOLE or row.literal is not LiteralType.STR or row.position not in _BOUND:
        return []
    name = row.symbol.rpartition(".")[2]
    found = [_Use(use, text) for use in _giving(bench, place, row, name) if (text := _text_around(use))]
    return [use for use in found if use.in_url or use.in_settings]


def is_pasted(place: Place) -> bool:
    """Whether the literal itself is put into a URL or a connection string there, by ``%``, ``str.format`` or ``+``."""
    use = _Use(place, _text_around(place))
    return bool(use.text) and (use.in_url or use.in_settings)


def quoted(bench: Workbench, place: Place, rows: Sequence[Replacement], operation: Operation) -> Operation:
    """The operation, with the value quoted wherever it goes into a URL; for a review where that can't be all."""
    uses = [use for use in into_texts(bench, place, rows[0]) if use.place.node not in bench.quoted]
    literal = pieces(place.node, bench.tree)
    if not uses or literal is None or operation.removes:
        return operation
    present = value(literal)
    encoded = [use for use in uses if use.in_url and not use.nested]
    reasons = [_UNQUOTED] if len(encoded) < len(uses) else []
    elsewhere = rows[0].position in (Position.ENV_DEFAULT, Position.DEFAULT)
    reasons += (
        [_GIVEN if elsewhere else _ENCODED] if encoded and (elsewhere or quote(present, safe="") != present) else []
    )
    tier = Tier.REVIEW if reasons else operation.tier
    changed = replace(operation, tier=tier, reason=operation.reason or "; ".join(reasons))
    for holder, same in _by_holder([use.place for use in encoded]):
        changed = _with_quotes(bench, changed, holder, same)
    return changed


def _by_holder(places: Sequence[Place]) -> Iterator[tuple[Place | None, list[Place]]]:
    """The uses of one f-string together, with the whole literal that it is a piece of; every other use alone."""
    groups: dict[cst.CSTNode, tuple[Place | None, list[Place]]] = {}
    for use in places:
        holder = _literal_around(use)
        key = holder.node if holder else use.node
        groups.setdefault(key, (holder, []))[1].append(use)
    yield from groups.values()


def _with_quotes(bench: Workbench, operation: Operation, holder: Place | None, uses: Sequence[Place]) -> Operation:
    splices: list[Splice] = []
    changes: list[tuple[cst.CSTNode, NodeChange]] = []
    imports: list[Import] = []
    for use in uses:
        name, needed = bench.names.bind("urllib.parse", "quote", use.span.start, use.in_function)
        imports += [needed] if needed else []
        around = next((a for a in use.ancestors if isinstance(a, cst.FormattedString)), None)
        code = f'{name}({bench.tree.code(use.node)}, safe="")'
        text, change = bench.expression(requoted(code, other(around.end)) if around else code, use)
        splices.append(Splice(use.span, text, Touch.VALUE))
        changes.append((use.node, change))
        bench.quoting.add(use.node)
    if holder is not None:
        splices = [_joined(bench, holder, splices)]
    return replace(
        operation,
        splices=(*operation.splices, *splices),
        changes=(*operation.changes, *changes),
        imports=(*operation.imports, *imports),
        statement=min(operation.statement, *(use.statement for use in uses)),
    )


def _joined(bench: Workbench, holder: Place, splices: Sequence[Splice]) -> Splice:
    """One splice over the whole literal: inside f-strings, Python before 3.12 doesn't know where an expression stands."""
    text, out, at = bench.tree.layout.text, "", holder.span.start
    for splice in sorted(splices, key=lambda s: s.span):
        out += text[at : splice.span.start] + splice.text
        at = splice.span.end
    return Splice(holder.span, out + text[at : holder.span.end], Touch.VALUE)


def _literal_around(use: Place) -> Place | None:
    if not isinstance(use.parent, cst.FormattedStringExpression):
        return None
    at = 1
    while isinstance(use.ancestors[at + 1], cst.ConcatenatedString):
        at += 1
    node = use.ancestors[at]
    assert isinstance(node, cst.BaseExpression)
    return replace(use, node=node, ancestors=use.ancestors[at + 1 :])


# ---------------------------------------------------------------- the text


def _text_around(use: Place) -> str:
    """The text that the value goes into, as far as it is written; empty when it goes into none."""
    chain = (use.node, *use.ancestors)
    at = 0
    while isinstance(chain[at + 1], (*_PARTS, cst.FormattedStringExpression)) or _is_sum(chain[at + 1]):
        if isinstance(chain[at + 1], cst.FormattedStringExpression) and isinstance(chain[at], _PARTS):
            break  # an f-string in another one
        at += 1
    if at:
        return _flat(chain[at], use.node)
    parent, above = chain[1], chain[2]
    if isinstance(parent, cst.Element) and isinstance(above, cst.Tuple) and _is_format(chain[3], above):
        return _percent(chain[3], above.elements.index(parent), use.node)
    if _is_format(parent, use.node):
        return _percent(parent, 0, use.node)
    function = above.func if isinstance(parent, cst.Arg) and isinstance(above, cst.Call) else None
    if isinstance(function, cst.Attribute) and function.attr.value == "format":
        template = function.value
        if isinstance(template, (cst.SimpleString, cst.ConcatenatedString)):
            return _braces(template, parent, above.args.index(parent))  # type: ignore[attr-defined, arg-type]
    return ""


def _is_sum(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Add)


def _is_format(node: cst.CSTNode, right: cst.CSTNode) -> bool:
    return isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Modulo) and node.right is right


def _flat(node: cst.CSTNode, ours: cst.CSTNode) -> str:
    if node is ours:
        return OURS
    if isinstance(node, (cst.ConcatenatedString, cst.BinaryOperation)):
        return _flat(node.left, ours) + _flat(node.right, ours)
    if isinstance(node, cst.FormattedString):
        return "".join(_flat(part, ours) for part in node.parts)
    if isinstance(node, cst.FormattedStringText):
        return node.value
    if isinstance(node, cst.FormattedStringExpression):
        plain = node.conversion is None and node.format_spec is None and node.equal is None
        return _flat(node.expression, ours) if plain and node.expression is ours else ANOTHER
    if isinstance(node, cst.SimpleString) and isinstance(node.evaluated_value, str):
        return node.evaluated_value
    return ANOTHER


def _percent(operation: cst.CSTNode, index: int, ours: cst.CSTNode) -> str:
    assert isinstance(operation, cst.BinaryOperation)
    numbers = iter(range(100))

    def fill(match: re.Match[str]) -> str:
        return "%" if match[0] == "%%" else OURS if next(numbers, -1) == index and match[0] == "%s" else ANOTHER

    text = _CONVERSION.sub(fill, _flat(operation.left, ours))
    return text if OURS in text else ""


def _braces(template: cst.BaseExpression, argument: cst.Arg, index: int) -> str:
    wanted = argument.keyword.value if argument.keyword else str(index)
    numbers = iter(range(100))

    def fill(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        field = match[1] or str(next(numbers, -1))
        return OURS if field == wanted and match[0] in ("{}", f"{{{wanted}}}") else ANOTHER

    text = _FIELD.sub(fill, _flat(template, argument))
    return text if OURS in text else ""


# ---------------------------------------------------------------- the uses


def _giving(bench: Workbench, place: Place, row: Replacement, name: str) -> Iterator[Place]:
    """Expressions that give the value back: the name in its scope, an attribute of the class, an item of the dictionary."""
    scopes = [a for a in place.ancestors if isinstance(a, (cst.FunctionDef, cst.ClassDef))]
    around = next((a.name.value for a in scopes if isinstance(a, cst.ClassDef)), "")
    owners = {"self", "cls", around} - {""}
    holder = row.symbol.rpartition(".")[0]
    for use in bench.tree.occurrences(name):
        node = use.node
        if isinstance(node, cst.Name):
            in_scope = not scopes or scopes[0] in use.ancestors
            gives = in_scope and not isinstance(use.parent, cst.Attribute)
        elif isinstance(node, cst.Attribute):
            gives = dotted(node.value) in owners
        else:
            assert isinstance(node, cst.Subscript)
            owner = dotted(node.value)
            gives = bool(owner) and f".{holder}".endswith(f".{owner}")
        if gives:
            yield use
