"""Writing changes: each file old or new, whatever interrupts it."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardcode_hunter.errors import HardcodeHunterError, StaleError
from tests.killing import fails_at, folder_in_memory, killed_at, steps_of
from tests.legacy_tree import CANARY, FILES, Tree, applied, each_old_or_new, untouched


@pytest.fixture
def in_memory(tmp_path: Path) -> Iterator[Path]:
    with folder_in_memory(tmp_path) as folder:
        yield folder


# ---------------------------------------------------------------- killed, full, broken


def test_killed_in_any_step_each_file_is_old_or_new_and_apply_or_undo_converges(in_memory: Path) -> None:
    modes = Tree(in_memory / "modes").modes()
    total = steps_of(Tree(in_memory / "count").apply)
    assert total > 60
    for step in itertools.count(1):
        again, back = Tree(in_memory / f"a{step}"), Tree(in_memory / f"u{step}")
        killed = [killed_at(step, tree.apply) for tree in (again, back)]
        for tree in (again, back):
            each_old_or_new(tree)
        again.apply()
        assert again.files() == applied()
        assert {path: again.modes()[path] for path in FILES} == modes
        assert again.leftovers() == []
        back.undo()
        assert back.files() == untouched()
        assert back.modes() == modes
        assert not (back.root / "migration").exists()
        assert back.leftovers() == []
        if not all(killed):
            break
    assert step == total + 1


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_full_or_broken_disk_in_any_step_ends_in_words_and_converges(in_memory: Path, code: int) -> None:
    for step in itertools.count(1):
        tree = Tree(in_memory / str(step))
        reached, error = fails_at(step, code, tree.apply)
        if error is not None:
            assert isinstance(error, HardcodeHunterError), f"step {step}"
            assert os.strerror(code) in str(error)
            assert CANARY not in str(error)
        each_old_or_new(tree)
        assert tree.leftovers() == []
        with tree.state() as state:  # the lock of a process that has ended is free; this one has not
            (state.path / "lock").unlink(missing_ok=True)
        tree.apply()
        assert tree.files() == applied()
        if not reached:
            break
    assert step > 60


def test_a_file_edited_after_a_kill_is_refused_and_kept(in_memory: Path) -> None:
    seen = 0
    for step in itertools.count(1):
        tree = Tree(in_memory / str(step))
        if not killed_at(step, tree.apply):
            break
        file = tree.root / "settings.py"
        file.write_bytes(file.read_bytes() + b"# mine\n")
        with pytest.raises(StaleError, match=r"settings\.py"):
            tree.apply()
        assert tree.files()["settings.py"].endswith(b"# mine\n")
        seen += 1
    assert seen > 60
