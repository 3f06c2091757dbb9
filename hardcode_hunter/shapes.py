"""How a credential sits in a literal: URL, libpq DSN, ODBC string, ``Bearer …``, ``Basic …``; and which part of it is what.

Spans are offsets into the literal's value, so that a rewriter can replace one part and keep the rest as it is written.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from hardcode_hunter.model import Shape


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a literal. ``value`` is what the other side gets to see (percent-decoded, unquoted); ``start`` and ``end``
    delimit what is written, in the literal's value."""

    role: str
    value: str
    start: int
    end: int


ENGINES = {
    "postgres": "postgres", "postgresql": "postgres", "postgis": "postgres", "pgsql": "postgres", "psycopg": "postgres", "psycopg2": "postgres", "cockroachdb": "postgres", "timescaledb": "postgres",
    "redshift": "redshift", "mysql": "mysql", "mysql2": "mysql", "mysqlx": "mysql", "aurora": "mysql", "mariadb": "mariadb", "oracle": "oracle", "mssql": "sqlserver", "sqlserver": "sqlserver", "db2": "db2", "ibm_db_sa": "db2",
    "mongodb": "mongo", "mongo": "mongo", "redis": "redis", "rediss": "redis", "valkey": "redis", "amqp": "rabbitmq", "amqps": "rabbitmq", "snowflake": "snowflake", "clickhouse": "clickhouse", "clickhousedb": "clickhouse",
    "teradatasql": "teradata", "vertica": "vertica", "trino": "trino", "presto": "trino", "hive": "hive", "impala": "impala", "elasticsearch": "elasticsearch", "neo4j": "neo4j", "bolt": "neo4j", "couchbase": "couchbase", "couchdb": "couchdb",
}  # fmt: skip
"""URL scheme → engine; where Secrets Manager's RDS schema has a word for the engine, it is that word."""

_SCHEME = re.compile(r"(?:jdbc:)?([A-Za-z][A-Za-z0-9_.-]{0,30})(?:\+[A-Za-z0-9_.]{1,30})?:(?:thin:@)?//")
_AUTHORITY_END = re.compile(r"[/?#\s\"'<>]")
_HOST_PORT = re.compile(r"(\[[^\]]*\]|[^:/?#]*)(?::(\d{1,5}))?\Z")
_QUERY_ROLES = {
    "user": "username", "username": "username", "uid": "username", "password": "password", "passwd": "password", "pwd": "password", "pass": "password",
    "api_key": "api_key", "apikey": "api_key", "api-key": "api_key", "key": "api_key", "appid": "api_key", "access_key": "api_key", "subscription-key": "api_key", "access_token": "token", "token": "token", "auth": "token", "auth_token": "token", "authtoken": "token", "private_token": "token",
    "client_secret": "client_secret", "secret": "client_secret", "sig": "signature", "signature": "signature", "host": "host", "port": "port", "database": "dbname", "dbname": "dbname",
}  # fmt: skip
_QUERY = re.compile(r"([?&;])([A-Za-z_.-]{1,40})=([^&;#\s\"']{1,2000})")
SECRET_PARTS = frozenset({"password", "token", "api_key", "client_secret", "signature", "account_key"})


def engine_of(value: str) -> str:
    """The engine that a URL's scheme or a driver's name says, or an empty text."""
    match = _SCHEME.match(value)
    word = (match.group(1) if match else value).lower().split("+")[0].split(":")[0]
    if word in ENGINES:
        return ENGINES[word]
    return (
        "" if match else next((engine for key, engine in ENGINES.items() if len(key) > 4 and key in value.lower()), "")
    )


def recognise(value: str) -> Shape:
    """The shape that has a secret part; :attr:`Shape.WHOLE` when there is none."""
    if "://" in value and _has_secret(_url(value)):
        return Shape.URL
    head = value[:8].lower()
    if head.startswith("basic ") and _basic(value):
        return Shape.BASIC
    if _bearer(value):
        return Shape.BEARER
    if "=" in value:
        if ";" in value and _has_secret(_odbc(value)):
            return Shape.ODBC
        if _has_secret(_dsn(value)):
            return Shape.DSN
    return Shape.WHOLE


def _has_secret(parts: tuple[Part, ...]) -> bool:
    return any(p.role in SECRET_PARTS and p.value for p in parts)


def parse(shape: str, value: str) -> tuple[Part, ...]:
    """The parts of ``value``, in the order they are written; empty when it isn't of that shape."""
    parser = {Shape.URL: _url, Shape.DSN: _dsn, Shape.ODBC: _odbc, Shape.BEARER: _bearer, Shape.BASIC: _basic}.get(
        Shape(shape)
    )
    return tuple(sorted(parser(value), key=lambda p: p.start)) if parser else ()


