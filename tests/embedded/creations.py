"""Creations that moto's CloudFormation gets wrong: properties that it takes in the form of the service's API, not of the template."""

from __future__ import annotations

from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.parsing import ResourceMap
from moto.kms.models import Key

from tests.embedded.cloudformation import as_json


def correct_creations() -> None:
    """Put the corrections in place, in this process, for good."""
    create = Key.create_from_cloudformation_json.__func__  # type: ignore[attr-defined]

    def create_key(
        cls: type[Key], resource_name: str, cloudformation_json: dict[str, Any], *rest: Any, **more: Any
    ) -> Key:
        """A template's tags are Key and Value, KMS's own API has TagKey and TagValue; and the API's policy is a text."""
        properties = dict(cloudformation_json["Properties"])
        properties["KeyPolicy"] = as_json(properties["KeyPolicy"])
        properties["Tags"] = [{"TagKey": t["Key"], "TagValue": t["Value"]} for t in properties.get("Tags", [])]
        key: Key = create(cls, resource_name, {**cloudformation_json, "Properties": properties}, *rest, **more)
        return key

    parsing.parse_resource = _dropping_nothing(parsing.parse_resource)
    Key.create_from_cloudformation_json = classmethod(create_key)  # type: ignore[method-assign, assignment]


def _dropping_nothing(parse: Any) -> Any:
    """A member of a list that turns out to be ``AWS::NoValue`` is no member; moto leaves ``None`` in its place."""

    def parsed(resource_json: dict[str, Any], resources_map: ResourceMap) -> Any:
        found = parse(resource_json, resources_map)
        if found is None:
            return None
        model, cleaned, resource_type = found
        return model, _without_nothing(cleaned), resource_type

    return parsed


def _without_nothing(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_nothing(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_without_nothing(member) for member in node if member is not None]
    return node
