"""CloudFormation's intrinsic functions, in their long and their short form.

``!Sub "…${X}…"`` is ``{"Fn::Sub": "…"}``; both become a :class:`Call`. Nothing here takes a function for a literal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hardcode_hunter.languages.embedded import Inside
from hardcode_hunter.languages.nodes import Alias, Mapping, Node, Scalar, Sequence
from hardcode_hunter.model import LiteralType, Position

if TYPE_CHECKING:
    from hardcode_hunter.languages.cloudformation.extract import Place, Template

FUNCTIONS = frozenset(
    [
        "Base64",
        "Cidr",
        "FindInMap",
        "GetAtt",
        "GetAZs",
        "GetStackOutput",
        "If",
        "ImportValue",
        "Join",
        "Select",
        "Split",
        "Sub",
        "Transform",
        "And",
        "Equals",
        "Not",
        "Or",
        "ForEach",
        "Length",
        "ToJsonString",
        "Contains",
        "EachMemberEquals",
        "EachMemberIn",
        "RefAll",
        "ValueOf",
        "ValueOfAll",
    ]
)
HOLE = re.compile(r"\$\{(!?)([^{}$]*)\}")
_PLAIN = re.compile(r"(?:\$\{[^{}$]*\}|[^\s:/@;=,])+")
"""A text of ``Fn::Sub`` that is one word."""


@dataclass(frozen=True, slots=True)
class Call:
    """``name`` without ``Fn::``; ``node`` is the whole call, ``argument`` what it is given, without the short form's tag."""

    name: str
    node: Scalar | Mapping | Sequence
    argument: Node

    def arguments(self) -> list[Node]:
        return self.argument.items if isinstance(self.argument, Sequence) else [self.argument]


def call_of(node: Node) -> Call | None:
    """The call that ``node`` is, or ``None`` for a literal, a list or a mapping."""
    if isinstance(node, Alias):
        return None
    if node.tag.startswith("!"):
        name = node.tag[1:].removeprefix("Fn::")
        if name in FUNCTIONS or name in ("Ref", "Condition"):
            return Call(name, node, _untagged(node))
        return None
    if isinstance(node, Mapping) and len(node.pairs) == 1:
        key, value = node.pairs[0]
        if isinstance(key, Scalar):
            name = key.value.removeprefix("Fn::")
            known = name in FUNCTIONS and key.value.startswith("Fn::")
            if known or (key.value in ("Ref", "Condition") and isinstance(value, Scalar)):
                return Call(name, node, value)
    return None


def _untagged(node: Scalar | Mapping | Sequence) -> Node:
    if isinstance(node, Scalar):
        return Scalar(node.start, node.end, node.start, node.value, node.style, "str")
    if isinstance(node, Sequence):
        return Sequence(node.start, node.end, node.start, "seq", node.flow, node.items)
    return Mapping(node.start, node.end, node.start, "map", node.flow, node.pairs)


def walk(template: Template, call: Call, place: Place) -> None:
    """What the call passes on to ``place``: references, literal parts, literal arms."""
    below = place._replace(keys=(*place.keys, f"Fn::{call.name}" if call.name in FUNCTIONS else call.name))
    if call.name == "Ref":
        reference(template, call.argument, place)
    elif call.name == "Sub":
        _sub(template, call, place)
    elif call.name == "Join":
        _join(template, call, place)
    elif call.name == "FindInMap":
        _find_in_map(template, call, place)
    elif call.name == "If":
        for arm in call.arguments()[
            1:
        ]:  # each arm is the property's value: equal symbols, told apart by their ordinals
            template.value(arm, place)
    elif call.name == "Base64":
        note = ", ".join(filter(None, (place.note, "Fn::Base64")))
        template.value(call.argument, place._replace(note=note))
    elif call.name in ("Select", "Split"):
        for item in call.arguments()[1:]:
            template.value(item, place)
    elif call.name == "Equals":
        _equals(template, call, below)
    elif call.name in ("And", "Or", "Not", "ToJsonString", "Transform", "ForEach", "Length", "Contains"):
        for number, item in enumerate(call.arguments()):
            template.value(item, below._replace(keys=(*below.keys, str(number))))


def reference(template: Template, argument: Node, place: Place) -> None:
    if isinstance(argument, Scalar) and argument.value in template.parameters:
        template.refer(place, f"{template.path}#Parameters/{argument.value}", argument.start, argument.end)


def _sub(template: Template, call: Call, place: Place) -> None:
    text, *rest = call.arguments()
    variables = rest[0] if rest and isinstance(rest[0], Mapping) else None
    if variables is not None:
        # what is a part of the property's own text is the property; what stands in a URL or in a text of many words has its own name
        own = not isinstance(text, Scalar) or not _PLAIN.fullmatch(text.value)
        for key, value in variables.pairs:
            if isinstance(key, Scalar):
                named = own and not call_of(value)
                keys = (*place.keys, "Fn::Sub", key.value) if own or call_of(value) else place.keys
                name = key.value if named else place.name
                template.value(value, place._replace(keys=keys, name=name, extent=min(place.extent, key.start)))
    if not isinstance(text, Scalar):
        return
    bound = frozenset(k.value for k, _ in variables.pairs if isinstance(k, Scalar)) if variables else frozenset()
    for name in sub_names(RESOLVED.sub("", text.value)):
        if name not in bound and name in template.parameters:
            said = within_url(place) if re.search(_LOGIN % re.escape(name), text.value) else place
            template.refer(said, f"{template.path}#Parameters/{name}", text.start, text.end)
    template.scalar(replace_value(text, sub_text(text.value)), place)


