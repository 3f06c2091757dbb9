"""AWS::SecretsManager::* for the embedded CloudFormation: the four types that moto's skips.

Each class is a direct subclass of moto's ``CloudFormationModel``, which is how moto finds the types it knows. A
property that the CloudFormation resource specification doesn't name is refused, as the service's schema does.
Source: the CloudFormation template reference of AWS::SecretsManager.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
from moto.core.common_models import CloudFormationModel
from moto.rds.models import rds_backends
from moto.secretsmanager.exceptions import InvalidParameterException, InvalidRequestException
from moto.secretsmanager.models import secretsmanager_backends

from tests.embedded.secretsmanager import current_fields, put_value, secret_named

_SECRET = {"Description", "GenerateSecretString", "KmsKeyId", "Name", "ReplicaRegions", "SecretString", "Tags"}
_POLICY = {"BlockPublicPolicy", "ResourcePolicy", "SecretId"}
_ATTACHMENT = {"SecretId", "TargetId", "TargetType"}
_ROTATION = {"RotateImmediatelyOnUpdate", "RotationLambdaARN", "RotationRules", "SecretId"}
_RULES = {"AutomaticallyAfterDays", "Duration", "ScheduleExpression"}


class _OfOneSecret:
    """What the four types share: Ref and GetAtt Id both give the secret's ARN, and creation is immediate."""

    physical_resource_id: str

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "Id"

    def get_cfn_attribute(self, attribute: str) -> str:
        if not self.has_cfn_attr(attribute):
            raise UnformattedGetAttTemplateException()
        return self.physical_resource_id

    def is_created(self) -> bool:
        return True


class Secret(_OfOneSecret, CloudFormationModel):
    """AWS::SecretsManager::Secret. Without SecretString and GenerateSecretString it is created empty: no version."""

    def __init__(self, arn: str, name: str, properties: Mapping[str, Any]) -> None:
        self.physical_resource_id = arn
        self.name = name
        self.properties = dict(properties)

    @staticmethod
    def cloudformation_name_type() -> str:
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SecretsManager::Secret"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> Secret:
        properties = _properties(cloudformation_json, _SECRET)
        backend = secretsmanager_backends[account_id][region_name]
        created = json.loads(
            backend.create_secret(
                name=resource_name,
                secret_string=_initial_value(properties, account_id, region_name),
                secret_binary=None,
                description=properties.get("Description", ""),
                tags=_tags(properties, kwargs),
                kms_key_id=properties.get("KmsKeyId"),
                client_request_token=None,
                replica_regions=properties.get("ReplicaRegions", []),
                force_overwrite=False,
            )
        )
        return cls(created["ARN"], resource_name, properties)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Secret,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Secret:
        properties = _properties(cloudformation_json, _SECRET)
        before = original_resource.properties
        if properties.get("Name") != before.get("Name"):  # Name is create-only: another name is another secret
            replacement = cls.create_from_cloudformation_json(
                new_resource_name, cloudformation_json, account_id, region_name
            )
            if cloudformation_json.get("UpdateReplacePolicy") != "Retain":
                original_resource.delete(account_id, region_name)
            return replacement
        arn = original_resource.physical_resource_id
        secret = secret_named(account_id, region_name, arn)
        secret.description = properties.get("Description", "")
        secret.kms_key_id = properties.get("KmsKeyId")
        kept = [tag for tag in secret.tags or [] if tag["Key"].startswith("aws:")]
        secret.tags = [*properties.get("Tags", []), *kept] or None
        sources = ("SecretString", "GenerateSecretString")
        if any(properties.get(source) != before.get(source) for source in sources):
            value = _initial_value(properties, account_id, region_name)
            if value is not None:
                put_value(account_id, region_name, arn, value)
        original_resource.properties = dict(properties)
        return original_resource

    def delete(self, account_id: str, region_name: str) -> None:
        """Gone at once: the name can be created again, as after the deletion of a stack."""
        secretsmanager_backends[account_id][region_name].delete_secret(self.physical_resource_id, None, True)


