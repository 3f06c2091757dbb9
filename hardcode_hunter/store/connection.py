"""The way to one AWS account and region, and its errors in words that hold no value."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from hardcode_hunter.errors import HardcodeHunterError, Refused, UsageError
from hardcode_hunter.model import Environment

NOT_FOUND = frozenset({"ResourceNotFoundException", "ParameterNotFound", "ParameterVersionNotFound"})
EXISTS = frozenset({"ResourceExistsException", "ParameterAlreadyExists"})
_HINTS = {
    "endpoint": "nothing answers there: see to the network, the region and AWS_ENDPOINT_URL, then run again",
    "connecttimeout": "nothing answers there: see to the network, the region and AWS_ENDPOINT_URL, then run again",
    "connectionerror": "nothing answers there: see to the network, the region and AWS_ENDPOINT_URL, then run again",
    "valueerror": "AWS_ENDPOINT_URL or the region is no place that can be called: correct it, then run again",
    "denied": "the caller needs that right on it, and kms:Decrypt and kms:GenerateDataKey on its key",
    "login": "log in again, then run again",
    "throttl": "AWS asks for patience: wait a minute, then run again",
    "toomany": "AWS asks for patience: wait a minute, then run again",
    "internal": "run again: what was written is found, what was not is written",
    "serviceunavailable": "run again: what was written is found, what was not is written",
    "encryption": "the caller needs kms:Decrypt and kms:GenerateDataKey on its key, and the key has to be enabled",
    "decryption": "the caller needs kms:Decrypt on its key, and the key has to be enabled",
    "kms": "the caller needs kms:Decrypt and kms:GenerateDataKey on its key, and the key has to be enabled",
    "invalidkeyid": "the caller needs kms:Decrypt and kms:GenerateDataKey on its key, and the key has to be enabled",
    "limitexceeded": "the account's quota is used up: have it raised, then run again",
}
_LOGIN = ("ExpiredToken", "UnrecognizedClient", "InvalidClientToken", "InvalidSignature", "SignatureDoesNotMatch", "NoCredentials", "PartialCredentials", "Credential", "Token", "SSO")  # fmt: skip


class StoreError(HardcodeHunterError):
    """An API call that failed. ``code`` is the service's error code or the name of the client's exception."""

    def __init__(self, name: str, operation: str, code: str) -> None:
        self.code, self.operation = code, operation
        super().__init__(f"{name}: {operation} failed ({code}); {_hint(code)}")


def _hint(code: str) -> str:
    if code.startswith(_LOGIN):
        return _HINTS["login"]
    plain = code.lower()
    return next(
        (hint for word, hint in _HINTS.items() if word in plain), "correct the cause, then run again: nothing is lost"
    )


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose credentials are used, and where the calls go. ``endpoint`` is empty for AWS itself."""

    account: str
    region: str
    role: str
    endpoint: str = ""

    def __str__(self) -> str:
        place = f"account {self.account}, region {self.region}, as {self.role}"
        return f"{place}, at {self.endpoint}" if self.endpoint else place


@dataclass(slots=True)
class Connection:
    """A boto3 session with the clients made so far. ``pause(seconds)`` waits between two readings of one value."""

    session: Any
    region: str
    pause: Callable[[float], None] = time.sleep
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self._clients:
            from botocore.config import Config

            config = Config(retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=10, read_timeout=20)
            self._clients[service] = self.session.client(service, region_name=self.region, config=config)
        return self._clients[service]

    def call(self, service: str, operation: str, name: str, **arguments: Any) -> Mapping[str, Any]:
        """One API call about the secret ``name``. Every failure is a :class:`StoreError`, whose text is ours: a message of the
        service or of the client library may quote what was sent."""
        try:
            answer = getattr(self.client(service), operation)(**arguments)
        except Exception as error:  # whatever it is, its text may quote the value
            raise StoreError(name, _words(operation), _code(error)) from None
        if not isinstance(answer, Mapping):
            raise StoreError(name, _words(operation), "UnreadableAnswer")
        return answer


def _words(operation: str) -> str:
    return "".join(part.capitalize() for part in operation.split("_"))


def _code(error: Exception) -> str:
    response = getattr(error, "response", None)
    if isinstance(response, Mapping) and isinstance(response.get("Error"), Mapping):
        code = str(response["Error"].get("Code", ""))
        if code and len(code) <= 80 and code.replace(".", "").replace("_", "").isalnum():
            return code
    return type(error).__name__


def connect(environment: Environment, *, pause: Callable[[float], None] = time.sleep) -> Connection:
    """A connection with the environment's profile and region, or with those that the caller's AWS configuration has.

    Raises ``UsageError`` when the profile doesn't exist or no region is known.
    """
    import boto3
    from botocore.exceptions import ProfileNotFound

    for name in ("boto3", "botocore", "urllib3"):
        logger = logging.getLogger(name)
        # at debug level they log requests, values included; a level of their own holds whatever the root logger gets
        logger.setLevel(max(logger.level, logging.INFO))
    where = f"migration/plan.yaml: 'environments.{environment.name}"
    try:
        session = boto3.session.Session(
            profile_name=environment.profile or None, region_name=environment.region or None
        )
    except ProfileNotFound:
        said = f"{where}.profile' names" if environment.profile else "AWS_PROFILE names"
        profile = environment.profile or os.environ.get("AWS_PROFILE", "")
        raise UsageError(f"{said} '{profile}', which your AWS configuration doesn't have; correct it") from None
    region = environment.region or session.region_name
    if not region:
        raise UsageError(f"{where}.region' is empty and your AWS configuration names no region; set it")
    return Connection(session, str(region), pause)


def identify(connection: Connection) -> Identity:
    """Account, region, role and endpoint that calls will use. Raises :class:`StoreError`."""
    answer = connection.call("sts", "get_caller_identity", "your AWS credentials")
    return Identity(
        str(answer.get("Account", "")), connection.region, _role(str(answer.get("Arn", ""))), _endpoint(connection)
    )


def _role(arn: str) -> str:
    """The role's ARN for a session of it (its path is not told by STS), else the ARN itself."""
    head, _, rest = arn.partition(":assumed-role/")
    return f"{head.replace(':sts:', ':iam:')}:role/{rest.partition('/')[0]}" if rest else arn


def _endpoint(connection: Connection) -> str:
    url = urlsplit(str(connection.client("secretsmanager").meta.endpoint_url))
    host = url.hostname or ""
    if host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws")):
        return ""
    return urlunsplit((url.scheme, url.netloc.rpartition("@")[2], url.path, "", ""))


def require_account(identity: Identity, environment: Environment, given: str = "") -> bool:
    """Whether the account was named beforehand, by ``--account`` or in the plan; if not, a person has to say yes.

    Raises ``Refused`` when it is another one.
    """
    for wanted, source in (
        (given, "--account"),
        (environment.account, f"environments.{environment.name}.account in the plan"),
    ):
        if wanted and wanted != identity.account:
            raise Refused(f"your credentials are for {identity}, but {source} says {wanted}; nothing was stored")
    return bool(given or environment.account)
