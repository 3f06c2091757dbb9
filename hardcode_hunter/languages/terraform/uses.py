"""Where a value is used: every traversal of an expression with the block, attribute, function and text it stands in."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tree_sitter import Node

from hardcode_hunter.languages.terraform import syntax


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a module. ``words`` are the top block's type and labels, ``path`` the blocks, attributes and keys below it."""

    words: tuple[str, ...]
    path: tuple[str, ...] = ()
    block: Node | None = None  # the top block
    blocks: tuple[str, ...] = ()  # types of the nested blocks
    text: str = ""  # "template" or "heredoc" when it stands in one
    script: bool = False

    @property
    def kind(self) -> str:
        return self.words[0] if self.words else ""

    @property
    def resource(self) -> str:
        return self.words[1] if self.kind in ("resource", "data") and len(self.words) > 1 else ""

    @property
    def attribute(self) -> str:
        """The first attribute below the block: what the value ends up in."""
        inner = self.path[len(self.blocks) :]
        return inner[0] if inner else ""


@dataclass(frozen=True, slots=True)
class Use:
    path: str
    spot: Spot
    start: int
    end: int
    names: tuple[str, ...]
    expression: Node  # the whole value of the attribute


def uses(path: str, root: Node, data: bytes) -> Iterator[Use]:
    """All traversals in one file, ``var.x`` and any other."""
    for spot, attribute, expression in attributes(root, data):
        yield from _expression(path, replace(spot, path=(*spot.path, attribute)), expression, data, expression)


def attributes(root: Node, data: bytes) -> Iterator[tuple[Spot, str, Node]]:
    """Every attribute of every block with where it stands, without recursion."""
    body = syntax.body_of(root)
    for key, expression in syntax.attributes(body):
        yield Spot(()), syntax.text(key, data), expression
    todo = [(block, Spot(syntax.labels(block, data), block=block)) for block in syntax.blocks(body)]
    while todo:
        block, spot = todo.pop()
        inner = syntax.body_of(block)
        for key, expression in syntax.attributes(inner):
            yield spot, syntax.text(key, data), expression
        for child in syntax.blocks(inner):
            words = syntax.labels(child, data)
            if words and len(spot.blocks) < syntax.DEPTH:
                todo.append((child, replace(spot, path=(*spot.path, words[0]), blocks=(*spot.blocks, words[0]))))


def _expression(path: str, spot: Spot, node: Node, data: bytes, whole: Node) -> Iterator[Use]:
    todo = [(node, spot)]
    while todo:
        current, here = todo.pop()
        children = current.children
        if current.type == "object_elem" and len(current.named_children) >= 2:
            key, value = current.named_children[0], current.named_children[-1]
            literal = syntax.literal_string(key)
            name = syntax.string_value(literal, data) if literal is not None else syntax.text(key, data).strip()
            todo.append((value, replace(here, path=(*here.path, name))))
            continue
        if current.type == "quoted_template":
            here = replace(here, text=here.text or "template")
        elif current.type == "heredoc_template":
            here = replace(here, text="heredoc")
        for number, child in enumerate(children):
            if child.type == "variable_expr":
                found = syntax.traversal_at(children, number, data)
                yield Use(path, here, found.start, found.end, found.names, whole)
            elif child.children:
                todo.append((child, here))


class Values:
    """The values of all attributes of a file, in the order in which they stand: none is in another one."""

    def __init__(self, root: Node, data: bytes) -> None:
        self._data = data
        self._rows = sorted(attributes(root, data), key=lambda row: row[2].start_byte)
        self._starts = [expression.start_byte for _, _, expression in self._rows]

    def spot_at(self, start: int, end: int) -> Spot | None:
        """Where the bytes stand, when they are a part of an attribute's value."""
        at = bisect_right(self._starts, start) - 1
        if at < 0 or end > self._rows[at][2].end_byte:
            return None
        spot, attribute, expression = self._rows[at]
        return _descend(replace(spot, path=(*spot.path, attribute)), expression, self._data, start, end)


def _descend(spot: Spot, node: Node, data: bytes, start: int, end: int) -> Spot:
    while True:
        if node.type == "object_elem" and len(node.named_children) >= 2:
            key = node.named_children[0]
            literal = syntax.literal_string(key)
            name = syntax.string_value(literal, data) if literal is not None else syntax.text(key, data).strip()
            spot = replace(spot, path=(*spot.path, name))
        elif node.type in ("quoted_template", "heredoc_template"):
            spot = replace(spot, text="heredoc" if node.type == "heredoc_template" else "template")
        inner = next((c for c in node.children if c.start_byte <= start and end <= c.end_byte), None)
        if inner is None:
            return spot
        node = inner
