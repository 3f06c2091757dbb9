"""Literals and references of a template: every scalar in ``Properties``, ``Parameters``, ``Mappings``, ``Outputs`` and ``Metadata``.

An intrinsic function is what it is, never a literal; the literal parts and arms that it passes on are.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from hardcode_hunter.languages.cloudformation import intrinsics, is_parameter_file, parameter_files, schema, stacks
from hardcode_hunter.languages.embedded import Embedded
from hardcode_hunter.languages.gather import Found, Gather, as_text
from hardcode_hunter.languages.nodes import (
    Alias,
    Mapping,
    Node,
    Scalar,
    Sequence,
    Unparsable,
    comments,
    duplicates,
    json_documents,
    yaml_documents,
)
from hardcode_hunter.languages.pairs import numeric_candidate, paired
from hardcode_hunter.model import Extraction, LiteralType, Position, Source
from hardcode_hunter.plugins import Hits

SCRIPTS = frozenset(["UserData", "Metadata"])
GENERATION = frozenset(["GenerateStringKey", "ExcludeCharacters"])  # say how a secret is made, and are none
DECLARED = ("AWS::CloudFormation::Parameter", "NoEcho")
"""Where the default of a hidden parameter ends up: whoever wrote ``NoEcho`` has said that it is a secret."""
PARAMETER = "AWS::SSM::Parameter"


def parse(data: bytes, path: str) -> list[Node]:
    """The documents of a template. JSON that has no tabs or comments is YAML too, so each is tried as what it looks like first."""
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        try:
            return json_documents(data)
        except Unparsable:
            if path.endswith(".json"):
                raise
    return yaml_documents(data)


def extract(source: Source, hits: Hits) -> Extraction:
    gather = Gather(source, hits)
    try:
        roots = parse(source.data, source.path)
    except Unparsable as error:
        return as_text(
            source, hits, gather.lines.line(error.offset), f"could not be parsed as CloudFormation: {error.why}"
        )
    for key in duplicates(roots):
        gather.problem(
            key.start,
            "a key stands twice in one mapping: CloudFormation refuses the template, and the last one would win",
        )
    for root in roots:
        if is_parameter_file(source.data):
            parameter_files.extract(gather, root)
        elif isinstance(root, Mapping):
            Template(gather, root).extract()
    Embedded(gather).comments(comments(roots, source.data))
    return gather.extraction()


class Place(NamedTuple):
    """Where the walk stands. ``keys`` is the symbol path, ``dotted`` the path below ``Properties``."""

    keys: tuple[str, ...]
    name: str
    extent: int
    resource: str = ""
    scope: str = ""
    dotted: str = ""
    position: Position = Position.PROPERTY
    script: bool = False
    note: str = ""
    extent_end: int = 0

    @property
    def symbol(self) -> str:
        return "/".join(self.keys)

    def child(self, key: str, extent: int, name: str = "") -> Place:
        below = f"{self.dotted}.{key}" if self.dotted else key
        position = Position.PROPERTY if self.position is Position.ELEMENT else self.position
        return self._replace(
            keys=(*self.keys, key),
            name=name or key,
            extent=extent,
            dotted=below,
            position=position,
            script=self.script or key in SCRIPTS,
            extent_end=0,
        )

    def item(self, number: int) -> Place:
        return self._replace(
            keys=(*self.keys, str(number)),
            position=Position.ELEMENT if self.position is Position.PROPERTY else self.position,
        )


class Template:
    """One template's walk."""

    def __init__(self, gather: Gather, root: Mapping) -> None:
        self.gather = gather
        self.root = root
        self.path = gather.source.path
        self.embedded = Embedded(gather)
        self.parameters = _names(root.get("Parameters"))
        self.mappings = root.get("Mappings")

    def extract(self) -> None:
        for key, section in self.root.pairs:
            name = key.value if isinstance(key, Scalar) else ""
            if name == "Parameters" and isinstance(section, Mapping):
                self._parameters(section)
            elif name == "Resources" and isinstance(section, Mapping):
                self._resources(section)
            elif name in ("Mappings", "Outputs", "Metadata", "Conditions", "Rules", "Globals"):
                self._section(name, key, section)
        self._others()

    def _others(self) -> None:
        """A root that is only a resource's part (a snippet, an included file) still has values in its other keys."""
        known = (
            "Parameters",
            "Resources",
            "Mappings",
            "Outputs",
            "Metadata",
            "Conditions",
            "Rules",
            "Globals",
            "Description",
            "Transform",
            "AWSTemplateFormatVersion",
        )
        for key, value in self.root.pairs:
            if isinstance(key, Scalar) and key.value not in known:
                self.value(value, Place((key.value,), key.value, key.start, scope=key.value))

    def _parameters(self, section: Mapping) -> None:
        for key, body in section.pairs:
            if not isinstance(key, Scalar) or not isinstance(body, Mapping):
                continue
            target = f"{self.path}#Parameters/{key.value}"
            folder = parameter_files.folder_of(self.path)
            self.gather.refer(
                key.start, key.end, f"{folder}#Parameters/{key.value}", symbol=f"Parameters/{key.value}", defines=target
            )
            default = body.get("Default")
            if isinstance(default, Alias):
                default = default.target
            if body.text("Type").startswith("AWS::SSM::Parameter::"):
                continue  # the default is the name of a parameter, not its value
            if isinstance(default, Scalar) and default.tag in ("str", "int", "float", "timestamp", "bool"):
                hidden = body.text("NoEcho").lower() in ("true", "yes", "on")
                if hidden:
                    resource, parameter = DECLARED
                    self.gather.refer(default.start, default.end, target, resource=resource, parameter=parameter)
                self._add(
                    default,
                    Place(
                        ("Parameters", key.value, "Default"),
                        key.value,
                        key.start,
                        scope="Parameters",
                        position=Position.PARAMETER_DEFAULT,
                    ),
                    defines=target,
                    note="NoEcho" if hidden else "",
                )

    def _resources(self, section: Mapping) -> None:
        for key, body in stacks.resources(section):
            kind, scope = body.text("Type"), f"Resources/{key.value}"
            for name, value in body.pairs:
                if isinstance(name, Scalar) and name.value in ("Properties", "Metadata"):
                    note = "metadata" if name.value == "Metadata" else ""
                    place = Place(
                        ("Resources", key.value, name.value),
                        name.value,
                        name.start,
                        kind,
                        scope,
                        script=bool(note),
                        note=note,
                    )
                    self.value(value, place)

    def _section(self, name: str, key: Node, section: Node) -> None:
        resource = "AWS::Serverless::Function" if name == "Globals" else ""
        place = Place((name,), name, key.start, resource, name, note=name.lower(), script=name == "Metadata")
        self.value(section, place)

    # ------------------------------------------------------------ values

    def value(self, node: Node, place: Place) -> None:
        if isinstance(node, Alias):
            self._alias(node, place)
            return
        call = intrinsics.call_of(node)
        if call is not None:
            intrinsics.walk(self, call, place)
        elif isinstance(node, Scalar):
            self.scalar(node, place)
        elif isinstance(node, Sequence):
            for number, item in enumerate(node.items):
                self._item(item, place, number)
        else:
            self._mapping(node, place)

    def _item(self, item: Node, place: Place, number: int) -> None:
        below = place.item(number)
        if isinstance(item, Mapping) and intrinsics.call_of(item) is None:
            below = below._replace(
                scope=f"{place.scope.partition('/Properties')[0]}/{below.symbol.partition('/Properties/')[2]}"
                if "/Properties/" in below.symbol
                else below.symbol
            )
            pair = paired(item)
            if pair is not None:
                name, value = pair
                keys = (*place.keys, name.value)
                below = Place(
                    keys,
                    name.value,
                    name.start,
                    place.resource,
                    place.scope,
                    f"{place.dotted}.{name.value}",
                    script=place.script,
                    note=place.note,
                    extent_end=name.end,
                )
                self.value(value, below)
                return
        self.value(item, below)

    def _mapping(self, node: Mapping, place: Place) -> None:
        for key, value in node.pairs:
            if isinstance(key, Scalar) and key.value in GENERATION and place.name == "GenerateSecretString":
                continue
            if isinstance(key, Scalar) and key.tag != "merge":
                self.value(value, self._below(place, key, node))
            elif not isinstance(key, Scalar):
                self.value(value, place)

    def _below(self, place: Place, key: Scalar, node: Mapping) -> Place:
        below = place.child(key.value, key.start)
        if place.keys[0] == "Outputs" and key.value == "Value" and len(place.keys) == 2:
            return below._replace(name=place.keys[1], extent=place.extent)
        if place.resource == PARAMETER and below.dotted == "Value":
            named = _named(below, node.get("Name"))
            return named if named.name != below.name else self._called_as_the_resource(below)
        return below

    def _called_as_the_resource(self, place: Place) -> Place:
        section = self.root.get("Resources")
        keys = (key for key, _ in stacks.resources(section)) if isinstance(section, Mapping) else ()
        key = next((key for key in keys if key.value == place.keys[1]), None)
        return place._replace(name=key.value, extent=key.start) if key is not None else place

    def _alias(self, node: Alias, place: Place) -> None:
        target = node.target
        if isinstance(target, Scalar):
            self.refer(place, f"{self.path}#&{target.start}", place.extent, place.extent + len(place.name))

    def scalar(self, node: Scalar, place: Place) -> None:
        """A literal value: a candidate, and whatever stands inside it when it is a script or a document."""
        if not node.is_text:
            if node.tag in ("int", "float") and numeric_candidate(place.name):
                self._add(node, place)
            return
        looked_into = (
            place.script
            or "\n" in node.value
            or (node.value[:1] in ("{", "[") and node.value[:2] != "{{")
            or self.embedded.is_command(place.name)
        )
        if looked_into and self.embedded.scan(node, place.symbol, place.resource, place.scope, place.extent):
            return
        if not place.script or place.note == "metadata" or "\n" not in node.value:
            self._add(node, place)

    def _add(self, node: Scalar, place: Place, defines: str = "", note: str = "") -> None:
        kept = bool(defines)
        if node.outer < node.start and self.gather.source.data[node.outer : node.start].find(b"&") >= 0 and not defines:
            defines, kept = f"{self.path}#&{node.start}", True
        defines = defines or self._passed_on(place)
        value, literal = resolved_holes(node.value), LiteralType.STR
        if not value.strip("\0"):
            return
        if "\0" in value:
            literal = LiteralType.TEMPLATE
        elif node.tag == "int":
            literal = LiteralType.INT
        self.add(node.start, node.end, value, place, literal, defines, note, kept=kept or bool(defines))
        for further in self._others_passed_on(place) if defines else ():
            self.gather.refer(node.start, node.end, defines, symbol=place.symbol, scope=place.scope, defines=further)

    def add(
        self,
        start: int,
        end: int,
        value: str,
        place: Place,
        literal: LiteralType,
        defines: str = "",
        note: str = "",
        kept: bool = False,
    ) -> None:
        secret = "secret-property" if schema.is_secret(place.resource, place.dotted) else ""
        self.gather.add(
            Found(
                start=start,
                end=end,
                value=value,
                name=place.name,
                symbol=place.symbol,
                extent=min(place.extent, start),
                extent_end=place.extent_end,
                literal=literal,
                position=place.position,
                scope=place.scope or "module",
                resource=place.resource,
                parameter=place.dotted,
                defines=defines,
                note=", ".join(filter(None, (place.note, note, secret))),
                kept=kept,
            )
        )

    def refer(self, place: Place, target: str, start: int, end: int) -> None:
        resource = place.resource or ("" if place.keys[0] == "Resources" else place.keys[0])
        parameter = place.dotted if place.keys[0] == "Resources" and place.dotted else place.name
        for defines in self._passed_on_all(place) or [""]:
            self.gather.refer(
                start,
                end,
                target,
                resource=resource,
                parameter=parameter,
                symbol=place.symbol,
                scope=place.scope,
                defines=defines,
            )

    def _passed_on(self, place: Place) -> str:
        """The name under which a value of a mapping, or of a nested template's parameter, is known elsewhere."""
        return next(iter(self._passed_on_all(place)), "")

    def _others_passed_on(self, place: Place) -> list[str]:
        return self._passed_on_all(place)[1:]

    def _passed_on_all(self, place: Place) -> list[str]:
        if place.keys[0] == "Mappings" and len(place.keys) == 4:
            return [f"{self.path}#{place.symbol}"]
        if place.resource not in stacks.STACKS or not place.dotted.startswith("Parameters."):
            return []
        return stacks.handed_on(self.path, self.root, place.keys[1], place.name)


def resolved_holes(value: str) -> str:
    """``value`` with each ``{{resolve:…}}`` as a hole: it is a reference, not a literal."""
    while (start := value.find("{{resolve:")) >= 0:
        end = value.find("}}", start)
        if end < 0:
            break
        value = value[:start] + "\0" + value[end + 2 :]
    return value


def _named(place: Place, name: Node | None) -> Place:
    """A parameter's value is called what the parameter is: ``/prod/shop/DB_PASSWORD`` → ``DB_PASSWORD``."""
    call = intrinsics.call_of(name) if name is not None else None
    said = call.arguments()[0] if call and call.name == "Sub" else name
    if not isinstance(said, Scalar):
        return place
    last = re.split(r"[/.]", intrinsics.sub_text(said.value))[-1].strip("\0-_ ")
    if not last or "\0" in last:
        return place
    return place._replace(name=last, extent=min(place.extent, said.start), extent_end=max(place.extent_end, said.end))


def _names(section: Node | None) -> frozenset[str]:
    return (
        frozenset(k.value for k, _ in section.pairs if isinstance(k, Scalar))
        if isinstance(section, Mapping)
        else frozenset()
    )
