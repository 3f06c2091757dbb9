"""Container definitions: a variable with a value becomes a secret that the agent fetches when the container starts.

``Environment: [{Name, Value}]`` → ``Secrets: [{Name, ValueFrom}]`` in AWS::ECS::TaskDefinition and AWS::Batch::JobDefinition. ``ValueFrom``
wants the secret's ARN, which a template of another stack doesn't know: it becomes a parameter. (Amazon ECS Developer Guide, "Pass
Secrets Manager secrets through Amazon ECS environment variables".)
"""

from __future__ import annotations

from typing import Any

from hardcode_hunter.languages.cloudformation.hurdles import Spot
from hardcode_hunter.languages.cloudformation.references import Reference
from hardcode_hunter.languages.edits import Action, Add, Drop, File, Grow
from hardcode_hunter.languages.nodes import Alias, Mapping, Node, Scalar, Sequence
from hardcode_hunter.languages.units import Hurdle
from hardcode_hunter.model import Home, Tier

DEFINITIONS = frozenset(["AWS::ECS::TaskDefinition", "AWS::Batch::JobDefinition"])


def variable(
    file: File, root: Mapping, node: Node, spot: Spot, said: Reference
) -> tuple[list[Action], Hurdle | None] | None:
    """What happens to the variable whose whole value is ``node``; ``None`` when it is no variable of a container."""
    if spot.resource not in DEFINITIONS or spot.dotted.split(".")[-2:] != ["Environment", "Value"]:
        return None
    entry, index = _above(file, node)
    listed, position = _above(file, entry)
    holder, anchor = _above(file, listed)
    if not isinstance(entry, Mapping) or not isinstance(listed, Sequence) or not isinstance(holder, Mapping):
        return None
    name = entry.get("Name")
    if not isinstance(name, Scalar) or name.tag.startswith("!") or len(entry.pairs) != 2 or index < 0:
        return None
    if not _has_execution_role(root, spot):
        why = "ECS fetches a secret with the task's execution role, and there is none: give it one (ExecutionRoleArn), then plan again"
        return [], Hurdle("no-execution-role", why)
    value, added = _value_from(file, holder, root, said)
    secret = ("map", [(("str", "Name"), ("str", name.value)), (("str", "ValueFrom"), value)])
    why = "it is fetched when a container starts, so that after a rotation tasks must be started anew, and the execution role needs the right to read the secret"
    return [Drop(listed, position), Grow(holder, anchor, "Secrets", secret), *added], Hurdle(
        "container-environment", why, Tier.REVIEW
    )


def _above(file: File, node: Node) -> tuple[Node, int]:
    """What holds a node, and where; the node itself and -1 when nothing does."""
    return (node, -1) if isinstance(node, Alias) else file.parents.get(id(node), (node, -1))


def _has_execution_role(root: Mapping, spot: Spot) -> bool:
    resources = root.get("Resources")
    body = resources.get(spot.logical_id) if isinstance(resources, Mapping) else None
    properties = body.get("Properties") if isinstance(body, Mapping) else None
    inner = properties.get("ContainerProperties") if isinstance(properties, Mapping) else None
    return any(isinstance(each, Mapping) and each.get("ExecutionRoleArn") is not None for each in (properties, inner))


def _value_from(file: File, holder: Mapping, root: Mapping, said: Reference) -> tuple[Any, list[Add]]:
    """The ARN of the secret's field, and the parameter that it needs."""
    if said.home is Home.PARAMETER_STORE:
        return _substituted(file, holder, said.name, said.environments), [*said.parameters()]
    suffix = f":{said.key}::" if said.key else ""
    if said.name.startswith("arn:"):
        return ("str", said.name + suffix), []
    value, added = said.arn(root, file.json or holder.flow)
    if not suffix:
        return value, added
    parameter = f"SecretArn{said.logical_id}"
    return _substituted(file, holder, f"${{{parameter}}}{suffix}", ("yes",)), added


def _substituted(file: File, holder: Mapping, text: str, variables: tuple[str, ...]) -> Any:
    if not variables:
        return ("str", text)
    if file.json or holder.flow:
        return ("map", [(("str", "Fn::Sub"), ("str", text))])
    return ("!Sub", text)
