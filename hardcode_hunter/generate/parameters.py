"""The parameters of a CloudFormation template: what only the person who deploys it can know."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hardcode_hunter.generate import names, quoting
from hardcode_hunter.generate.readers import RoleInput
from hardcode_hunter.generate.wanted import Function, Item, Shard, Stack
from hardcode_hunter.model import Home

UNSET = "not-set"
"""Default of a bucket and its keys: valid as a name, so that the template can be checked, and refused by a rule when it matters."""

_IAM_ARN = r"^arn:[a-z-]+:iam::[0-9]{12}:(root|(role|user)/[\w+=,.@/-]+)$"
_ROLE_NAME = r"^[\w+=,.@-]{1,64}$"
SECRET_ARN = r"^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:.+$"
KEY_ARN = r"^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A template parameter; without a ``default`` it is required."""

    name: str
    description: str
    type: str = "String"
    pattern: str = ""
    default: str | None = None
    allowed: tuple[str, ...] = ()

    @property
    def required(self) -> bool:
        return self.default is None


def parameters(stack: Stack, shard: Shard) -> tuple[Parameter, ...]:
    """All parameters of the shard's template, required ones first."""
    found = [
        *_people(stack, shard),
        *_inputs(shard),
        *_replicas(stack, shard),
        *(p for item in shard.items for p in _existing(item)),
    ]
    if shard.functions:
        found += _rotation_parameters(stack, shard)
    return tuple(sorted(found, key=lambda p: not p.required))


def body(parameter: Parameter) -> dict[str, object]:
    """The parameter as a template shows it."""
    found: dict[str, object] = {"Type": parameter.type, "Description": parameter.description}
    if parameter.allowed:
        found["AllowedValues"] = list(parameter.allowed)
    if parameter.pattern:
        found["AllowedPattern"] = parameter.pattern
    if parameter.default is not None:
        found["Default"] = parameter.default
    return found


def _people(stack: Stack, shard: Shard) -> Iterable[Parameter]:
    guarded = any(item.home is Home.SECRETS_MANAGER for item in shard.items)
    return people() if guarded or (stack.has_key and shard.main) else ()


def people() -> Iterable[Parameter]:
    """Who administers, who deploys and who stores values."""
    arns = "CommaDelimitedList"
    yield Parameter(
        "AdministratorArns",
        "ARNs of the roles that administer key and policies and may delete; they can decrypt nothing.",
        arns,
        _IAM_ARN,
    )
    yield Parameter(
        "DeployerArns",
        "ARNs of the roles that deploy this template, CloudFormation's own included when it has one; they can read no value.",
        arns,
        _IAM_ARN,
    )
    yield Parameter("WriterArns", "ARNs of the roles that store values and read them back.", arns, _IAM_ARN)


def input_name(source: RoleInput) -> str:
    if source.of:
        return f"Role{names.logical_id(source.of)}"
    return f"{names.logical_id(source.kind or 'consumer')}Roles{names.logical_id(source.secret)}"


def _inputs(shard: Shard) -> Iterable[Parameter]:
    for source in shard.role_inputs:
        yield Parameter(
            input_name(source), quoting.one_line(source.description)[:4000], "CommaDelimitedList", _ROLE_NAME
        )