def extract(shape: str, value: str) -> Mapping[str, str]:
    """Role → value of each part."""
    return {part.role: part.value for part in parse(shape, value)}


# ---------------------------------------------------------------- URL (RFC 3986; userinfo as SQLAlchemy and the drivers read it)


def _url(value: str) -> tuple[Part, ...]:
    match = _SCHEME.match(value.lstrip())
    if match is None:
        return ()
    start = match.end() + len(value) - len(value.lstrip())
    at = _at_sign(value, start, match.group(1).lower() in ENGINES)
    host_start = start if at < 0 else at + 1
    ending = _AUTHORITY_END.search(value, host_start)
    host_end = ending.start() if ending else len(value)
    parts = _userinfo(value, start, at) if at >= 0 else []
    parts += _host(value, host_start, host_end)
    path = re.compile(r"/([^/?#\s;\"']*)").match(value, host_end)
    if path and path.group(1) and match.group(1).lower() in ENGINES:
        parts.append(Part("dbname", unquote(path.group(1)), path.start(1), path.end(1)))
    taken = {p.role for p in parts}
    for query in _QUERY.finditer(value, host_end):
        role = _QUERY_ROLES.get(query.group(2).lower(), "")
        if role and role not in taken:
            taken.add(role)
            parts.append(Part(role, unquote(query.group(3)), query.start(3), query.end(3)))
    return tuple(parts)


def _at_sign(value: str, start: int, database: bool) -> int:
    """Where the userinfo ends, or -1. Database drivers take a ``/``, ``?``, ``#`` or ``@`` in a password that should have been quoted."""
    ending = _AUTHORITY_END.search(value, start)
    at = value.rfind("@", start, ending.start() if ending else len(value))
    if at >= 0 or not database:
        return at
    blank = re.compile(r"\s").search(value, start)
    at = value.rfind("@", start, blank.start() if blank else len(value))
    colon = value.find(":", start)
    return (
        at
        if 0 <= colon < at and "/" not in value[start:colon] and re.match(r"[\w.\x00-]+(?:[:/?]|$)", value[at + 1 :])
        else -1
    )


def _userinfo(value: str, start: int, at: int) -> list[Part]:
    colon = value.find(":", start, at)
    user_end = colon if colon >= 0 else at
    parts = [Part("username", unquote(value[start:user_end]), start, user_end)] if user_end > start else []
    if colon >= 0 and colon + 1 < at:
        parts.append(Part("password", unquote(value[colon + 1 : at]), colon + 1, at))
    return parts


def _host(value: str, start: int, end: int) -> list[Part]:
    match = _HOST_PORT.match(value[start:end])
    if match is None:  # several hosts, as MongoDB and Kafka have them
        return [Part("host", value[start:end], start, end)] if end > start else []
    parts = [Part("host", match.group(1), start, start + match.end(1))] if match.group(1) else []
    if match.group(2):
        parts.append(Part("port", match.group(2), start + match.start(2), start + match.end(2)))
    return parts


# ---------------------------------------------------------------- libpq: key=value key='va lue' (PostgreSQL manual, 34.1.1.1)

_DSN_ROLES = {
    "user": "username",
    "password": "password",
    "host": "host",
    "hostaddr": "host",
    "port": "port",
    "dbname": "dbname",
}
_DSN_KEYS = frozenset(
    [
        *_DSN_ROLES,
        "passfile",
        "connect_timeout",
        "client_encoding",
        "options",
        "application_name",
        "fallback_application_name",
        "sslmode",
        "sslcert",
        "sslkey",
        "sslrootcert",
        "sslpassword",
        "gssencmode",
        "channel_binding",
        "keepalives",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
        "target_session_attrs",
        "krbsrvname",
        "service",
        "require_auth",
        "load_balance_hosts",
        "database",
        "requiressl",
        "replication",
    ]
)
_DSN_PAIR = re.compile(r"\s*([a-z_]{2,30})\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?:\s+|\Z)", re.S)


def _dsn(value: str) -> tuple[Part, ...]:
    parts, at = [], 0
    while at < len(value):
        pair = _DSN_PAIR.match(value, at)
        if pair is None or pair.group(1) not in _DSN_KEYS or pair.end() == at:
            return ()
        group = 2 if pair.group(2) is not None else 3
        role = _DSN_ROLES.get(pair.group(1), "")
        if role and pair.group(group):
            parts.append(
                Part(role, re.sub(r"\\(.)", r"\1", pair.group(group), flags=re.S), pair.start(group), pair.end(group))
            )
        at = pair.end()
    return tuple(parts)


