"""Brings changes to the disk: each file whole or not at all, so that a run that is killed anywhere can be repeated or undone.

For each file: what ``undo`` needs goes to the escrow, the intention to the journal, the new content beside the file; after a last look
that nobody touched it, a rename, and the journal again. Nothing is written before every file was looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardcode_hunter import wholefile
from hardcode_hunter.encodings import difference
from hardcode_hunter.errors import HardcodeHunterError, Refused, StaleError
from hardcode_hunter.escrow import Escrow
from hardcode_hunter.journal import Journal, Status
from hardcode_hunter.model import Change, Edit, Plaintext, Span, content_hash
from hardcode_hunter.recovery import recover
from hardcode_hunter.wholefile import Found

Matches = Callable[[Change, bytes], bool]
"""Whether a file holds what a change was made for."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What ``write_changes`` did: ``written`` now, ``already`` as they should be; ``swept`` are leftovers of a killed run."""

    written: tuple[str, ...] = ()
    already: tuple[str, ...] = ()
    swept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Obstruction:
    """A file that can't be changed, and the error that says why."""

    path: str
    error: HardcodeHunterError


@dataclass(frozen=True, slots=True)
class _Task:
    change: Change
    found: Found | None
    data: bytes  # what the file will hold


def made_for(change: Change, data: bytes) -> bool:
    """The default of ``matches``: ``before`` is the hash of the whole file."""
    return change.before == content_hash(data)


def write_changes(
    root: Path,
    changes: Sequence[Change],
    journal: Journal,
    escrow: Escrow,
    *,
    hidden: Collection[Plaintext] = (),
    matches: Matches = made_for,
    overwrite: Collection[str] = (),
) -> Applied:
    """Writes ``changes``, those that create files first, in the order of their paths. The caller holds the state's lock.

    ``hidden`` are the values that no diff may show. A file that matches a change's ``before`` is written, one that holds what
    the journal says was written there is done. Raises before anything is written: ``StaleError`` naming the files that hold anything else,
    ``Refused`` naming those that can't be written (links) and generated files that a person edited, with the difference,
    unless ``overwrite`` names them. A second call after any interruption completes the first.
    """
    swept = recover(root, journal, escrow)
    tasks, already, obstructions = _examine(root, changes, journal, escrow, hidden, matches, frozenset(overwrite))
    if obstructions:
        raise _joined(obstructions)
    tasks.sort(key=lambda t: (t.found is not None, t.change.path))
    for task in tasks:
        _write(root, task, journal, escrow, hidden)
    return Applied(tuple(t.change.path for t in tasks), tuple(already), swept)


def obstructions(
    root: Path, changes: Sequence[Change], journal: Journal, escrow: Escrow, *, matches: Matches = made_for
) -> tuple[Obstruction, ...]:
    """The files that ``write_changes`` would refuse. Writes nothing."""
    return tuple(_examine(root, changes, journal, escrow, (), matches, frozenset())[2])


# ---------------------------------------------------------------- looking


def _examine(
    root: Path,
    changes: Sequence[Change],
    journal: Journal,
    escrow: Escrow,
    hidden: Collection[Plaintext],
    matches: Matches,
    overwrite: frozenset[str],
) -> tuple[list[_Task], list[str], list[Obstruction]]:
    tasks: list[_Task] = []
    already: list[str] = []
    refused: list[Obstruction] = []
    if len({change.path for change in changes}) < len(changes):
        raise ValueError("two changes for one file: merge them first")
    for change in changes:
        try:
            task = _task(root, change, journal, escrow, hidden, matches, change.path in overwrite)
        except HardcodeHunterError as error:
            refused.append(Obstruction(change.path, error))
            continue
        if task is None:
            already.append(change.path)
        else:
            tasks.append(task)
    return tasks, already, refused


def _task(
    root: Path,
    change: Change,
    journal: Journal,
    escrow: Escrow,
    hidden: Collection[Plaintext],
    matches: Matches,
    overwrite: bool,
) -> _Task | None:
    """What to do for one file; ``None`` when it is as it should be."""
    with wholefile.place(root, change.path) as where:
        found = wholefile.read(where) if where else None
    chain = journal.standing(change.path)
    ours = found is not None and bool(chain) and journal.is_after(chain[-1], found.data)
    if change.before is None:
        data = change.result(b"")
        if found is None:
            return _Task(change, None, data)
        if found.data == data:
            return None
        if not (ours or overwrite):
            raise Refused(_edited(change, found, data, hidden))
        return _Task(_whole(change, found, data), found, data)
    if found is None:
        raise StaleError(f"{change.path}: is gone since the plan was made; run `hardcode-hunter plan` again")
    if matches(change, found.data):
        data = change.result(found.data)
        return None if data == found.data else _Task(change, found, data)
    if ours:
        return None
    raise StaleError(f"{change.path}: has changed since the plan was made; run `hardcode-hunter plan` again")


def _whole(change: Change, found: Found, data: bytes) -> Change:
    """The creation of a file that is there already, as one edit of all of it."""
    return Change(change.path, "", (Edit(Span(0, len(found.data)), data),))


def _edited(change: Change, found: Found, data: bytes, hidden: Collection[Plaintext]) -> str:
    return (
        f"{change.path}: exists and holds something else, which is left alone; move it away, or keep it and correct the plan\n"
        + difference(change.path, found.data, data, hidden)
    )


def _joined(refused: Sequence[Obstruction]) -> HardcodeHunterError:
    """One error for all of them; stale when any of them is."""
    kinds = [type(o.error) for o in refused]
    kind = StaleError if StaleError in kinds else Refused if Refused in kinds else HardcodeHunterError
    return kind("\n".join(str(o.error) for o in refused))


# ---------------------------------------------------------------- writing


def _write(root: Path, task: _Task, journal: Journal, escrow: Escrow, hidden: Collection[Plaintext]) -> None:
    path, found = task.change.path, task.found
    mode = wholefile.new_mode() if found is None else found.mode
    folders = wholefile.missing_folders(root, path)
    original = None if found is None else found.data
    escrow.keep(journal.next_number(), task.change, original, hidden)
    entry = journal.plan(path, original, task.data, mode, folders)
    try:
        with wholefile.place(root, path, create=True) as where:
            assert where is not None
            if found is None:
                wholefile.create(where, entry.temporary, task.data, mode)
            else:
                wholefile.replace(where, entry.temporary, task.data, found)
    except OSError as error:
        raise wholefile.failed(path, error) from None
    journal.mark(entry, Status.DONE)
