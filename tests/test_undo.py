"""Undo: the tree byte for byte as it was, and nobody's later work lost."""

from __future__ import annotations

import errno
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardcode_hunter.errors import HardcodeHunterError, Refused
from hardcode_hunter.escrow import Escrow
from hardcode_hunter.journal import Journal
from hardcode_hunter.model import Change, Edit, Plaintext, Span, content_hash
from hardcode_hunter.undo import Undone, discard, undo
from tests.killing import fails_at, folder_in_memory, killed_at, steps_of
from tests.legacy_tree import (
    CANARY,
    CREATED,
    FILES,
    HELPER,
    REWRITTEN,
    Tree,
    applied,
    each_old_or_new,
    untouched,
)


def undone(tree: Tree, **more: object) -> Undone:
    with tree.state() as state, state.lock():
        return undo(tree.root, Journal(state), Escrow(state), **more)  # type: ignore[arg-type]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = Tree(tmp_path)
    tree.apply()
    return tree


def folders(tree: Tree) -> set[str]:
    return {p.relative_to(tree.root).as_posix() for p in tree.root.rglob("*") if p.is_dir()}


def test_the_tree_comes_back_byte_for_byte(tmp_path: Path, tree: Tree) -> None:
    fresh = Tree(tmp_path / "fresh")
    result = undone(tree)
    assert (tree.files(), tree.modes(), folders(tree)) == (fresh.files(), fresh.modes(), folders(fresh))
    assert (set(result.restored), set(result.removed)) == (set(REWRITTEN), set(CREATED))
    assert undone(tree) == Undone()
    with tree.state() as state:
        assert not any(CANARY.encode() in p.read_bytes() for p in state.path.iterdir()), (
            "nothing is kept that undo no longer needs"
        )


def test_apply_undo_apply_undo(tree: Tree) -> None:
    for _ in range(3):
        undone(tree)
        assert tree.files() == untouched()
        tree.apply()
        assert tree.files() == applied()


def test_a_dry_run_says_the_same_and_writes_nothing(tree: Tree) -> None:
    with tree.state() as state:
        before = {p.name: p.read_bytes() for p in state.path.iterdir() if p.name != "lock"}
        said = undone(tree, dry_run=True)
        assert {p.name: p.read_bytes() for p in state.path.iterdir() if p.name != "lock"} == before
    assert tree.files() == applied()
    assert undone(tree) == said


def test_an_edited_file_is_left_alone_and_shown_masked(tree: Tree) -> None:
    file = tree.root / "settings.py"
    mine = file.read_bytes() + f'OLD = "{CANARY}"\r\nTIMEOUT = 5\r\n'.encode()
    file.write_bytes(mine)
    (tree.root / "src/mail.py").unlink()
    with pytest.raises(Refused) as raised:
        undone(tree)
    said = str(raised.value)
    assert "settings.py: was edited since" in said
    assert "+TIMEOUT = 5" in said
    assert "src/mail.py: was removed since" in said
    assert CANARY not in said
    expected = applied() | {"settings.py": mine}
    del expected["src/mail.py"]
    assert tree.files() == expected, "nothing at all was put back"
    result = undone(tree, leave={"settings.py", "src/mail.py"})
    assert tree.files() == {"deploy/stack.yaml": FILES["deploy/stack.yaml"], "settings.py": mine}
    assert [line.partition(":")[0] for line in result.left] == ["settings.py", "src/mail.py"]


def test_an_edited_generated_file_is_not_removed(tree: Tree) -> None:
    (tree.root / "migration/db.template.yaml").write_text("mine")
    with pytest.raises(Refused, match=r"db\.template\.yaml: was edited since"):
        undone(tree)
    assert tree.files()["migration/db.template.yaml"] == b"mine"


def test_files_put_back_by_hand_are_no_obstacle(tree: Tree) -> None:
    (tree.root / "settings.py").write_bytes(FILES["settings.py"])
    (tree.root / "src/shop/store/secrets.py").unlink()
    result = undone(tree)
    assert tree.files() == untouched()
    assert set(result.already) == {"settings.py", "src/shop/store/secrets.py"}


def test_a_mode_that_was_changed_since_is_kept(tree: Tree) -> None:
    (tree.root / "settings.py").chmod(0o600)
    undone(tree)
    assert stat.S_IMODE((tree.root / "settings.py").stat().st_mode) == 0o600
    assert tree.files() == untouched()


def test_files_of_others_in_a_made_directory_stay(tree: Tree) -> None:
    (tree.root / "src/shop/other.py").write_text("mine")
    undone(tree)
    assert tree.files() == dict(sorted((FILES | {"src/shop/other.py": b"mine"}).items()))
    assert not (tree.root / "src/shop/store").exists()


@pytest.mark.parametrize("how", ["symlink", "hard link"])
def test_links_are_not_written_through(tree: Tree, how: str) -> None:
    file = tree.root / "settings.py"
    if how == "symlink":
        file.rename(tree.root.parent / "outside.py")
        file.symlink_to(tree.root.parent / "outside.py")
    else:
        os.link(file, tree.root.parent / "outside.py")
    with pytest.raises(Refused, match=r"settings\.py: (is a symbolic|has 2 hard) link"):
        undone(tree)
    assert (tree.root.parent / "outside.py").read_bytes() == REWRITTEN["settings.py"]


# ---------------------------------------------------------------- several runs


def second_change(data: bytes) -> Change:
    return Change("settings.py", content_hash(data), (Edit(Span(0, 4), b"PLACE"),))


