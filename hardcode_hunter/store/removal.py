"""Secrets that an undone migration has left, scheduled for deletion: never at once, and never one that somebody has changed since."""

from __future__ import annotations

from hardcode_hunter.model import Home
from hardcode_hunter.store.connection import Connection
from hardcode_hunter.store.shelves import SHELVES

DAYS = 30
"""The longest recovery window of Secrets Manager (DeleteSecret, API reference)."""


def schedule_deletion(name: str, home: Home, version: str, connection: Connection) -> tuple[bool, str]:
    """Whether the secret ``name`` was scheduled for deletion, and what became of it in words. ``version`` is the one that was stored.

    Raises ``StoreError``.
    """
    if home is not Home.SECRETS_MANAGER:
        return False, f"{name}: stays, because a parameter has no recovery window: whatever deletes it is final"
    held = SHELVES[home].look(connection, name)
    if held is None or "deletion" in held.trouble:
        return False, f"{name}: is gone or scheduled for deletion already"
    if held.version != version:
        return False, f"{name}: stays, because its value was changed since it was stored"
    if held.rotating:
        return False, f"{name}: stays, because it is being rotated: switch that off first"
    connection.call("secretsmanager", "delete_secret", name, SecretId=name, RecoveryWindowInDays=DAYS)
    return (
        True,
        f"{name}: is deleted in {DAYS} days; until then `aws secretsmanager restore-secret --secret-id {name}` brings it back",
    )