class ResourcePolicy(_OfOneSecret, CloudFormationModel):
    """AWS::SecretsManager::ResourcePolicy."""

    def __init__(self, secret_arn: str) -> None:
        self.physical_resource_id = secret_arn

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SecretsManager::ResourcePolicy"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> ResourcePolicy:
        properties = _properties(cloudformation_json, _POLICY, required={"ResourcePolicy", "SecretId"})
        secret = secret_named(account_id, region_name, properties["SecretId"])
        if _true(properties.get("BlockPublicPolicy", False)) and _is_public(properties["ResourcePolicy"]):
            raise InvalidParameterException("The resource policy grants broad access and BlockPublicPolicy is set.")
        secret.policy = json.dumps(properties["ResourcePolicy"])
        return cls(secret.arn)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: ResourcePolicy,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> ResourcePolicy:
        updated = cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
        if updated.physical_resource_id != original_resource.physical_resource_id:
            original_resource.delete(account_id, region_name)
        return updated

    def delete(self, account_id: str, region_name: str) -> None:
        backend = secretsmanager_backends[account_id][region_name]
        if self.physical_resource_id in backend.secrets:
            backend.delete_resource_policy(self.physical_resource_id)


class SecretTargetAttachment(_OfOneSecret, CloudFormationModel):
    """AWS::SecretsManager::SecretTargetAttachment: writes the database's address into the secret's JSON.

    The secret needs a value by then. Removing the attachment strips the keys that it wrote.
    """

    def __init__(self, secret_arn: str, written: frozenset[str]) -> None:
        self.physical_resource_id = secret_arn
        self.written = written

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SecretsManager::SecretTargetAttachment"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> SecretTargetAttachment:
        properties = _properties(cloudformation_json, _ATTACHMENT, required=_ATTACHMENT)
        secret = secret_named(account_id, region_name, properties["SecretId"])
        fields = current_fields(account_id, region_name, secret.arn)
        address = _address(properties["TargetType"], properties["TargetId"], account_id, region_name)
        put_value(account_id, region_name, secret.arn, json.dumps(fields | address))
        return cls(secret.arn, frozenset(address))

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: SecretTargetAttachment,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> SecretTargetAttachment:
        original_resource.delete(account_id, region_name)
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    def delete(self, account_id: str, region_name: str) -> None:
        if self.physical_resource_id not in secretsmanager_backends[account_id][region_name].secrets:
            return
        fields = current_fields(account_id, region_name, self.physical_resource_id)
        left = {key: value for key, value in fields.items() if key not in self.written}
        put_value(account_id, region_name, self.physical_resource_id, json.dumps(left))


class RotationSchedule(_OfOneSecret, CloudFormationModel):
    """AWS::SecretsManager::RotationSchedule with a Lambda function of the stack's own; the hosted one is refused.

    RotateImmediatelyOnUpdate is true unless the template says false, as in the service: then a rotation has begun
    when the stack is ready, and the pending version waits for the function's four steps.
    """

    def __init__(self, secret_arn: str) -> None:
        self.physical_resource_id = secret_arn

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SecretsManager::RotationSchedule"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> RotationSchedule:
        properties = _properties(cloudformation_json, _ROTATION, required={"RotationLambdaARN", "SecretId"})
        rules = properties.get("RotationRules", {})
        if not rules or set(rules) - _RULES:
            raise InvalidParameterException(f"RotationRules must be given, of the keys {', '.join(sorted(_RULES))}.")
        if "AutomaticallyAfterDays" in rules:
            rules = {**rules, "AutomaticallyAfterDays": int(rules["AutomaticallyAfterDays"])}
        secret = secret_named(account_id, region_name, properties["SecretId"])
        secretsmanager_backends[account_id][region_name].rotate_secret(
            secret_id=secret.arn,
            rotation_lambda_arn=properties["RotationLambdaARN"],
            rotation_rules=rules,
            rotate_immediately=_true(properties.get("RotateImmediatelyOnUpdate", True)),
        )
        return cls(secret.arn)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: RotationSchedule,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> RotationSchedule:
        updated = cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
        if updated.physical_resource_id != original_resource.physical_resource_id:
            original_resource.delete(account_id, region_name)
        return updated

    def delete(self, account_id: str, region_name: str) -> None:
        backend = secretsmanager_backends[account_id][region_name]
        if self.physical_resource_id in backend.secrets:
            backend.cancel_rotate_secret(self.physical_resource_id)


