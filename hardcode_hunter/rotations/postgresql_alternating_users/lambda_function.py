"""Rotates a PostgreSQL credential by alternating between two logins (strategy: alternating users).

A secret for the login ``orders`` names ``orders`` and ``orders_clone`` in turn. Each rotation gives the login that is not
in use a new password; the one in use goes on working until the next rotation, so no client is ever refused. Clients have
to take ``username`` from the secret as well as ``password``.

The clone is a member of the first login's role and its sessions act as that role (``ALTER ROLE orders_clone SET role TO
orders``), ``RESET ROLE`` and ``DISCARD ALL`` included: what either login creates belongs to ``orders``, later grants to
``orders`` hold for both, and ``current_user`` is the same. The first login's own settings (``ALTER ROLE … SET …``) are
copied to the clone at each rotation to it; ``session_user`` is what differs.

Secrets Manager calls :func:`handler` once per step with ``Step``, ``SecretId`` and ``ClientRequestToken``; the token is
the id of the version that is being rotated in (AWSPENDING). A delivery that comes twice changes nothing, and a rotation
that died anywhere is finished by calling its steps again with the same token, which is what the service does.

The secret is a JSON object:
    username, password, host    required, text or number; a username of at most 57 bytes
    masterarn                   required: ARN of a secret of the same form whose login may create roles, grant the first
                                login's role and change both passwords
    port, dbname                5432 and ``postgres`` when absent
    engine                      when present, it has to name PostgreSQL
    ssl                         true: TLS or nothing; false: no TLS; absent: TLS when the server offers it. With TLS the
                                certificate and the host name are always verified, never skipped after a failure.

Environment: SECRETS_MANAGER_ENDPOINT (URL), EXCLUDE_CHARACTERS, PASSWORD_LENGTH (32), EXCLUDE_NUMBERS,
EXCLUDE_PUNCTUATION, EXCLUDE_UPPERCASE, EXCLUDE_LOWERCASE, REQUIRE_EACH_INCLUDED_TYPE (true or false), DATABASE_CA_FILE
(PEM, trusted beside the system's authorities), MASTER_HOST (the host of a master secret that names none, as those that
RDS manages).

To try it against any PostgreSQL and an emulated Secrets Manager: install boto3 and requirements.txt, point
SECRETS_MANAGER_ENDPOINT at the emulation, and call ``handler({"Step": step, "SecretId": arn, "ClientRequestToken":
token}, None)`` for createSecret, setSecret, testSecret and finishSecret; rotation is enabled on ``arn``, and ``token``
is a version of it that is labelled AWSPENDING and has no value.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from pg8000.native import Connection, identifier

if TYPE_CHECKING:  # a type checker sees a package; in the function's own directory the files lie side by side
    from .postgresql_login import (
        MAXIMUM_NAME_BYTES,
        Login,
        RotationError,
        SecretsManager,
        change_password,
        current_login,
        error_code,
        log_in,
        master_connection,
        new_password,
        read_login,
        run,
        secrets_manager,
    )
else:
    from postgresql_login import (
        MAXIMUM_NAME_BYTES,
        Login,
        RotationError,
        SecretsManager,
        change_password,
        current_login,
        error_code,
        log_in,
        master_connection,
        new_password,
        read_login,
        run,
        secrets_manager,
    )

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

SUFFIX = "_clone"


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
    """Store the other login with a new password under ``token``, unless an earlier delivery did."""
    current = current_login(client, arn)
    other = alternate(current.username)
    if not current.document.get("masterarn"):
        raise RotationError(
            "the key 'masterarn' in AWSCURRENT is absent; alternating users need a login that creates them"
        )
    if read_login(client, arn, "AWSPENDING", token) is None:
        value = json.dumps({**current.document, "username": other, "password": new_password(client)})
        version = {"ClientRequestToken": token, "SecretString": value, "VersionStages": ["AWSPENDING"]}
        client.put_secret_value(SecretId=arn, **version)


def set_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Make the server accept the pending login: as the master, and only when the current login still works."""
    current, pending = current_login(client, arn), pending_login(client, arn, token)
    connection = log_in(pending)
    if connection is not None:
        connection.close()
        return
    connection = log_in(current)  # else who may write this secret could have any role changed
    if connection is None:
        raise RotationError(f"the server at {current.host} refuses the login in AWSCURRENT; store one that works")
    connection.close()
    with master_connection(client, current) as master:
        run(master, "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", "SET SESSION CHARACTERISTICS")
        run(master, "SET ROLE NONE", "SET ROLE NONE")
        if pending.username.endswith(SUFFIX):
            prepare_clone(master, current.username, pending.username)
        else:
            require_clone(master, pending.username, current.username)
        change_password(master, pending.username, pending.password)  # last: with it, setSecret is done


