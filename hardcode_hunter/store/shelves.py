"""Secrets Manager and Parameter Store behind the same three verbs: look, put, read a version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hardcode_hunter.model import Home, Plaintext
from hardcode_hunter.store.connection import NOT_FOUND, Connection, StoreError


@dataclass(frozen=True, slots=True)
class Held:
    """A secret that exists. ``content`` is its current value, ``None`` while it has none; ``trouble`` says why it can't be used."""

    arn: str
    version: str = ""
    content: Plaintext | None = None
    trouble: str = ""
    rotating: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What to put: ``token`` makes the call repeatable, ``create`` makes the secret too, ``key`` is the KMS key (empty: AWS's own)."""

    name: str
    text: Plaintext
    token: str
    create: bool
    tags: Mapping[str, str]
    description: str
    key: str = ""


class Shelf(Protocol):
    """One kind of store."""

    service: str

    def look(self, connection: Connection, name: str) -> Held | None:
        """The secret, or ``None`` when it doesn't exist. Raises ``StoreError``."""

    def put(self, connection: Connection, order: Order) -> Held:
        """Writes the first value and returns where it is. Raises ``StoreError``; a value that exists is never replaced."""

    def read(self, connection: Connection, name: str, version: str) -> Plaintext | None:
        """The value of one version, or ``None`` when it isn't (yet) to be seen. Raises ``StoreError``."""


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


class SecretsManager:
    """AWS Secrets Manager."""

    service = "secretsmanager"

    def look(self, connection: Connection, name: str) -> Held | None:
        try:
            found = connection.call(self.service, "describe_secret", name, SecretId=name)
        except StoreError as error:
            if error.code in NOT_FOUND:
                return None
            raise
        arn, rotating = str(found.get("ARN", "")), bool(found.get("RotationEnabled"))
        if found.get("DeletedDate"):
            return Held(
                arn,
                trouble="is scheduled for deletion: `aws secretsmanager restore-secret` brings it back",
                rotating=rotating,
            )
        answer = self._value(connection, name, VersionStage="AWSCURRENT")
        if answer is None:
            return Held(arn, rotating=rotating)
        text, version = answer.get("SecretString"), str(answer.get("VersionId", ""))
        if not isinstance(text, str):
            return Held(
                arn,
                version,
                trouble="holds binary data; store text there, or name another secret in the plan",
                rotating=rotating,
            )
        return Held(arn, version, Plaintext(text), rotating=rotating)

    def put(self, connection: Connection, order: Order) -> Held:
        if order.create:
            answer = connection.call(
                self.service,
                "create_secret",
                order.name,
                Name=order.name,
                Description=order.description,
                SecretString=order.text.reveal(),
                ClientRequestToken=order.token,
                Tags=_tags(order.tags),
            )
        else:
            answer = connection.call(
                self.service,
                "put_secret_value",
                order.name,
                SecretId=order.name,
                SecretString=order.text.reveal(),
                ClientRequestToken=order.token,
            )
        return Held(str(answer.get("ARN", "")), str(answer.get("VersionId", "")))

    def read(self, connection: Connection, name: str, version: str) -> Plaintext | None:
        answer = self._value(connection, name, VersionId=version)
        text = answer.get("SecretString") if answer else None
        return Plaintext(text) if isinstance(text, str) else None

    def _value(self, connection: Connection, name: str, **which: str) -> Mapping[str, Any] | None:
        try:
            return connection.call(self.service, "get_secret_value", name, SecretId=name, **which)
        except StoreError as error:
            if error.code in NOT_FOUND:
                return None
            raise


class ParameterStore:
    """Systems Manager Parameter Store, SecureString parameters."""

    service = "ssm"

    def look(self, connection: Connection, name: str) -> Held | None:
        try:
            answer = connection.call(
                self.service, "get_parameter", name, Name=parameter_name(name), WithDecryption=True
            )
        except StoreError as error:
            if error.code in NOT_FOUND:
                return None
            raise
        found = answer.get("Parameter") or {}
        arn, version = str(found.get("ARN", "")), str(found.get("Version", ""))
        if found.get("Type") != "SecureString":
            return Held(
                arn, version, trouble="is a parameter of another type than SecureString; name another one in the plan"
            )
        return Held(arn, version, Plaintext(str(found.get("Value", ""))))

    def put(self, connection: Connection, order: Order) -> Held:
        answer = connection.call(
            self.service,
            "put_parameter",
            order.name,
            Name=parameter_name(order.name),
            Description=order.description,
            Value=order.text.reveal(),
            Type="SecureString",
            Overwrite=False,
            Tags=_tags(order.tags),
            **({"KeyId": order.key} if order.key else {}),
        )
        return Held("", str(answer.get("Version", "")))

    def read(self, connection: Connection, name: str, version: str) -> Plaintext | None:
        selector = f"{parameter_name(name)}:{version}"
        try:
            answer = connection.call(self.service, "get_parameter", name, Name=selector, WithDecryption=True)
        except StoreError as error:
            if error.code in NOT_FOUND:
                return None
            raise
        text = (answer.get("Parameter") or {}).get("Value")
        return Plaintext(text) if isinstance(text, str) else None


def parameter_name(name: str) -> str:
    """A parameter is named from the root, as rewritten code asks for it: a name in a hierarchy has to be (Systems Manager User Guide,
    "Working with parameter hierarchies")."""
    return name if name.startswith("arn:") else "/" + name.lstrip("/")


SHELVES: Mapping[Home, Shelf] = {Home.SECRETS_MANAGER: SecretsManager(), Home.PARAMETER_STORE: ParameterStore()}
