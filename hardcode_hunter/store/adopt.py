"""A secret that exists already, under another name or with other keys, takes the place of one in the plan.

Values are compared in memory; what comes out is names: no value, and no word about which value was compared with which.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hardcode_hunter.errors import Refused, UsageError
from hardcode_hunter.model import Plaintext, Plan, Secret, SecretField
from hardcode_hunter.store.connection import Connection
from hardcode_hunter.store.content import Values, equal, missing, parse
from hardcode_hunter.store.shelves import SHELVES

SYNONYMS: Mapping[str, frozenset[str]] = {
    "username": frozenset(["user", "user_name", "login", "uid"]),
    "password": frozenset(["pass", "passwd", "pwd", "secret"]),
    "dbname": frozenset(["database", "db", "db_name"]),
    "host": frozenset(["hostname", "endpoint", "server", "address"]),
}


@dataclass(frozen=True, slots=True)
class Adoption:
    """The existing secret ``arn`` serves as ``secret``: ``keys`` maps the plan's keys to its own; those that it lacks and no code
    reads are left out. ``form`` is how it keeps them."""

    secret: str
    arn: str
    form: str
    keys: Mapping[str, str]


def adoption(plan: Plan, secret: Secret, name: str, values: Values, connection: Connection) -> Adoption:
    """How the existing secret ``name`` (or ARN) can serve as ``secret``.

    Raises ``UsageError`` when it doesn't exist or the live values are not known, ``Refused`` when it doesn't hold them, ``StoreError``.
    """
    shelf = SHELVES.get(secret.home)
    if shelf is None:
        raise UsageError(f"'{secret.id}' is not stored (its home is {secret.home.value}); there is nothing to adopt")
    if lacking := missing(secret, values):
        raise UsageError(f"the live value of {', '.join(lacking)} of '{secret.id}' can't be read any more; plan again")
    held = shelf.look(connection, name)
    if held is None:
        raise UsageError(
            f"there is no {name} in {connection.region}; correct the name, or the profile and region in the plan"
        )
    if held.trouble or held.content is None:
        raise Refused(f"{name}: it {held.trouble or 'has no value yet'}")
    theirs = parse(held.content)
    if theirs is None:
        return Adoption(secret.id, held.arn or name, "text", _alone(secret, name, held.content, values))
    keys: dict[str, str] = {}
    for field in secret.fields:
        value = values[secret.id, field.key] if field.constant is None else Plaintext(str(field.constant))
        found = _key(name, field, value, theirs)
        if found:
            keys[field.key] = found
    return Adoption(secret.id, held.arn or name, "json", keys)


def _alone(secret: Secret, name: str, text: Plaintext, values: Values) -> dict[str, str]:
    """The one field that a plain text can serve."""
    read = [field.key for field in secret.fields if _is_read(field)]
    if len(read) != 1:
        raise Refused(f"{name}: holds one text, but the code reads {', '.join(read)} of '{secret.id}'")
    if not equal(values[secret.id, read[0]], text):
        raise Refused(f"{name}: doesn't hold the values of '{secret.id}' in the code; name another secret")
    return {read[0]: read[0]}


def _is_read(field: SecretField) -> bool:
    """Whether rewritten code will ask for the field."""
    return any(origin.finding for origin in field.origins)


def _key(name: str, field: SecretField, value: Plaintext, theirs: Mapping[str, Plaintext]) -> str:
    """Under which key the field's value stands; empty for one that is absent and that no code reads."""
    same = [key for key, other in theirs.items() if equal(other, value)]
    if field.key in theirs:
        if field.key not in same:
            raise Refused(
                f"{name}: doesn't hold the live value under '{field.key}'; name another secret, or correct its value first"
            )
        return field.key
    if len(same) > 1:
        same = [key for key in same if key.lower() in SYNONYMS.get(field.key, frozenset())]
    if len(same) == 1:
        return same[0]
    if not _is_read(field):
        return ""
    raise Refused(
        f"{name}: it can't be told under which key it holds '{field.key}'; rename the field in the plan to that key"
    )


def adopt(plan: Plan, found: Adoption) -> Plan:
    """The plan with the existing secret in place: its name, its form and its keys."""

    def renamed(secret: Secret) -> Secret:
        fields = tuple(replace(f, key=found.keys[f.key]) for f in secret.fields if f.key in found.keys)
        return replace(secret, existing=found.arn, form=found.form, fields=fields)

    return replace(
        plan,
        secrets=tuple(renamed(s) if s.id == found.secret else s for s in plan.secrets),
        replacements=tuple(
            replace(r, key=found.keys.get(r.key, r.key)) if r.secret == found.secret else r for r in plan.replacements
        ),
    )
