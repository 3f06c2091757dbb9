"""Checks of the policies in a template: each yields the path of an offence and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hardcode_hunter.integrations.template_reading import (
    RESOURCE_POLICY,
    Template,
    actions,
    condition_keys,
    identity_statements,
    is_public,
    is_true,
    key_statements,
    listed,
    mapping,
    resource_statements,
    resources,
)

Found = Iterator[tuple[str, str]]

SECRETS_MANAGER_ACTIONS = frozenset({
    "AssociateCrossAccountReplica", "BatchGetSecretValue", "CancelRotateSecret", "CreateSecret", "DeleteResourcePolicy", "DeleteSecret",
    "DescribeSecret", "DisassociateCrossAccountReplica", "GetRandomPassword", "GetResourcePolicy", "GetSecretValue", "ListResourcePolicies",
    "ListSecretVersionIds", "ListSecrets", "PutResourcePolicy", "PutSecretValue", "RemoveRegionsFromReplication", "ReplicateSecretToRegions",
    "RestoreSecret", "RotateSecret", "StopReplicationToReplica", "TagResource", "UntagResource", "UpdateSecret", "UpdateSecretVersionStage",
    "ValidateResourcePolicy",
})  # fmt: skip
"""Actions of Secrets Manager (Service Authorization Reference)."""
_LOWER = {a.lower() for a in SECRETS_MANAGER_ACTIONS}


def known_actions(template: Template) -> Found:
    for path, statement in (*identity_statements(template), *resource_statements(template)):
        for action in actions(statement):
            service, _, name = action.lower().partition(":")
            if service == "secretsmanager" and "*" not in name and "?" not in name and name not in _LOWER:
                yield f"{path}/Action", f"{action} does not exist; it grants and denies nothing"


def public_policy(template: Template) -> Found:
    for path, statement in resource_statements(template):
        if (
            statement.get("Effect") == "Allow"
            and is_public(statement.get("Principal"))
            and not statement.get("Condition")
        ):
            yield f"{path}/Principal", "lets everyone in; name principals"


def blocks_public(template: Template) -> Found:
    for id, _, properties in resources(template, RESOURCE_POLICY):
        if not is_true(properties.get("BlockPublicPolicy")):
            yield f"Resources/{id}/Properties/BlockPublicPolicy", "must be true"


def locked_out(template: Template) -> Found:
    for path, statement in resource_statements(template):
        denies = (
            statement.get("Effect") == "Deny"
            and is_public(statement.get("Principal"))
            and not statement.get("Condition")
        )
        if denies and any(
            a.lower() in ("*", "secretsmanager:*", "secretsmanager:putresourcepolicy") for a in actions(statement)
        ):
            yield path, "denies everyone to change this policy ever again; exempt an administrator"


def every_secret(template: Template) -> Found:
    for path, statement in identity_statements(template):
        names = [
            a
            for a in actions(statement)
            if a.lower().startswith("secretsmanager:") and a.lower() != "secretsmanager:getrandompassword"
        ]
        if statement.get("Effect") == "Allow" and names and "*" in listed(statement.get("Resource")):
            yield f"{path}/Resource", "is every secret of the account; name the secret's ARN"


def every_action(template: Template) -> Found:
    for path, statement in identity_statements(template):
        wide = [a for a in actions(statement) if a.lower() in ("*", "secretsmanager:*", "kms:*")]
        if statement.get("Effect") == "Allow" and wide:
            yield f"{path}/Action", f"{wide[0]} lets its holder do everything; list what the code calls"


def loose_arn(template: Template) -> Found:
    for path, statement in identity_statements(template):
        for resource in listed(statement.get("Resource")):
            text = mapping(resource).get("Fn::Sub", resource)
            name = text.partition(":secret:")[2] if isinstance(text, str) else ""
            if name and "${" not in name and not re.search(r"-(\?{6}|[A-Za-z0-9]{6})\Z", name):
                yield f"{path}/Resource", "is no full ARN: end it in the secret's own six characters or in -??????"


def through_the_service(template: Template) -> Found:
    for path, statement in identity_statements(template):
        uses = any(a.lower() in ("kms:decrypt", "kms:generatedatakey", "kms:*") for a in actions(statement))
        if statement.get("Effect") == "Allow" and uses:
            keys = condition_keys(statement)
            if "kms:viaservice" not in keys or not any(k.startswith("kms:encryptioncontext:") for k in keys):
                yield (
                    f"{path}/Condition",
                    "lets its holder decrypt anything under the key; add kms:ViaService and kms:EncryptionContext:SecretARN",
                )


def separated(template: Template) -> Found:
    reading = (
        "*",
        "kms:*",
        "kms:decrypt",
        "kms:generatedatakey",
        "kms:generatedatakey*",
        "kms:reencrypt*",
        "kms:creategrant",
    )
    for path, statement in key_statements(template):
        if mapping(statement.get("Principal")).keys() == {"Service"}:
            continue  # a service decrypts for the resources that use the key, such as logs, and not for people
        uses = [a for a in actions(statement) if a.lower() in reading]
        if statement.get("Effect") == "Allow" and uses and "kms:viaservice" not in condition_keys(statement):
            yield (
                f"{path}/Action",
                f"{uses[0]} without kms:ViaService lets administrators decrypt; give key users a statement of their own",
            )


def key_rotates(template: Template) -> Found:
    for id, _, properties in resources(template, "AWS::KMS::Key"):
        if properties.get("KeySpec", "SYMMETRIC_DEFAULT") == "SYMMETRIC_DEFAULT" and not is_true(
            properties.get("EnableKeyRotation")
        ):
            yield f"Resources/{id}/Properties/EnableKeyRotation", "must be true"
