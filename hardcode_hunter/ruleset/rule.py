"""One rule: what makes a literal a credential, what sort it is, where it should live, and the examples that prove it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from hardcode_hunter.model import Confidence, Home, Kind, Severity

SECRET_ROLES = frozenset([
    "password", "passphrase", "secret", "secret_key", "token", "refresh_token", "api_key", "api_secret",
    "private_key", "client_secret", "signing_key", "encryption_key", "access_key_id", "secret_access_key",
    "session_token", "connection_string", "webhook_url", "account_key", "salt", "cookie", "license_key", "signature",
])  # fmt: skip
"""Keys of a secret whose values are findings of their own."""
PUBLIC_ROLES = frozenset(["username", "host", "port", "dbname", "client_id", "account_id", "engine", "email"])
"""Keys of a secret whose values stand beside a credential and are moved with it."""
PARSED_ROLE = "url"
"""Role of a parameter that takes a URL, DSN or connection string: its parts are what counts."""
LOGIN_ROLE = "login"
"""Role of a parameter that takes user and password in one text: ``user:password``, Oracle's ``user/password@service``."""


@dataclass(frozen=True, slots=True)
class Call:
    """A library call and what its parameters are. ``roles`` maps a role to parameter names and positions (``#0``).

    ``callee`` is the dotted name that imports resolve to; ``?.login`` is that method on whatever receiver.
    """

    callee: str
    roles: Mapping[str, tuple[str, ...]]
    documentation: str = ""


@dataclass(frozen=True, slots=True)
class Value:
    """A linear pattern of a value. ``keywords`` are lower-case words of which each match holds one; at ``edges`` no word character follows on;
    no match is shorter than ``least``.

    ``check`` names a function of ``checksums``, empty for none; a match that fails it gets the confidence ``wrong``, or is none (``drop``).
    ``confidence`` is the most that a match gets, where the rule's own is more. ``samples`` are texts that match, as the rule file has them.
    """

    regex: str
    keywords: tuple[str, ...] = ()
    edges: bool = True
    least: int = 0
    check: str = ""
    wrong: str = ""
    confidence: str = ""
    samples: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Sample:
    """A text in a language, and what a scan of it must say: ``role``, ``symbol``, ``line``, ``verdict``, ``confidence`` of the finding.

    ``written`` is the text as it stands in the rule file, with token-like parts not yet put together.
    """

    language: str
    text: str
    written: str = ""
    path: str = ""
    expect: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """As written in a rule file; see docs/rules.md. ``strength`` is the least that a value needs when only its name speaks for it:
    ``any``, ``word``, ``fair`` or ``strong``. Rules of higher ``precedence`` are asked first."""

    id: str
    title: str
    description: str
    severity: Severity
    kind: Kind
    confidence: Confidence
    role: str
    engine: str = ""
    home: Home = Home.SECRETS_MANAGER
    home_why: str = ""
    rotation: str = "none"
    rotation_why: str = ""
    references: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    names: tuple[str, ...] = ()
    not_names: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    values: tuple[Value, ...] = ()
    properties: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    strength: str = "word"
    precedence: int = 0
    covers: tuple[str, ...] = ()
    source: str = ""
    examples: tuple[Sample, ...] = ()
    near_misses: tuple[Sample, ...] = ()


def to_row(rule: Rule) -> dict[str, Any]:
    """The rule as JSON values, without examples, defaults left out."""
    row: dict[str, Any] = {}
    for each in fields(Rule):
        value = getattr(rule, each.name)
        if each.name in ("examples", "near_misses") or value == each.default:
            continue
        if each.name == "calls":
            value = [[c.callee, {role: list(p) for role, p in c.roles.items()}, c.documentation] for c in value]
        elif each.name == "values":
            value = [_value_row(v) for v in value]
        elif each.name == "confidence":
            value = value.label
        row[each.name] = list(value) if isinstance(value, tuple) else value
    return row


def _value_row(value: Value) -> list[Any]:
    row = [value.regex, list(value.keywords), value.edges, value.least]
    rest = [value.check, value.wrong, value.confidence]
    return row + rest if any(rest) else row


def from_row(row: Mapping[str, Any]) -> Rule:
    """The inverse of :func:`to_row`. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for anything else."""
    plain: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    plain["severity"], plain["kind"] = Severity(row["severity"]), Kind(row["kind"])
    plain["confidence"] = Confidence[row["confidence"].upper()]
    plain["home"] = Home(row.get("home", Home.SECRETS_MANAGER))
    plain["calls"] = tuple(
        Call(callee, {role: tuple(p) for role, p in roles.items()}, page)
        for callee, roles, page in row.get("calls", ())
    )
    plain["values"] = tuple(
        Value(regex, tuple(words), edges, least, *rest) for regex, words, edges, least, *rest in row.get("values", ())
    )
    return Rule(**plain)
