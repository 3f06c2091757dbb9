"""Rotates a MySQL or MariaDB credential by alternating between two logins (strategy: alternating users).

A secret for the login ``orders`` names ``orders`` and ``orders_clone`` in turn. Each rotation gives the login that is not in use a new
password; the one in use goes on working until the next rotation, so no client is ever refused. Clients have to take ``username`` from
the secret as well as ``password``.

The clone is an account for the same host, made with the first login's authentication plugin, its REQUIRE and its limits. At each rotation
to it, it gets what SHOW GRANTS says of the first login, roles included, and loses what the first login no longer has: grant to the first
login, and to both where it can't wait for the next rotation.

The secret is a JSON object:
    username, password, host    required, text or number
    masterarn                   required: ARN of a secret of the same form whose login may create users, grant what the first
                                login has, and read the table mysql.user
    port, dbname                3306 and no database when absent
    engine                      when present, it has to name MySQL or MariaDB
    ssl                         true: TLS or nothing; false: no TLS; absent: TLS when the server offers it. With TLS the
                                certificate and the host name are always verified, never skipped after a failure.

Environment, beside what ``rotation_steps`` reads: DATABASE_CA_FILE (PEM, trusted beside the system's authorities), MASTER_HOST (the host
of a master secret that names none, as those that RDS manages).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mysql_login import (
    MAXIMUM_NAME_CHARACTERS,
    Login,
    account,
    current_login,
    definition,
    is_mariadb,
    log_in,
    login_of,
    master_connection,
    own_account,
    password_expression,
    pending_login,
    plugin,
    previous_login,
    quoted,
    run,
    set_password,
)
from pymysql.connections import Connection
from rotation_steps import (
    RotationError,
    SecretsManager,
    new_password,
    promote,
    put_pending,
    read,
    read_current,
    run_step,
)

SUFFIX = "_clone"


def handler(event: Mapping[str, str], context: object) -> None:
    """Do one step of one rotation. Raises :class:`RotationError` when it could not be done."""
    run_step(STEPS, event)


def create_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Store the other login with a new password under ``token``, unless an earlier delivery did."""
    current = login_of(read_current(client, arn))
    other = alternate(current)
    if not current.version.document.get("masterarn"):
        raise RotationError(
            "the key 'masterarn' in AWSCURRENT is absent; alternating users need a login that creates them"
        )
    if read(client, arn, "AWSPENDING", token) is None:
        put_pending(
            client, arn, token, {**current.version.document, "username": other, "password": new_password(client)}
        )


def set_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Make the server accept the pending login: as the master, and only when the current login still works."""
    current = current_login(client, arn)
    pending = pending_login(client, arn, token, alternate(current), current)
    connection = log_in(pending)
    if connection is not None:
        connection.close()
        return
    connection = log_in(current)  # else who may write this secret could have any account changed
    if connection is None:
        raise RotationError(f"the server at {current.host} refuses the login in AWSCURRENT; store one that works")
    with connection:
        username, host = own_account(connection)
    if username != current.username:
        raise RotationError("the server takes the login in AWSCURRENT for another account, such as an anonymous one")
    previous = previous_login(client, arn, pending.username, current)
    known = log_in(previous) if previous else None  # proves that both logins have been this secret's
    if known is not None:
        known.close()
    with master_connection(client, current) as master:
        mine, theirs = account(current.username, host), account(pending.username, host)
        if pending.username.endswith(SUFFIX):
            prepare_clone(master, mine, theirs, new_password(client), known is not None)
        elif known is None and not set(grants(master, theirs)) <= set(grants(master, mine, theirs)):
            raise RotationError(
                f"{mine} lacks rights that {theirs} has; if it is its clone, grant them to it, then rotate"
            )
        set_password(master, theirs, pending.password, plugin(definition(master, theirs)))  # last: setSecret is done


def test_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Log in with the pending login and run a query.

    When rotation is configured without rotating at once, the service calls this step alone, on a version that has no
    value or the current one: then the current login is tried, which proves the way to the database.
    """
    current, version = current_login(client, arn), read(client, arn, "AWSPENDING", token)
    login: Login = current
    if version is not None and version.document != current.version.document:
        login = pending_login(client, arn, token, alternate(current), current)
    connection = log_in(login)
    if connection is None:
        raise RotationError(f"the server at {login.host} refuses the password")
    with connection:
        run(connection, "SELECT 1", "a query")


