"""Where a template uses a parameter: each ``Ref``, each hole of a ``Fn::Sub``, each mention in the console's interface metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hardcode_hunter.languages.cloudformation.hurdles import Spot
from hardcode_hunter.languages.cloudformation.intrinsics import RESOLVED, Call, call_of, sub_names
from hardcode_hunter.languages.cloudformation.stacks import resources
from hardcode_hunter.languages.nodes import Alias, Mapping, Node, Scalar, Sequence

INTERFACE = "AWS::CloudFormation::Interface"


@dataclass(frozen=True, slots=True)
class Use:
    """``whole`` is the call's node; ``text`` is set for a hole in the text of a ``Fn::Sub``."""

    spot: Spot
    whole: Scalar | Mapping | Sequence
    text: Scalar | None = None
    blocked: str = ""  # a function whose argument must stay what it is: "Fn::ImportValue"
    in_url: bool = False  # a member of a Fn::Join that makes a URL with a password


@dataclass(frozen=True, slots=True)
class Mention:
    """A list item or a key that names the parameter in ``AWS::CloudFormation::Interface``."""

    holder: Mapping | Sequence
    index: int


def spots(root: Mapping) -> Iterator[tuple[Node, Spot]]:
    """Each value of the template's sections with where it stands; ``Parameters`` is left out."""
    for key, section in root.pairs:
        name = key.value if isinstance(key, Scalar) else ""
        if name == "Resources" and isinstance(section, Mapping):
            for logical, body in resources(section):
                for attribute, value in body.pairs:
                    if isinstance(attribute, Scalar):
                        yield value, Spot(name, logical.value, body.text("Type"), attribute.value)
        elif name != "Parameters":
            yield section, Spot(name)


def uses(root: Mapping, parameter: str) -> list[Use]:
    """All uses of ``parameter`` outside ``Parameters``, in no particular order."""
    found: list[Use] = []
    for value, spot in spots(root):
        if not (
            spot.section == "Metadata"
            and isinstance(value, Mapping)
            and value.get(INTERFACE) is not None
            and len(value.pairs) == 1
        ):
            _walk(value, spot, parameter, found, "")
    return found


def walk_places(root: Mapping) -> Iterator[tuple[Node, Spot]]:
    """Every node below the sections, with the dotted path of the property it belongs to."""
    for value, spot in spots(root):
        yield from _places(value, spot)


def _places(node: Node, spot: Spot) -> Iterator[tuple[Node, Spot]]:
    yield node, spot
    call = call_of(node)
    if call is not None:
        below = replace(spot, base64=spot.base64 or call.name == "Base64")
        for argument in call.arguments():
            if argument.start != node.start or argument.end != node.end or not isinstance(argument, Scalar):
                yield from _places(argument, below)
        if isinstance(call.argument, Mapping):
            return
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _places(item, spot)
    elif isinstance(node, Mapping):
        for key, value in node.pairs:
            if isinstance(key, Scalar):
                yield from _places(
                    value, replace(spot, dotted=f"{spot.dotted}.{key.value}" if spot.dotted else key.value)
                )


def _walk(node: Node, spot: Spot, parameter: str, found: list[Use], blocked: str) -> None:
    if isinstance(node, Alias):
        return
    call = call_of(node)
    if call is not None:
        _call(call, spot, parameter, found, blocked)
    elif isinstance(node, Sequence):
        for item in node.items:
            _walk(item, spot, parameter, found, blocked)
    elif isinstance(node, Mapping):
        for key, value in node.pairs:
            if isinstance(key, Scalar):
                below = replace(spot, dotted=f"{spot.dotted}.{key.value}" if spot.dotted else key.value)
                _walk(value, below, parameter, found, blocked)


def _call(call: Call, spot: Spot, parameter: str, found: list[Use], blocked: str) -> None:
    if call.name == "Ref":
        if isinstance(call.argument, Scalar) and call.argument.value == parameter:
            found.append(Use(spot, call.node, blocked=blocked))
        return
    start = len(found)
    below = replace(spot, base64=spot.base64 or call.name == "Base64")
    inner = blocked or (
        f"Fn::{call.name}"
        if call.name in ("ImportValue", "FindInMap", "Split", "Select", "Transform", "Cidr", "Length")
        else ""
    )
    if call.name == "Sub":
        text = call.arguments()[0] if call.arguments() else None
        bound = call.arguments()[1] if len(call.arguments()) > 1 else None
        shadowed = isinstance(bound, Mapping) and bound.get(parameter) is not None
        if isinstance(text, Scalar) and not shadowed and parameter in sub_names(text.value):
            named = any(parameter in sub_names(m.group()) for m in RESOLVED.finditer(text.value))
            found.append(Use(below, call.node, text, blocked or ("a dynamic reference" if named else "")))
        if bound is not None:
            _walk_values(bound, below, parameter, found, inner)
        return
    for argument in call.arguments():
        if isinstance(argument, Mapping) and call_of(argument) is None:
            _walk_values(argument, below, parameter, found, inner)
        else:
            _walk(argument, below, parameter, found, inner)
    if call.name == "Join" and any(isinstance(part, Scalar) and "://" in part.value for part in _members(call)):
        found[start:] = [replace(use, in_url=True) for use in found[start:]]


def _members(call: Call) -> list[Node]:
    parts = call.arguments()[1] if len(call.arguments()) == 2 else None
    return parts.items if isinstance(parts, Sequence) else []


def _walk_values(node: Node, spot: Spot, parameter: str, found: list[Use], blocked: str) -> None:
    for _, value in node.pairs if isinstance(node, Mapping) else ():
        _walk(value, spot, parameter, found, blocked)


def holes(data: bytes, text: Scalar, parameter: str) -> list[tuple[int, int]] | None:
    """The bytes of each ``${parameter}`` in the text as written; ``None`` when they can't be told from the text's escapes."""
    pattern = re.compile(rb"\$\{[ \t]*" + re.escape(parameter.encode()) + rb"[ \t]*\}")
    found = [m.span() for m in pattern.finditer(data, text.start, text.end)]
    said = re.findall(r"\$\{[ \t]*" + re.escape(parameter) + r"[ \t]*\}", text.value)
    return found if len(found) == len(said) and found else None


def mentions(root: Mapping, parameter: str) -> list[Mention]:
    """Where the console's interface metadata names the parameter."""
    metadata = root.get("Metadata")
    interface = metadata.get(INTERFACE) if isinstance(metadata, Mapping) else None
    found: list[Mention] = []
    if not isinstance(interface, Mapping):
        return found
    groups, labels = interface.get("ParameterGroups"), interface.get("ParameterLabels")
    for group in groups.items if isinstance(groups, Sequence) else ():
        names = group.get("Parameters") if isinstance(group, Mapping) else None
        if isinstance(names, Sequence):
            found += [
                Mention(names, i) for i, n in enumerate(names.items) if isinstance(n, Scalar) and n.value == parameter
            ]
    if isinstance(labels, Mapping):
        found += [
            Mention(labels, i)
            for i, (k, _) in enumerate(labels.pairs)
            if isinstance(k, Scalar) and k.value == parameter
        ]
    return found
