"""The table of clients against the libraries themselves: ``python -m benchmarks.clients``.

For every row whose library is installed here: its calls exist, each of their parameters is one, and each error is an exception. A row
whose library is absent is counted, not passed. Install more of them to check more rows; nothing is connected.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

from hardcode_hunter.languages.python.clients import Client, table


class Absent(Exception):
    """The library isn't installed, or doesn't load here."""


def main() -> int:
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for call, client in table().items():
        try:
            faults = [] if call in OLDER else list(_faults(call, client))
        except Absent:
            counts["absent"] += 1
            continue
        counts["wrong" if faults else "right"] += 1
        wrong += faults
    print(
        f"calls: {counts['right']} right, {counts['wrong']} wrong, {counts['absent']} of libraries that are not installed"
    )
    print("\n".join(wrong))
    return 1 if wrong else 0


OLDER = {
    "telegram.ext.Updater": "before 20",
    "algoliasearch.search_client.SearchClient.create": "before 4",
    **dict.fromkeys(("pymysql.connect", "pymysql.Connect", "pymysql.connections.Connection"), "before 1.0"),
    "redis.asyncio.Redis": "in aioredis 2",
}
"""Calls that legacy code makes as older versions of the library allow it."""


def _faults(call: str, client: Client) -> Iterator[str]:
    target = _found(call)
    if target is None:
        yield f"{call}: there is no such call"
        return
    names, positions, open_ended = _parameters(target)
    for role, wanted in (client.parts or {}).items():
        for parameter in wanted:
            if parameter.startswith("#"):
                number = int(parameter[1:])
                if number >= len(positions) and not open_ended[0]:
                    yield f"{call}: {role} can't be argument {number}"
                elif number < len(positions) and positions[number] in _others(client, role):
                    yield f"{call}: argument {number} is {positions[number]}, not {role}"
            elif parameter not in names and not open_ended[1]:
                yield f"{call}: it has no parameter {parameter} ({', '.join(sorted(names))})"
    for error in client.errors:
        try:
            kind = _found(error)
        except Absent:
            continue  # of another library in the same row
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            yield f"{call}: {error} is no exception"


def _others(client: Client, role: str) -> set[str]:
    return {p for other, wanted in (client.parts or {}).items() if other != role for p in wanted if p[0] != "#"}


def _found(dotted: str) -> Any:
    """The object of this name, ``None`` where its module has none. Raises :class:`Absent`."""
    parts = dotted.split(".")
    for length in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:length])
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError:
            if length == 1:
                raise Absent from None
            continue
        except Exception:
            raise Absent from None
        return functools.reduce(_attribute, parts[length:], module)
    raise Absent


def _attribute(owner: Any, name: str) -> Any:
    if inspect.isroutine(owner):  # the class of what a factory function makes is told by its annotation alone
        raise Absent
    return getattr(owner, name, None) if owner is not None else None


def _parameters(target: Any) -> tuple[set[str], list[str], tuple[bool, bool]]:
    """Names, those that may be given by position in their order, and whether any more may be given by position and by name."""
    try:
        found = list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):
        return set(), [], (True, True)
    if found and found[0].name in ("self", "cls"):
        found = found[1:]
    positional = [p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    kinds = {p.kind for p in found}
    return (
        {p.name for p in found},
        positional,
        (inspect.Parameter.VAR_POSITIONAL in kinds, inspect.Parameter.VAR_KEYWORD in kinds),
    )


if __name__ == "__main__":
    sys.exit(main())
