"""The four steps of a rotation as Secrets Manager calls them, for any kind of secret: what the service may mean, and what is refused.

Secrets Manager calls a rotation function once per step with ``Step``, ``SecretId`` and ``ClientRequestToken``; the token is the id of the
version that is being rotated in (AWSPENDING). A delivery that comes twice changes nothing, and a rotation that died anywhere is finished
by calling its steps again with the same token, which is what the service does.

Environment: SECRETS_MANAGER_ENDPOINT (URL), EXCLUDE_CHARACTERS, PASSWORD_LENGTH (32), EXCLUDE_NUMBERS, EXCLUDE_PUNCTUATION,
EXCLUDE_UPPERCASE, EXCLUDE_LOWERCASE, REQUIRE_EACH_INCLUDED_TYPE (true or false).
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)
for _name in ("boto3", "botocore", "urllib3"):  # at DEBUG these log whole requests and answers, passwords included
    logging.getLogger(_name).setLevel(logging.INFO)

# Nothing that means something in a URL, a connection string, a shell or a quoted literal.
EXCLUDE_CHARACTERS = " %+~`#$&*()|[]{}:;<>?!'/@\"\\"
CHARACTER_TYPES = ("Numbers", "Punctuation", "Uppercase", "Lowercase")  # as GetRandomPassword calls them


class RotationError(ValueError):
    """Why a step was not done. The message names the step, the secret and the class of failure, and never a value."""


class SecretsManager(Protocol):
    """The five operations that the execution role must allow; nothing else of Secrets Manager is called."""

    def describe_secret(self, *, SecretId: str) -> Mapping[str, Any]: ...
    def get_secret_value(self, *, SecretId: str, VersionStage: str, **version: str) -> Mapping[str, Any]: ...
    def get_random_password(self, **rules: Any) -> Mapping[str, Any]: ...
    def put_secret_value(self, *, SecretId: str, **version: Any) -> Mapping[str, Any]: ...
    def update_secret_version_stage(self, *, SecretId: str, **stage: str) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the secret: its id, what errors call it, and its JSON object, which is never printed."""

    id: str
    stage: str
    document: Mapping[str, Any] = field(repr=False)

    def text(self, key: str, default: str = "") -> str:
        """The key's value, a text or a number, as text; ``default`` when it is absent, null or empty."""
        value = self.document.get(key)
        value = default if value is None or value == "" else value
        if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "" or "\0" in str(value):
            raise RotationError(f"the key {key!r} in {self.stage} is absent, or is neither a text nor a number")
        return str(value)

    def port(self, default: int) -> int:
        """The key ``port``."""
        port = self.text("port", str(default))
        if not (port.isascii() and port.isdecimal() and len(port) < 6 and 0 < int(port) < 65536):
            raise RotationError(f"the port in {self.stage} is not a port number")
        return int(port)

    @property
    def tls(self) -> bool | None:
        """The key ``ssl``: TLS or nothing, no TLS, or (``None``) TLS when the server offers it."""
        flag = self.document.get("ssl")
        return flag if isinstance(flag, bool) else {"true": True, "false": False}.get(str(flag).lower())


@cache
def secrets_manager() -> SecretsManager:
    """The client, made once per execution environment."""
    import boto3

    endpoint = os.environ.get("SECRETS_MANAGER_ENDPOINT") or None
    client: SecretsManager = boto3.client("secretsmanager", endpoint_url=endpoint)
    return client


Step = Callable[[SecretsManager, str, str], None]
"""One step: client, the secret's ARN and the token."""


def run_step(steps: Mapping[str, Step], event: Mapping[str, str]) -> None:
    """Do one step of one rotation. Raises :class:`RotationError` when it could not be done."""
    step, arn, token = event["Step"], event["SecretId"], event["ClientRequestToken"]
    try:
        _checked(secrets_manager(), steps, step, arn, token)
        failure = ""
    except RotationError as error:
        failure = str(error)
    except ClientError as error:
        failure = f"{error.operation_name} failed with {error_code(error)}"
    except BotoCoreError as error:
        failure = f"AWS could not be called: {type(error).__name__}"
    if failure:  # raised out here so that no other library's exception, which may quote a value, is chained to it
        raise RotationError(f"{step} of {arn}, version {token}: {failure}")
    logger.info("%s of %s, version %s: done", step, arn, token)


