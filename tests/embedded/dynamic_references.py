"""CloudFormation's dynamic references, which moto leaves as text: ``{{resolve:secretsmanager:…}}`` and ``{{resolve:ssm…}}``.

A reference to a secret, key or parameter that isn't there fails the resource, as in the service, and so does
``ssm-secure`` in a property that doesn't support it (a Lambda function's environment, for one).
Source: the CloudFormation user guide, "Using dynamic references to specify template values" and "Resources that
support dynamic parameter patterns for secure strings".
"""

from __future__ import annotations

import json
import re
from typing import Any

from moto.secretsmanager.models import secretsmanager_backends
from moto.ssm.models import ssm_backends

_REFERENCE = re.compile(r"\{\{resolve:(secretsmanager|ssm|ssm-secure):([^{}]+)\}\}")
_SECRET = re.compile(
    r"(?P<id>arn:[^:]+:secretsmanager:[^:]*:[^:]*:secret:[^:]+|[^:]+)"
    r"(?::(?P<form>[^:]*)(?::(?P<key>[^:]*)(?::(?P<stage>[^:]*)(?::(?P<version>[^:]*))?)?)?)?"
)


# Top-level properties in which ssm-secure is resolved, of the types that the embedded CloudFormation can make.
_SECURE_PROPERTIES = {
    ("AWS::IAM::User", "LoginProfile"),
    ("AWS::RDS::DBCluster", "MasterUserPassword"),
    ("AWS::RDS::DBInstance", "MasterUserPassword"),
    ("AWS::Redshift::Cluster", "MasterUserPassword"),
}


class UnresolvedReference(ValueError):
    """A dynamic reference that names nothing. The message holds the reference, which is no value."""


def resolve_references(resource_type: str, properties: dict[str, Any], account_id: str, region: str) -> dict[str, Any]:
    """A resource's properties with every dynamic reference replaced by the value it has now."""

    def resolved(value: Any, secure: bool) -> Any:
        if isinstance(value, dict):
            return {key: resolved(inner, secure) for key, inner in value.items()}
        if isinstance(value, list):
            return [resolved(inner, secure) for inner in value]
        if not isinstance(value, str):
            return value
        return _REFERENCE.sub(lambda match: _value(match[1], match[2], account_id, region, secure), value)

    return {name: resolved(value, (resource_type, name) in _SECURE_PROPERTIES) for name, value in properties.items()}


def _value(service: str, reference: str, account_id: str, region: str, secure: bool) -> str:
    if service == "secretsmanager":
        return _secret_value(reference, account_id, region)
    if service == "ssm-secure" and not secure:
        raise UnresolvedReference(f"The property doesn't support SSM Secure references, as here to {reference}.")
    name, _, version = reference.partition(":")
    parameter = ssm_backends[account_id][region].get_parameter(f"{name}:{version}" if version else name)
    if parameter is None or (parameter.parameter_type == "SecureString") != (service == "ssm-secure"):
        raise UnresolvedReference(f"No parameter of the right type for the dynamic reference {service}:{reference}.")
    return str(parameter.response_object(decrypt=True)["Value"])


def _secret_value(reference: str, account_id: str, region: str) -> str:
    parts = _SECRET.fullmatch(reference)
    if parts is None or (parts["form"] or "SecretString") != "SecretString":
        raise UnresolvedReference(f"Not a reference to a secret: {reference}.")
    answer = secretsmanager_backends[account_id][region].get_secret_value(
        parts["id"],
        parts["version"] or None,  # type: ignore[arg-type]  # None is what moto's own API passes
        parts["stage"] or ("" if parts["version"] else "AWSCURRENT"),
    )
    text: str = answer["SecretString"]
    if not parts["key"]:
        return text
    try:
        fields = json.loads(text)
    except ValueError:
        fields = None
    if not isinstance(fields, dict) or parts["key"] not in fields:
        raise UnresolvedReference(f"Could not find the JSON key of the dynamic reference {reference}.")
    return str(fields[parts["key"]])
