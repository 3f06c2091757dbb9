"""A small tree with credentials, the changes that take them out, and what every file may hold at any moment."""

from __future__ import annotations

import stat
from pathlib import Path

from hardcode_hunter.apply import Applied, write_changes
from hardcode_hunter.escrow import Escrow
from hardcode_hunter.journal import Journal
from hardcode_hunter.model import Change, Edit, Plaintext, Span, content_hash
from hardcode_hunter.state import State, open_state
from hardcode_hunter.undo import undo

CANARY = "hunter-orders-2019"
HIDDEN = (Plaintext(CANARY),)
HELPER = b"def get():\n    ...\n"
FILES = {
    "settings.py": f'HOST = "db"\r\nPASSWORD = "{CANARY}"\r\n'.encode(),
    "src/mail.py": b"\xef\xbb\xbf# -*- coding: utf-8 -*-\nKEY = '" + CANARY.encode() + b"'  # no line feed at the end",
    "deploy/stack.yaml": f"Password: {CANARY}\n".encode("latin-1") + b"# caf\xe9\n",
}


def change(path: str, data: bytes) -> Change:
    """Takes the value out of ``data`` and puts something of another length in its place."""
    start = data.index(CANARY.encode())
    return Change(path, content_hash(data), (Edit(Span(start, start + len(CANARY)), b"{{fetched}}"),))


CHANGES = [
    *(change(path, data) for path, data in FILES.items()),
    Change.creation("src/shop/store/secrets.py", HELPER),
    Change.creation("migration/db.template.yaml", b"Resources: {}\n"),
]
CREATED = {c.path: c.result(b"") for c in CHANGES if c.before is None}
REWRITTEN = {c.path: c.result(FILES[c.path]) for c in CHANGES if c.before is not None}


class Tree:
    """A tree with its state. ``apply`` and ``undo`` open and lock the state as the commands do."""

    def __init__(self, folder: Path, files: dict[str, bytes] = FILES) -> None:
        self.root, self.environ = folder / "shop", {"XDG_STATE_HOME": str(folder / "state")}
        self.root.mkdir(parents=True)
        for path, data in files.items():
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            file.chmod(0o640 if path.endswith(".yaml") else 0o755)

    def state(self) -> State:
        return open_state(self.root, self.environ)

    def apply(self, changes: list[Change] = CHANGES, **more: object) -> Applied:
        with self.state() as state, state.lock():
            return write_changes(self.root, changes, Journal(state), Escrow(state), hidden=HIDDEN, **more)  # type: ignore[arg-type]

    def undo(self) -> None:
        with self.state() as state, state.lock():
            undo(self.root, Journal(state), Escrow(state))

    def files(self) -> dict[str, bytes]:
        found = sorted(p for p in self.root.rglob("*") if p.is_file())
        return {p.relative_to(self.root).as_posix(): p.read_bytes() for p in found}

    def modes(self) -> dict[str, int]:
        return {path: stat.S_IMODE((self.root / path).stat().st_mode) for path in self.files()}

    def leftovers(self) -> list[str]:
        return [p.name for p in self.root.rglob(".hh-*")]


def applied() -> dict[str, bytes]:
    return dict(sorted((REWRITTEN | CREATED).items()))


def untouched() -> dict[str, bytes]:
    return dict(sorted(FILES.items()))


def each_old_or_new(tree: Tree) -> None:
    """No file is anything but what it was or what it is to be; temporary files are the only strangers."""
    for path, data in tree.files().items():
        if not path.rpartition("/")[2].startswith(".hh-"):
            assert data in {FILES.get(path), REWRITTEN.get(path), CREATED.get(path)}, path
    assert set(FILES) <= set(tree.files())