RESOLVED = re.compile(r"\{\{resolve:.*?\}\}", re.S)
"""A dynamic reference: what is filled in there names a secret, and is none."""
_OPEN = re.compile(r"://[^\s/@]*:\Z")
_LOGIN = r"://[^\s/@]*:\$\{\s*%s\s*\}@"


def within_url(place: Place) -> Place:
    """The place of a URL's password in the URL that stands at ``place``."""
    return place._replace(dotted=f"{place.dotted}.password", name="password")


def replace_value(node: Scalar, value: str) -> Scalar:
    return Scalar(node.start, node.end, node.outer, value, node.style, "str")


def sub_names(text: str) -> Iterator[str]:
    """The names in a ``Fn::Sub`` text, each once: ``DbPassword``, ``Db.Endpoint.Address``, ``AWS::Region``."""
    seen: set[str] = set()
    for match in HOLE.finditer(text):
        name = match.group(2).strip()
        if not match.group(1) and name not in seen:
            seen.add(name)
            yield name


def sub_text(text: str) -> str:
    """The text with each variable as a hole; ``${!X}`` is the literal ``${X}``."""
    return HOLE.sub(lambda m: "${" + m.group(2) + "}" if m.group(1) else "\0", text)


def _join(template: Template, call: Call, place: Place) -> None:
    """A join is one text: its literal members in order, and a hole for each of the others."""
    arguments = call.arguments()
    parts = arguments[1] if len(arguments) == 2 else None
    delimiter = arguments[0] if arguments else None
    if not isinstance(parts, Sequence) or call_of(parts) is not None or not isinstance(delimiter, Scalar):
        for item in arguments[1:]:
            template.value(item, place)
        return
    below = place._replace(keys=(*place.keys, "Fn::Join"))
    words = []
    for number, part in enumerate(parts.items):
        literal = isinstance(part, Scalar) and call_of(part) is None
        if literal and not place.script:
            words.append(part.value if isinstance(part, Scalar) else "")
        else:
            said_so_far = "".join(words)
            if said_so_far.rfind("{{resolve:") > said_so_far.rfind("}}"):
                words.append("\0")  # it names a secret, or a field of one
                continue
            after = parts.items[number + 1] if number + 1 < len(parts.items) else None
            password = _OPEN.search(delimiter.value.join([*words, ""])) and _value(after).startswith("@")
            said = within_url(below) if password else below
            template.value(part, said._replace(keys=(*below.keys, str(number))))
            words.append("\0")
    if place.script:
        pieces = [p if isinstance(p, Scalar) and call_of(p) is None else None for p in parts.items]
        inside = Inside(place.symbol, place.resource, place.scope, place.extent)
        template.embedded.joined(pieces, delimiter.value, inside)
    text = RESOLVED.sub("\0", delimiter.value.join(words))
    if text.strip("\0" + delimiter.value) and not place.script:
        kind = LiteralType.TEMPLATE if "\0" in text else LiteralType.STR
        template.add(call.node.outer, call.node.end, text, place, kind, note="Fn::Join")


def _value(node: Node | None) -> str:
    return node.value if isinstance(node, Scalar) else ""


def _find_in_map(template: Template, call: Call, place: Place) -> None:
    """A reference to each value that the look-up can give."""
    arguments = call.arguments()
    if len(arguments) < 3 or not isinstance(arguments[0], Scalar) or not isinstance(template.mappings, Mapping):
        return
    table = template.mappings.get(arguments[0].value)
    first, second = (_literal(a) for a in arguments[1:3])
    for top, row in table.pairs if isinstance(table, Mapping) else ():
        for name, _ in row.pairs if isinstance(row, Mapping) else ():
            if (
                isinstance(top, Scalar)
                and isinstance(name, Scalar)
                and first in ("", top.value)
                and second in ("", name.value)
            ):
                target = f"{template.path}#Mappings/{arguments[0].value}/{top.value}/{name.value}"
                template.refer(place, target, call.node.outer, call.node.end)
    for argument in arguments[1:3]:
        if call_of(argument) is not None:
            template.value(argument, place._replace(resource="Fn::FindInMap", name="key", dotted=""))
    for options in arguments[3:]:
        other = options.get("DefaultValue") if isinstance(options, Mapping) else None
        if other is not None:
            template.value(other, place)


def _literal(node: Node) -> str:
    return node.value if isinstance(node, Scalar) and call_of(node) is None else ""


def _equals(template: Template, call: Call, place: Place) -> None:
    names = [
        a.argument.value
        for a in map(call_of, call.arguments())
        if a and a.name == "Ref" and isinstance(a.argument, Scalar)
    ]
    for number, item in enumerate(call.arguments()):
        below = place._replace(
            keys=(*place.keys, str(number)), name=names[0] if names else place.name, position=Position.COMPARISON
        )
        template.value(item, below)
