"""Rotates the password of one PostgreSQL login that is kept in AWS Secrets Manager (strategy: single user).

Secrets Manager calls :func:`handler` once per step with ``Step``, ``SecretId`` and ``ClientRequestToken``; the token is
the id of the version that is being rotated in (AWSPENDING). A delivery that comes twice changes nothing, and a rotation
that died anywhere is finished by calling its steps again with the same token, which is what the service does.

The secret is a JSON object:
    username, password, host    required, text or number
    port, dbname                5432 and ``postgres`` when absent
    engine                      when present, it has to name PostgreSQL
    ssl                         true: TLS or nothing; false: no TLS; absent: TLS when the server offers it. With TLS the
                                certificate and the host name are always verified, never skipped after a failure.
    masterarn                   ARN of a secret of the same form whose login may change this password, for servers on
                                which a login may not change its own (``rds.restrict_password_commands``)

Environment: SECRETS_MANAGER_ENDPOINT (URL), EXCLUDE_CHARACTERS, PASSWORD_LENGTH (32), EXCLUDE_NUMBERS,
EXCLUDE_PUNCTUATION, EXCLUDE_UPPERCASE, EXCLUDE_LOWERCASE, REQUIRE_EACH_INCLUDED_TYPE (true or false), DATABASE_CA_FILE
(PEM, trusted beside the system's authorities), MASTER_HOST (the host of a master secret that names none, as those that
RDS manages).

The server is sent a verifier instead of the new password, so that no statement log can hold it. Between setSecret and
finishSecret the version AWSCURRENT is refused: clients read the secret again and retry, or use alternating users.

To try it against any PostgreSQL and an emulated Secrets Manager: install boto3 and requirements.txt, point
SECRETS_MANAGER_ENDPOINT at the emulation, and call ``handler({"Step": step, "SecretId": arn, "ClientRequestToken":
token}, None)`` for createSecret, setSecret, testSecret and finishSecret; rotation is enabled on ``arn``, and ``token``
is a version of it that is labelled AWSPENDING and has no value.
"""

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

from botocore.exceptions import BotoCoreError, ClientError
from pg8000.native import Connection, identifier, literal
from scramp import ScramMechanism

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)
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


def handler(event: Mapping[str, str], context: object) -> None:
    """Do one step of one rotation. Raises :class:`RotationError` when it could not be done."""
    step, arn, token = event["Step"], event["SecretId"], event["ClientRequestToken"]
    try:
        rotate(secrets_manager(), step, arn, token)
        failure = ""
    except RotationError as error:
        failure = str(error)
    except ClientError as error:
        failure = f"{error.operation_name} failed with {error_code(error)}"
    except BotoCoreError as error:
        failure = f"Secrets Manager could not be called: {type(error).__name__}"
    if failure:  # raised out here so that no other library's exception, which may quote a value, is chained to it
        raise RotationError(f"{step} of {arn}, version {token}: {failure}")
    logger.info("%s of %s, version %s: done", step, arn, token)


def rotate(client: SecretsManager, step: str, arn: str, token: str) -> None:
    """Check that the service may mean this step and version, then do the step."""
    if step not in STEPS:
        raise RotationError(f"no such step; there are {', '.join(STEPS)}")
    secret = client.describe_secret(SecretId=arn)
    if not secret.get("RotationEnabled"):
        raise RotationError("rotation is not enabled on the secret")
    stages: Mapping[str, list[str]] = secret.get("VersionIdsToStages") or {}
    if token not in stages:
        raise RotationError("the secret has no such version")
    if "AWSCURRENT" in stages[token]:
        if step == "finishSecret" and "AWSPENDING" in stages[token]:
            remove_pending(client, arn, token)  # an earlier delivery died between its two calls
        return
    if "AWSPENDING" not in stages[token]:
        raise RotationError("the version is not labelled AWSPENDING")
    STEPS[step](client, arn, token)


