"""Decisions about findings that are known: one sorted line of JSON each, without a line number, a time, or anything made from a value.

Two people's additions merge without a conflict (``*.baseline merge=union``), and a value that changes leaves the file as it is. That a
value changed is told in three ways: by the old image of the file (``--staged``, ``--since``), or by marks that are kept outside the
repository under a key that only its owner has, or not at all.
"""

from __future__ import annotations

import datetime
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hardcode_hunter.errors import UsageError
from hardcode_hunter.model import Finding, Remark, fingerprint

STATUSES = ("todo", "false-positive", "accepted", "migrated", "rotated")
DECIDED = frozenset({"false-positive", "accepted"})
"""A person looked at it and decided that it stays: no command reports or moves it."""
HUSHING = DECIDED | {"todo"}
"""What the gate lets pass. ``migrated`` and ``rotated`` say that it is gone: when it is found again, it is reported."""
NEEDS_REASON = DECIDED
CHANGED = "its value is not the one that the baseline was made for (to accept it, give its entry another reason)"
_KEYS = {
    "id": str,
    "rule": str,
    "path": str,
    "symbol": str,
    "n": int,
    "status": str,
    "reason": str,
    "by": str,
    "expires": str,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. ``line`` is where it stands in the file, from 1; it is not written."""

    rule: str
    path: str
    symbol: str
    n: int = 0
    status: str = "todo"
    reason: str = ""
    by: str = ""
    expires: str = ""
    line: int = field(default=0, compare=False)

    @property
    def id(self) -> str:
        """The finding's fingerprint: the rule is beside it, so that a renamed rule, or one that knows better, changes nothing."""
        return fingerprint(self.path, self.symbol, self.n)

    @property
    def key(self) -> tuple[str, str, int]:
        return self.path, self.symbol, self.n

    def expired(self, today: datetime.date) -> bool:
        """Whether its last day has passed."""
        return bool(self.expires) and datetime.date.fromisoformat(self.expires) < today

    def row(self) -> str:
        """The line of the file, without its end."""
        document: dict[str, Any] = {
            "id": self.id,
            "rule": self.rule,
            "path": self.path,
            "symbol": self.symbol,
            "n": self.n,
            "status": self.status,
        }
        document |= {k: v for k, v in (("reason", self.reason), ("by", self.by), ("expires", self.expires)) if v}
        return json.dumps(document, ensure_ascii=True)


def of(finding: Finding, status: str = "todo", reason: str = "", by: str = "", expires: str = "") -> Entry:
    """A new entry for a finding."""
    return Entry(finding.rule, finding.path, finding.symbol, finding.ordinal, status, reason, by, expires)


# ---------------------------------------------------------------- the file


def parse(data: bytes, where: str) -> dict[str, Entry]:
    """The entries of a file by id. Of two lines for one finding, as a union merge may leave, the one that is no ``todo`` is taken.

    Raises ``UsageError`` naming the line and what is wrong with it.
    """
    found: dict[str, Entry] = {}
    for number, row in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
        if not row.strip():
            continue
        entry = _entry(row, number, f"{where}:{number}")
        known = found.get(entry.id)
        if known is None or known.status == "todo":
            found[entry.id] = entry
    return found


def _entry(row: str, number: int, where: str) -> Entry:
    try:
        document = json.loads(row)
    except (ValueError, RecursionError):
        raise UsageError(
            f"{where}: not a line of JSON; take one side of each conflict, or write it again with `hardcode-hunter baseline create`"
        ) from None
    if not isinstance(document, dict):
        raise UsageError(f"{where}: must be one JSON object")
    for key, value in document.items():
        if key not in _KEYS:
            import difflib

            near = difflib.get_close_matches(key, _KEYS, 1)
            raise UsageError(
                f"{where}: unknown key '{key}'; {f'did you mean {near[0]!r}?' if near else 'known keys: ' + ', '.join(_KEYS)}"
            )
        if type(value) is not _KEYS[key]:
            raise UsageError(f"{where}: '{key}' must be a {'number' if _KEYS[key] is int else 'text'}")
    for key in ("rule", "path", "symbol"):
        if key not in document:
            raise UsageError(f"{where}: '{key}' is missing")
    document.pop("id", None)
    return _checked(Entry(**document, line=number), where)


def _checked(entry: Entry, where: str) -> Entry:
    if entry.status not in STATUSES:
        raise UsageError(f"{where}: '{entry.status}' is no status; use one of {', '.join(STATUSES)}")
    if entry.status in NEEDS_REASON and not entry.reason.strip():
        raise UsageError(f"{where}: status '{entry.status}' needs a 'reason'")
    if entry.expires:
        try:
            datetime.date.fromisoformat(entry.expires)
        except ValueError:
            raise UsageError(f"{where}: 'expires' must be a date, YYYY-MM-DD") from None
    return entry


def checked(entry: Entry, where: str) -> Entry:
    """``entry`` as it is. Raises ``UsageError`` for a status, a date or a missing reason."""
    return _checked(entry, where)


def load(path: Path) -> dict[str, Entry]:
    """The entries of a file that must exist. Raises ``UsageError``."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read ({error.strerror}); write it with `hardcode-hunter baseline create`"
        ) from None
    return parse(data, str(path))


def text(entries: Iterable[Entry]) -> str:
    """The whole file: one line each, sorted by place."""
    return "".join(f"{entry.row()}\n" for entry in sorted(entries, key=lambda e: e.key))


def statistics(entries: Iterable[Entry], today: datetime.date) -> list[tuple[str, int]]:
    """How many entries there are, by status and by rule, and how many have expired."""
    rows = list(entries)
    status = Counter(e.status for e in rows)
    rules = Counter(e.rule for e in rows)
    counted = [(name, status[name]) for name in STATUSES if status[name]]
    expired = sum(e.expired(today) for e in rows)
    return [
        ("all", len(rows)),
        *counted,
        *([("expired", expired)] if expired else []),
        *sorted(rules.items(), key=lambda r: (-r[1], r[0])),
    ]


# ---------------------------------------------------------------- applying it


@dataclass(frozen=True, slots=True)
class Tree:
    """What a baseline has to know of the tree that was scanned.

    ``scanned(path)``: every finding of the file is known; ``exists(path)``: it is there; ``every``: ids of all findings, whatever their
    confidence. ``old(path, symbol)``: digests of the values that the old image has there, ``None`` where there is no old image;
    ``before``: the old image's baseline, of which ``vanished`` is not there any more; ``renamed``: a file's path in the old image. ``marks``: digests by id, kept under a key outside
    the repository.
    """

    scanned: Callable[[str], bool]
    exists: Callable[[str], bool]
    every: Collection[str]
    old: Callable[[str, str], Collection[str]] | None = None
    before: Mapping[str, Entry] = field(default_factory=dict)
    vanished: Collection[Entry] = ()
    renamed: Callable[[str], str] = lambda path: path
    marks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Applied:
    kept: tuple[Finding, ...]
    hushed: tuple[Finding, ...]
    remarks: tuple[Remark, ...]
    moved: Mapping[str, Finding] = field(default_factory=dict)  # entry's id -> where its finding is now
    unused: tuple[Entry, ...] = ()


def apply(
    findings: Iterable[Finding],
    entries: Mapping[str, Entry],
    tree: Tree,
    where: str,
    today: datetime.date,
    hushing: Collection[str] = HUSHING,
) -> Applied:
    """The findings that stand, and those that an entry of a ``hushing`` status covers. ``where`` is the baseline's path, for remarks."""
    rows = tuple(findings)
    moved = _moved(rows, entries, tree)
    at = {f.id: e for e, f in ((entries[id], f) for id, f in moved.items())}
    kept: list[Finding] = []
    hushed: list[Finding] = []
    remarks: list[Remark] = []
    for finding in rows:
        entry = entries.get(finding.id) or at.get(finding.id)
        if entry is None or (entry.status in HUSHING and entry.status not in hushing):
            kept.append(finding)
            continue
        code, why = _objection(finding, entry, tree, today)
        if code:
            kept.append(replace(finding, reason=f"{finding.reason}; {why}"))
            remarks.append(Remark(code, where, entry.line, f"{finding.path}:{finding.line}: {why}"))
        else:
            hushed.append(
                replace(
                    finding,
                    suppressed="baseline",
                    justification=f"{entry.status}{f': {entry.reason}' if entry.reason else ''}",
                )
            )
    for id, finding in moved.items():
        remarks.append(
            Remark(
                "moved",
                where,
                entries[id].line,
                f"{entries[id].path} is now {finding.path}; `hardcode-hunter baseline prune` follows it",
            )
        )
    unused = tuple(
        e
        for e in entries.values()
        if e.status in HUSHING and e.id not in tree.every and e.id not in moved and _gone(e, tree)
    )
    remarks += [
        Remark(
            "unused-baseline",
            where,
            e.line,
            f"{e.path}: nothing is found at '{e.symbol}' any more; `hardcode-hunter baseline prune` removes it",
        )
        for e in unused
    ]
    return Applied(tuple(kept), tuple(hushed), tuple(remarks), moved, unused)


def _gone(entry: Entry, tree: Tree) -> bool:
    return tree.scanned(entry.path) or not tree.exists(entry.path)


def _objection(finding: Finding, entry: Entry, tree: Tree, today: datetime.date) -> tuple[str, str]:
    """Why an entry does not cover the finding at its place: a code and words, empty when it does."""
    if entry.status not in HUSHING:
        return "returned", f"the baseline says that it was {entry.status}"
    if entry.expired(today):
        return "expired", f"its baseline entry expired on {entry.expires}"
    if tree.old is not None and (earlier := _earlier(entry, finding, tree)):
        places = {earlier.path, entry.path, tree.renamed(finding.path)}
        if not any(finding.digest in tree.old(path, finding.symbol) for path in places):
            return "changed", CHANGED
    if tree.marks.get(entry.id, finding.digest) != finding.digest:
        return "changed", CHANGED
    return "", ""


def _earlier(entry: Entry, finding: Finding, tree: Tree) -> Entry | None:
    """The same decision in the old image's baseline, whatever its path and rule were: a line that was edited or added is a new decision.

    An entry that vanished while this one, otherwise alike, appeared was followed to another file.
    """
    before = fingerprint(tree.renamed(finding.path), entry.symbol, entry.n)
    known = (
        tree.before.get(entry.id)
        or tree.before.get(before)
        or next((e for e in tree.vanished if e.key[1:] == entry.key[1:]), None)
    )
    return known if known is not None and replace(known, path=entry.path, rule=entry.rule) == entry else None


def _moved(findings: Iterable[Finding], entries: Mapping[str, Entry], tree: Tree) -> dict[str, Finding]:
    """Entries whose file is gone, joined to findings under the same symbol in a file that no entry names: the file was renamed.

    One of the same file name is preferred; otherwise there may be only one.
    """
    gone: dict[tuple[str, int], list[Entry]] = {}
    for entry in entries.values():
        if not tree.exists(entry.path):
            gone.setdefault((entry.symbol, entry.n), []).append(entry)
    if not gone:
        return {}
    free: dict[tuple[str, int], list[Finding]] = {}
    for finding in findings:
        if finding.id not in entries and (finding.symbol, finding.ordinal) in gone:
            free.setdefault((finding.symbol, finding.ordinal), []).append(finding)
    found: dict[str, Finding] = {}
    for place, rows in free.items():
        for entry in sorted(gone[place], key=lambda e: e.path):
            alike = [f for f in rows if f.path.rpartition("/")[2] == entry.path.rpartition("/")[2]]
            chosen = alike if len(alike) == 1 else rows if len(rows) == 1 else []
            if chosen:
                found[entry.id] = chosen[0]
                rows.remove(chosen[0])
    return found


# ---------------------------------------------------------------- marks


def load_key(path: Path, root: Path) -> bytes:
    """The key in ``path``, which must lie outside the repository and be of 32 bytes or more. Raises ``UsageError``."""
    outside(path, root)
    try:
        data = path.read_bytes().strip()
    except OSError as error:
        raise UsageError(
            f"--baseline-key: {path} cannot be read ({error.strerror}); `hardcode-hunter baseline create` makes one"
        ) from None
    if len(data) < 32:
        raise UsageError(f"--baseline-key: {path} holds fewer than 32 bytes; use a random key")
    import hashlib

    return hashlib.sha256(b"hardcode-hunter baseline\0" + data).digest()


def outside(path: Path, root: Path) -> None:
    """Raises ``UsageError`` when ``path`` lies in the repository."""
    if root.resolve() in path.resolve().parents:
        raise UsageError(f"--baseline-key: {path} lies in the repository; keep the key outside of it")


def marks_file(key: Path) -> Path:
    """Where the marks of a key are kept: beside it."""
    return key.with_name(key.name + ".marks")


def load_marks(key: Path) -> dict[str, str]:
    """Digests by id, as :func:`marks_text` writes them; empty when there are none yet. Raises ``UsageError``."""
    path = marks_file(key)
    try:
        document = json.loads(path.read_bytes()) if path.exists() else {}
    except (OSError, ValueError):
        document = None
    if not isinstance(document, dict) or not all(isinstance(v, str) for v in document.values()):
        raise UsageError(
            f"{path}: not a file of marks; remove it, and write it again with `hardcode-hunter baseline create`"
        )
    return document


def marks_text(marks: Mapping[str, str]) -> str:
    return json.dumps(dict(sorted(marks.items())), indent=0) + "\n"
