"""Rotates a PostgreSQL credential by alternating between two logins (strategy: alternating users).

A secret for the login ``orders`` names ``orders`` and ``orders_clone`` in turn. Each rotation gives the login that is not
in use a new password; the one in use goes on working until the next rotation, so no client is ever refused. Clients have
to take ``username`` from the secret as well as ``password``.

The clone is a member of the first login's role and its sessions act as that role (``ALTER ROLE orders_clone SET role TO
orders``), ``RESET ROLE`` and ``DISCARD ALL`` included: what either login creates belongs to ``orders``, later grants to
``orders`` hold for both, and ``current_user`` is the same. The first login's own settings (``ALTER ROLE … SET …``) are
copied to the clone at each rotation to it; ``session_user`` is what differs. A role that merely has the clone's name is
never touched.

The secret is a JSON object:
    username, password, host    required, text or number; a username of at most 57 bytes
    masterarn                   required: ARN of a secret of the same form whose login may create roles, grant the first
                                login's role and change both passwords
    port, dbname                5432 and ``postgres`` when absent
    engine                      when present, it has to name PostgreSQL
    ssl                         true: TLS or nothing; false: no TLS; absent: TLS when the server offers it. With TLS the
                                certificate and the host name are always verified, never skipped after a failure.

Environment, beside what ``rotation_steps`` reads: DATABASE_CA_FILE (PEM, trusted beside the system's authorities), MASTER_HOST (the host
of a master secret that names none, as those that RDS manages).

To try it against any PostgreSQL and an emulated Secrets Manager: install boto3 and requirements.txt, point
SECRETS_MANAGER_ENDPOINT at the emulation, and call ``handler({"Step": step, "SecretId": arn, "ClientRequestToken":
token}, None)`` for createSecret, setSecret, testSecret and finishSecret; rotation is enabled on ``arn``, and ``token``
is a version of it that is labelled AWSPENDING and has no value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from postgresql_login import (
    MAXIMUM_NAME_BYTES,
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

if TYPE_CHECKING:
    from pg8000.native import Connection

SUFFIX = "_clone"


def handler(event: Mapping[str, str], context: object) -> None:
    """Do one step of one rotation. Raises :class:`RotationError` when it could not be done."""
    run_step(STEPS, event)


def create_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Store the other login with a new password under ``token``, unless an earlier delivery did."""
    current = current_login(client, arn)
    document, other = current.version.document, alternate(current.username)
    if not document.get("masterarn"):
        raise RotationError(
            "the key 'masterarn' in AWSCURRENT is absent; alternating users need a login that creates them"
        )
    if read(client, arn, "AWSPENDING", token) is None:
        put_pending(client, arn, token, {**document, "username": other, "password": new_password(client)})


def set_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Make the server accept the pending login: as the master, and only when the current login still works."""
    current = current_login(client, arn)
    pending = pending_login(client, arn, token, alternate(current.username), current)
    connection = log_in(pending)
    if connection is not None:
        connection.close()
        return
    connection = log_in(current)  # else who may write this secret could have any role changed
    if connection is None:
        raise RotationError(f"the server at {current.host} refuses the login in AWSCURRENT; store one that works")
    connection.close()
    previous = previous_login(client, arn, pending.username, current)
    known = log_in(previous) if previous else None  # proves that both logins have been this secret's
    if known is not None:
        known.close()
    with master_connection(client, current) as master:
        as_itself(master)
        if pending.username.endswith(SUFFIX):
            prepare_clone(master, current.username, pending.username, known is not None)
        else:
            require_clone(master, pending.username, current.username)
        clause = password_clause(master, pending.username, pending.password)
        run(master, f"ALTER ROLE {role(pending.username)} LOGIN {clause}", "ALTER ROLE")  # last: setSecret is done


def test_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Log in with the pending login and run a query.

    When rotation is configured without rotating at once, the service calls this step alone, on a version that has no
    value or the current one: then the current login is tried, which proves the way to the database.
    """
    current, version = current_login(client, arn), read(client, arn, "AWSPENDING", token)
    login: Login = current
    if version is not None and version.document != current.version.document:
        login = pending_login(client, arn, token, alternate(current.username), current)
    connection = log_in(login)
    if connection is None:
        raise RotationError(f"the server at {login.host} refuses the password")
    with connection:
        run(connection, "SELECT 1", "a query")