def environment_variable(name: str) -> str:
    """Name of the shell variable that stands for a template parameter: ``AdministratorArns`` → ``ADMINISTRATOR_ARNS``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def arn_parameter(item: Item) -> str:
    return f"{'Managed' if item.home is Home.MANAGED else 'Existing'}SecretArn{names.logical_id(item.id)}"


def key_parameter(item: Item) -> str:
    return f"{'Managed' if item.home is Home.MANAGED else 'Existing'}KeyArn{names.logical_id(item.id)}"


def replica_key_parameter(region: str) -> str:
    return f"ReplicaKeyArn{names.region_id(region)}"


def _replicas(stack: Stack, shard: Shard) -> Iterable[Parameter]:
    if any(item.declared for item in shard.items) or shard.own_functions:
        for region in stack.copied_to:
            text = f"ARN of the customer managed key in {region} that encrypts the copies there."
            yield Parameter(replica_key_parameter(region), text, pattern=KEY_ARN)


def _existing(item: Item) -> Iterable[Parameter]:
    if item.home is Home.PARAMETER_STORE:
        return
    arn, key = arn_parameter(item), key_parameter(item)
    if item.home is Home.MANAGED:
        yield Parameter(
            arn,
            f"ARN of the secret that the service keeps for '{item.id}'.",
            pattern=SECRET_ARN,
            default=item.arn or None,
        )
    elif item.declared:
        yield Parameter(
            arn,
            f"ARN of a secret that exists already, to be used for '{item.id}' instead of a new one.",
            pattern=f"^(?:{SECRET_ARN[1:-1]})?$",
            default="",
        )
    else:
        yield Parameter(
            arn, f"ARN of the existing secret for '{item.id}'.", pattern=SECRET_ARN, default=item.arn or None
        )
    optional = f"^(?:{KEY_ARN[1:-1]})?$"
    yield Parameter(
        key,
        f"ARN of the customer managed key of the secret '{item.id}', when it has one of its own.",
        pattern=optional,
        default="",
    )


def code_parameter(function: Function) -> str:
    return f"RotationCodeKey{names.logical_id(function.id)}"


def master_key_parameter(function: Function) -> str:
    return f"MasterKeyArn{names.logical_id(function.id)}"


def _rotation_parameters(stack: Stack, shard: Shard) -> Iterable[Parameter]:
    switch = "true" if stack.rotating else "false"
    yield Parameter(
        "EnableRotation",
        "Whether rotation runs. Only after every consumer reads the secret.",
        default=switch,
        allowed=("true", "false"),
    )
    if shard.own_functions:
        bucket = "Bucket, in this region, that holds the packages of the rotation functions; needed when rotation runs."
        yield Parameter("RotationCodeBucket", bucket, default=UNSET)
    for function in shard.own_functions:
        yield Parameter(
            code_parameter(function),
            f"Object key of the package of {function.rotation.name}; needed when rotation runs.",
            default=UNSET,
        )
    for function in shard.functions:
        if function.masters:
            text = f"ARN of the customer managed key of the master secrets of {function.rotation.name}, when it is none of this stack's."
            yield Parameter(master_key_parameter(function), text, pattern=f"^(?:{KEY_ARN[1:-1]})?$", default="")
    arns = "CommaDelimitedList"
    yield Parameter(
        "RotationSubnetIds", "Subnets for the rotation functions, when the database is in a VPC.", arns, default=""
    )
    yield Parameter(
        "RotationSecurityGroupIds",
        "Security groups for the rotation functions: out to the database and to port 443.",
        arns,
        default="",
    )
    yield from _alarm_parameters(stack, shard)
    if not shard.own_functions:
        return
    boundary = "Permissions boundary of the roles that this template creates."
    yield Parameter("PermissionsBoundaryArn", boundary, default=stack.environment.boundary)


def rotation_settings(stack: Stack, shard: Shard) -> tuple[Parameter, ...]:
    """What rotation may be told beside what it needs: networks, topics, the keys of masters."""
    told = ("EnableRotation", "RotationCode")
    every = _rotation_parameters(stack, shard) if shard.functions else ()
    return tuple(p for p in every if not p.name.startswith(told))


def _alarm_parameters(stack: Stack, shard: Shard) -> Iterable[Parameter]:
    """One topic and one endpoint serve everything in an account and a VPC: what is there already is given, not made again."""
    topic = "Topic that hears of failed rotations; it must let cloudwatch and events.amazonaws.com publish."
    yield Parameter("RotationAlarmTopicArn", topic, default="")
    if stack.reports_failures(shard):
        yield Parameter(
            "CreateAlarmTopic",
            "Whether to make that topic here; not when RotationAlarmTopicArn is given.",
            default="false",
            allowed=("true", "false"),
        )
        yield Parameter(
            "EndpointVpcId",
            "VPC in which to make an endpoint to Secrets Manager; empty when it has one or a way to the internet.",
            default="",
        )
        groups = "Security groups of that endpoint: in from the rotation functions and the readers on port 443."
        yield Parameter("EndpointSecurityGroupIds", groups, "CommaDelimitedList", default="")