def test_two_runs_on_one_file_are_taken_back_together(tree: Tree) -> None:
    tree.apply(
        [second_change(REWRITTEN["settings.py"]), Change.creation("src/shop/store/secrets.py", HELPER + b"# more\n")]
    )
    undone(tree)
    assert tree.files() == untouched()


def test_an_edit_between_two_runs_survives(tree: Tree) -> None:
    between = REWRITTEN["settings.py"] + b"# mine\r\n"
    (tree.root / "settings.py").write_bytes(between)
    tree.apply([second_change(between)])
    result = undone(tree)
    assert tree.files()["settings.py"] == between
    assert any("settings.py: was edited between two runs" in line for line in result.left)
    with pytest.raises(Refused, match=r"settings\.py: was edited since"):
        undone(tree)


def test_once_discarded_it_says_where_to_look(tree: Tree) -> None:
    waiting = {("db", "password"): Plaintext("waits")}
    with tree.state() as state:
        Escrow(state).put(waiting)
        assert discard(Escrow(state)) == len(applied())
        assert Escrow(state).values() == waiting
        assert not any(CANARY.encode() in p.read_bytes() for p in state.path.iterdir())
    with pytest.raises(Refused, match="put it back with git"):
        undone(tree)
    assert tree.files() == applied()


# ---------------------------------------------------------------- what can't be undone


def test_a_rotated_secret_is_an_obstacle_until_the_database_is_set_back(tree: Tree) -> None:
    with pytest.raises(Refused, match="orders-db: rotated since"):
        undone(tree, rotated=["orders-db"])
    assert tree.files() == applied()
    undone(tree, rotated=["orders-db"], database_reset=True)
    assert tree.files() == untouched()


def test_what_was_deployed_is_forgotten_with_the_code_that_was(tree: Tree) -> None:
    """The gate of rotation trusts the record: code that is applied once more has to be deployed once more."""

    def deployed() -> list[str]:
        with tree.state() as state:
            return [m.secret for m in Journal(state).deployments]

    def tell() -> None:
        with tree.state() as state, state.lock():
            for _ in range(2):
                Journal(state).note("orders-db", "deployed", consumer="api")

    tell()
    assert deployed() == ["orders-db"]
    undone(tree, dry_run=True)
    assert deployed() == ["orders-db"]
    undone(tree)
    assert deployed() == []
    tree.apply()
    assert deployed() == []
    tell()
    assert deployed() == ["orders-db"]


def test_it_says_what_stays_in_aws(tree: Tree) -> None:
    with tree.state() as state, state.lock():
        place = {"account": "123456789012", "region": "eu-central-1"}
        journal = Journal(state)
        journal.note("db", "stored", name="production/shop/db", version="1", home="secretsmanager", **place)
        journal.note("mail", "stored", name="/production/shop/mail", version="1", home="parameter-store", **place)
    first, second = undone(tree).left
    assert "production/shop/db in account 123456789012, eu-central-1: stays in AWS" in first
    assert "delete-secret --secret-id production/shop/db --recovery-window-in-days 30 --region eu-central-1" in first
    assert "delete-parameter --name /production/shop/mail" in second


def test_waiting_values_go_when_the_tree_has_them_again(tree: Tree) -> None:
    with tree.state() as state:
        Escrow(state).put({("db", "password"): Plaintext(CANARY)})
        undone(tree)
        assert Escrow(state).values() == {}


# ---------------------------------------------------------------- killed


@pytest.fixture
def in_memory(tmp_path: Path) -> Iterator[Path]:
    with folder_in_memory(tmp_path) as folder:
        yield folder


def test_killed_in_any_step_each_file_is_old_or_new_and_undo_or_apply_converges(in_memory: Path) -> None:
    counted = Tree(in_memory / "count")
    counted.apply()
    total = steps_of(counted.undo)
    assert total > 40
    for step in itertools.count(1):
        back, again = Tree(in_memory / f"u{step}"), Tree(in_memory / f"a{step}")
        for tree in (back, again):
            tree.apply()
        killed = [killed_at(step, tree.undo) for tree in (back, again)]
        for tree in (back, again):
            each_old_or_new(tree)
        back.undo()
        assert back.files() == untouched()
        assert folders(back) == {"src", "deploy"}
        again.apply()
        assert again.files() == applied()
        again.undo()
        assert again.files() == untouched()
        assert back.leftovers() + again.leftovers() == []
        with back.state() as state:
            assert not any(CANARY.encode() in p.read_bytes() for p in state.path.iterdir())
        if not all(killed):
            break
    assert step == total + 1


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_full_or_broken_disk_in_any_step_ends_in_words_and_undo_converges(in_memory: Path, code: int) -> None:
    for step in itertools.count(1):
        tree = Tree(in_memory / str(step))
        tree.apply()
        reached, error = fails_at(step, code, tree.undo)
        if error is not None:
            assert isinstance(error, HardcodeHunterError), f"step {step}"
            assert os.strerror(code) in str(error)
            assert CANARY not in str(error)
        each_old_or_new(tree)
        assert tree.leftovers() == []
        with tree.state() as state:  # the lock of a process that has ended is free; this one has not
            (state.path / "lock").unlink(missing_ok=True)
        tree.undo()
        assert tree.files() == untouched()
        assert folders(tree) == {"src", "deploy"}
        with tree.state() as state:
            assert not any(CANARY.encode() in p.read_bytes() for p in state.path.iterdir())
        if not reached:
            break
    assert step > 40
