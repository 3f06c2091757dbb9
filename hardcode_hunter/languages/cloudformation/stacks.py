"""A template's resources, and the nested templates that some of them hand parameters on to."""

from __future__ import annotations

from collections.abc import Iterator

from hardcode_hunter.languages.cloudformation import parameter_files
from hardcode_hunter.languages.cloudformation.intrinsics import call_of
from hardcode_hunter.languages.nodes import Mapping, Scalar, Sequence

STACKS = {"AWS::CloudFormation::Stack": "TemplateURL", "AWS::Serverless::Application": "Location"}
"""Types that hand parameters on to another template, and the property that says which."""


def resources(section: Mapping) -> Iterator[tuple[Scalar, Mapping]]:
    """Logical id and body of each resource, those of a ``Fn::ForEach`` with the name that it is written with."""
    for key, body in section.pairs:
        if not isinstance(key, Scalar):
            continue
        if isinstance(body, Mapping):
            yield key, body
        elif key.value.startswith("Fn::ForEach::") and isinstance(body, Sequence) and len(body.items) == 3:
            template = body.items[2]
            if isinstance(template, Mapping):
                yield from resources(template)


def handed_on(path: str, root: Mapping, logical_id: str, parameter: str) -> list[str]:
    """The names under which a nested stack's parameter is known in its own template, each that it may have: a URL says where a template
    was uploaded, and not where it stands in the tree."""
    section = root.get("Resources")
    rows = resources(section) if isinstance(section, Mapping) else ()
    body = next((body for key, body in rows if key.value == logical_id), None)
    properties = body.get("Properties") if body is not None else None
    where = properties.get(STACKS[body.text("Type")]) if body and isinstance(properties, Mapping) else None
    call = call_of(where) if where is not None else None
    said = call.arguments()[0] if call and call.name == "Sub" else where
    if not isinstance(said, Scalar) or (said.tag.startswith("!") and call is None):
        return []
    return [parameter_files.nested(path, url, parameter) for url in parameter_files.places(said.value)]
