"""Container definitions: a variable with a value becomes a secret that the agent fetches when the container starts.

``environment = [{ name, value }]`` → ``secrets = [{ name, valueFrom }]``, in ``jsonencode([…])`` and in the JSON of a heredoc. (Amazon ECS
Developer Guide, "Pass Secrets Manager secrets through Amazon ECS environment variables".)
"""

from __future__ import annotations

import json

from tree_sitter import Node

from hardcode_hunter.languages import edits
from hardcode_hunter.languages.nodes import Mapping, Scalar, Sequence
from hardcode_hunter.languages.terraform import syntax
from hardcode_hunter.languages.terraform.actions import Action, After, Drop, Grow, Put, Within
from hardcode_hunter.languages.terraform.modules import Modules
from hardcode_hunter.languages.terraform.uses import Spot
from hardcode_hunter.languages.units import Hurdle
from hardcode_hunter.model import Access, Span, Tier

HURDLE = Hurdle(
    "container-environment",
    "it is fetched when a container starts, so that after a rotation tasks must be started anew, and the execution role needs the right to read the secret",
    Tier.REVIEW,
)
NO_ROLE = Hurdle(
    "no-execution-role",
    "ECS fetches a secret with the task's execution role, and there is none: give it one (execution_role_arn), then plan again",
)


BUILD = Hurdle(
    "build-role",
    "the build's role needs the right to read the secret (secretsmanager:GetSecretValue), and builds fetch it when they start",
    Tier.REVIEW,
)


def is_build_variable(spot: Spot) -> bool:
    """Whether ``spot`` is the value of a variable of a build."""
    return spot.resource == "aws_codebuild_project" and spot.path == ("environment", "environment_variable", "value")


def build(modules: Modules, path: str, span: Span, access: Access) -> list[Action] | None:
    """What happens to the variable whose whole value is ``span``: CodeBuild fetches a secret itself, with ``type = "SECRETS_MANAGER"`` and
    ``value = "name:key"`` (AWS CodeBuild API, EnvironmentVariable). ``None`` when more than the value stands there."""
    data = modules.data(path)
    attribute = next((n for n in reversed(_chain(modules.root(path), span)) if n.type == "attribute"), None)
    body = attribute.parent if attribute is not None else None
    rows = {syntax.text(k, data): e for k, e in syntax.attributes(body)}
    kind = rows.get("type")
    plain = kind is None or syntax.text(kind, data) == '"PLAINTEXT"'
    if attribute is None or not plain or len({*access.templates.values(), access.name}) > 1:
        return None
    if not _whole(rows["value"], data, span):
        return None
    value = f"{access.name}:{access.key}" if access.form == "json" else access.name
    actions: list[Action] = [Put(rows["value"].start_byte, rows["value"].end_byte, json.dumps(value))]
    fetched = '"SECRETS_MANAGER"'
    if kind is not None:
        return [*actions, Put(kind.start_byte, kind.end_byte, fetched)]
    return [*actions, After(attribute, "type", fetched)]


def is_variable(spot: Spot) -> bool:
    """Whether ``spot`` is the value of a container's variable, or in a document that may hold some."""
    if spot.resource != "aws_ecs_task_definition" or spot.attribute != "container_definitions":
        return False
    return spot.text == "heredoc" or spot.path[-2:] == ("environment", "value")


def secret(modules: Modules, path: str, spot: Spot, span: Span, value_from: str) -> list[Action] | Hurdle | None:
    """What happens to the variable whose whole value is ``span``; ``value_from`` is a text of HCL without its quotes. ``None`` when it
    is no variable, or more than the value stands there."""
    found = (
        _in_heredoc(modules, path, span, value_from)
        if spot.text == "heredoc"
        else _in_list(modules, path, span, value_from)
    )
    if found is None:
        return None
    body = syntax.body_of(spot.block) if spot.block is not None else None
    named = {syntax.text(key, modules.data(path)) for key, _ in syntax.attributes(body)}
    return found if "execution_role_arn" in named else NO_ROLE


