"""What is done to a configuration: the vocabulary between planning a change and writing its bytes."""

from __future__ import annotations

from dataclasses import dataclass

from tree_sitter import Node

from hardcode_hunter.languages import edits
from hardcode_hunter.languages.units import Unit


class Unplannable(Exception):
    """The layout of the text allows no safe splice."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code, self.why = code, why


@dataclass(frozen=True, slots=True)
class Put:
    """The bytes ``start`` to ``end`` become ``text``."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Drop:
    """Attributes, blocks or object elements go, with their lines."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Append:
    """A block at the end of the file; once per directory."""

    text: str


@dataclass(frozen=True, slots=True)
class Grow:
    """The list ``key`` of the object ``holder`` gets one more element, an object written as ``text``; where there is none, it follows the
    element ``after``."""

    holder: Node
    after: Node
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class After:
    """An attribute ``name = text`` follows the attribute ``node``, which has a line to itself."""

    node: Node
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Within:
    """A change of the JSON document that a heredoc holds."""

    document: edits.File
    action: edits.Action


Action = Put | Drop | Append | Grow | After | Within
Planned = Unit[Action]
