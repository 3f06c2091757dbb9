"""The proof of an edit: the text is parsed again, and its tree is the old one with the planned changes and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tree_sitter import Node

from hardcode_hunter.languages.terraform import syntax

Puts = Mapping[tuple[int, int], bytes]  # bytes of an expression or a name -> what stands there afterwards
Drops = frozenset[tuple[int, int]]  # bytes of attributes, blocks and elements of objects and lists that go


@dataclass(slots=True)
class Additions:
    """``elements``: bytes of an object → a key with a list of these texts, behind the element that ends there; ``items``: bytes of a list
    → the texts of more elements."""

    elements: dict[tuple[int, int], tuple[int, str, list[str]]] = field(default_factory=dict)
    items: dict[tuple[int, int], list[str]] = field(default_factory=dict)
    attributes: dict[tuple[int, int], tuple[str, str]] = field(default_factory=dict)
    """bytes of an attribute → name and text of the one that follows it"""


NONE = Additions()


def tree(
    root: Node, data: bytes, puts: Puts | None = None, drops: Drops = frozenset(), additions: Additions = NONE
) -> Any:
    """Blocks with their labels, attributes with their values, in order; blanks and comments left out."""
    body = syntax.body_of(root)
    return _Reader(data, puts or {}, drops, additions).body(body) if body is not None else []


@dataclass(frozen=True, slots=True)
class _Reader:
    data: bytes
    puts: Puts
    drops: Drops
    additions: Additions

    def body(self, body: Node) -> list[Any]:
        rows: list[Any] = []
        for child in body.children:
            if (child.start_byte, child.end_byte) in self.drops:
                continue
            if child.type == "attribute":
                parts = syntax.attribute_parts(child)
                rows.append((self.text(parts[0]), self.value(parts[1])) if parts else syntax.text(child, self.data))
                if (child.start_byte, child.end_byte) in self.additions.attributes:
                    name, text = self.additions.attributes[child.start_byte, child.end_byte]
                    rows.append((name, _said(text)))
            elif child.type == "block":
                inner = syntax.body_of(child)
                words = [syntax.text(c, self.data) for c in child.children if c.type in ("identifier", "string_lit")]
                rows.append((words, self.body(inner) if inner is not None else []))
        return rows

    def value(self, node: Node) -> Any:
        collection = syntax.unwrapped(node)
        if (node.start_byte, node.end_byte) not in self.puts:
            if collection.type == "object":
                return ["object", *self._elements(collection)]
            if collection.type == "tuple":
                kept = [
                    c
                    for c in collection.named_children
                    if c.type == "expression" and (c.start_byte, c.end_byte) not in self.drops
                ]
                more = self.additions.items.get((collection.start_byte, collection.end_byte), [])
                return ["tuple", *map(self.value, kept), *map(_said, more)]
            if collection.type == "function_call" and syntax.text(collection.children[0], self.data) == "jsonencode":
                arguments = [
                    c
                    for child in collection.named_children
                    if child.type == "function_arguments"
                    for c in child.named_children
                ]
                return ["jsonencode", *map(self.value, arguments)]
        return self.text(node)

    def _elements(self, collection: Node) -> list[Any]:
        rows: list[Any] = []
        end, key, texts = self.additions.elements.get((collection.start_byte, collection.end_byte), (-1, "", []))
        for child in collection.named_children:
            if child.type != "object_elem":
                continue
            if (child.start_byte, child.end_byte) not in self.drops:
                rows.append((self.text(child.named_children[0]), self.value(child.named_children[-1])))
            if child.end_byte == end:
                rows.append((key, ["tuple", *map(_said, texts)]))
        return rows

    def text(self, node: Node) -> str:
        """The bytes of a node with the puts inside it done, blanks outside of texts left out by nobody: they are compared as they are."""
        out, at = [], node.start_byte
        for (start, end), text in sorted(self.puts.items()):
            if node.start_byte <= start and end <= node.end_byte:
                out += [self.data[at:start], text]
                at = end
        return b"".join([*out, self.data[at : node.end_byte]]).decode("utf-8", "replace")


def _said(text: str) -> Any:
    """The value of an expression that is written as ``text``."""
    data = f"x = {text}\n".encode()
    ((_, value),) = tree(syntax.parse(data), data)
    return value
