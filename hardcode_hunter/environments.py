"""Which environment names speak of, and what code that all environments share can't read in every one of them."""

from __future__ import annotations

import re

from hardcode_hunter.model import Evaluated, Plan, Position, Replacement, Secret, Skip

ENVIRONMENTS = {
    "production": frozenset(["prod", "production", "prd", "live"]),
    "staging": frozenset(["stage", "staging", "stg", "preprod"]),
    "development": frozenset(["dev", "devel", "development", "local", "localhost"]),
    "testing": frozenset(["qa", "uat", "testing"]),
}
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def words(name: str) -> tuple[str, ...]:
    """``DB_PASSWORD`` and ``dbPassword`` → ``('db', 'password')``."""
    return tuple(word.lower() for word in WORDS.findall(name))


def environment_named(*texts: str) -> str:
    """The one environment that names speak of, or an empty text."""
    said = {word for text in texts for word in words(text)}
    named = [name for name, tokens in ENVIRONMENTS.items() if tokens & said]
    return named[0] if len(named) == 1 else ""


def neutral(symbol: str) -> tuple[str, ...]:
    """The words of a symbol but for those that name an environment: ``ProdConfig.TOKEN`` and ``DevConfig.TOKEN`` are one place."""
    return tuple(word for word in words(symbol) if not any(word in tokens for tokens in ENVIRONMENTS.values()))


def unshared(plan: Plan) -> tuple[Skip, ...]:
    """Replacements that would stop the other environments: they evaluate the line too, and have no such secret.

    A configuration class for each environment is the usual case: importing the module evaluates every class. A file for each
    environment is evaluated there alone. In a table of all environments every entry would hold the secret of the present one.
    """
    secrets = {s.id: s for s in plan.secrets}
    tables: dict[tuple[str, str, tuple[str, ...]], set[str]] = {}
    for row in plan.replacements:
        if row.position is Position.ITEM:
            tables.setdefault(_entry(row, secrets[row.secret]), set()).add(secrets[row.secret].environment)
    having = {(s.component, s.environment) for s in plan.secrets}
    rows = []
    for row in plan.replacements:
        secret = secrets[row.secret]
        everywhere = row.evaluated is Evaluated.IMPORT or (
            row.evaluated is Evaluated.CALL and row.position in (Position.ITEM, Position.ELEMENT)
        )
        if row.position is Position.ITEM and len(tables[_entry(row, secret)]) > 1:
            why = (
                "the table has an entry for each environment, and code reads the secret of the one it runs in: leave one entry for all "
                "of them, or choose the entry first and read its secret then"
            )
            rows.append(Skip(row.finding, row.path, row.line, "one-table", why, row.rule))
            continue
        if not everywhere or environment_named(row.path) or environment_named(row.symbol) != secret.environment:
            continue
        lacking = [e.name for e in plan.environments if (secret.component, e.name) not in having]
        if lacking:
            why = (
                f"only {secret.environment} has this value, but the line is evaluated in {' and '.join(lacking)} too, where the "
                "secret would be missing: read it in a function, or set 'environment' of the secret to the one that all share"
            )
            rows.append(Skip(row.finding, row.path, row.line, "one-environment", why, row.rule))
    return tuple(rows)


def _entry(row: Replacement, secret: Secret) -> tuple[str, str, tuple[str, ...]]:
    """What the same entry of each environment has in common."""
    return row.path, secret.component, neutral(row.symbol)
