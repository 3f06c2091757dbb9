"""The proof of an edit: the text is parsed again, and its tree is the old one with the planned changes and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tree_sitter import Node

from hardcode_hunter.languages.terraform import syntax

Puts = Mapping[tuple[int, int], bytes]  # bytes of an expression or a name -> what stands there afterwards
Drops = frozenset[tuple[int, int]]  # bytes of attributes, blocks and object elements that go


def tree(root: Node, data: bytes, puts: Puts | None = None, drops: Drops = frozenset()) -> Any:
    """Blocks with their labels, attributes with their values, in order; blanks and comments left out."""
    body = syntax.body_of(root)
    return _body(body, data, puts or {}, drops) if body is not None else []


def _body(body: Node, data: bytes, puts: Puts, drops: Drops) -> list[Any]:
    rows: list[Any] = []
    for child in body.children:
        if (child.start_byte, child.end_byte) in drops:
            continue
        if child.type == "attribute":
            parts = syntax.attribute_parts(child)
            rows.append(
                (_text(parts[0], data, puts), _value(parts[1], data, puts, drops))
                if parts
                else syntax.text(child, data)
            )
        elif child.type == "block":
            inner = syntax.body_of(child)
            words = [syntax.text(c, data) for c in child.children if c.type in ("identifier", "string_lit")]
            rows.append((words, _body(inner, data, puts, drops) if inner is not None else []))
    return rows


def _value(node: Node, data: bytes, puts: Puts, drops: Drops) -> Any:
    collection = node
    while (
        collection.type in ("expression", "collection_value")
        and len(collection.named_children) == 1
        and collection.child_count == 1
    ):
        collection = collection.named_children[0]
    if (node.start_byte, node.end_byte) not in puts:
        if collection.type == "object":
            elements = [
                c
                for c in collection.named_children
                if c.type == "object_elem" and (c.start_byte, c.end_byte) not in drops
            ]
            return [
                "object",
                *(
                    (_text(c.named_children[0], data, puts), _value(c.named_children[-1], data, puts, drops))
                    for c in elements
                ),
            ]
        if collection.type == "tuple":
            return [
                "tuple",
                *(_value(c, data, puts, drops) for c in collection.named_children if c.type == "expression"),
            ]
    return _text(node, data, puts)


def _text(node: Node, data: bytes, puts: Puts) -> str:
    """The bytes of a node with the puts inside it done, blanks outside of texts left out by nobody: they are compared as they are."""
    out, at = [], node.start_byte
    for (start, end), text in sorted(puts.items()):
        if node.start_byte <= start and end <= node.end_byte:
            out += [data[at:start], text]
            at = end
    return b"".join([*out, data[at : node.end_byte]]).decode("utf-8", "replace")
