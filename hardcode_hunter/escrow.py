"""The one place outside the tree that holds plaintext: what ``undo`` needs, and values that wait for the store.

Files of mode 0600 in the state directory, one for each replaced file and one for each waiting value, so that each can be destroyed
alone. Nothing leaves here but into the tree (undo) and into the store.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hardcode_hunter.errors import HardcodeHunterError
from hardcode_hunter.model import Change, Edit, Plaintext, Span
from hardcode_hunter.state import State

KEPT = "kept-"
VALUE = "value-"
Values = Mapping[tuple[str, str], Plaintext]
"""(secret id, key) → the live value."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One file before a change: ``original`` is ``None`` when the change created it. ``hidden`` are values that no diff may show."""

    path: str
    original: bytes | None
    edits: tuple[Edit, ...]
    hidden: tuple[Plaintext, ...]

    def __repr__(self) -> str:
        return f"Kept({self.path!r})"

    @property
    def result(self) -> bytes:
        """What the change made of the file."""
        return Change(self.path, None, self.edits).result(self.original or b"")


class Escrow:
    """The escrow of a state directory."""

    def __init__(self, state: State) -> None:
        self.state = state

    # ------------------------------------------------------------ for undo

    def keep(self, number: int, change: Change, original: bytes | None, hidden: Iterable[Plaintext]) -> None:
        """Keeps what undoing journal entry ``number`` needs; on the disk when this returns."""
        row = {
            "path": change.path,
            "original": None if original is None else _text(original),
            "edits": [[e.span.start, e.span.end, _text(e.text)] for e in change.edits],
            "hidden": sorted({value.reveal() for value in hidden}),
        }
        self.state.write(f"{KEPT}{number}", json.dumps(row).encode("ascii"))

    def kept(self, number: int) -> Kept | None:
        """What was kept for journal entry ``number``; ``None`` when it was destroyed."""
        row = self._read(f"{KEPT}{number}")
        if row is None:
            return None
        try:
            return Kept(
                path=str(row["path"]),
                original=None if row["original"] is None else _bytes(row["original"]),
                edits=tuple(Edit(Span(int(start), int(end)), _bytes(text)) for start, end, text in row["edits"]),
                hidden=tuple(Plaintext(str(value)) for value in row["hidden"]),
            )
        except (KeyError, TypeError, ValueError):
            raise self._damaged(f"{KEPT}{number}") from None

    def numbers(self) -> tuple[int, ...]:
        """The journal entries for which something is kept."""
        names = (name.removeprefix(KEPT) for name in self.state.names(KEPT))
        return tuple(sorted(int(name) for name in names if name.isdigit()))

    # ------------------------------------------------------------ for the store

    def put(self, values: Values) -> None:
        """Keeps values until the store has them; all on the disk when this returns. One that is kept already is replaced."""
        for (secret, key), value in values.items():
            row = {"secret": secret, "key": key, "value": value.reveal()}
            self.state.write(_name(secret, key), json.dumps(row).encode("ascii"))

    def values(self) -> dict[tuple[str, str], Plaintext]:
        """All values that wait for the store."""
        found: dict[tuple[str, str], Plaintext] = {}
        for name in self.state.names(VALUE):
            row = self._read(name)
            if row is not None:
                try:
                    found[row["secret"], row["key"]] = Plaintext(row["value"])
                except (KeyError, TypeError):
                    raise self._damaged(name) from None
        return found

    def forget(self, secrets: Collection[str]) -> None:
        """Destroys the values of secrets that the store has delivered and verified."""
        for secret, key in self.values():
            if secret in secrets:
                self.state.destroy(_name(secret, key))

    # ------------------------------------------------------------ the end

    def destroy(self, keep: Sequence[int] = (), *, values: bool = True) -> None:
        """Overwrites and removes everything but what undoing the journal entries ``keep`` needs; ``values=False`` spares those that wait."""
        for number in self.numbers():
            if number not in keep:
                self.state.destroy(f"{KEPT}{number}")
        for name in self.state.names(VALUE) if values else ():
            self.state.destroy(name)

    def _read(self, name: str) -> dict[str, Any] | None:
        data = self.state.read(name)
        if data is None:
            return None
        try:
            row = json.loads(data)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise self._damaged(name)
        return row

    def _damaged(self, name: str) -> HardcodeHunterError:
        return HardcodeHunterError(f"{self.state.path / name}: is damaged; put the tree back with git")


def _name(secret: str, key: str) -> str:
    return VALUE + hashlib.sha256(f"{secret}\0{key}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