def finish_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Move AWSCURRENT to ``token``, and take AWSPENDING off."""
    current = current_login(client, arn)
    # a version without a value must never become current
    pending_login(client, arn, token, alternate(current.username), current)
    promote(client, arn, token)


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


def prepare_clone(master: Connection, base: str, clone: str, known: bool) -> None:
    """A role ``clone`` that acts as ``base``. It can't log in before it does, and until then it does not exist at all.

    One that exists already has to be ``known`` as this secret's, or to be made for ``base`` and no other: whoever may write the
    secret could otherwise have any role of a fitting name opened, and somebody's login would stop working.
    """
    if not (known or acts_as(master, base, clone)):
        if run(master, "SELECT 1 FROM pg_roles WHERE rolname = :name", "looking for the clone", name=clone):
            raise RotationError(
                f"the role {clone} exists and does not act as {base}; rename it, or, if it is its clone, "
                f"GRANT it {base} and have it SET role TO {base}"
            )
        run(master, "BEGIN", "BEGIN")
        run(master, f"CREATE ROLE {role(clone)} NOLOGIN", "CREATE ROLE")
        become_clone(master, base, clone)
        run(master, "COMMIT", "COMMIT")
    else:
        become_clone(master, base, clone)
    copy_settings(master, base, clone)


def become_clone(master: Connection, base: str, clone: str) -> None:
    run(master, f"GRANT {role(base)} TO {role(clone)}", "GRANT")
    run(master, f"ALTER ROLE {role(clone)} SET role TO {role(base)}", "ALTER ROLE SET role")


def is_member(master: Connection, base: str, clone: str) -> bool:
    """Whether ``clone`` was granted ``base`` itself: a superuser, who passes for a member of everything, is none."""
    granted = (
        "SELECT 1 FROM pg_auth_members m JOIN pg_roles b ON b.oid = m.roleid JOIN pg_roles c ON c.oid = m.member"
        " WHERE b.rolname = :base AND c.rolname = :clone"
    )
    return bool(run(master, granted, "asking for membership", base=base, clone=clone))


def acts_as(master: Connection, base: str, clone: str) -> bool:
    """Whether ``clone`` is a member of ``base`` whose sessions act as ``base``, or as what the sessions of ``base`` act as."""
    acting = [setting for database, setting in settings(master, clone) if not database and setting.startswith("role=")]
    own = [setting for database, setting in settings(master, base) if not database and setting.startswith("role=")]
    return is_member(master, base, clone) and acting in ([f"role={base}"], own or None)


def require_clone(master: Connection, base: str, clone: str) -> None:
    """Refuse to touch ``base`` for a login that merely has the clone's name."""
    if not is_member(master, base, clone):
        raise RotationError(f"{clone} is not a member of {base}; if it is its clone, GRANT it first")


def settings(master: Connection, name: str) -> list[list[str]]:
    """What ALTER ROLE … SET says for a role: database (``None`` for all of them) and ``name=value``."""
    return run(
        master,
        "SELECT d.datname, unnest(s.setconfig) FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase"
        " WHERE s.setrole = (SELECT oid FROM pg_roles WHERE rolname = :name)",
        "reading settings",
        name=name,
    )


def copy_settings(master: Connection, base: str, clone: str) -> None:
    """Give ``clone`` what ALTER ROLE … SET says for ``base``, in every database.

    Each setting is made the session's own for one transaction and taken over from there: spelt out as a literal, a list
    such as ``search_path`` would become one name.
    """
    for database, setting in settings(master, base):
        name, _, value = setting.partition("=")
        quoted = ".".join(role(part) for part in name.split("."))
        scope = f"ALTER ROLE {role(clone)}" + (f" IN DATABASE {role(database)}" if database else "")
        if name == "role":  # not to be taken on: the master may be no member of it
            run(master, f"{scope} SET role TO {role(value)}", "copying the setting role")
            continue
        run(master, "BEGIN", "BEGIN")
        run(master, "SELECT set_config(:name, :value, true)", f"taking on the setting {name}", name=name, value=value)
        run(master, f"{scope} SET {quoted} FROM CURRENT", f"copying the setting {name}")
        run(master, "COMMIT", "COMMIT")
