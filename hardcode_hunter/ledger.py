"""The opened and locked state of one tree's migration: what was done (the journal) and what is kept (the escrow)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hardcode_hunter import state
from hardcode_hunter.escrow import Escrow
from hardcode_hunter.journal import Journal
from hardcode_hunter.state import State


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a run reads and writes beside the tree while it holds the lock."""

    state: State
    journal: Journal
    escrow: Escrow

    def happened(self, event: str) -> frozenset[str]:
        """The secrets of which ``event`` is recorded."""
        return frozenset(m.secret for m in self.journal.milestones if m.event == event)

    @property
    def rotating(self) -> frozenset[str]:
        """The secrets whose rotation a person has switched on with ``rotate``."""
        return self.happened("rotation-on")

    @property
    def deployed(self) -> frozenset[tuple[str, str]]:
        """Pairs of secret and consumer that a person has recorded as deployed, and that were not put back since."""
        return frozenset((m.secret, m.details.get("consumer", "")) for m in self.journal.deployments)

    @property
    def versions(self) -> dict[str, str]:
        """The version that a run stored, by secret."""
        rows = (m for m in self.journal.milestones if m.event == "stored")
        return {m.secret: m.details.get("version", "") for m in rows}


@contextmanager
def hold(root: Path) -> Iterator[Ledger]:
    """The ledger of ``root``; every other run on the same tree is refused until the block ends. Raises ``Refused``."""
    with state.open_state(root) as opened, opened.lock():
        yield Ledger(opened, Journal(opened), Escrow(opened))


@contextmanager
def hold_existing(root: Path) -> Iterator[Ledger | None]:
    """The same for a command that needs no state: ``None`` where there is none, and none is made."""
    if not state.location(root).exists():
        yield None
        return
    with hold(root) as ledger:
        yield ledger


def glance(root: Path) -> frozenset[tuple[str, str]]:
    """The recorded deployments of another tree, read without its lock: whatever its journal holds this moment."""
    if not state.location(root).exists():
        return frozenset()
    with state.open_state(root) as opened:
        return Ledger(opened, Journal(opened), Escrow(opened)).deployed
