"""The table of library calls that take a credential (``clients.toml``): which parameter holds which part of it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True, slots=True)
class Client:
    """One library's calls. ``parts`` maps a role to the parameters that hold it: keywords, or ``#2`` for the third positional one.

    ``opens`` says that the call logs in (a connection, a session), so that a value that has rotated is refused there; ``errors`` are
    the exceptions of that refusal. ``refused_in`` says where they are raised: ``call``, ``await`` (the call's result is awaited), or
    empty: later, in a connection that the library makes by itself. ``dsn`` is the parameter that takes a libpq connection string, where
    keywords override it.
    """

    library: str
    calls: tuple[str, ...]
    docs: str
    opens: bool = False
    parts: Mapping[str, Sequence[str]] | None = None
    errors: tuple[str, ...] = ()
    refused_in: str = ""
    dsn: str = ""
    position: int = 0


@cache
def table() -> Mapping[str, Client]:
    """Every call in the table, by its dotted name."""
    text = resources.files(__package__).joinpath("clients.toml").read_text(encoding="utf-8")
    rows = [_row(row) for row in tomllib.loads(text)["client"]]
    return {call: row for row in rows for call in row.calls}


def _row(row: dict[str, Any]) -> Client:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Client(**values)


def of(callee: str) -> Client | None:
    """The client whose call ``callee`` is."""
    return table().get(callee)


def refusals(client: Client, callee: str) -> tuple[str, ...]:
    """The exceptions of ``callee``: where a row is for several libraries, those of its own."""
    package = callee.partition(".")[0]
    own = tuple(error for error in client.errors if error.partition(".")[0] == package)
    return own or client.errors
