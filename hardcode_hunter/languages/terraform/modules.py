"""Terraform's unit is the directory: its variables, who calls it, which value files serve it, which secrets it reads already."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tree_sitter import Node

from hardcode_hunter.languages import edits
from hardcode_hunter.languages.nodes import Unparsable, json_documents
from hardcode_hunter.languages.terraform import syntax
from hardcode_hunter.languages.terraform.uses import Spot, Use, Values, uses
from hardcode_hunter.model import Source


@dataclass(frozen=True, slots=True)
class Call:
    """A ``module`` block: ``inputs`` are the expressions it passes, ``target`` the directory it calls when that is local."""

    path: str
    name: str
    block: Node
    target: str | None
    inputs: Mapping[str, Node]


@dataclass(frozen=True, slots=True)
class Setting:
    """A top-level attribute of a variable file."""

    path: str
    attribute: Node


class Modules:
    def __init__(self, sources: Mapping[str, Source]) -> None:
        self.everything = sources
        self.sources = {p: s for p, s in sources.items() if p.endswith((".tf", ".tfvars"))}
        self._roots: dict[str, Node] = {}
        self._values: dict[str, Values] = {}
        self.folders: dict[str, list[str]] = defaultdict(list)
        for path in sorted(self.sources):
            if path.endswith(".tf"):
                self.folders[posixpath.dirname(path)].append(path)
        self._uses: dict[str, list[Use]] = {}
        self._calls: list[Call] | None = None
        self._documents: dict[tuple[str, int], edits.File | None] = {}
        self._planned: dict[tuple[str, str, str], dict[str, dict[str, str]]] = defaultdict(dict)

        self.declared: dict[tuple[str, str, str], dict[str, dict[str, str]]] = defaultdict(dict)
        """What files in JSON declare: directory, block and type, and the arguments of each name as expressions"""
        self.named: dict[tuple[str, str, str], int] = {}
        """Variables that functions get by a plan: path, function and name, and where the pair stands that becomes it"""

    def document(self, path: str, first: int, last: int) -> edits.File | None:
        """The JSON document in those bytes of a file, parsed once, so that several changes of it meet in one tree; ``None`` if it is none."""
        if (path, first) not in self._documents:
            try:
                self._documents[path, first] = edits.File(
                    self.data(path), json_documents(self.data(path), first, last), True
                )
            except Unparsable:
                self._documents[path, first] = None
        return self._documents[path, first]

    def root(self, path: str) -> Node:
        if path not in self._roots:
            self._roots[path] = syntax.parse(self.sources[path].data)
        return self._roots[path]

    def spot_at(self, path: str, start: int, end: int) -> Spot | None:
        """Where the bytes stand, when they are a part of an attribute's value."""
        if path not in self._values:
            self._values[path] = Values(self.root(path), self.data(path))
        return self._values[path].spot_at(start, end)

    def data(self, path: str) -> bytes:
        return self.sources[path].data

    def blocks(self, folder: str, kind: str) -> Iterator[tuple[str, tuple[str, ...], Node]]:
        """Path, labels and node of each top block of a kind in a directory."""
        for path in self.folders.get(folder, ()):
            if kind.encode() not in self.data(path):
                continue
            for block in syntax.blocks(syntax.body_of(self.root(path))):
                words = syntax.labels(block, self.data(path))
                if words[:1] == (kind,):
                    yield path, words, block

    def variable(self, folder: str, name: str) -> list[tuple[str, Node]]:
        return [(path, block) for path, words, block in self.blocks(folder, "variable") if words[1:] == (name,)]

    def default(self, path: str, block: Node) -> Node | None:
        """The ``default`` attribute of a variable's block."""
        body = syntax.body_of(block)
        for child in body.children if body else ():
            parts = syntax.attribute_parts(child) if child.type == "attribute" else None
            if parts and syntax.text(parts[0], self.data(path)) == "default":
                return child
        return None

    def home(self, path: str) -> str:
        """The directory that a file belongs to: of a variable file, the nearest above it that holds a configuration."""
        places = syntax.served(path)
        return next((place for place in places if place in self.folders), places[0])

    def settings(self, folder: str, name: str) -> list[Setting]:
        """Where variable files give the variable a value."""
        found = []
        for path, source in self.sources.items():
            if path.endswith(".tfvars") and self.home(path) == folder and name.encode() in source.data:
                body = syntax.body_of(self.root(path))
                for child in body.children if body else ():
                    parts = syntax.attribute_parts(child) if child.type == "attribute" else None
                    if parts and syntax.text(parts[0], source.data) == name:
                        found.append(Setting(path, child))
        return found

    def uses(self, folder: str, root: str, name: str) -> list[Use]:
        """The uses of ``var.name`` or ``local.name`` in a directory, outside the variable's own block."""
        found = []
        for path in self.folders.get(folder, ()):
            if name.encode() not in self.data(path):
                continue
            if path not in self._uses:
                self._uses[path] = list(uses(path, self.root(path), self.data(path)))
            found += [
                u
                for u in self._uses[path]
                if u.names[:2] == (root, name) and not (root == "var" and u.spot.words[:2] == ("variable", name))
            ]
        return found

    def calls(self) -> list[Call]:
        """All module calls of the tree."""
        if self._calls is None:
            self._calls = []
            for folder in sorted(self.folders):
                for path, words, block in self.blocks(folder, "module"):
                    body, data = syntax.body_of(block), self.data(path)
                    target = syntax.module_directory(path, syntax.attribute_text(body, "source", data))
                    inputs = {syntax.text(k, data): e for k, e in syntax.attributes(body)}
                    self._calls.append(Call(path, words[1] if len(words) > 1 else "", block, target, inputs))
        return self._calls

    def callers(self, folder: str) -> list[Call]:
        return [c for c in self.calls() if c.target == folder]

    def call_at(self, path: str, block: Node | None) -> Call | None:
        return next(
            (
                c
                for c in self.calls()
                if c.path == path and block is not None and c.block.start_byte == block.start_byte
            ),
            None,
        )

    def reader(self, folder: str, block: str, kind: str, arguments: Mapping[str, str], wanted: str) -> tuple[str, bool]:
        """Name of the data source or ephemeral resource with these ``arguments`` (expressions as written; an empty one is absent) in a
        directory, and whether it is there already."""
        wanted_ones = {name: value for name, value in arguments.items() if value}
        taken: dict[str, dict[str, str]] = dict(self._planned[folder, block, kind]) | self.declared[folder, block, kind]
        for path, words, node in self.blocks(folder, block):
            if words[1:2] == (kind,) and len(words) > 2:
                data = self.data(path)
                rows = {syntax.text(k, data): syntax.text(e, data) for k, e in syntax.attributes(syntax.body_of(node))}
                taken[words[2]] = rows
        name, number = wanted, 1
        while name in taken and taken[name] != wanted_ones:
            number += 1
            name = f"{wanted}_{number}"
        there = name in taken and name not in self._planned[folder, block, kind]
        self._planned[folder, block, kind][name] = wanted_ones
        return name, there


def identifier(text: str) -> str:
    """``text`` as a name that HCL allows."""
    name = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_") or "secret"
    return name if not name[0].isdigit() else f"secret_{name}"