def test_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Log in with the pending login and run a query.

    When rotation is configured without rotating at once, the service calls this step alone, on a version that has no
    value or the current one: then the current login is tried, which proves the way to the database.
    """
    current, pending = current_login(client, arn), read_login(client, arn, "AWSPENDING", token)
    tried = None if pending is None or pending.document == current.document else pending_login(client, arn, token)
    login = tried or current
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


# ---------------------------------------------------------------- the two logins


def alternate(username: str) -> str:
    """The other of the two logins."""
    other = username.removesuffix(SUFFIX) if username.endswith(SUFFIX) else username + SUFFIX
    if not other or len(other.encode("utf-8", "surrogatepass")) > MAXIMUM_NAME_BYTES:
        raise RotationError(
            f"the username and {SUFFIX} together are longer than {MAXIMUM_NAME_BYTES} bytes, or it is all there is"
        )
    return other


def pending_login(client: SecretsManager, arn: str, token: str) -> Login:
    """The pending login: the current one's alternate, on the same server.

    Otherwise whoever may write a pending version could have this function, and its rights, work on another database.
    """
    pending, current = read_login(client, arn, "AWSPENDING", token), current_login(client, arn)
    if pending is None:
        raise RotationError("the version has no value yet; createSecret comes first")
    if (pending.username, pending.host, pending.port) != (alternate(current.username), current.host, current.port):
        raise RotationError("the version names a username that is not the alternate, or another host or port")
    return replace(current, username=pending.username, password=pending.password)


def prepare_clone(master: Connection, base: str, clone: str) -> None:
    """A role ``clone`` that acts as ``base``. It can't log in before it does, so every step of this may be the last."""
    if not run(master, "SELECT 1 FROM pg_roles WHERE rolname = :name", "looking for the clone", name=clone):
        run(master, f"CREATE ROLE {identifier(clone)} NOLOGIN", "CREATE ROLE")
    run(master, f"GRANT {identifier(base)} TO {identifier(clone)}", "GRANT")
    run(master, f"ALTER ROLE {identifier(clone)} SET role TO {identifier(base)}", "ALTER ROLE SET role")
    copy_settings(master, base, clone)


def require_clone(master: Connection, base: str, clone: str) -> None:
    """Refuse to touch ``base`` for a login that merely has the clone's name."""
    [[member]] = run(
        master, "SELECT pg_has_role(:clone, :base, 'MEMBER')", "asking for membership", clone=clone, base=base
    )
    if not member:
        raise RotationError(f"{clone} is not a member of {base}; if it is its clone, GRANT it first")


def copy_settings(master: Connection, base: str, clone: str) -> None:
    """Give ``clone`` what ALTER ROLE … SET says for ``base``, in every database.

    Each setting is made the session's own for one transaction and taken over from there: spelt out as a literal, a list
    such as ``search_path`` would become one name.
    """
    settings = run(
        master,
        "SELECT d.datname, unnest(s.setconfig) FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase"
        " WHERE s.setrole = (SELECT oid FROM pg_roles WHERE rolname = :name)",
        "reading settings",
        name=base,
    )
    for database, setting in settings:
        name, _, value = setting.partition("=")
        quoted = ".".join(identifier(part) for part in name.split("."))
        scope = f"ALTER ROLE {identifier(clone)}" + (f" IN DATABASE {identifier(database)}" if database else "")
        if name == "role":  # not to be taken on: the master may be no member of it
            run(master, f"{scope} SET role TO {identifier(value)}", "copying the setting role")
            continue
        run(master, "BEGIN", "BEGIN")
        run(master, "SELECT set_config(:name, :value, true)", f"taking on the setting {name}", name=name, value=value)
        run(master, f"{scope} SET {quoted} FROM CURRENT", f"copying the setting {name}")
        run(master, "COMMIT", "COMMIT")
