"""What was done to the tree and to the store: JSON lines in the state directory, appended and brought to the disk before the next step.

A file's content before and after is known here only by HMAC-SHA256 under a random key of the run. A plain hash of a file that is known
but for one weak password would give the password away. Nothing here is plaintext: replaced text lies in the escrow.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from hardcode_hunter.errors import HardcodeHunterError
from hardcode_hunter.state import State
from hardcode_hunter.wholefile import TEMPORARY

FILE = "journal.jsonl"
KEY = "key-"


class Status(enum.StrEnum):
    """How far one change of one file has come."""

    PLANNED = "planned"  # about to be written: the file is as before or as after
    DONE = "done"
    UNDOING = "undoing"  # about to be put back: the file is as before or as after
    UNDONE = "undone"  # put back, or never written


OPEN = (Status.PLANNED, Status.UNDOING)


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of one file. ``before`` is ``None`` when it creates the file; ``mode`` is the mode to have before (after, when created)."""

    number: int
    run: str
    path: str
    before: str | None
    after: str
    mode: int
    folders: tuple[str, ...] = ()  # directories made for it
    status: Status = Status.PLANNED

    @property
    def temporary(self) -> str:
        """The name beside the file under which it is written first."""
        return f"{TEMPORARY}{self.run}-{self.number}"


@dataclass(frozen=True, slots=True)
class Milestone:
    """Something that happened to a secret: ``stored``, ``deployed``, ``rotated``, ``revoked``; ``details`` hold no value."""

    secret: str
    event: str
    details: Mapping[str, str]


