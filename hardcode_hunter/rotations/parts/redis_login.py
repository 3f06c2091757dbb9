"""The Redis or Valkey login that a secret holds: reading it, and logging in with it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.retry import Retry
from rotation_steps import (
    RotationError,
    SecretsManager,
    Version,
    new_password,
    promote,
    put_pending,
    read,
    read_pending,
)

TIMEOUT_SECONDS = 5
PROBE_SECONDS = 2  # a server without TLS does not answer a handshake at all: it waits for the end of the line
_WITHOUT_TLS: set[tuple[str, int]] = set()  # servers that were asked, where the secret leaves it open
LAMBDA_CA_FILE = "/var/runtime/ca-cert.pem"  # the runtime's copy of Amazon's authorities


@dataclass(frozen=True, slots=True)
class Login:
    """How to log in, and the version that says so. The password is never printed."""

    version: Version
    username: str
    password: str = field(repr=False)
    host: str
    port: int
    tls: bool | None

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port


def login_of(version: Version) -> Login:
    """The version as a login; without a username it is the server's user ``default``."""
    if not any(name in version.text("engine", "redis").lower() for name in ("redis", "valkey")):
        raise RotationError(f"the engine in {version.stage} is neither Redis nor Valkey")
    username = version.text("username", "default")
    if any(character.isspace() for character in username):  # else the rest would be rules of ACL SETUSER's log entry
        raise RotationError(f"the username in {version.stage} holds white space, which no user of the server can have")
    return Login(version, username, version.text("password"), version.text("host"), version.port(6379), version.tls)


def same_login(version: Version, current: Login) -> Login:
    """``current`` with the version's password; refused when they are different logins.

    Otherwise whoever may write a pending version could have this function, and its rights, work on another server.
    """
    login = login_of(version)
    if (login.username, *login.address) != (current.username, *current.address):
        raise RotationError("the version names another username, host or port than AWSCURRENT does")
    return replace(current, password=login.password)


def previous_login(client: SecretsManager, arn: str, current: Login) -> Login | None:
    """The current login with AWSPREVIOUS's password; None when there is none."""
    try:
        version = read(client, arn, "AWSPREVIOUS")
        return None if version is None else same_login(version, current)
    except RotationError:
        return None  # whatever it holds, it is no way in


def create_password(client: SecretsManager, arn: str, token: str, current: Version) -> None:
    """createSecret: store a new password under ``token``, unless an earlier delivery did."""
    login_of(current)
    if read(client, arn, "AWSPENDING", token) is None:
        put_pending(client, arn, token, {**current.document, "password": new_password(client)})


def try_login(client: SecretsManager, arn: str, token: str, current: Login) -> None:
    """testSecret: log in with the pending password, or with the current one while the version has no value."""
    pending = read(client, arn, "AWSPENDING", token)
    connection = log_in(current if pending is None else same_login(pending, current))
    if connection is None:
        raise RotationError(f"the server at {current.host} refuses the password")
    connection.close()


def finish(client: SecretsManager, arn: str, token: str, current: Login) -> None:
    """finishSecret: move AWSCURRENT to ``token``, and take AWSPENDING off."""
    same_login(read_pending(client, arn, token), current)  # a version without a value must never become current
    promote(client, arn, token)


def log_in(login: Login) -> Redis | None:
    """A connection that has answered a PING; None when the server refuses this login.

    Anything else is a :class:`RotationError`: a server that can't be reached says nothing about a password.
    """
    failure = ""
    for tls in (True, False) if login.tls is None and login.address not in _WITHOUT_TLS else (bool(login.tls),):
        try:
            connection = Redis(**_options(login, tls))  # it logs in at once, for it has one connection
            connection.ping()
            return connection
        except AuthenticationError:
            return None
        except Exception as error:
            failure = class_of(error)
        if login.tls is not None or not tls or failure in ("SSLCertVerificationError", "ConnectionRefusedError"):
            break  # a certificate that is wrong is no reason to do without one
        _WITHOUT_TLS.add(login.address)
    raise RotationError(f"no connection to {login.host}, port {login.port}: {failure}")


def _options(login: Login, tls: bool) -> Mapping[str, Any]:
    authorities = os.environ.get("DATABASE_CA_FILE") or (LAMBDA_CA_FILE if os.path.exists(LAMBDA_CA_FILE) else None)
    secured = {"ssl": True, "ssl_cert_reqs": "required", "ssl_check_hostname": True, "ssl_ca_certs": authorities}
    patience = PROBE_SECONDS if tls and login.tls is None else TIMEOUT_SECONDS
    return {
        "host": login.host,
        "port": login.port,
        "username": login.username,
        "password": login.password,
        "protocol": 2,
        "socket_timeout": patience,
        "socket_connect_timeout": patience,
        "retry": Retry(NoBackoff(), 0),
        "single_connection_client": True,
        **(secured if tls else {}),
    }


def class_of(error: BaseException) -> str:
    """The type of what went wrong first. Never its text, which may quote a command."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
        if isinstance(error, ssl.SSLCertVerificationError):
            break
    return type(error).__name__
