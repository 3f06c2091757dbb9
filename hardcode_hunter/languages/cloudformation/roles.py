"""The roles under which the things of a template run, as far as it names them."""

from __future__ import annotations

from hardcode_hunter.languages.cloudformation.extract import parse
from hardcode_hunter.languages.cloudformation.intrinsics import call_of
from hardcode_hunter.languages.nodes import Mapping, Node, Scalar, Unparsable
from hardcode_hunter.model import Source

RUNS = {
    # type → runtime, and the property with the role that fetches secrets
    "AWS::Lambda::Function": ("lambda", "Role"),
    "AWS::Serverless::Function": ("lambda", "Role"),
    "AWS::ECS::TaskDefinition": ("ecs", "ExecutionRoleArn"),
    "AWS::Batch::JobDefinition": ("ecs", "ExecutionRoleArn"),
    "AWS::CodeBuild::Project": ("ci", "ServiceRole"),
}


def runs_as(source: Source) -> dict[str, tuple[str, str]]:
    """``Resources/Tracker`` → runtime and role: a logical id, an ARN, or ``unknown``."""
    try:
        roots = parse(source.data, source.path)
    except Unparsable:
        return {}
    found: dict[str, tuple[str, str]] = {}
    for root in roots:
        resources = root.get("Resources") if isinstance(root, Mapping) else None
        for key, body in resources.pairs if isinstance(resources, Mapping) else ():
            kind = body.text("Type") if isinstance(body, Mapping) else ""
            if isinstance(key, Scalar) and isinstance(body, Mapping) and kind in RUNS:
                runtime, name = RUNS[kind]
                properties = body.get("Properties")
                role = _role(_property(properties, name))
                if role == "unknown" and kind == "AWS::Serverless::Function" and _property(properties, name) is None:
                    role = f"{key.value}Role"  # AWS SAM makes a role of that name
                found[f"Resources/{key.value}"] = (runtime, role)
    return found


def _property(properties: Node | None, name: str) -> Node | None:
    """A property of the resource, or of the container that it describes."""
    if not isinstance(properties, Mapping):
        return None
    inner = properties.get("ContainerProperties")
    return properties.get(name) or (inner.get(name) if isinstance(inner, Mapping) else None)


def _role(node: Node | None) -> str:
    call = call_of(node) if node is not None else None
    if call is None:
        return node.value if isinstance(node, Scalar) and node.value.startswith("arn:") else "unknown"
    first = call.arguments()[0] if call.name in ("GetAtt", "Ref") and call.arguments() else None
    return first.value.partition(".")[0] if isinstance(first, Scalar) else "unknown"
