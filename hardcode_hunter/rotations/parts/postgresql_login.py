"""The PostgreSQL login that a secret holds: reading it, logging in with it, and giving a role a new password."""

from __future__ import annotations

import hashlib
import os
import ssl
from base64 import b64encode
from dataclasses import dataclass, field, replace
from typing import Any

from pg8000.native import Connection, identifier, literal
from rotation_steps import RotationError, SecretsManager, Version, read, read_current, read_pending
from scramp import ScramMechanism

TIMEOUT_SECONDS = 5
NO_TLS = "the server offers no TLS"
LAMBDA_CA_FILE = "/var/runtime/ca-cert.pem"  # the runtime's copy of Amazon's authorities, those of RDS included
MAXIMUM_NAME_BYTES = 63  # NAMEDATALEN - 1: PostgreSQL cuts longer names off, and so would address another role


@dataclass(frozen=True, slots=True)
class Login:
    """How to log in, and the version that says so. The password is never printed."""

    version: Version
    username: str
    password: str = field(repr=False)
    host: str
    port: int
    dbname: str
    tls: bool | None

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port


def login_of(version: Version, host: str = "") -> Login:
    """The version as a login; ``host`` stands in for one that the value doesn't name."""
    if "postgres" not in version.text("engine", "postgres").lower():
        raise RotationError(f"the engine in {version.stage} is not PostgreSQL")
    port, username = version.port(5432), version.text("username")
    if len(username.encode("utf-8", "surrogatepass")) > MAXIMUM_NAME_BYTES:
        raise RotationError(f"the username in {version.stage} is longer than {MAXIMUM_NAME_BYTES} bytes")
    return Login(
        version=version,
        username=username,
        password=version.text("password"),
        host=version.text("host", host),
        port=port,
        dbname=version.text("dbname", "postgres"),
        tls=version.tls,
    )


def current_login(client: SecretsManager, arn: str) -> Login:
    return login_of(read_current(client, arn))


def previous_login(client: SecretsManager, arn: str, username: str, current: Login) -> Login | None:
    """AWSPREVIOUS as a login of ``username`` on the current one's server; None when it is anything else."""
    try:
        version = read(client, arn, "AWSPREVIOUS")
        login = None if version is None else login_of(version)
    except RotationError:
        return None  # whatever it holds, it is no way in
    if login is None or (login.username, *login.address) != (username, *current.address):
        return None
    return replace(current, username=login.username, password=login.password)


def pending_login(client: SecretsManager, arn: str, token: str, username: str, current: Login) -> Login:
    """The pending login: of ``username``, on the current one's server.

    Otherwise whoever may write a pending version could have this function, and its rights, work on another database.
    """
    login = login_of(read_pending(client, arn, token))
    if (login.username, *login.address) != (username, *current.address):
        raise RotationError("the version names a username, host or port that does not go with AWSCURRENT's")
    return replace(current, username=login.username, password=login.password)


# ---------------------------------------------------------------- the server


def log_in(login: Login) -> Connection | None:
    """A connection; None when the server refuses this login (SQLSTATE class 28).

    Anything else is a :class:`RotationError`: a server that can't be reached says nothing about a password.
    """
    failure = ""
    for tls in (True, False) if login.tls is None else (login.tls,):
        try:
            return _connect(login, tls)
        except Exception as error:
            failure = class_of(error)
        if failure.startswith("SQLSTATE 28"):
            return None
        if failure != NO_TLS:
            break
    raise RotationError(f"no connection to {login.host}, port {login.port}: {failure}")


def _connect(login: Login, tls: bool) -> Connection:
    context = ssl.create_default_context() if tls else None
    for authorities in (os.environ.get("DATABASE_CA_FILE"), LAMBDA_CA_FILE if os.path.exists(LAMBDA_CA_FILE) else None):
        if context and authorities:
            context.load_verify_locations(authorities)
    return Connection(
        user=login.username,
        password=login.password,
        host=login.host,
        port=login.port,
        database=login.dbname,
        application_name="secret-rotation",
        timeout=TIMEOUT_SECONDS,
        ssl_context=context or False,
    )


def master_connection(client: SecretsManager, current: Login) -> Connection:
    """A connection as the login in the secret that ``masterarn`` names, which has to belong to the same server."""
    version = read(client, current.version.text("masterarn"), "AWSCURRENT")
    if version is None:
        raise RotationError("the master secret has no value")
    master = login_of(Version(version.id, "the master secret", version.document), os.environ.get("MASTER_HOST", ""))
    if master.host != current.host:
        raise RotationError("the master secret names another host than this secret")
    connection = log_in(replace(current, username=master.username, password=master.password, tls=master.tls))
    if connection is None:
        raise RotationError(f"the server at {current.host} refuses the login in the master secret")
    return connection


def as_itself(connection: Connection) -> None:
    """The session's own user, and writing, whatever the role's or the database's settings say."""
    run(connection, "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", "SET SESSION CHARACTERISTICS")
    run(connection, "SET ROLE NONE", "SET ROLE NONE")


def password_clause(connection: Connection, username: str, password: str) -> str:
    """``PASSWORD '…'`` of ALTER ROLE. The server is sent a verifier, which is all that a log can hold of it."""
    encryption = str(run(connection, "SHOW password_encryption", "SHOW password_encryption")[0][0])
    return f"PASSWORD {literal(password_verifier(username, password, encryption))}"


def password_verifier(username: str, password: str, encryption: str) -> str:
    """What the server would store for ``password`` under its setting ``password_encryption``.

    The server takes a string in one of these forms as it is: see ALTER ROLE and pg_authid in PostgreSQL's
    documentation, RFC 5802 and RFC 7677. Every character of it is an ASCII letter, digit or one of ``$:+/=-``.
    """
    if encryption != "scram-sha-256":  # md5, or on and off before PostgreSQL 10; drivers may know nothing newer
        return "md5" + hashlib.md5((password + username).encode(), usedforsecurity=False).hexdigest()
    salt, stored, server, iterations = ScramMechanism("SCRAM-SHA-256").make_auth_info(password, 4096, os.urandom(16))
    salt64, stored64, server64 = (b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${iterations}:{salt64}${stored64}:{server64}"


def run(connection: Connection, statement: str, what: str, **parameters: str) -> list[list[Any]]:
    """The statement's rows; a ``:name`` in it stands for the parameter of that name."""
    try:
        rows: list[list[Any]] | None = connection.run(statement, **parameters)
        return rows or []
    except Exception as error:
        failure = class_of(error)
    raise RotationError(f"{what} failed: {failure}")


def class_of(error: Exception) -> str:
    """The SQLSTATE, or the exception's type. Never its text, which may quote a statement or a value."""
    reason = error.args[0] if error.args else None
    if isinstance(reason, dict):
        return f"SQLSTATE {reason.get('C', 'unknown')}"
    return NO_TLS if reason == "Server refuses SSL" else type(error.__cause__ or error).__name__


def role(name: str) -> str:
    """``name`` as an identifier: of a role, a database or a setting."""
    return str(identifier(name))