def _checked(client: SecretsManager, steps: Mapping[str, Step], step: str, arn: str, token: str) -> None:
    """Check that the service may mean this step and version, then do the step."""
    if step not in steps:
        raise RotationError(f"no such step; there are {', '.join(steps)}")
    secret = client.describe_secret(SecretId=arn)
    if not secret.get("RotationEnabled"):
        raise RotationError("rotation is not enabled on the secret")
    stages: Mapping[str, list[str]] = secret.get("VersionIdsToStages") or {}
    if token not in stages:
        raise RotationError("the secret has no such version")
    if "AWSCURRENT" in stages[token]:
        if step == "finishSecret" and "AWSPENDING" in stages[token]:
            _remove_pending(client, arn, token)  # an earlier delivery died between its two calls
        return
    if "AWSPENDING" not in stages[token]:
        raise RotationError("the version is not labelled AWSPENDING")
    steps[step](client, arn, token)


def read(client: SecretsManager, arn: str, stage: str, token: str = "") -> Version | None:
    """That version; None when there is no such version, or when it has no value."""
    try:
        version = client.get_secret_value(SecretId=arn, VersionStage=stage, **({"VersionId": token} if token else {}))
    except ClientError as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
        return None
    try:
        document = json.loads(version.get("SecretString", ""))
    except ValueError:  # its exception holds the text: it must not be chained to ours
        document = None
    if not isinstance(document, dict):
        raise RotationError(f"the value of {stage} is not a JSON object")
    return Version(version["VersionId"], stage, document)


def read_current(client: SecretsManager, arn: str) -> Version:
    version = read(client, arn, "AWSCURRENT")
    if version is None:
        raise RotationError("the secret has no AWSCURRENT value; store the one that works now, then rotate")
    return version


def read_pending(client: SecretsManager, arn: str, token: str) -> Version:
    version = read(client, arn, "AWSPENDING", token)
    if version is None:
        raise RotationError("the version has no value yet; createSecret comes first")
    return version


def put_pending(client: SecretsManager, arn: str, token: str, document: Mapping[str, Any]) -> None:
    """Store ``document`` under ``token``."""
    version = {"ClientRequestToken": token, "SecretString": json.dumps(document), "VersionStages": ["AWSPENDING"]}
    client.put_secret_value(SecretId=arn, **version)


def promote(client: SecretsManager, arn: str, token: str) -> None:
    """Move AWSCURRENT to ``token``; the service moves AWSPREVIOUS. AWSPENDING is taken off, so that nothing is left."""
    move = {"MoveToVersionId": token, "RemoveFromVersionId": read_current(client, arn).id}
    client.update_secret_version_stage(SecretId=arn, VersionStage="AWSCURRENT", **move)
    _remove_pending(client, arn, token)


def _remove_pending(client: SecretsManager, arn: str, token: str) -> None:
    """Take AWSPENDING off ``token``; that it is gone already is fine."""
    try:
        client.update_secret_version_stage(SecretId=arn, VersionStage="AWSPENDING", RemoveFromVersionId=token)
    except ClientError as error:
        if error_code(error) not in ("InvalidParameterException", "ResourceNotFoundException"):
            raise


def new_password(client: SecretsManager) -> str:
    """A password of printable ASCII characters, made by Secrets Manager."""
    answer = client.get_random_password(
        ExcludeCharacters=os.environ.get("EXCLUDE_CHARACTERS", EXCLUDE_CHARACTERS),
        PasswordLength=int(os.environ.get("PASSWORD_LENGTH", "32")),
        RequireEachIncludedType=os.environ.get("REQUIRE_EACH_INCLUDED_TYPE", "true").lower() == "true",
        **{f"Exclude{t}": os.environ.get(f"EXCLUDE_{t.upper()}", "false").lower() == "true" for t in CHARACTER_TYPES},
    )
    password: str = answer["RandomPassword"]
    if not (password.isascii() and password.isprintable()):
        raise RotationError("the generated password has characters outside printable ASCII")
    return password


def error_code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "an unknown error"))
