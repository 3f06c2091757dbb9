"""Identifiers for templates. Each depends on its own id alone: another secret, added later, must never rename (and so replace) one."""

from __future__ import annotations

import hashlib
import re

_CLEAN = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def logical_id(text: str, limit: int = 60) -> str:
    """A CloudFormation logical id part (letters and digits), such as ``OrdersDb`` for ``orders-db``.

    Whatever does not survive the conversion (case, other characters, the hyphen before a digit, length) adds a hash of the whole,
    so that different texts have different ids.
    """
    words = _words(text)
    plain = "".join(w[0].upper() + w[1:] for w in words)
    kept = bool(_CLEAN.match(text)) and not any(w[0].isdigit() for w in words) and len(plain) <= limit
    return plain if kept else plain[: limit - 6] + _digest(text)


def snake(text: str, limit: int = 60) -> str:
    """A Terraform identifier part, such as ``orders_db`` for ``orders-db``; hashed like :func:`logical_id`."""
    plain = "_".join(_words(text))
    if _CLEAN.match(text) and len(plain) <= limit and not plain[0].isdigit():
        return plain
    return f"{'n' if plain[:1].isdigit() or not plain else ''}{plain[: limit - 8]}_{_digest(text)}"


def region_id(region: str) -> str:
    """A region as part of a logical id: ``EuWest1`` for ``eu-west-1``. Regions are checked before; no two become one."""
    return "".join(part.capitalize() for part in region.split("-"))


def slug(text: str, limit: int = 40) -> str:
    """A name part of AWS resources (lower-case letters, digits, hyphens), such as a KMS alias or a stack name."""
    plain = "-".join(_words(text))
    return plain if _CLEAN.match(text) and len(plain) <= limit else f"{plain[: limit - 7]}-{_digest(text)}".strip("-")


def key_alias(application: str, environment: str) -> str:
    """The alias of the one KMS key of an application's environment."""
    return f"alias/{slug(application)}/{slug(environment, 20)}"