def _properties(
    resource: Mapping[str, Any], known: set[str], *, required: set[str] | frozenset[str] = frozenset()
) -> dict[str, Any]:
    properties: dict[str, Any] = resource.get("Properties", {})
    extraneous, missing = sorted(set(properties) - known), sorted(set(required) - set(properties))
    if extraneous:
        raise InvalidParameterException(f"Properties not permitted here: {', '.join(extraneous)}.")
    if missing:
        raise InvalidParameterException(f"Required properties are missing: {', '.join(missing)}.")
    return properties


def _initial_value(properties: Mapping[str, Any], account_id: str, region_name: str) -> str | None:
    if "SecretString" in properties and "GenerateSecretString" in properties:
        raise InvalidRequestException("Specify SecretString or GenerateSecretString, not both.")
    if "GenerateSecretString" not in properties:
        value: str | None = properties.get("SecretString")
        return value
    wanted = properties["GenerateSecretString"]
    template, key = wanted.get("SecretStringTemplate"), wanted.get("GenerateStringKey")
    if (template is None) != (key is None):
        raise InvalidRequestException("SecretStringTemplate and GenerateStringKey go together.")
    answer = secretsmanager_backends[account_id][region_name].get_random_password(
        password_length=int(wanted.get("PasswordLength", 32)),
        exclude_characters=wanted.get("ExcludeCharacters", ""),
        exclude_numbers=_true(wanted.get("ExcludeNumbers", False)),
        exclude_punctuation=_true(wanted.get("ExcludePunctuation", False)),
        exclude_uppercase=_true(wanted.get("ExcludeUppercase", False)),
        exclude_lowercase=_true(wanted.get("ExcludeLowercase", False)),
        include_space=_true(wanted.get("IncludeSpace", False)),
        require_each_included_type=_true(wanted.get("RequireEachIncludedType", True)),
    )
    generated: str = json.loads(answer)["RandomPassword"]
    return generated if template is None else json.dumps({**json.loads(template), key: generated})


def _tags(properties: Mapping[str, Any], origin: Mapping[str, Any]) -> list[dict[str, str]]:
    """The template's tags and those that CloudFormation adds itself."""
    added = {
        "aws:cloudformation:logical-id": origin.get("LogicalId"),
        "aws:cloudformation:stack-id": origin.get("StackId"),
    }
    return [*properties.get("Tags", []), *({"Key": key, "Value": value} for key, value in added.items() if value)]


def _address(target_type: str, target_id: str, account_id: str, region_name: str) -> dict[str, Any]:
    backend = rds_backends[account_id][region_name]
    if target_type == "AWS::RDS::DBInstance":
        instance = backend.describe_db_instances(target_id)[0]
        address = {"engine": instance.engine, "host": instance.address, "port": instance.port}
        return {**address, "dbInstanceIdentifier": target_id}
    if target_type == "AWS::RDS::DBCluster":
        cluster = backend.describe_db_clusters(target_id)[0]
        address = {"engine": cluster.engine, "host": cluster.endpoint, "port": cluster.port}
        return {**address, "dbClusterIdentifier": target_id}
    raise InvalidParameterException(f"The embedded service attaches no target of type {target_type}.")


def _is_public(policy: Mapping[str, Any]) -> bool:
    """Does a statement allow everyone, without a condition? The service's own check is wider."""
    statements = policy.get("Statement", [])
    return any(
        statement.get("Effect") == "Allow"
        and statement.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})
        and not statement.get("Condition")
        for statement in ([statements] if isinstance(statements, dict) else statements)
    )


def _true(value: object) -> bool:
    """A CloudFormation boolean: JSON's, or the strings that YAML writers use."""
    return value is True or str(value).lower() == "true"