# ---------------------------------------------------------------- ODBC and its kin: KEY=value;KEY={va;lue}

_ODBC_ROLES = {
    "uid": "username", "user id": "username", "user": "username", "username": "username", "user name": "username", "pwd": "password", "password": "password", "server": "host", "data source": "host", "address": "host", "addr": "host", "host": "host", "hostname": "host",
    "port": "port", "database": "dbname", "initial catalog": "dbname", "dbname": "dbname", "databasename": "dbname", "accountkey": "account_key", "sharedaccesskey": "account_key", "accountname": "username", "sharedaccesskeyname": "username", "endpoint": "host",
}  # fmt: skip
_ODBC_PAIR = re.compile(
    r"\s*([A-Za-z][A-Za-z ]{1,40}?)\s*=\s*(?:\{((?:[^}]|\}\})*)\}|\"([^\";]*)\"|'([^';]*)'|([^;]*))\s*(?:;|\Z)"
)

_OPENED = frozenset({"", "{", '"', "'"})
"""No values: the quotes of one that the program adds to the literal."""


def _odbc(value: str) -> tuple[Part, ...]:
    parts: list[Part] = []
    at = pairs = 0
    prefix = re.compile(
        r"jdbc:[a-z]{2,20}://[^;\s]{1,300};|(?:mysql|pgsql|sqlsrv|oci|odbc|mssql\+pyodbc)(?:://)?:?", re.I
    ).match(value)
    at = (
        prefix.end() if prefix else len(value) - len(value.lstrip(";"))
    )  # the rest of a text that begins in another literal
    while at < len(value):
        pair = _ODBC_PAIR.match(value, at)
        if pair is None or pair.end() == at:
            return () if value[at:].strip(" ;\r\n") else tuple(parts)
        group = next((g for g in (2, 3, 4, 5) if pair.group(g) is not None), 5)
        role = _ODBC_ROLES.get(pair.group(1).lower(), "")
        text = pair.group(group)
        if role and text.strip() not in _OPENED:
            parts.append(
                Part(
                    role,
                    text.replace("}}", "}") if group == 2 else text.strip(),
                    pair.start(group),
                    pair.start(group) + len(text.rstrip() if group == 5 else text),
                )
            )
        at = pair.end()
        pairs += 1
    return tuple(parts) if pairs > 1 or prefix else ()


# ---------------------------------------------------------------- values of an Authorization header (RFC 7235, 7617, 6750)

_BEARER = re.compile(
    r"(?:Bearer|Token|Bot|ApiKey|GenieKey|OAuth|JWT|SSWS)(?: token=| api[-_]key=|[ =:]{1,2})\"?([A-Za-z0-9\x00+/=_.:~|\-]{1,4096})\"?\Z",
    re.I,
)
_BASIC = re.compile(r"Basic +([A-Za-z0-9+/_-]{2,4096}={0,2})\s*\Z", re.I)


def _bearer(value: str) -> tuple[Part, ...]:
    match = _BEARER.match(value)
    return (Part("token", match.group(1), match.start(1), match.end(1)),) if match else ()


def _basic(value: str) -> tuple[Part, ...]:
    match = _BASIC.match(value)
    pair = decoded_pair(match.group(1)) if match else None
    if match is None or pair is None:
        return ()
    user = [Part("username", pair[0], match.start(1), match.end(1))] if pair[0] else []
    return (*user, Part("password", pair[1], match.start(1), match.end(1)))


def decoded_pair(text: str) -> tuple[str, str] | None:
    """``user`` and ``password`` out of base64 of ``user:password``; ``None`` when it is anything else."""
    try:
        plain = base64.b64decode(
            text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True
        ).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    user, colon, password = plain.partition(":")
    return (user, password) if colon and password and plain.isprintable() else None


# ---------------------------------------------------------------- user and password in one text, where a call says that it is one

_LOGIN = re.compile(r"([\w.$#+-]{1,64})([/:])([^\s\x00]{1,200})", re.S)


def login(value: str) -> Part | None:
    """The password in Oracle's ``user/password@service`` or in ``user:password``; ``None`` when it is anything else."""
    match = _LOGIN.fullmatch(value)
    if match is None:
        return None
    end = value.rfind("@") if match.group(2) == "/" else -1
    end = end if end > match.start(3) else match.end(3)
    return Part("password", value[match.start(3) : end], match.start(3), end)
