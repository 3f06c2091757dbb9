"""The input variables of a Terraform root module: what only the person who deploys it can know."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hardcode_hunter.generate import names, quoting
from hardcode_hunter.generate.parameters import KEY_ARN, SECRET_ARN
from hardcode_hunter.generate.readers import RoleInput
from hardcode_hunter.generate.wanted import Function, Item, Stack
from hardcode_hunter.model import Home

_IAM_ARN = r"^arn:[a-z-]+:iam::[0-9]{12}:(root|(role|user)/[\w+=,.@/-]+)$"
_NO_ALIAS = "Give the ARN of a key, no alias."
_ROLE_NAME = r"^[\w+=,.@-]{1,64}$"


@dataclass(frozen=True, slots=True)
class Variable:
    """An input variable; without a ``default`` it is required. ``check`` is a regular expression for it or for each member,
    ``condition`` an expression of ours that has to hold instead."""

    name: str
    description: str
    type: str = "string"
    default: object = None
    required: bool = False
    check: str = ""
    message: str = ""
    condition: str = ""


def variables(stack: Stack) -> tuple[Variable, ...]:
    """All variables of the root module, required ones first."""
    found = [*_people(stack), *_inputs(stack), *_replicas(stack), *(v for item in stack.items for v in _existing(item))]
    if stack.functions:
        found += _rotation_variables(stack)
    return tuple(sorted(found, key=lambda v: not v.required))


def _people(stack: Stack) -> Iterable[Variable]:
    if not stack.has_key:
        return
    rows = {
        "administrator_arns": "ARNs of the roles that administer key and policies and may delete; they can decrypt nothing.",
        "deployer_arns": "ARNs of the roles that apply this configuration, now and later; they can read no value.",
        "writer_arns": "ARNs of the roles that store values and read them back.",
    }
    for name, description in rows.items():
        yield Variable(
            name, description, "list(string)", None, True, _IAM_ARN, "Give at least one ARN of an IAM role or user."
        )


def input_name(source: RoleInput) -> str:
    if source.of:
        return f"role_{names.snake(source.of)}"
    return f"{names.snake(source.kind or 'consumer')}_roles_{names.snake(source.secret)}"


def role_inputs(stack: Stack) -> tuple[RoleInput, ...]:
    return tuple({i.id: i for shard in stack.shards for i in shard.role_inputs}.values())


def _inputs(stack: Stack) -> Iterable[Variable]:
    for source in role_inputs(stack):
        description = quoting.one_line(source.description)
        yield Variable(
            input_name(source),
            description,
            "list(string)",
            None,
            True,
            _ROLE_NAME,
            "Give at least one name of a role, no ARN.",
        )


def arn_variable(item: Item) -> str:
    return f"{'managed' if item.home is Home.MANAGED else 'existing'}_secret_arn_{names.snake(item.id)}"


def key_variable(item: Item) -> str:
    return f"{'managed' if item.home is Home.MANAGED else 'existing'}_key_arn_{names.snake(item.id)}"


def replica_key_variable(region: str) -> str:
    return f"replica_key_arn_{names.snake(region)}"


def _replicas(stack: Stack) -> Iterable[Variable]:
    for region in stack.copied_to:
        text = f"ARN of a customer managed key in {region} for the copies there, instead of one that is made here."
        yield Variable(replica_key_variable(region), text, check=KEY_ARN, message=_NO_ALIAS)


def _existing(item: Item) -> Iterable[Variable]:
    if item.home is Home.PARAMETER_STORE:
        return
    if item.home is Home.MANAGED:
        description = f"ARN of the secret that the service keeps for '{item.id}'."
    elif item.declared:
        description = f"ARN of a secret that exists already, to be used for '{item.id}' instead of a new one."
    else:
        description = f"ARN of the existing secret for '{item.id}'."
    needed = not item.declared and not item.arn
    message = "Give the full ARN of a secret, with its six random characters."
    yield Variable(
        arn_variable(item), description, default=item.arn or None, required=needed, check=SECRET_ARN, message=message
    )
    text = f"ARN of the customer managed key of the secret '{item.id}', when it has one of its own."
    yield Variable(key_variable(item), text, check=KEY_ARN, message=_NO_ALIAS)


def package_variable(function: Function) -> str:
    return f"rotation_package_{names.snake(function.rotation.name)}"


def master_key_variable(function: Function) -> str:
    return f"master_key_arn_{names.snake(function.id)}"


def rotation_settings(stack: Stack) -> tuple[Variable, ...]:
    """What rotation may be told beside what it needs: networks, topics, the keys of masters."""
    told = ("enable_rotation", "rotation_package_")
    return tuple(v for v in _rotation_variables(stack) if not v.name.startswith(told))


def _rotation_variables(stack: Stack) -> Iterable[Variable]:
    yield Variable(
        "enable_rotation", "Whether rotation runs. Only after every consumer reads the secret.", "bool", stack.rotating
    )
    for rotation in (r for r in stack.rotations if not r.hosted):
        name = f"rotation_package_{names.snake(rotation.name)}"
        yield Variable(
            name, f"Path of the package (zip) of {rotation.name}.", "string", f"rotation/{rotation.name}.zip"
        )
    for function in stack.functions:
        if function.masters:
            text = f"ARN of the customer managed key of the master secrets of {function.rotation.name}, when it is none of this module's."
            yield Variable(master_key_variable(function), text, check=KEY_ARN, message=_NO_ALIAS)
    yield Variable(
        "rotation_subnet_ids", "Subnets for the rotation functions, when the database is in a VPC.", "list(string)", []
    )
    groups = "Security groups for the rotation functions: out to the database and to port 443."
    needed = "length(var.rotation_subnet_ids) == 0 || length(var.rotation_security_group_ids) > 0"
    missing = "A function in a network needs rotation_security_group_ids beside rotation_subnet_ids."
    yield Variable("rotation_security_group_ids", groups, "list(string)", [], condition=needed, message=missing)
    topic = "Topic that hears of failed rotations; it must let cloudwatch and events.amazonaws.com publish."
    yield Variable("rotation_alarm_topic_arn", topic)
    made = "Whether to make that topic here; not when rotation_alarm_topic_arn is given."
    yield Variable("create_alarm_topic", made, "bool", False)
    endpoint = "VPC in which to make an endpoint to Secrets Manager; null when it has one or a way to the internet."
    yield Variable("endpoint_vpc_id", endpoint)
    groups = "Security groups of that endpoint: in from the rotation functions and the readers on port 443."
    yield Variable("endpoint_security_group_ids", groups, "list(string)", [])
    if not any(not f.rotation.hosted for f in stack.functions):
        return
    boundary = "Permissions boundary of the roles that this configuration creates."
    yield Variable("permissions_boundary_arn", boundary, default=stack.environment.boundary or None)
