"""In-place updates of resources that moto's CloudFormation can create but not, or not wholly, update."""

from __future__ import annotations

import base64
from typing import Any

from moto.awslambda.models import LambdaFunction
from moto.iam.models import ManagedPolicy, Role, iam_backends
from moto.kms.models import Key, kms_backends
from moto.utilities.utils import get_partition

from tests.embedded.cloudformation import as_json


def add_updates() -> None:
    """Teach moto these updates, in this process, for good."""
    Key.update_from_cloudformation_json = staticmethod(_update_key)  # type: ignore[method-assign]
    ManagedPolicy.update_from_cloudformation_json = staticmethod(_update_managed_policy)  # type: ignore[method-assign]
    Role.update_from_cloudformation_json = staticmethod(_update_role)  # type: ignore[method-assign]
    LambdaFunction.update_from_cloudformation_json = staticmethod(_update_function)  # type: ignore[method-assign]


def _update_key(
    original_resource: Key,
    new_resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
) -> Key:
    properties = cloudformation_json["Properties"]
    kms_backends[account_id][region_name].put_key_policy(original_resource.id, as_json(properties["KeyPolicy"]))
    original_resource.description = properties.get("Description", "")
    original_resource.key_rotation_status = properties.get("EnableKeyRotation", False)
    original_resource.enabled = properties.get("Enabled", True)
    return original_resource


def _update_managed_policy(
    original_resource: ManagedPolicy,
    new_resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
) -> ManagedPolicy:
    properties, arn = cloudformation_json["Properties"], original_resource.arn
    backend = iam_backends[account_id][get_partition(region_name)]
    backend.create_policy_version(arn, as_json(properties["PolicyDocument"]), True)
    attached = {role.name for role in backend.roles.values() if arn in role.managed_policies}
    wanted = set(properties.get("Roles", []))
    for role in sorted(wanted - attached):
        backend.attach_role_policy(arn, role)
    for role in sorted(attached - wanted):
        backend.detach_role_policy(arn, role)
    return original_resource


def _update_role(
    original_resource: Role,
    new_resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
) -> Role:
    properties = cloudformation_json["Properties"]
    original_resource.assume_role_policy_document = as_json(properties["AssumeRolePolicyDocument"])
    original_resource.description = properties.get("Description", "")
    wanted = {policy["PolicyName"]: policy["PolicyDocument"] for policy in properties.get("Policies", [])}
    for name in set(original_resource.policies) - set(wanted):
        original_resource.delete_policy(name)
    for name, document in wanted.items():
        original_resource.put_policy(name, document)
    return original_resource


def _update_function(
    original_resource: LambdaFunction,
    new_resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
) -> LambdaFunction:
    properties = cloudformation_json["Properties"]
    code = dict(properties["Code"])
    if "ZipFile" in code:  # source text in a template, a zip archive in the API
        archive = LambdaFunction._create_zipfile_from_plaintext_code(code["ZipFile"])
        code["ZipFile"] = base64.b64encode(archive).decode("ascii")
    original_resource.update_configuration(properties)
    original_resource.update_function_code(code)
    return original_resource
