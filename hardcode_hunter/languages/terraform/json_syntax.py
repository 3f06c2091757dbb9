"""Terraform in JSON: ``*.tf.json`` and ``*.tfvars.json``. Strings are templates: ``"${var.x}"``."""

from __future__ import annotations

import re
from typing import NamedTuple

from hardcode_hunter.languages.embedded import Embedded
from hardcode_hunter.languages.gather import Found, Gather, as_text
from hardcode_hunter.languages.nodes import (
    Alias,
    Mapping,
    Node,
    Scalar,
    Sequence,
    Unparsable,
    duplicates,
    json_documents,
)
from hardcode_hunter.languages.pairs import numeric_candidate, paired
from hardcode_hunter.languages.terraform import syntax
from hardcode_hunter.model import Extraction, LiteralType, Position, Source
from hardcode_hunter.plugins import Hits

_HOLE = re.compile(r"(?<!\$)[$%]\{[^{}]*\}")
_NAME = re.compile(r"\b(var|local)\.([A-Za-z_][\w-]*)")
LABELS = {"resource": 2, "data": 2, "provider": 1, "module": 1, "variable": 1, "output": 1}


def extract(source: Source, hits: Hits) -> Extraction:
    gather = Gather(source, hits)
    try:
        roots = json_documents(source.data)
    except Unparsable as error:
        return as_text(
            source, hits, gather.lines.line(error.offset), f"could not be parsed as Terraform JSON: {error.why}"
        )
    for key in duplicates(roots):
        gather.problem(key.start, "a key stands twice in one object; Terraform refuses that")
    reader = _Reader(gather)
    for root in roots:
        if isinstance(root, Mapping):
            reader.file(root)
    return gather.extraction()


class Place(NamedTuple):
    keys: tuple[str, ...]
    name: str
    extent: int
    resource: str = ""
    scope: str = "module"
    defines: str = ""
    position: Position = Position.PROPERTY
    note: str = ""
    extent_end: int = 0

    @property
    def symbol(self) -> str:
        return ".".join(self.keys)

    @property
    def dotted(self) -> str:
        below = (
            ".".join(k for k in self.keys[3:] if not k.isdigit()) if self.keys[:1] in (("resource",), ("data",)) else ""
        )
        return below or self.name


class _Reader:
    def __init__(self, gather: Gather) -> None:
        self.gather = gather
        self.path = gather.source.path
        self.folder = syntax.directory(self.path)
        self.embedded = Embedded(gather)

    def file(self, root: Mapping) -> None:
        for key, value in root.pairs:
            if not isinstance(key, Scalar):
                continue
            place = Place((key.value,), key.value, key.start)
            if ".tfvars" in self.path:
                defines = f"{self.folder}#var.{key.value}"
                self.value(
                    value,
                    place._replace(scope="tfvars", position=Position.PARAMETER_DEFAULT, defines=defines, note="tfvars"),
                )
            else:
                self._block(value, place, LABELS.get(key.value, 0))

    def _block(self, node: Node, place: Place, labels: int) -> None:
        """A block's labels are keys of nested objects; several blocks of one kind are a list."""
        for item in node.items if isinstance(node, Sequence) else [node]:
            if not isinstance(item, Mapping):
                self.value(item, place)
            elif labels:
                for key, value in item.pairs:
                    if isinstance(key, Scalar):
                        self._block(
                            value,
                            place._replace(keys=(*place.keys, key.value), name=key.value, extent=key.start),
                            labels - 1,
                        )
            else:
                self._body(item, place)

    def _body(self, body: Mapping, place: Place) -> None:
        kind, *rest = place.keys
        label = rest[0] if rest else ""
        resource = {"resource": label, "data": f"data.{label}", "module": "module", "variable": "", "locals": ""}.get(
            kind, ".".join(place.keys[:2])
        )
        scope = {"variable": "variables", "locals": "locals"}.get(kind, place.symbol)
        target = syntax.module_directory(self.path, body.text("source")) if kind == "module" else None
        for key, value in body.pairs:
            if not isinstance(key, Scalar):
                continue
            below = Place((*place.keys, key.value), key.value, key.start, resource, scope)
            if kind == "variable" and key.value == "default":
                below = below._replace(
                    name=label,
                    extent=place.extent,
                    defines=f"{self.folder}#var.{label}",
                    position=Position.PARAMETER_DEFAULT,
                )
            elif kind == "locals":
                below = below._replace(defines=f"{self.folder}#local.{key.value}")
            elif target is not None:
                below = below._replace(defines=f"{target}#var.{key.value}")
            self.value(value, below)

    def value(self, node: Node, place: Place) -> None:
        if isinstance(node, Scalar):
            self._scalar(node, place)
        elif isinstance(node, Sequence):
            for number, item in enumerate(node.items):
                pair = paired(item) if isinstance(item, Mapping) else None
                if pair and isinstance(pair[1], Scalar):
                    self.value(
                        pair[1],
                        place._replace(
                            keys=(*place.keys, pair[0].value),
                            name=pair[0].value,
                            extent=pair[0].start,
                            extent_end=pair[0].end,
                        ),
                    )
                else:
                    self.value(item, place._replace(keys=(*place.keys, str(number))))
        elif not isinstance(node, Alias):
            for key, value in node.pairs:
                if isinstance(key, Scalar):
                    defines = f"{place.defines}.{key.value}" if place.defines else ""
                    self.value(
                        value,
                        place._replace(
                            keys=(*place.keys, key.value), name=key.value, extent=key.start, defines=defines
                        ),
                    )

    def _scalar(self, node: Scalar, place: Place) -> None:
        literal = LiteralType.STR
        if not node.is_text:
            if node.tag != "int" or not numeric_candidate(place.name):
                return
            literal = LiteralType.INT
        for hole in _HOLE.finditer(node.value):
            for used in _NAME.finditer(hole.group()):
                target = f"{self.folder}#{used.group(1)}.{used.group(2)}"
                self.gather.refer(
                    node.start,
                    node.end,
                    target,
                    resource=place.resource,
                    parameter=place.dotted,
                    symbol=place.symbol,
                    scope=place.scope,
                    defines=place.defines,
                )
        text = _HOLE.sub("\0", node.value).replace("$${", "${").replace("%%{", "%{")
        if not text.strip("\0"):
            return
        if ("\n" in text or text[:1] in ("{", "[")) and self.embedded.scan(
            node, place.symbol, place.resource, place.scope, place.extent
        ):
            return
        literal = LiteralType.TEMPLATE if "\0" in text else literal
        self.gather.add(
            Found(
                node.start,
                node.end,
                text,
                place.name,
                place.symbol,
                min(place.extent, node.start),
                literal,
                place.position,
                place.scope,
                place.resource,
                parameter=place.dotted,
                defines=place.defines,
                note=place.note,
                extent_end=place.extent_end,
                kept=bool(place.defines),
            )
        )
