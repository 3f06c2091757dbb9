"""moto's Secrets Manager, made to answer as the service does where the difference would let a test pass falsely.

Corrected here (moto 5.2): the version returned without a stage is the one labelled AWSCURRENT, wherever that label was
moved; versions without a label are not listed; a pending version that has a value can't be given another one under the
same token; a name that is scheduled for deletion can't be created again; RotateSecret records its rules, checks that
Secrets Manager may invoke the function, and then *begins* a rotation instead of pretending that it succeeded.

Sources: the API reference of RotateSecret, PutSecretValue, CreateSecret, UpdateSecretVersionStage.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from moto.awslambda.utils import get_backend as lambda_backend
from moto.secretsmanager.exceptions import (
    InvalidParameterException,
    InvalidRequestException,
    ResourceExistsException,
    ResourceNotFoundException,
    SecretNotFoundException,
    SecretsManagerClientError,
)
from moto.secretsmanager.models import FakeSecret, SecretsManagerBackend, secretsmanager_backends

SERVICE_PRINCIPAL = "secretsmanager.amazonaws.com"


def correct_secrets_manager() -> None:
    """Put the corrections in place, in this process, for good."""
    FakeSecret.default_version_id = property(_current_version, _ignore)  # type: ignore[assignment]
    FakeSecret._form_version_ids_to_stages = _labelled_versions  # type: ignore[method-assign, assignment]
    FakeSecret.to_dict = _with_rules(FakeSecret.to_dict)  # type: ignore[method-assign]
    SecretsManagerBackend.rotate_secret = _rotate_secret  # type: ignore[method-assign]
    SecretsManagerBackend.get_secret_value = _naming_the_stage(  # type: ignore[method-assign]
        SecretsManagerBackend.get_secret_value
    )
    SecretsManagerBackend._check_with_existing_secrets_and_versions = _refusing(  # type: ignore[method-assign]
        SecretsManagerBackend._check_with_existing_secrets_and_versions
    )


def secret_named(account_id: str, region: str, secret_id: str) -> FakeSecret:
    """The secret with that name or ARN; ResourceNotFoundException when there is none."""
    secrets = secretsmanager_backends[account_id][region].secrets
    if secret_id not in secrets:
        raise SecretNotFoundException()
    secret = secrets[secret_id]
    if not isinstance(secret, FakeSecret):
        raise InvalidRequestException("A replica is read-only: name the secret in its primary region.")
    return secret


def begin_rotation(secret: FakeSecret, token: str) -> None:
    """The state in which the service calls createSecret: a version ``token`` without a value, labelled AWSPENDING.

    Beginning again with the token of a rotation that is under way changes nothing: the service retries with the same
    token. InvalidRequestException when rotation is off, or when another token is pending.
    """
    if not secret.rotation_enabled:
        raise InvalidRequestException("Rotation isn't enabled on this secret.")
    if not 32 <= len(token) <= 64:
        raise InvalidParameterException("ClientRequestToken must be 32-64 characters long.")
    pending = _pending_version(secret)
    if pending == token:
        return
    if pending is not None:
        raise InvalidRequestException("A previous rotation isn't complete. That rotation will be reattempted.")
    if token in secret.versions:
        raise InvalidRequestException("That token is the id of a version that exists.")
    # A version that is AWSCURRENT and still AWSPENDING ends its rotation by losing the second label.
    secret.remove_version_stages_from_old_versions(["AWSPENDING"])
    secret.versions[token] = {"createdate": int(time.time()), "version_id": token, "version_stages": ["AWSPENDING"]}


def enable_rotation(secret: FakeSecret, lambda_arn: str, rules: dict[str, Any]) -> None:
    """Rotation on, with that function and those rules; nothing is invoked and no version is made."""
    if "AutomaticallyAfterDays" in rules and "ScheduleExpression" in rules:
        raise InvalidParameterException("Specify AutomaticallyAfterDays or ScheduleExpression, not both.")
    days = rules.get("AutomaticallyAfterDays")
    if days is not None and not 1 <= int(days) <= 1000:
        raise InvalidParameterException("RotationRules.AutomaticallyAfterDays must be within 1-1000.")
    secret.rotation_requested = True
    secret.rotation_enabled = True
    secret.rotation_lambda_arn = lambda_arn
    secret.auto_rotate_after_days = int(days or 0)
    secret.rotation_rules = dict(rules)  # type: ignore[attr-defined]


def _rotate_secret(
    self: SecretsManagerBackend,
    secret_id: str,
    client_request_token: str | None = None,
    rotation_lambda_arn: str | None = None,
    rotation_rules: dict[str, Any] | None = None,
    rotate_immediately: bool = True,
) -> str:
    secret = secret_named(self.account_id, self.region_name, secret_id)
    if secret.is_deleted():
        raise InvalidRequestException("You can't perform this operation on the secret: it was marked for deletion.")
    function = rotation_lambda_arn or secret.rotation_lambda_arn
    if not function:
        raise InvalidRequestException("No Lambda rotation function ARN is associated with this secret.")
    _require_invocable(self, function)
    rules = rotation_rules if rotation_rules is not None else getattr(secret, "rotation_rules", {})
    enable_rotation(secret, function, rules)
    if rotate_immediately:
        begin_rotation(secret, client_request_token or str(uuid.uuid4()))
    return secret.to_short_dict()


def _require_invocable(backend: SecretsManagerBackend, function_arn: str) -> None:
    try:
        function = lambda_backend(backend.account_id, backend.region_name).get_function(function_arn)
    except Exception:
        function = None
    statements = function.policy.statements if function is not None else []
    if not any(_admits_secrets_manager(statement) for statement in statements):
        raise SecretsManagerClientError(
            "AccessDeniedException",
            "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants "
            f"access to the principal {SERVICE_PRINCIPAL}.",
        )


def _admits_secrets_manager(statement: dict[str, Any]) -> bool:
    principal = statement.get("Principal")
    services = principal.get("Service") if isinstance(principal, dict) else principal
    return (
        statement.get("Effect") == "Allow"
        and SERVICE_PRINCIPAL in ([services] if isinstance(services, str) else services or [])
        and statement.get("Action") in ("lambda:InvokeFunction", "lambda:*")
    )


def _pending_version(secret: FakeSecret) -> str | None:
    """The version that is being rotated in: AWSPENDING and not also AWSCURRENT."""
    for version_id, version in secret.versions.items():
        if "AWSPENDING" in version["version_stages"] and "AWSCURRENT" not in version["version_stages"]:
            return version_id
    return None


def _current_version(secret: FakeSecret) -> str | None:
    for version_id, version in secret.versions.items():
        if "AWSCURRENT" in version["version_stages"]:
            return version_id
    return None


def _ignore(secret: FakeSecret, version_id: str | None) -> None:
    """moto keeps the current version's id beside the labels; here the labels alone decide."""


