"""Rotates the password of one PostgreSQL login that is kept in AWS Secrets Manager (strategy: single user).

The secret is a JSON object:
    username, password, host    required, text or number
    port, dbname                5432 and ``postgres`` when absent
    engine                      when present, it has to name PostgreSQL
    ssl                         true: TLS or nothing; false: no TLS; absent: TLS when the server offers it. With TLS the
                                certificate and the host name are always verified, never skipped after a failure.
    masterarn                   ARN of a secret of the same form whose login may change this password, for servers on
                                which a login may not change its own (``rds.restrict_password_commands``)

Environment, beside what ``rotation_steps`` reads: DATABASE_CA_FILE (PEM, trusted beside the system's authorities), MASTER_HOST (the host
of a master secret that names none, as those that RDS manages).

The server is sent a verifier instead of the new password, so that no statement log can hold it. Between setSecret and
finishSecret the version AWSCURRENT is refused: clients read the secret again and retry, or use alternating users.

To try it against any PostgreSQL and an emulated Secrets Manager: install boto3 and requirements.txt, point
SECRETS_MANAGER_ENDPOINT at the emulation, and call ``handler({"Step": step, "SecretId": arn, "ClientRequestToken":
token}, None)`` for createSecret, setSecret, testSecret and finishSecret; rotation is enabled on ``arn``, and ``token``
is a version of it that is labelled AWSPENDING and has no value.
"""

from __future__ import annotations

from collections.abc import Mapping

from postgresql_login import (
    Login,
    as_itself,
    current_login,
    log_in,
    master_connection,
    password_clause,
    pending_login,
    previous_login,
    role,
    run,
)
from rotation_steps import (
    RotationError,
    SecretsManager,
    new_password,
    promote,
    put_pending,
    read,
    run_step,
)


def handler(event: Mapping[str, str], context: object) -> None:
    """Do one step of one rotation. Raises :class:`RotationError` when it could not be done."""
    run_step(STEPS, event)


def create_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Store a new password under ``token``, unless an earlier delivery did."""
    current = current_login(client, arn)
    if read(client, arn, "AWSPENDING", token) is None:
        put_pending(client, arn, token, {**current.version.document, "password": new_password(client)})


def set_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Make the server accept the pending password, logging in with the current one or, failing that, the previous."""
    current = current_login(client, arn)
    pending = pending_login(client, arn, token, current.username, current)
    connection = log_in(pending)
    if connection is not None:
        connection.close()
        return
    previous = None if (connection := log_in(current)) else previous_login(client, arn, current.username, current)
    connection = connection or (log_in(previous) if previous else None)
    if connection is None:
        tried = "the passwords in AWSPENDING, AWSCURRENT and AWSPREVIOUS"
        raise RotationError(f"the server at {current.host} refuses {tried}; store one that works as AWSCURRENT")
    if current.version.document.get(
        "masterarn"
    ):  # only now: else who may write this secret could have any role changed
        connection.close()
        connection = master_connection(client, current)
    with connection:
        as_itself(connection)
        clause = password_clause(connection, current.username, pending.password)
        run(connection, f"ALTER ROLE {role(current.username)} {clause}", "ALTER ROLE")


def test_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Log in with the pending password and run a query.

    When rotation is configured without rotating at once, the service calls this step alone, on a version that may have
    no value: then the current password is tried, which proves the way to the database, and nothing is changed.
    """
    current = current_login(client, arn)
    login: Login = current
    if read(client, arn, "AWSPENDING", token) is not None:
        login = pending_login(client, arn, token, current.username, current)
    connection = log_in(login)
    if connection is None:
        raise RotationError(f"the server at {login.host} refuses the password")
    with connection:
        run(connection, "SELECT 1", "a query")


def finish_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Move AWSCURRENT to ``token``, and take AWSPENDING off."""
    current = current_login(client, arn)
    pending_login(client, arn, token, current.username, current)  # a version without a value must never become current
    promote(client, arn, token)


STEPS = {
    "createSecret": create_secret,
    "setSecret": set_secret,
    "testSecret": test_secret,
    "finishSecret": finish_secret,
}
