"""What a secret holds: composed from the plan and the live values, and compared without showing where it differs."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass

from hardcode_hunter.model import Plaintext, Secret

Values = Mapping[tuple[str, str], Plaintext]
"""(secret id, key) → the live value."""
LIMIT = {"secretsmanager": 65536, "ssm": 4096}
"""Bytes that fit: a Secrets Manager value, a standard parameter (both from their API references)."""


@dataclass(frozen=True, slots=True)
class Content:
    """The text to be stored, and its parts by key (one part with the empty key for a secret of form ``text``)."""

    text: Plaintext
    parts: Mapping[str, Plaintext]


@dataclass(frozen=True, slots=True)
class Difference:
    """Keys in which another content differs, and keys that it lacks. The empty key stands for all of it."""

    other: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.other or self.lacking)


def missing(secret: Secret, values: Values) -> tuple[str, ...]:
    """The keys whose live value is not known."""
    return tuple(f.key for f in secret.fields if f.constant is None and (secret.id, f.key) not in values)


def compose(secret: Secret, values: Values) -> Content:
    """The content of ``secret``. Raises ``KeyError`` when a value is :func:`missing`.

    JSON holds text, but for ``port``: AWS's own structure of database secrets has it as a number ("JSON structure of AWS Secrets Manager
    secrets", Secrets Manager User Guide), so digits are written as one. Constants are written as the plan has them.
    """
    parts: dict[str, str | int] = {}
    for field in secret.fields:
        value = field.constant if field.constant is not None else values[secret.id, field.key].reveal()
        parts[field.key] = _port(value) if field.key == "port" else value
    if secret.form == "text":
        if len(parts) != 1:
            raise ValueError(f"{secret.id}: a secret of form 'text' has one field")
        text = str(next(iter(parts.values())))
        return Content(Plaintext(text), {"": Plaintext(text)})
    return Content(Plaintext(json.dumps(parts)), {key: Plaintext(str(value)) for key, value in parts.items()})


def _port(value: str | int) -> str | int:
    number = (
        isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 5 and str(int(value)) == value
    )
    return int(value) if number else value


def parse(text: Plaintext) -> Mapping[str, Plaintext] | None:
    """The keys of a JSON object with texts or numbers; others (nested, true, null) are there with what JSON writes. ``None`` for no object."""
    try:
        found = json.loads(text.reveal())
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    return {str(key): Plaintext(value if isinstance(value, str) else json.dumps(value)) for key, value in found.items()}


def equal(a: Plaintext, b: Plaintext) -> bool:
    """Whether both are the same, in a time that doesn't depend on where they differ."""
    return hmac.compare_digest(_bytes(a), _bytes(b))


def _bytes(value: Plaintext) -> bytes:
    return value.reveal().encode("utf-8", "surrogatepass")


def compare(ours: Content, theirs: Plaintext) -> Difference:
    """How ``theirs`` differs from ``ours``. Keys that are only theirs (an attachment's, another team's) are no difference."""
    if "" in ours.parts:
        return Difference() if equal(ours.text, theirs) else Difference(other=("",))
    found = parse(theirs)
    if found is None:
        return Difference(other=("",))
    lacking = tuple(key for key in ours.parts if key not in found)
    # every key is compared, whatever the others said
    verdicts = {key: equal(value, found[key]) for key, value in ours.parts.items() if key in found}
    return Difference(tuple(key for key, same in verdicts.items() if not same), lacking)