class Journal:
    """The journal of a state directory, read when it is made. Only the holder of the state's lock may write."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.entries: dict[int, Entry] = {}
        self.milestones: list[Milestone] = []
        self._keys: dict[str, bytes | None] = {}
        self._run = ""
        for number, line in enumerate(_lines(state.read(FILE)), start=1):
            self._take(number, line)

    def _take(self, number: int, line: bytes) -> None:
        try:
            row = json.loads(line)
            if row["event"] == "file":
                entry = _entry(row)
                self.entries[entry.number] = entry
            elif row["event"] != "run":
                details = {str(k): str(v) for k, v in row["details"].items()}
                self.milestones.append(Milestone(str(row["secret"]), str(row["event"]), details))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise HardcodeHunterError(
                f"{self.state.path / FILE}:{number}: the journal is damaged; put the tree back with git, then remove {self.state.path}"
            ) from None

    # ------------------------------------------------------------ writing

    @property
    def run(self) -> str:
        """The id of this run. Its key is on the disk before the first entry that needs it."""
        if not self._run:
            run = secrets.token_hex(4)
            key = secrets.token_bytes(32)
            self.state.write(KEY + run, key)
            self._keys[run] = key
            self._append({"event": "run", "run": run})
            self._run = run
        return self._run

    def plan(self, path: str, before: bytes | None, after: bytes, mode: int, folders: Sequence[str] = ()) -> Entry:
        """Records that ``path`` is about to change."""
        run = self.run
        was = None if before is None else self._keyed(run, before)
        entry = Entry(self.next_number(), run, path, was, str(self._keyed(run, after)), mode, tuple(folders))
        return self._put(entry)

    def mark(self, entry: Entry, status: Status) -> Entry:
        """Records that ``entry`` has come this far."""
        return entry if entry.status is status else self._put(replace(entry, status=status))

    def note(self, secret: str, event: str, **details: str) -> None:
        """Records a milestone of a secret; the same one twice in a row is recorded once."""
        milestone = Milestone(secret, event, details)
        known = milestone in self.deployments if event == "deployed" else self.milestone(secret, event) == milestone
        if not known:
            self._append({"event": event, "secret": secret, "details": details})
            self.milestones.append(milestone)

    def next_number(self) -> int:
        return max(self.entries, default=0) + 1

    def _put(self, entry: Entry) -> Entry:
        self._append({"event": "file", **asdict(entry)})
        self.entries[entry.number] = entry
        return entry

    def _append(self, row: Mapping[str, Any]) -> None:
        if not self.state.locked:
            raise RuntimeError("the journal is written under the state's lock only")
        self.state.append(FILE, json.dumps(row).encode("ascii") + b"\n")

    # ------------------------------------------------------------ reading

    def milestone(self, secret: str, event: str) -> Milestone | None:
        """The latest one of its kind."""
        return next((m for m in reversed(self.milestones) if m.secret == secret and m.event == event), None)

    @property
    def deployments(self) -> tuple[Milestone, ...]:
        """What was recorded as deployed since the tree was last put back: what is running then, nobody has told."""
        undone = max((n for n, m in enumerate(self.milestones) if m.event == "undone"), default=-1)
        return tuple(m for m in self.milestones[undone + 1 :] if m.event == "deployed")

    def standing(self, path: str) -> list[Entry]:
        """The changes of ``path`` that are not undone, oldest first."""
        return [e for _, e in sorted(self.entries.items()) if e.path == path and e.status is not Status.UNDONE]

    def paths(self) -> tuple[str, ...]:
        """All files with changes that are not undone, sorted."""
        return tuple(sorted({e.path for e in self.entries.values() if e.status is not Status.UNDONE}))

    def leftovers(self) -> Iterable[tuple[str, str]]:
        """Path and temporary name of every change that was begun and not ended."""
        return [(e.path, e.temporary) for e in self.entries.values() if e.status in OPEN]

    def is_before(self, entry: Entry, data: bytes | None) -> bool:
        return self._same(entry.before, self._keyed(entry.run, data))

    def is_after(self, entry: Entry, data: bytes | None) -> bool:
        return self._same(entry.after, self._keyed(entry.run, data))

    @staticmethod
    def _same(known: str | None, found: str | None) -> bool:
        if known is None or found is None:
            return known is found
        return hmac.compare_digest(known, found)

    def _keyed(self, run: str, data: bytes | None) -> str | None:
        if run not in self._keys:
            self._keys[run] = self.state.read(KEY + run)
        key = self._keys[run]
        if key is None:
            raise HardcodeHunterError(
                f"{self.state.path / (KEY + run)}: is missing, so that the journal can't tell what it wrote; put the tree back with git"
            )
        return None if data is None else hmac.new(key, data, hashlib.sha256).hexdigest()

    def applied(self, chain: Sequence[Entry], data: bytes | None) -> int | None:
        """How many of ``chain`` (the standing changes of one file) are in ``data``; ``None`` when it is none of their states."""
        for count in range(len(chain), 0, -1):
            if self.is_after(chain[count - 1], data):
                return count
            if count < len(chain) and self.is_before(chain[count], data):
                return count
        return 0 if chain and self.is_before(chain[0], data) else None

    def settle(self, chain: Sequence[Entry], data: bytes | None) -> None:
        """Closes changes of one file that a killed run left open, by what the file holds now. An edited file keeps them open."""
        count = self.applied(chain, data) if any(e.status in OPEN for e in chain) else None
        if count is not None:
            for i, entry in enumerate(chain):
                self.mark(entry, Status.DONE if i < count else Status.UNDONE)


def _lines(data: bytes | None) -> list[bytes]:
    """The complete lines: what follows the last LF was never told to be written."""
    return (data or b"").split(b"\n")[:-1]


def _entry(row: Mapping[str, Any]) -> Entry:
    before = row["before"]
    if not (before is None or isinstance(before, str)) or not all(
        isinstance(row[k], str) for k in ("run", "path", "after")
    ):
        raise TypeError
    if not row["run"].isalnum():
        raise ValueError
    return Entry(
        number=int(row["number"]),
        run=row["run"],
        path=row["path"],
        before=before,
        after=row["after"],
        mode=int(row["mode"]),
        folders=tuple(str(f) for f in row["folders"]),
        status=Status(row["status"]),
    )