def finish_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Move AWSCURRENT to ``token``, and take AWSPENDING off."""
    current = current_login(client, arn)
    pending_login(
        client, arn, token, alternate(current), current
    )  # a version without a value must never become current
    promote(client, arn, token)


STEPS = {
    "createSecret": create_secret,
    "setSecret": set_secret,
    "testSecret": test_secret,
    "finishSecret": finish_secret,
}


# ---------------------------------------------------------------- the two logins


def alternate(current: Login) -> str:
    """The username of the other of the two logins."""
    name = current.username
    other = name.removesuffix(SUFFIX) if name.endswith(SUFFIX) else name + SUFFIX
    engine = current.version.text("engine", "mysql").lower()
    limit = MAXIMUM_NAME_CHARACTERS["MariaDB" if "mariadb" in engine else "MySQL"]
    if not other or len(other) > limit:
        raise RotationError(f"the username and {SUFFIX} are longer than {limit} characters, or it is all there is")
    return other


def prepare_clone(master: Connection[Any], base: str, clone: str, unknown: str, known: bool) -> None:
    """An account ``clone`` with the rights of ``base``. Nobody knows its password before it has them: each step may be the last."""
    wanted, text = grants(master, base, clone), definition(master, base)
    if not definition(master, clone):
        kind = plugin(text)
        if is_mariadb(master):
            how = f"VIA {kind} USING {password_expression(unknown, True, kind)}"
        else:
            how = f"WITH {kind} BY {quoted(unknown)}"
        run(master, f"CREATE USER {clone} IDENTIFIED {how}{options(text)}", "CREATE USER")
    held = grants(master, clone)
    surplus = [grant for grant in held if grant not in wanted]
    if surplus and not known and not _partly(surplus, wanted):
        raise RotationError(
            f"{clone} exists and has rights that {base} lacks; if it is its clone, take them away first"
        )
    for grant in surplus:
        run(master, revocation(grant, clone), "REVOKE")
    for grant in wanted:
        if grant not in held or surplus:
            run(master, grant, "GRANT")


def _partly(surplus: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether every right in ``surplus`` is also in ``wanted``, only written in another statement."""

    def rights(grant: str) -> tuple[set[str], str]:
        granted, _, where = grant.partition(" ON ")
        return {part.strip() for part in granted.removeprefix("GRANT ").split(",")}, where.partition(" WITH ")[0]

    return all(
        any(rights(grant)[1] == rights(other)[1] and rights(grant)[0] <= rights(other)[0] for other in wanted)
        for grant in surplus
    )


def grants(connection: Connection[Any], whom: str, to: str = "") -> list[str]:
    """What SHOW GRANTS says of an account, as statements that give it to ``to`` (to itself by default); passwords are left out."""
    found = []
    for line in run(connection, f"SHOW GRANTS FOR {whom}", "SHOW GRANTS"):
        for word in (" TO ", " FOR "):
            head, middle, tail = line.rpartition(f"{word}{whom}")
            if middle and not head.startswith("GRANT USAGE ON *.*"):
                admin = next((w for w in ("GRANT OPTION", "ADMIN OPTION") if f"WITH {w}" in tail), "")
                found.append(f"{head}{word}{to or whom}{f' WITH {admin}' if admin else ''}")
                break
    return sorted(found, key=lambda statement: statement.startswith("SET "))  # a default role has to be granted first


def revocation(grant: str, whom: str) -> str:
    """The statement that takes ``grant`` back."""
    if grant.startswith("SET DEFAULT ROLE"):
        return f"SET DEFAULT ROLE NONE FOR {whom}"
    head = grant.rpartition(f" TO {whom}")[0].removeprefix("GRANT ")
    option = ", GRANT OPTION" if grant.endswith(" WITH GRANT OPTION") and " ON " in grant else ""
    rights, on, where = head.partition(" ON ")
    return f"REVOKE {rights}{option}{on}{where} FROM {whom}"


def options(text: str) -> str:
    """REQUIRE and the limits of a SHOW CREATE USER: a clone must not get by with less than the first login does."""
    value = r"'(?:[^'\\]|\\.|'')*'"
    require = re.search(rf" REQUIRE (?:SSL|X509|(?:(?:ISSUER|SUBJECT|CIPHER) {value}(?: AND)? ?)+)", text)
    limits = re.search(r" WITH (?:MAX_\w+ [0-9.]+ ?)+", text)
    return "".join(found[0].rstrip() if found else "" for found in (require, limits))
