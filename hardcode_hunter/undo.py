"""Puts the tree back byte for byte, from the journal and the escrow. A file that somebody edited since is left alone and shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardcode_hunter import wholefile
from hardcode_hunter.encodings import difference
from hardcode_hunter.errors import HardcodeHunterError, Refused
from hardcode_hunter.escrow import Escrow
from hardcode_hunter.journal import Entry, Journal, Status
from hardcode_hunter.model import Home
from hardcode_hunter.recovery import recover
from hardcode_hunter.wholefile import Found


@dataclass(frozen=True, slots=True)
class Undone:
    """What was put back: files as they were, files removed again, files that were so already; ``left`` says what was not touched."""

    restored: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    already: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Step:
    """One file: ``chain[keep:]`` is taken back, to ``data`` (``None``: the file is removed)."""

    path: str
    chain: tuple[Entry, ...]
    keep: int
    found: Found | None
    data: bytes | None


def undo(
    root: Path,
    journal: Journal,
    escrow: Escrow,
    *,
    leave: Collection[str] = (),
    rotated: Sequence[str] = (),
    database_reset: bool = False,
    dry_run: bool = False,
) -> Undone:
    """Takes back every change in the journal. The caller holds the state's lock.

    ``leave`` names files to be left as they are. ``rotated`` are secrets whose value changed in the store: the code that would come back holds
    a password that no longer works, so this is refused unless ``database_reset`` says that a person sets it back. Raises ``Refused``
    before anything is written when a file was edited since, with the difference. A second call after any interruption completes the first.
    """
    if rotated and not database_reset:
        raise Refused(
            f"{', '.join(rotated)}: rotated since, or about to be, so that the code would come back with a password that no longer works; "
            "set the old password in the service first, then say so with --database-reset"
        )
    if not dry_run:
        recover(root, journal, escrow)
    steps, edited, left = [], [], []
    for path in journal.paths():
        if path in leave:
            left.append(f"{path}: left as it is, as asked")
            continue
        try:
            steps.append(_step(root, path, journal, escrow, left))
        except HardcodeHunterError as error:
            edited.append(str(error))
    if edited:
        raise Refused(
            "\n".join([*edited, "nothing was put back; name such a file with --leave to put back the others"])
        )
    # code that needs a generated file goes before the file does
    steps.sort(key=lambda s: (s.data is None, s.path))
    if steps and not dry_run:
        # before the first file: whatever kills this run, the gate of rotation no longer trusts what was deployed
        journal.note("", "undone", milestones=str(len(journal.milestones)))
    for step in steps if not dry_run else ():
        _take_back(root, step, journal)
    if not dry_run:
        _drop(journal, escrow)
    return Undone(
        restored=tuple(s.path for s in steps if _changes(s) and s.data is not None),
        removed=tuple(s.path for s in steps if _changes(s) and s.data is None),
        already=tuple(s.path for s in steps if not _changes(s)),
        left=(*left, *_stored(journal)),
    )


def discard(escrow: Escrow) -> int:
    """Destroys what undo would need, for good: how many files could have been put back. Values that wait for the store are spared."""
    count = len(escrow.numbers())
    escrow.destroy(values=False)
    return count


def _changes(step: _Step) -> bool:
    return (step.found.data if step.found else None) != step.data


def _step(root: Path, path: str, journal: Journal, escrow: Escrow, left: list[str]) -> _Step:
    chain = tuple(journal.standing(path))
    with wholefile.place(root, path) as where:
        found = wholefile.read(where) if where else None
    data = found.data if found else None
    count = journal.applied(chain, data)
    if count is None:
        raise Refused(_edited(path, data, chain[-1], escrow))
    keep = count
    while keep and journal.is_after(chain[keep - 1], data):
        keep -= 1
        if chain[keep].before is None:
            data = None
            continue
        kept = escrow.kept(chain[keep].number)
        if kept is None or kept.original is None:
            raise Refused(f"{path}: what it held before is no longer kept (escrow destroyed); put it back with git")
        data = kept.original
    if keep:
        left.append(f"{path}: was edited between two runs of apply; it comes back as it was before the later one")
    return _Step(path, chain, keep, found, data)


def _edited(path: str, data: bytes | None, last: Entry, escrow: Escrow) -> str:
    if data is None:
        return f"{path}: was removed since; bring it back, then undo again"
    kept = escrow.kept(last.number)
    if kept is None:
        return f"{path}: was edited since, and what it held before is no longer kept; put it back with git"
    return f"{path}: was edited since, and is left alone:\n{difference(path, kept.result, data, kept.hidden)}"


def _take_back(root: Path, step: _Step, journal: Journal) -> None:
    taken = step.chain[step.keep :]
    if _changes(step):
        assert step.found is not None
        marked = [journal.mark(entry, Status.UNDOING) for entry in taken]
        with wholefile.place(root, step.path) as where:
            assert where is not None
            if step.data is None:
                wholefile.remove(where, step.found)
            else:
                wholefile.replace(where, marked[-1].temporary, step.data, step.found)
        taken = tuple(marked)
    if step.data is None:
        wholefile.remove_folders(root, sorted({folder for entry in taken for folder in entry.folders}))
    for entry in taken:
        journal.mark(entry, Status.UNDONE)


def _drop(journal: Journal, escrow: Escrow) -> None:
    """Destroys what only undoing needed; once nothing stands, the waiting values too: they are in the tree again."""
    standing = [entry.number for entry in journal.entries.values() if entry.status is not Status.UNDONE]
    escrow.destroy(standing, values=not standing)


def _stored(journal: Journal) -> list[str]:
    rows = {m.secret: m.details for m in journal.milestones if m.event == "stored"}
    return [
        f"{details.get('name', secret)} in account {details.get('account', '?')}, {details.get('region', '?')}: stays in AWS. "
        f"To delete it: {_deletion(details)}"
        for secret, details in sorted(rows.items())
    ]


def _deletion(details: Mapping[str, str]) -> str:
    name, region = details.get("name", ""), details.get("region", "")
    if details.get("home") == Home.PARAMETER_STORE:
        return f"`aws ssm delete-parameter --name {name} --region {region}` (there is no way back)"
    return f"`aws secretsmanager delete-secret --secret-id {name} --recovery-window-in-days 30 --region {region}`"
