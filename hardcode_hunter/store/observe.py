"""What the store holds, for ``verify`` and ``status``: never written, values only where they are searched for in the tree."""

from __future__ import annotations

from collections.abc import Mapping

from hardcode_hunter.model import Observation, Plaintext, Plan, Secret
from hardcode_hunter.store.connection import Connection, StoreError
from hardcode_hunter.store.content import parse
from hardcode_hunter.store.shelves import SHELVES, Held


def observe(plan: Plan, environment: str, connection: Connection) -> dict[str, Observation]:
    """Every secret of one environment that the store keeps a value for, by id. A failing call is told in its observation."""
    return {
        s.id: _observe(plan, s, connection) for s in plan.secrets if s.environment == environment and s.home in SHELVES
    }


def _observe(plan: Plan, secret: Secret, connection: Connection) -> Observation:
    name = plan.secret_name(secret)
    try:
        held = SHELVES[secret.home].look(connection, name)
    except StoreError as error:
        return Observation(secret.id, name, error=str(error))
    if held is None:
        return Observation(secret.id, name)
    trouble = f"{name}: it {held.trouble}" if held.trouble else ""
    return Observation(secret.id, name, True, _keys(held), held.version, held.rotating, trouble)


def _keys(held: Held) -> frozenset[str]:
    if held.content is None:
        return frozenset()
    parsed = parse(held.content)
    return frozenset(parsed) if parsed is not None else frozenset({""})


def fetch(
    plan: Plan, environment: str, connection: Connection, versions: Mapping[str, str]
) -> tuple[dict[tuple[str, str], Plaintext], tuple[str, ...]]:
    """The values that were moved out of the code, by secret and key, and what could not be read, in words.

    ``versions`` says which version an earlier run stored: after a rotation that is the one to look for in the tree. Where none is
    recorded, or it is gone, the current one is read.
    """
    found: dict[tuple[str, str], Plaintext] = {}
    failed: list[str] = []
    for secret in plan.secrets:
        if secret.environment != environment or secret.home not in SHELVES:
            continue
        try:
            text = _text(plan, secret, connection, versions.get(secret.id, ""))
        except StoreError as error:
            failed.append(str(error))
            continue
        if text is None:
            failed.append(f"{plan.secret_name(secret)}: has no value in the store")
            continue
        parts = {"": text} if secret.form == "text" else parse(text) or {}
        for field in secret.fields:
            value = parts.get("" if secret.form == "text" else field.key)
            if value is not None and field.constant is None:
                found[secret.id, field.key] = value
    return found, tuple(failed)


def _text(plan: Plan, secret: Secret, connection: Connection, version: str) -> Plaintext | None:
    shelf, name = SHELVES[secret.home], plan.secret_name(secret)
    text = shelf.read(connection, name, version) if version else None
    if text is None:
        held = shelf.look(connection, name)
        text = held.content if held else None
    return text
