"""What stands beside a credential: user, host, port and database of the same connection, the id of the same client.

Siblings are literals in the same call, mapping or block, names with the same prefix in the same class or module
(``DB_HOST`` beside ``DB_PASSWORD``), literals that reach the same call, or parts of the same URL.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from hardcode_hunter import filters, shapes
from hardcode_hunter.detect.match import Match
from hardcode_hunter.filters import HOLE, normalise
from hardcode_hunter.model import Candidate, Kind, LiteralType
from hardcode_hunter.ruleset import PUBLIC_ROLES, RuleSet

WORDS = {
    "username": (
        "user",
        "username",
        "user_name",
        "login",
        "uid",
        "usr",
        "userid",
        "user_id",
        "master_username",
        "login_name",
        "access_key_name",
    ),
    "host": ("host", "hostname", "host_name", "server", "address", "addr", "endpoint"),
    "port": ("port",),
    "dbname": ("db", "database", "dbname", "db_name", "database_name", "catalog", "initial_catalog", "name"),
    "client_id": (
        "client_id",
        "consumer_key",
        "app_id",
        "appid",
        "application_id",
        "client_key",
        "app_key",
        "clientid",
    ),
    "account_id": ("account_sid", "account_id", "sid", "account"),
    "engine": ("engine", "dialect", "db_engine", "db_type", "backend", "adapter", "drivername", "driver"),
    "email": ("email",),
}
SUFFIXES = {word: role for role, words in WORDS.items() for word in words}
CREDENTIAL_TAIL = (
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "pass",
    "pwd",
    "pw",
    "secret",
    "token",
    "key",
    "api",
    "apikey",
    "access",
    "auth",
    "credential",
    "credentials",
    "client",
    "consumer",
    "app",
    "oauth",
    "master",
    "admin",
    "root",
    "login",
    "user",
)
LIBPQ = {"pguser": "username", "pghost": "host", "pgport": "port", "pgdatabase": "dbname", "pghostaddr": "host"}
ROLES = {
    Kind.DATABASE: ("username", "host", "port", "dbname", "engine", "account_id"),
    Kind.CONNECTION_URL: ("username", "host", "port", "dbname", "engine"),
    Kind.APPLICATION: ("username", "host", "port", "dbname", "engine", "client_id", "account_id"),
    Kind.OAUTH: ("client_id", "username", "account_id"),
    Kind.API_KEY: ("client_id", "account_id"),
}
SMALL = ("call@", "dict@", "block@")
NEAR = 30  # lines between two names without a prefix in a module
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Sibling:
    role: str
    candidate: Candidate


@dataclass(slots=True)
class _Row:
    """Siblings of one role, in the order of offsets."""

    offsets: list[int] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)

    def nearest(self, candidate: Candidate) -> Candidate:
        at = bisect_left(self.offsets, candidate.span.start)
        around = [c for c in self.candidates[max(0, at - 1) : at + 1] if c.path == candidate.path] or self.candidates[
            :1
        ]
        return min(around, key=lambda c: abs(c.span.start - candidate.span.start))


def keys(candidate: Candidate) -> Iterator[Key]:
    """The calls, blocks and namespaces that a candidate belongs to, its own first."""
    yield candidate.path, candidate.scope
    for sink in candidate.sinks:
        if sink.scope:
            yield sink.path, sink.scope


def roles(name: str) -> Iterator[tuple[str, str]]:
    """Prefix and role that a name can be read as: ``DB_HOST`` → ``('db', 'host')``."""
    plain = normalise(name)
    if plain in LIBPQ:
        yield "pg", LIBPQ[plain]
        return
    parts = plain.split("_")
    for size in range(1, min(len(parts), 3) + 1):
        role = SUFFIXES.get("_".join(parts[-size:]))
        if role:
            yield "_".join(parts[:-size]), role


def prefix(name: str) -> str:
    """Whose credential a name says it is: ``DB_PASSWORD`` → ``db``, ``password`` → nothing."""
    plain = normalise(name)
    if plain in ("pgpassword", "pgpass"):
        return "pg"
    parts = plain.split("_")
    while parts and parts[-1] in CREDENTIAL_TAIL:
        parts.pop()
    return "_".join(parts)


class Siblings:
    """Candidates by call, block or namespace, of those that hold a finding."""

    def __init__(
        self, candidates: Iterable[Candidate], found: Sequence[tuple[Candidate, Match]], rules: RuleSet
    ) -> None:
        self.rules = rules
        wanted = {key for candidate, match in found if match.rule.kind in ROLES for key in keys(candidate)}
        own = {id(candidate) for candidate, _ in found}
        self.rows: defaultdict[tuple[Key, str, str], _Row] = defaultdict(_Row)
        placed = [(c, place) for c in candidates for place in self._places(c, wanted)]
        for candidate, place in sorted(placed, key=lambda row: (row[0].path, row[0].span.start)):
            if id(candidate) in own and place[2] not in ("client_id", "account_id"):
                continue
            row = self.rows[place]
            row.offsets.append(candidate.span.start)
            row.candidates.append(candidate)

    def _places(self, candidate: Candidate, wanted: set[Key]) -> Iterator[tuple[Key, str, str]]:
        here = (candidate.path, candidate.scope)
        if here in wanted:
            # os.environ.get("DB_HOST", "db.internal") inside a call is that call's host, whatever the variable is called
            reached = (
                (candidate.callee, candidate.parameter),
                *((s.callee, s.parameter) for s in candidate.sinks if (s.path, s.scope) == here),
            )
            said = next(
                (r for callee, parameter in reached if callee and (r := self.rules.call(callee).get(parameter))), None
            )
            if said:
                yield here, "", said[1]
            elif not (candidate.parameter.startswith("#") and candidate.scope.startswith("call@")):
                for before, role in roles(candidate.name):
                    yield here, before, role
        for sink in candidate.sinks:
            key = (sink.path, sink.scope)
            said = self.rules.call(sink.callee).get(sink.parameter) if key in wanted and key != here else None
            if said:
                yield key, "", said[1]
            elif key in wanted and key != here:
                for before, role in roles(sink.parameter):
                    yield key, before, role

    def of(self, candidate: Candidate, match: Match) -> tuple[Sibling, ...]:
        """The siblings of one finding, one for each role that its kind of credential has."""
        found = []
        for role in ROLES.get(match.rule.kind, ()):
            sibling = self._sibling(candidate, role)
            if sibling is not None:
                found.append(Sibling(role, sibling))
        return tuple(found)

    def _sibling(self, candidate: Candidate, role: str) -> Candidate | None:
        for key in keys(candidate):
            small = key[1].startswith(SMALL) or key != (candidate.path, candidate.scope)
            before = prefix(candidate.name)
            for each in dict.fromkeys((before, "") if small or _named_place(candidate.scope) else (before,)):
                row = self.rows.get((key, each, role))
                nearest = row.nearest(candidate) if row else None
                if nearest is None or nearest.span == candidate.span or not _live(nearest, role):
                    continue
                if role == "dbname" and normalise(nearest.name) == "name" and not self._has_engine(key):
                    continue
                if each or small or _named_place(candidate.scope) or abs(nearest.line - candidate.line) <= NEAR:
                    return nearest
        return None

    def _has_engine(self, key: Key) -> bool:
        """Django's ``NAME`` is a database only beside an ``ENGINE``; anybody's ``name`` is not."""
        return (key, "", "engine") in self.rows or (key, "", "port") in self.rows


def _named_place(scope: str) -> bool:
    """A resource or block of its own: everything in it belongs together."""
    return "/" in scope or "." in scope


def _live(candidate: Candidate, role: str) -> bool:
    value = candidate.value.reveal()
    if HOLE in value or filters.absent(value) or len(value) > 300 or "\n" in value:
        return False
    if role == "port":
        return value.isdigit() and 0 < int(value[:6]) < 65536
    return candidate.literal is not LiteralType.INT or role in ("account_id", "client_id", "dbname")


def engine(siblings: Iterable[Sibling], match: Match, value: str) -> str:
    """The engine: as the rule says, the URL's scheme, or what a sibling such as Django's ``ENGINE`` names."""
    if match.rule.engine:
        return match.rule.engine
    if match.shape.value in ("url", "odbc"):
        return shapes.engine_of(value)
    for sibling in siblings:
        if sibling.role == "engine":
            return shapes.engine_of(sibling.candidate.value.reveal())
    if match.rule.kind is Kind.DATABASE:
        return shapes.engine_of(prefix(match.rule.id))
    return ""


def public(role: str) -> bool:
    """Whether a sibling of that role becomes a field; the engine becomes a constant of the secret instead."""
    return role in PUBLIC_ROLES and role != "engine"