def _in_list(modules: Modules, path: str, span: Span, value_from: str) -> list[Action] | None:
    data = modules.data(path)
    chain = _chain(modules.root(path), span)
    objects = [n for n in chain if n.type == "object"]
    if len(objects) < 2 or not any(n.type == "tuple" for n in chain):
        return None
    holder, entry = objects[-2:]
    rows = {_key(e, data): e for e in entry.named_children if e.type == "object_elem"}
    owner = next(
        (e for e in holder.named_children if e.type == "object_elem" and e in chain and _key(e, data) == "environment"),
        None,
    )
    element = next(
        (n for n in reversed(chain) if n.type == "expression" and n.parent is not None and n.parent.type == "tuple"),
        None,
    )
    name = syntax.literal_string(rows["name"].named_children[-1]) if rows.keys() == {"name", "value"} else None
    if owner is None or element is None or name is None or not _whole(rows["value"].named_children[-1], data, span):
        return None
    text = f'{{ name = {syntax.text(name, data)}, valueFrom = "{value_from}" }}'
    return [Drop((element,)), Grow(holder, owner, "secrets", text)]


def _in_heredoc(modules: Modules, path: str, span: Span, value_from: str) -> list[Action] | None:
    data = modules.data(path)
    heredoc = next((n for n in _chain(modules.root(path), span) if n.type == "heredoc_template"), None)
    if heredoc is None:
        return None
    first = data.find(b"\n", heredoc.start_byte, heredoc.end_byte) + 1
    last = heredoc.children[-1].start_byte if heredoc.children[-1].type == "heredoc_identifier" else heredoc.end_byte
    document = modules.document(path, first, last)
    if document is None:
        return None
    node = _scalar(document, span, data)
    entry, _ = document.parents.get(id(node), (None, -1)) if node is not None else (None, -1)
    listed, position = document.parents.get(id(entry), (None, -1)) if entry is not None else (None, -1)
    holder, anchor = document.parents.get(id(listed), (None, -1)) if listed is not None else (None, -1)
    if not isinstance(entry, Mapping) or not isinstance(listed, Sequence) or not isinstance(holder, Mapping):
        return None
    name, key = entry.get("name"), holder.pairs[anchor][0]
    if (
        not isinstance(name, Scalar)
        or len(entry.pairs) != 2
        or not isinstance(key, Scalar)
        or key.value != "environment"
    ):
        return None
    new = ("map", [(("str", "name"), ("str", name.value)), (("str", "valueFrom"), ("str", value_from))])
    return [
        Within(document, edits.Drop(listed, position)),
        Within(document, edits.Grow(holder, anchor, "secrets", new)),
    ]


def _scalar(document: edits.File, span: Span, data: bytes) -> Scalar | None:
    """The text that ``span`` is the inside of, or, for a reference, all of the inside: ``"${var.x}"``."""
    todo = list(document.roots)
    while todo:
        node = todo.pop()
        if isinstance(node, Mapping):
            todo += [value for _, value in node.pairs]
        elif isinstance(node, Sequence):
            todo += node.items
        elif isinstance(node, Scalar) and node.start <= span.start and span.end <= node.end:
            around = data[node.start : span.start], data[span.end : node.end]
            return node if around in ((b'"', b'"'), (b'"${', b'}"')) else None
    return None


def _whole(value: Node, data: bytes, span: Span) -> bool:
    around = data[value.start_byte : span.start].strip(), data[span.end : value.end_byte].strip()
    return around in ((b"", b""), (b'"${', b'}"'))


def _key(element: Node, data: bytes) -> str:
    key = element.named_children[0]
    literal = syntax.literal_string(key)
    return syntax.string_value(literal, data) if literal is not None else syntax.text(key, data).strip()


def _chain(root: Node, span: Span) -> list[Node]:
    """The nodes around ``span``, the innermost last."""
    found = [root]
    while True:
        inner = next((c for c in found[-1].children if c.start_byte <= span.start and span.end <= c.end_byte), None)
        if inner is None:
            return found
        found.append(inner)
