"""The MySQL or MariaDB login that a secret holds: reading it, logging in with it, and what the server says about its account."""

from __future__ import annotations

import hashlib
import os
import re
import ssl
from dataclasses import dataclass, field, replace
from typing import Any

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CR, ER
from rotation_steps import RotationError, SecretsManager, Version, read, read_current, read_pending

TIMEOUT_SECONDS = 5
LAMBDA_CA_FILE = "/var/runtime/ca-cert.pem"  # the runtime's copy of Amazon's authorities, those of RDS included
REFUSED = (ER.ACCESS_DENIED_ERROR, 3118, 4151)  # wrong login; ER_ACCOUNT_HAS_BEEN_LOCKED of MySQL and of MariaDB
PREVENTED = (
    1290,
    1819,
)  # ER_OPTION_PREVENTS_STATEMENT, ER_NOT_VALID_PASSWORD: a policy wants to see the password itself
NO_TLS = "the server offers no TLS"
NATIVE = "mysql_native_password"
MAXIMUM_NAME_CHARACTERS = {"MySQL": 32, "MariaDB": 80}  # MySQL Reference Manual 8.2.3; MariaDB, "Identifier Names"


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
    if not any(name in version.text("engine", "mysql").lower() for name in ("mysql", "mariadb")):
        raise RotationError(f"the engine in {version.stage} is neither MySQL nor MariaDB")
    return Login(
        version=version,
        username=version.text("username"),
        password=version.text("password"),
        host=version.text("host", host),
        port=version.port(3306),
        dbname=str(version.document.get("dbname") or ""),
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


def log_in(login: Login) -> Connection[Any] | None:
    """A connection; None when the server refuses this login.

    Anything else is a :class:`RotationError`: a server that can't be reached says nothing about a password.
    """
    failure = ""
    for tls in (True, False) if login.tls is None else (login.tls,):
        try:
            return _connect(login, tls)
        except Exception as error:
            failure = class_of(error)
            if isinstance(error, pymysql.err.OperationalError) and error.args and error.args[0] in REFUSED:
                return None
        if failure != NO_TLS:
            break
    raise RotationError(f"no connection to {login.host}, port {login.port}: {failure}")


def _connect(login: Login, tls: bool) -> Connection[Any]:
    context = ssl.create_default_context() if tls else None
    for authorities in (os.environ.get("DATABASE_CA_FILE"), LAMBDA_CA_FILE if os.path.exists(LAMBDA_CA_FILE) else None):
        if context and authorities:
            context.load_verify_locations(authorities)
    return Connection(
        user=login.username,
        password=login.password.encode(),  # PyMySQL would take text for latin-1
        host=login.host,
        port=login.port,
        database=login.dbname or None,
        charset="utf8mb4",
        autocommit=True,
        connect_timeout=TIMEOUT_SECONDS,
        read_timeout=TIMEOUT_SECONDS,
        write_timeout=TIMEOUT_SECONDS,
        ssl=context,
        ssl_disabled=not tls,
        # the modes change what a quoted text means: with none of them, our quoting is right on every server
        init_command="SET SESSION sql_mode = '', sql_quote_show_create = 1",
    )


def master_connection(client: SecretsManager, current: Login) -> Connection[Any]:
    """A connection as the login in the secret that ``masterarn`` names, which has to belong to the same server."""
    version = read(client, current.version.text("masterarn"), "AWSCURRENT")
    if version is None:
        raise RotationError("the master secret has no value")
    master = login_of(Version(version.id, "the master secret", version.document), os.environ.get("MASTER_HOST", ""))
    if master.host != current.host:
        raise RotationError("the master secret names another host than this secret")
    connection = log_in(replace(current, username=master.username, password=master.password, tls=master.tls, dbname=""))
    if connection is None:
        raise RotationError(f"the server at {current.host} refuses the login in the master secret")
    return connection


def run(connection: Connection[Any], statement: str, what: str) -> list[str]:
    """The first column of the statement's rows."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)  # without parameters: a per cent sign is one
            return [str(row[0]) for row in cursor.fetchall()]
    except Exception as error:
        failure = class_of(error)
    raise RotationError(f"{what} failed: {failure}")


def class_of(error: Exception) -> str:
    """The server's error number, or the exception's type. Never its text, which may quote a statement or a value."""
    number = error.args[0] if error.args else None
    if number == CR.CR_SSL_CONNECTION_ERROR:
        return NO_TLS
    if isinstance(error, pymysql.err.MySQLError) and isinstance(number, int) and number < 2000:
        return f"error {number}"
    original = getattr(error, "original_exception", None) or error.__cause__ or error
    return type(original).__name__


# ---------------------------------------------------------------- accounts


def quoted(text: str) -> str:
    """``text`` as a string; what it means doesn't depend on the session, whose sql_mode is empty."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def account(username: str, host: str) -> str:
    """An account as the server itself writes it in SHOW GRANTS."""
    return "@".join("`" + part.replace("`", "``") + "`" for part in (username, host))


def own_account(connection: Connection[Any]) -> tuple[str, str]:
    """User and host of the account that the server took this session's login for."""
    username, _, host = run(connection, "SELECT CURRENT_USER()", "asking for the account")[0].rpartition("@")
    return username, host


def is_mariadb(connection: Connection[Any]) -> bool:
    return "mariadb" in run(connection, "SELECT VERSION()", "asking for the version")[0].lower()


def definition(connection: Connection[Any], name: str) -> str:
    """SHOW CREATE USER of an account; empty when there is none. MySQL 5.7, MariaDB 10.2 and newer."""
    rows = run(connection, f"SELECT COUNT(*) FROM mysql.user WHERE CONCAT('`', REPLACE(User, '`', '``'), '`@`', Host, '`') = {quoted(name)}",
               "looking for the account")  # fmt: skip
    return "" if rows == ["0"] else run(connection, f"SHOW CREATE USER {name}", "SHOW CREATE USER")[0]


def plugin(text: str) -> str:
    """The authentication plugin in a SHOW CREATE USER."""
    found = re.search(r" IDENTIFIED (?:VIA|WITH) [`'\"]?(\w+)", text)
    return found[1] if found else NATIVE


def password_expression(password: str, mariadb: bool, plugin_name: str) -> str:
    """What SET PASSWORD is given: MariaDB writes statements into its logs as they came, so it gets a hash where it takes one.

    MySQL takes the password itself and hides it in its logs (Reference Manual, "Passwords and Logging").
    """
    if not mariadb:
        return quoted(password)
    if plugin_name != NATIVE:
        return f"PASSWORD({quoted(password)})"
    inner = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return quoted("*" + hashlib.sha1(inner, usedforsecurity=False).hexdigest().upper())


def set_password(connection: Connection[Any], target: str, password: str, plugin_name: str) -> None:
    """SET PASSWORD of the account ``target``, of the session's own when it is empty. The plugin stays what it is."""
    mariadb = is_mariadb(connection)
    whom = f" FOR {target}" if target else ""
    expression = password_expression(password, mariadb, plugin_name)
    try:
        run(connection, f"SET PASSWORD{whom} = {expression}", "SET PASSWORD")
    except RotationError as error:
        if not (mariadb and str(error).endswith(tuple(f"error {number}" for number in PREVENTED))):
            raise
        run(connection, f"SET PASSWORD{whom} = PASSWORD({quoted(password)})", "SET PASSWORD")