def _labelled_versions(secret: FakeSecret) -> dict[str, Any]:
    return {key: version["version_stages"] for key, version in secret.versions.items() if version["version_stages"]}


def _with_rules(to_dict: Any) -> Any:
    def described(secret: FakeSecret) -> dict[str, Any]:
        description: dict[str, Any] = to_dict(secret)
        if "RotationRules" in description and hasattr(secret, "rotation_rules"):
            description["RotationRules"] = dict(secret.rotation_rules)
        return description

    return described


def _refusing(check: Any) -> Any:
    def checked(
        backend: SecretsManagerBackend,
        secret_name: str,
        client_request_token: str | None,
        secret_string: str | None,
        secret_binary: str | None,
        on_create: bool = False,
    ) -> FakeSecret | None:
        existing = dict.get(backend.secrets, secret_name)
        if on_create and existing is not None and existing.is_deleted():
            raise InvalidRequestException(
                "You can't create this secret because a secret with this name is already scheduled for deletion."
            )
        version = existing.versions.get(client_request_token or "") if isinstance(existing, FakeSecret) else None
        if version is not None and _has_another_value(version, secret_string, secret_binary):
            raise ResourceExistsException(
                f"You can't use ClientRequestToken {client_request_token} because that value is already in use for a "
                f"version of secret {secret_name}."
            )
        found: FakeSecret | None = check(
            backend, secret_name, client_request_token, secret_string, secret_binary, on_create
        )
        return found

    return checked


def _naming_the_stage(get: Any) -> Any:
    """A secret without a version of that stage is not a secret that doesn't exist: the message says which it was."""

    def got(
        backend: SecretsManagerBackend, secret_id: str, version_id: str | None, version_stage: str | None
    ) -> dict[str, Any]:
        if version_stage and not version_id and secret_id in backend.secrets:
            stages = [version["version_stages"] for version in backend.secrets[secret_id].versions.values()]
            if not any(version_stage in labels for labels in stages):
                raise ResourceNotFoundException(
                    f"Secrets Manager can't find the specified secret value for staging label: {version_stage}"
                )
        value: dict[str, Any] = get(backend, secret_id, version_id, version_stage)
        return value

    return got


def _has_another_value(version: dict[str, Any], secret_string: str | None, secret_binary: str | None) -> bool:
    if "secret_string" not in version and "secret_binary" not in version:
        return False  # the empty version of a rotation that has begun is there to be filled
    return (version.get("secret_string"), version.get("secret_binary")) != (secret_string, secret_binary)


def put_value(account_id: str, region: str, secret_id: str, value: str) -> None:
    """A new AWSCURRENT version, as PutSecretValue makes it."""
    backend = secretsmanager_backends[account_id][region]
    backend.put_secret_value(secret_id, value, None, str(uuid.uuid4()), ["AWSCURRENT"])  # type: ignore[arg-type]


def current_fields(account_id: str, region: str, secret_id: str) -> dict[str, Any]:
    """The JSON object in the AWSCURRENT version; ResourceNotFoundException when the secret has no value."""
    backend = secretsmanager_backends[account_id][region]
    value = backend.get_secret_value(secret_id, None, "AWSCURRENT")["SecretString"]  # type: ignore[arg-type]
    fields = json.loads(value)
    if not isinstance(fields, dict):
        raise InvalidRequestException("The secret's value isn't a JSON object.")
    return fields
