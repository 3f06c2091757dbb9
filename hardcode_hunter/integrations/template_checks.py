"""What a linter for CloudFormation does not say about secrets: checks over a parsed template.

A template is the mapping that JSON gives, or YAML with the short forms (``!Ref``) turned into the long ones (``{"Ref": …}``). Each check
is a pure function; :func:`violations` runs them all. A message names the place and what to do, never a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from hardcode_hunter.integrations import policy_checks
from hardcode_hunter.integrations.template_reading import (
    SCHEDULE,
    SECRET,
    Template,
    is_false,
    is_true,
    listed,
    mapping,
    resources,
)

_DYNAMIC = re.compile(r"\{\{resolve:(secretsmanager|ssm-secure):")

Found = Iterator[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Check:
    """One check: ``find(template)`` yields the path of each offence and what to do about it."""

    id: str
    title: str
    find: Callable[[Template], Found]


@dataclass(frozen=True, slots=True)
class Violation:
    """An offence against one check."""

    check: str
    path: str
    message: str


def violations(template: Template) -> tuple[Violation, ...]:
    """Everything that the checks have against ``template``, in their order."""
    return tuple(Violation(check.id, path, message) for check in CHECKS for path, message in check.find(template))


# ---------------------------------------------------------------- secrets


def _literal_value(template: Template) -> Found:
    for id, _, properties in resources(template, SECRET):
        value = properties.get("SecretString")
        text = value.get("Fn::Sub") if isinstance(value, Mapping) else value
        if isinstance(text, str) and not _DYNAMIC.search(text) and "${" not in text:
            yield (
                f"Resources/{id}/Properties/SecretString",
                "holds the value itself; leave it out and store the value after deployment",
            )


def _both_values(template: Template) -> Found:
    for id, _, properties in resources(template, SECRET):
        if "SecretString" in properties and "GenerateSecretString" in properties:
            yield f"Resources/{id}/Properties", "has SecretString and GenerateSecretString; keep at most one"


def _half_generated(template: Template) -> Found:
    for id, _, properties in resources(template, SECRET):
        generated = mapping(properties.get("GenerateSecretString"))
        if ("SecretStringTemplate" in generated) != ("GenerateStringKey" in generated):
            yield (
                f"Resources/{id}/Properties/GenerateSecretString",
                "needs SecretStringTemplate and GenerateStringKey together, or neither",
            )


def _parameter_value(template: Template) -> Found:
    parameters = mapping(template.get("Parameters"))
    for id, _, properties in resources(template, SECRET):
        name = mapping(properties.get("SecretString")).get("Ref")
        parameter = mapping(parameters.get(name)) if isinstance(name, str) else {}
        if parameter and (not is_true(parameter.get("NoEcho")) or parameter.get("Default") not in (None, "")):
            yield f"Parameters/{name}", f"is the value of the secret {id}: it needs NoEcho: true and no Default"


def _hidden_default(template: Template) -> Found:
    for name, body in mapping(template.get("Parameters")).items():
        parameter = mapping(body)
        if is_true(parameter.get("NoEcho")) and parameter.get("Default") not in (None, ""):
            yield f"Parameters/{name}/Default", "is shown to everyone who reads the template, NoEcho or not; remove it"


def _kept(template: Template) -> Found:
    for id, resource, _ in resources(template, SECRET, "AWS::KMS::Key"):
        for attribute in ("DeletionPolicy", "UpdateReplacePolicy"):
            if resource.get(attribute) != "Retain":
                yield (
                    f"Resources/{id}/{attribute}",
                    "must be Retain: a removed stack must not take a live credential or its key with it",
                )


def _own_key(template: Template) -> Found:
    for id, _, properties in resources(template, SECRET):
        if "KmsKeyId" not in properties:
            yield (
                f"Resources/{id}/Properties/KmsKeyId",
                "is missing: the account's default key can't tell readers apart",
            )


def _resolved_into_environment(template: Template) -> Found:
    paths = {
        "AWS::Lambda::Function": "Environment",
        "AWS::ECS::TaskDefinition": "ContainerDefinitions",
        "AWS::EC2::Instance": "UserData",
    }
    for id, resource, properties in resources(template, *paths):
        name = paths[str(resource["Type"])]
        if any(_DYNAMIC.search(text) for text in _strings(properties.get(name))):
            yield (
                f"Resources/{id}/Properties/{name}",
                "resolves a secret at deployment, where everyone who may describe the resource reads it; read it at run time",
            )


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from _strings(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _strings(member)


# ---------------------------------------------------------------- rotation

_TYPES = {
    f"{engine}{users}User"
    for engine in ("MySQL", "PostgreSQL", "Oracle", "MariaDB", "SQLServer", "Redshift", "MongoDB", "Db2")
    for users in ("Single", "Multi")
}
_TARGETS = {
    "AWS::RDS::DBInstance", "AWS::RDS::DBCluster", "AWS::RDS::DBProxy", "AWS::Redshift::Cluster", "AWS::RedshiftServerless::Namespace",
    "AWS::DocDB::DBInstance", "AWS::DocDB::DBCluster", "AWS::DocDBElastic::Cluster",
}  # fmt: skip


def _one_function(template: Template) -> Found:
    for id, _, properties in resources(template, SCHEDULE):
        given = [name for name in ("RotationLambdaARN", "HostedRotationLambda") if name in properties]
        if len(given) == 2:
            yield f"Resources/{id}/Properties", "has RotationLambdaARN and HostedRotationLambda; keep one"


def _hosted_type(template: Template) -> Found:
    for id, _, properties in resources(template, SCHEDULE):
        kind = mapping(properties.get("HostedRotationLambda")).get("RotationType")
        if isinstance(kind, str) and kind not in _TYPES:
            yield (
                f"Resources/{id}/Properties/HostedRotationLambda/RotationType",
                "is no rotation that AWS hosts, such as PostgreSQLSingleUser",
            )


def _interval(template: Template) -> Found:
    for id, _, properties in resources(template, SCHEDULE):
        rules, path = mapping(properties.get("RotationRules")), f"Resources/{id}/Properties/RotationRules"
        days, schedule, duration = (
            rules.get("AutomaticallyAfterDays"),
            rules.get("ScheduleExpression"),
            rules.get("Duration"),
        )
        if days is not None and schedule is not None:
            yield path, "has AutomaticallyAfterDays and ScheduleExpression; keep one"
        if isinstance(days, int | str) and not (str(days).isdigit() and 1 <= int(days) <= 1000):
            yield f"{path}/AutomaticallyAfterDays", "must be 1 to 1000"
        if isinstance(schedule, str) and not _schedule(schedule):
            yield f"{path}/ScheduleExpression", "must be rate(4 hours) to rate(999 days), or cron(…)"
        if isinstance(duration, str) and not (re.fullmatch(r"[0-9]{1,2}h", duration) and 1 <= int(duration[:-1]) <= 24):
            yield f"{path}/Duration", "must be whole hours from 1h to 24h"


def _schedule(text: str) -> bool:
    rate = re.fullmatch(r"rate\(([0-9]+) (hours?|days?)\)", text)
    hours = int(rate[1]) * (24 if rate[2].startswith("day") else 1) if rate else 0
    return text.startswith("cron(") or 4 <= hours <= 999 * 24


def _immediately(template: Template) -> Found:
    for id, _, properties in resources(template, SCHEDULE):
        if not is_false(properties.get("RotateImmediatelyOnUpdate")):
            yield (
                f"Resources/{id}/Properties/RotateImmediatelyOnUpdate",
                "must be false: left out, the deployment itself changes the password",
            )


def _target(template: Template) -> Found:
    for id, _, properties in resources(template, "AWS::SecretsManager::SecretTargetAttachment"):
        kind = properties.get("TargetType")
        if isinstance(kind, str) and kind not in _TARGETS:
            yield (
                f"Resources/{id}/Properties/TargetType",
                "is nothing that a secret can be attached to, such as AWS::RDS::DBInstance",
            )


def _may_invoke(template: Template) -> Found:
    allowed = {
        name
        for _, _, properties in resources(template, "AWS::Lambda::Permission")
        if properties.get("Principal") == "secretsmanager.amazonaws.com"
        for name in [_logical(properties.get("FunctionName"))]
    }
    for id, _, properties in resources(template, SCHEDULE):
        function = _logical(properties.get("RotationLambdaARN"))
        if function and function not in allowed:
            yield f"Resources/{id}", f"Secrets Manager may not invoke {function}; add an AWS::Lambda::Permission"


def _logical(value: object) -> str:
    chosen = mapping(value)
    attribute = chosen.get("Fn::GetAtt")
    name = chosen.get("Ref") or (
        attribute.partition(".")[0] if isinstance(attribute, str) else next(iter(listed(attribute)), "")
    )
    return name if isinstance(name, str) else ""


def _own_account(template: Template) -> Found:
    for id, _, properties in resources(template, "AWS::Lambda::Permission"):
        if properties.get("Principal") == "secretsmanager.amazonaws.com" and "SourceAccount" not in properties:
            yield (
                f"Resources/{id}/Properties/SourceAccount",
                "is missing: secrets of any account could invoke the function",
            )


CHECKS: tuple[Check, ...] = (
    Check("literal-value", "A template must not hold a secret's value", _literal_value),
    Check("both-values", "A value is given or generated, not both", _both_values),
    Check("half-generated", "A generated value needs template and key together", _half_generated),
    Check("parameter-value", "A parameter that becomes a value is hidden and has no default", _parameter_value),
    Check("hidden-default", "A hidden parameter has no default", _hidden_default),
    Check("not-kept", "Secrets and keys outlive their stack", _kept),
    Check("default-key", "A secret has a customer managed key", _own_key),
    Check("resolved-into-environment", "Secrets are read at run time, not at deployment", _resolved_into_environment),
    Check("two-functions", "A schedule has one function", _one_function),
    Check("hosted-type", "A hosted rotation exists", _hosted_type),
    Check("interval", "A schedule is within the service's limits", _interval),
    Check("rotates-immediately", "A deployment changes no password", _immediately),
    Check("target-type", "A secret is attached to a database", _target),
    Check("may-not-invoke", "Secrets Manager may invoke the rotation function", _may_invoke),
    Check("any-account", "Only the own account's secrets invoke the function", _own_account),
    Check("unknown-action", "Actions exist", policy_checks.known_actions),
    Check("public-policy", "A resource policy names its principals", policy_checks.public_policy),
    Check("public-not-blocked", "Public policies are blocked", policy_checks.blocks_public),
    Check("locked-out", "Somebody can always change the policy", policy_checks.locked_out),
    Check("every-secret", "An identity policy names its secret", policy_checks.every_secret),
    Check("every-action", "An identity policy lists its actions", policy_checks.every_action),
    Check("loose-arn", "A secret is named by its full ARN", policy_checks.loose_arn),
    Check(
        "decrypts-anything", "Decryption goes through the service, for one secret", policy_checks.through_the_service
    ),
    Check("no-role-separation", "Administrators of a key can't decrypt", policy_checks.separated),
    Check("key-does-not-rotate", "Keys rotate", policy_checks.key_rotates),
)
