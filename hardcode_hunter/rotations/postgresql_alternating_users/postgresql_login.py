"""The login that a secret holds: reading it from Secrets Manager, logging in with it, giving it a new password."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Protocol

from botocore.exceptions import ClientError
from pg8000.native import Connection, identifier, literal
from scramp import ScramMechanism

for _name in ("boto3", "botocore", "urllib3"):  # at DEBUG these log whole requests and answers, passwords included
    logging.getLogger(_name).setLevel(logging.INFO)

# Nothing that means something in a URL, a libpq or ODBC connection string, a shell or a quoted literal.
EXCLUDE_CHARACTERS = " %+~`#$&*()|[]{}:;<>?!'/@\"\\"
CHARACTER_TYPES = ("Numbers", "Punctuation", "Uppercase", "Lowercase")  # as GetRandomPassword calls them
TIMEOUT_SECONDS = 5
NO_TLS = "the server offers no TLS"
LAMBDA_CA_FILE = "/var/runtime/ca-cert.pem"  # the runtime's copy of Amazon's authorities, those of RDS included
MAXIMUM_NAME_BYTES = 63  # NAMEDATALEN - 1: PostgreSQL cuts longer names off, and so would address another role


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
class Login:
    """How to log in, and the version and JSON object that say so. The password and the object are never printed."""

    version: str
    username: str
    password: str = field(repr=False)
    host: str
    port: int
    dbname: str
    ssl: bool | None
    document: Mapping[str, Any] = field(repr=False)


@cache
def secrets_manager() -> SecretsManager:
    """The client, made once per execution environment."""
    import boto3

    endpoint = os.environ.get("SECRETS_MANAGER_ENDPOINT") or None
    client: SecretsManager = boto3.client("secretsmanager", endpoint_url=endpoint)
    return client


def current_login(client: SecretsManager, arn: str) -> Login:
    login = read_login(client, arn, "AWSCURRENT")
    if login is None:
        raise RotationError("the secret has no AWSCURRENT value; store the password that works now, then rotate")
    return login


def read_login(client: SecretsManager, arn: str, stage: str, token: str = "", host: str = "") -> Login | None:
    """The login in that version; None when there is no such version, or when it has no value.

    ``host`` stands in for one that the value doesn't name.
    """
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
    return login_of(document, stage, version["VersionId"], host)


def login_of(document: Mapping[str, Any], stage: str, version: str, host: str) -> Login:
    """The JSON object as a login; errors call it by its ``stage``."""
    if "postgres" not in text(document, "engine", stage, "postgres").lower():
        raise RotationError(f"the engine in {stage} is not PostgreSQL")
    port = text(document, "port", stage, "5432")
    if not (port.isascii() and port.isdecimal() and len(port) < 6 and 0 < int(port) < 65536):
        raise RotationError(f"the port in {stage} is not a port number")
    username = text(document, "username", stage)
    if len(username.encode("utf-8", "surrogatepass")) > MAXIMUM_NAME_BYTES:
        raise RotationError(f"the username in {stage} is longer than {MAXIMUM_NAME_BYTES} bytes")
    tls = document.get("ssl")
    return Login(
        version=version,
        username=username,
        password=text(document, "password", stage),
        host=text(document, "host", stage, host),
        port=int(port),
        dbname=text(document, "dbname", stage, "postgres"),
        ssl=tls if isinstance(tls, bool) else {"true": True, "false": False}.get(str(tls).lower()),
        document=document,
    )


def text(document: Mapping[str, Any], key: str, stage: str, default: str = "") -> str:
    """The key's value, a text or a number, as text; ``default`` when it is absent, null or empty."""
    value = document.get(key)
    value = default if value is None or value == "" else value
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "" or "\0" in str(value):
        raise RotationError(f"the key {key!r} in {stage} is absent, or is neither a text nor a number")
    return str(value)


def new_password(client: SecretsManager) -> str:
    answer = client.get_random_password(
        ExcludeCharacters=os.environ.get("EXCLUDE_CHARACTERS", EXCLUDE_CHARACTERS),
        PasswordLength=int(os.environ.get("PASSWORD_LENGTH", "32")),
        RequireEachIncludedType=os.environ.get("REQUIRE_EACH_INCLUDED_TYPE", "true").lower() == "true",
        **{f"Exclude{t}": os.environ.get(f"EXCLUDE_{t.upper()}", "false").lower() == "true" for t in CHARACTER_TYPES},
    )
    password: str = answer["RandomPassword"]
    if not (password.isascii() and password.isprintable()):  # SASLprep (RFC 4013) leaves exactly these as they are
        raise RotationError("the generated password has characters outside printable ASCII")
    return password


def error_code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "an unknown error"))


def log_in(login: Login) -> Connection | None:
    """A connection; None when the server refuses this login (SQLSTATE class 28).

    Anything else is a :class:`RotationError`: a server that can't be reached says nothing about a password.
    """
    failure = ""
    for tls in (True, False) if login.ssl is None else (login.ssl,):
        try:
            return connect(login, tls)
        except Exception as error:
            failure = class_of(error)
        if failure.startswith("SQLSTATE 28"):
            return None
        if failure != NO_TLS:
            break
    raise RotationError(f"no connection to {login.host}, port {login.port}: {failure}")


def connect(login: Login, tls: bool) -> Connection:
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
    arn = text(current.document, "masterarn", "AWSCURRENT")
    master = read_login(client, arn, "AWSCURRENT", host=os.environ.get("MASTER_HOST", ""))
    if master is None:
        raise RotationError("the master secret has no value")
    if master.host != current.host:
        raise RotationError("the master secret names another host than this secret")
    connection = log_in(replace(current, username=master.username, password=master.password, ssl=master.ssl))
    if connection is None:
        raise RotationError(f"the server at {current.host} refuses the login in the master secret")
    return connection


def change_password(connection: Connection, username: str, password: str) -> None:
    """Let ``username`` log in, with ``password``. The server is sent a verifier, which is all a log can hold of it."""
    encryption = str(run(connection, "SHOW password_encryption", "SHOW password_encryption")[0][0])
    verifier = literal(password_verifier(username, password, encryption))
    run(connection, f"ALTER ROLE {identifier(username)} LOGIN PASSWORD {verifier}", "ALTER ROLE")


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