def create_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Store a new password under ``token``, unless an earlier delivery did."""
    current = current_login(client, arn)
    if read_login(client, arn, "AWSPENDING", token) is None:
        value = json.dumps({**current.document, "password": new_password(client)})
        version = {"ClientRequestToken": token, "SecretString": value, "VersionStages": ["AWSPENDING"]}
        client.put_secret_value(SecretId=arn, **version)


def set_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Make the server accept the pending password, logging in with the current one or, failing that, the previous."""
    current, pending = current_login(client, arn), pending_login(client, arn, token)
    connection = log_in(pending)
    if connection is not None:
        connection.close()
        return
    connection = log_in(current) or log_in_with_previous(client, arn, current)
    if connection is None:
        tried = "the passwords in AWSPENDING, AWSCURRENT and AWSPREVIOUS"
        raise RotationError(f"the server at {current.host} refuses {tried}; store one that works as AWSCURRENT")
    if current.document.get("masterarn"):  # only now: else who may write this secret could have any role changed
        connection.close()
        connection = master_connection(client, current)
    with connection:
        change_password(connection, current.username, pending.password)


def test_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Log in with the pending password and run a query.

    When rotation is configured without rotating at once, the service calls this step alone, on a version that may have
    no value: then the current password is tried, which proves the way to the database, and nothing is changed.
    """
    current, pending = current_login(client, arn), read_login(client, arn, "AWSPENDING", token)
    login = current if pending is None else same_address(pending, current)
    connection = log_in(login)
    if connection is None:
        raise RotationError(f"the server at {login.host} refuses the password")
    with connection:
        run(connection, "SELECT 1", "a query")


def finish_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Move AWSCURRENT to ``token``; the service moves AWSPREVIOUS. AWSPENDING is taken off, so that nothing is left."""
    pending_login(client, arn, token)  # a version without a value must never become current
    move = {"MoveToVersionId": token, "RemoveFromVersionId": current_login(client, arn).version}
    client.update_secret_version_stage(SecretId=arn, VersionStage="AWSCURRENT", **move)
    remove_pending(client, arn, token)


def remove_pending(client: SecretsManager, arn: str, token: str) -> None:
    """Take AWSPENDING off ``token``; that it is gone already is fine."""
    try:
        client.update_secret_version_stage(SecretId=arn, VersionStage="AWSPENDING", RemoveFromVersionId=token)
    except ClientError as error:
        if error_code(error) not in ("InvalidParameterException", "ResourceNotFoundException"):
            raise


STEPS = {
    "createSecret": create_secret,
    "setSecret": set_secret,
    "testSecret": test_secret,
    "finishSecret": finish_secret,
}


# ---------------------------------------------------------------- the secret


def current_login(client: SecretsManager, arn: str) -> Login:
    login = read_login(client, arn, "AWSCURRENT")
    if login is None:
        raise RotationError("the secret has no AWSCURRENT value; store the password that works now, then rotate")
    return login


def pending_login(client: SecretsManager, arn: str, token: str) -> Login:
    """The pending login, which differs from the current one in nothing but its password."""
    login = read_login(client, arn, "AWSPENDING", token)
    if login is None:
        raise RotationError("the version has no value yet; createSecret comes first")
    return same_address(login, current_login(client, arn))


def same_address(login: Login, current: Login) -> Login:
    """``current`` with ``login``'s password; refused when they are different logins.

    Otherwise whoever may write a pending version could have this function, and its rights, work on another database.
    """
    if (login.username, login.host, login.port) != (current.username, current.host, current.port):
        raise RotationError("the version names another username, host or port than AWSCURRENT does")
    return replace(current, password=login.password)


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


# ---------------------------------------------------------------- the database


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


def log_in_with_previous(client: SecretsManager, arn: str, current: Login) -> Connection | None:
    """A connection with the AWSPREVIOUS password; None when there is none for the same login, or it is refused."""
    try:
        previous = read_login(client, arn, "AWSPREVIOUS")
        login = None if previous is None else same_address(previous, current)
    except RotationError:
        login = None  # whatever it holds, it is no way in
    return None if login is None else log_in(login)


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
    """ALTER ROLE, as the session's own user and writing, whatever the role's or the database's settings say."""
    run(connection, "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", "SET SESSION CHARACTERISTICS")
    run(connection, "SET ROLE NONE", "SET ROLE NONE")
    encryption = str(run(connection, "SHOW password_encryption", "SHOW password_encryption")[0][0])
    verifier = literal(password_verifier(username, password, encryption))
    run(connection, f"ALTER ROLE {identifier(username)} PASSWORD {verifier}", "ALTER ROLE")


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


def run(connection: Connection, statement: str, what: str) -> list[list[Any]]:
    """The statement's rows."""
    try:
        rows: list[list[Any]] | None = connection.run(statement)
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
