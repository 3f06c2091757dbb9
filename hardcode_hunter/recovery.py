"""What a run does first: clear up after one that was killed."""

from __future__ import annotations

from pathlib import Path

from hardcode_hunter import wholefile
from hardcode_hunter.escrow import Escrow
from hardcode_hunter.journal import Journal, Status


def recover(root: Path, journal: Journal, escrow: Escrow) -> tuple[str, ...]:
    """Clears up after a run that was killed: temporary files, empty directories, open entries, and escrow that no standing change needs."""
    swept = wholefile.sweep(root, journal.leftovers())
    for path in {path for path, _ in journal.leftovers()}:
        with wholefile.place(root, path) as where:
            found = wholefile.read(where) if where else None
        wholefile.remove_folders(root, sorted({folder for e in journal.standing(path) for folder in e.folders}))
        journal.settle(journal.standing(path), found.data if found else None)
    gone = [n for n in escrow.numbers() if n not in journal.entries or journal.entries[n].status is Status.UNDONE]
    if gone:
        escrow.destroy([n for n in escrow.numbers() if n not in gone], values=False)
    return swept
