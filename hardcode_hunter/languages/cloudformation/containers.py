"""Container definitions: a variable with a value becomes a secret that the agent fetches when the container starts.

``Environment: [{Name, Value}]`` → ``Secrets: [{Name, ValueFrom}]`` in AWS::ECS::TaskDefinition and AWS::Batch::JobDefinition. ``ValueFrom``
wants the secret's ARN, which a template of another stack doesn't know: it becomes a parameter. (Amazon ECS Developer Guide, "Pass
Secrets Manager secrets through Amazon ECS environment variables".)
"""

from __future__ import annotations

import re
from typing import Any

from hardcode_hunter.languages.cloudformation import grants
from hardcode_hunter.languages.cloudformation.hurdles import Spot
from hardcode_hunter.languages.cloudformation.references import Reference
from hardcode_hunter.languages.cloudformation.stacks import resources
from hardcode_hunter.languages.edits import Action, Add, Drop, File, Grow, Insert, Put
from hardcode_hunter.languages.nodes import Alias, Mapping, Node, Scalar, Sequence
from hardcode_hunter.languages.units import Hurdle
from hardcode_hunter.languages.writing import quoted
from hardcode_hunter.model import Home, Tier

BUILD = "AWS::CodeBuild::Project"
FETCHED = "SECRETS_MANAGER"
_FETCHED = re.compile(r"\{\{resolve:secretsmanager:([^{}]+?):SecretString(?::([^{}:]+))?\}\}")
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
    if _role(root, spot) is None:
        why = "ECS fetches a secret with the task's execution role, and there is none: give it one (ExecutionRoleArn), then plan again"
        return [], Hurdle("no-execution-role", why)
    value, added = _value_from(file, holder, root, said)
    secret = ("map", [(("str", "Name"), ("str", name.value)), (("str", "ValueFrom"), value)])
    why = "it is fetched when a container starts, so that after a rotation tasks must be started anew, and the execution role needs the right to read the secret"
    actions: list[Action] = [Drop(listed, position), Grow(holder, anchor, "Secrets", secret), *added]
    return [*actions, *_granted(file, root, _role(root, spot), said)], Hurdle("container-environment", why, Tier.REVIEW)


def build(
    file: File, root: Mapping, node: Node, spot: Spot, said: Reference
) -> tuple[list[Action], Hurdle | None] | None:
    """What happens to the variable of a build whose whole value is ``node``: CodeBuild fetches a secret itself, with ``Type: SECRETS_MANAGER``
    and ``Value: name:key`` (AWS::CodeBuild::Project EnvironmentVariable). ``None`` when it is none."""
    entry, index = _above(file, node)
    match = _FETCHED.fullmatch(said.text)
    if spot.resource != BUILD or not isinstance(entry, Mapping) or index < 0 or match is None or said.environments:
        return None
    key, kind = entry.pairs[index][0], entry.get("Type")
    plain = kind is None or (isinstance(kind, Scalar) and kind.value == "PLAINTEXT")
    if not isinstance(key, Scalar) or key.value != "Value" or entry.get("Name") is None or not plain:
        return None
    value = f"{match.group(1)}:{match.group(2)}" if match.group(2) else match.group(1)
    style = node.style if isinstance(node, Scalar) and not node.tag.startswith("!") else ""
    actions: list[Action] = [Put(node, quoted(value, style, file.json), ("str", value))]
    if isinstance(kind, Scalar):
        actions.append(Put(kind, quoted(FETCHED, kind.style or "", file.json), ("str", FETCHED)))
    else:
        actions.append(Insert(entry, index, "Type", ("str", FETCHED)))
    granted = _granted(file, root, _property(root, spot, "ServiceRole"), said)
    why = "the build's role needs the right to read the secret (secretsmanager:GetSecretValue), and builds fetch it when they start"
    return [*actions, *granted], Hurdle("build-role", why, Tier.REVIEW)


def _granted(file: File, root: Mapping, role: Node | None, said: Reference) -> list[Action]:
    """The right of the role that fetches the secret, when this template describes the role, with the parameter that it needs."""
    if said.home is not Home.SECRETS_MANAGER:
        return []
    arn, added = said.arn(root, file.json)
    grant = grants.of_role(root, role, said.secret, arn)
    return [*added, grant] if grant is not None else []


def _above(file: File, node: Node) -> tuple[Node, int]:
    """What holds a node, and where; the node itself and -1 when nothing does."""
    return (node, -1) if isinstance(node, Alias) else file.parents.get(id(node), (node, -1))


def _role(root: Mapping, spot: Spot) -> Node | None:
    return _property(root, spot, "ExecutionRoleArn")


def _property(root: Mapping, spot: Spot, name: str) -> Node | None:
    """A property of the resource, or of the container that it describes."""
    section = root.get("Resources")
    rows = resources(section) if isinstance(section, Mapping) else ()
    body = next((body for key, body in rows if key.value == spot.logical_id), None)
    properties = body.get("Properties") if body is not None else None
    inner = properties.get("ContainerProperties") if isinstance(properties, Mapping) else None
    found = (each.get(name) for each in (properties, inner) if isinstance(each, Mapping))
    return next((each for each in found if each is not None), None)


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
