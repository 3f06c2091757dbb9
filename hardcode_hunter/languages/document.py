"""Plain YAML and JSON: every text under a key is a candidate. Such files are reported, not rewritten."""

from __future__ import annotations

import re
from typing import NamedTuple

from hardcode_hunter.languages import commands
from hardcode_hunter.languages.embedded import Embedded, inside
from hardcode_hunter.languages.gather import Found, Gather
from hardcode_hunter.languages.holes import default_of, with_holes
from hardcode_hunter.languages.nodes import Alias, Mapping, Node, Scalar, Sequence
from hardcode_hunter.languages.pairs import numeric_candidate, paired
from hardcode_hunter.model import Evaluated, LiteralType, Position

REFERENCES = frozenset(
    [
        "!vault",
        "!secret",
        "!env",
        "!ENV",
        "!env_var",
        "!include",
        "!reference",
        "!encrypted",
        "!sops",
        "!Ref",
        "!GetAtt",
        "!ImportValue",
        "!Condition",
    ]
)
_ENVIRONMENT = re.compile(r"[A-Za-z_][\w.]{0,99}=(?=\S)")


class Place(NamedTuple):
    keys: tuple[str, ...]
    name: str
    extent: int
    scope: str = "module"
    extent_end: int = 0
    element: bool = False

    @property
    def symbol(self) -> str:
        return "/".join(self.keys)


def walk(gather: Gather, roots: list[Node]) -> None:
    """Adds the literals of all documents in the file."""
    gather.evaluated = Evaluated.DEPLOY
    embedded = Embedded(gather)
    for root in roots:
        _node(gather, embedded, root, Place((), "", root.start))


def without_expressions(root: Node) -> Node:
    """The document with the texts ``"[…]"`` turned into nothing; ``"[[…"`` is a text that begins with a bracket."""
    todo = [root]
    while todo:
        node = todo.pop()
        if isinstance(node, Scalar) and node.value[:1] == "[" and node.value[-1:] == "]" and node.value[:2] != "[[":
            node.tag = "null"
        elif isinstance(node, Mapping):
            todo += [value for _, value in node.pairs]
        elif isinstance(node, Sequence):
            todo += node.items
    return root


def _node(gather: Gather, embedded: Embedded, node: Node, place: Place) -> None:
    if isinstance(node, Alias):
        return
    if isinstance(node, Scalar):
        _scalar(gather, embedded, node, place)
    elif isinstance(node, Sequence):
        words = [item.value if isinstance(item, Scalar) else "" for item in node.items]
        for number, item in enumerate(node.items):
            if gather.full:
                break
            name = commands.option(words, number) or place.name
            _node(gather, embedded, item, place._replace(keys=(*place.keys, str(number)), name=name, element=True))
    else:
        _mapping(gather, embedded, node, place)


def _mapping(gather: Gather, embedded: Embedded, node: Mapping, place: Place) -> None:
    pair = paired(node) if place.element else None
    scope = f"dict@{node.start}"
    for key, value in node.pairs:
        if pair and value is pair[1]:
            name = pair[0]
            _node(
                gather,
                embedded,
                value,
                Place((*place.keys[:-1], name.value), name.value, min(name.start, value.start), place.scope, name.end),
            )
        elif isinstance(key, Scalar):
            _node(gather, embedded, value, Place((*place.keys, key.value), key.value, key.start, scope))
        else:
            _node(gather, embedded, key, place)
            _node(gather, embedded, value, place)


def _scalar(gather: Gather, embedded: Embedded, node: Scalar, place: Place) -> None:
    if node.tag in REFERENCES:
        return
    if node.tag in ("int", "float"):
        if numeric_candidate(place.name):
            _add(gather, node, place, node.value, LiteralType.INT if node.tag == "int" else LiteralType.STR)
        return
    if not node.is_text and not node.tag.startswith("!") and node.tag != "binary":
        return
    if place.element and _environment(gather, node, place):
        return
    looked_into = (
        "\n" in node.value
        or (node.value[:1] in ("{", "[") and node.value[:2] != "{{")
        or embedded.is_command(place.name)
        or commands.speaks(node.value)
    )
    if looked_into and embedded.scan(node, place.symbol, scope=place.scope, extent=place.extent):
        return
    default = default_of(node.value)
    if default and node.style != '"':
        _part(gather, node, place, default[0], default[1], default[2], LiteralType.TEXT, Position.ENV_DEFAULT)
        return
    text = with_holes(node.value)
    _add(gather, node, place, text, LiteralType.TEMPLATE if "\0" in text else LiteralType.STR)


def _environment(gather: Gather, node: Scalar, place: Place) -> bool:
    """``- NAME=value``, as compose files list the environment of a service."""
    name = _ENVIRONMENT.match(node.value)
    first, last = inside(node)
    raw = gather.source.data[first:last].decode("utf-8", "replace")
    if name is None or raw != node.value or "\n" in raw:
        return False
    above = place._replace(keys=(*place.keys[:-1], name.group()[:-1]))
    default = default_of(node.value[name.end() :])
    if default:
        start, end = (name.end() + at for at in default[1:])
        _part(gather, node, above, default[0], start, end, LiteralType.TEXT, Position.ENV_DEFAULT)
        return True
    text = with_holes(node.value[name.end() :])
    literal = LiteralType.TEMPLATE if "\0" in text else LiteralType.STR
    _part(gather, node, above, name.group()[:-1], name.end(), len(node.value), literal, Position.PROPERTY)
    return True


def _part(
    gather: Gather,
    node: Scalar,
    place: Place,
    name: str,
    start: int,
    end: int,
    literal: LiteralType,
    position: Position,
) -> None:
    """The characters ``start`` to ``end`` of a text that is written without escapes."""
    first = inside(node)[0]
    begin, stop = (first + len(node.value[:at].encode("utf-8", "replace")) for at in (start, end))
    value = with_holes(node.value[start:end])
    gather.add(
        Found(begin, stop, value, name, place.symbol, min(place.extent, node.start), literal, position, place.scope)
    )


def _add(gather: Gather, node: Scalar, place: Place, text: str, literal: LiteralType) -> None:
    position = Position.ELEMENT if place.element else Position.PROPERTY
    gather.add(
        Found(
            node.start,
            node.end,
            text,
            place.name,
            place.symbol,
            min(place.extent, node.start),
            literal,
            position,
            place.scope,
            extent_end=place.extent_end,
        )
    )
