"""What is walked: nothing is missed in silence, nothing outside the root is read, nothing of the tree is executed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hardcode_hunter import discover
from hardcode_hunter.errors import UsageError
from tests.gate import Repository

Tree = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    def make(*names: str, git: bool = False) -> Path:
        root = tmp_path / "tree"
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text("x = 1\n")
        if git:
            subprocess.run(["git", "init", "-q", str(root)], check=True, env=discover.git_environment())
        return root

    return make


def test_a_directory_yields_its_files_sorted_without_tools_folders_and_lock_files(tree: Tree) -> None:
    root = tree("b.py", "a/c.py", "node_modules/x.js", ".venv/lib/y.py", "poetry.lock", "a/__pycache__/c.pyc")
    assert list(discover.files(root, [root])) == ["a/c.py", "b.py"]


def test_git_decides_what_is_ignored(tree: Tree) -> None:
    root = tree("kept.py", "dropped.py", "sub/dropped.py", "new.py", git=True)
    (root / ".gitignore").write_text("dropped.py\n")
    assert list(discover.files(root, [root])) == [".gitignore", "kept.py", "new.py"]
    assert list(discover.files(root, [root / "dropped.py"])) == ["dropped.py"], "a file that is named is looked at"


def test_a_listing_runs_no_program_that_the_repository_names(tree: Tree, tmp_path: Path) -> None:
    root = tree("a.py", git=True)
    marker = tmp_path / "executed"
    hook = tmp_path / "monitor"
    hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
    hook.chmod(0o755)
    subprocess.run(["git", "-C", str(root), "config", "core.fsmonitor", str(hook)], check=True)
    assert list(discover.files(root, [root])) == ["a.py"]
    assert not marker.exists()


def test_excluded_globs_match_paths_and_names(tree: Tree) -> None:
    root = tree("a.py", "gen/b.py", "c_pb2.py")
    assert list(discover.files(root, [root], ["gen/*", "*_pb2.py"])) == ["a.py"]


def test_a_path_that_is_absent_or_outside_is_an_error_that_names_it(tree: Tree, tmp_path: Path) -> None:
    root = tree("a.py")
    with pytest.raises(UsageError, match="nowhere"):
        list(discover.files(root, [root / "nowhere"]))
    (tmp_path / "other.py").write_text("")
    with pytest.raises(UsageError, match="outside"):
        list(discover.files(root, [tmp_path / "other.py"]))


def test_what_is_not_looked_at_is_counted_with_its_reason(tree: Tree, tmp_path: Path) -> None:
    root = tree("a.py", "big.py")
    (root / "image.png").write_bytes(b"\x89PNG\0\0")
    (root / "link.py").symlink_to(root / "a.py")
    os.mkfifo(root / "pipe")
    (root / "big.py").write_bytes(b"x" * 100)
    walk = discover.Walk(root)
    read = {name: discover.read(walk, name, limit=50) for name in ("a.py", "big.py", "image.png", "link.py", "pipe")}
    assert read["a.py"] == b"x = 1\n"
    assert [read[name] for name in ("big.py", "image.png", "link.py", "pipe")] == [None] * 4
    assert sum(walk.skipped.values()) + 1 == walk.files
    assert set(walk.skipped) == {"larger than 0 MiB", "binary", "symbolic link", "not a regular file"}


def test_a_file_that_can_not_be_read_is_a_fatal_problem(tree: Tree) -> None:
    root = tree("a.py")
    walk = discover.Walk(root)
    assert discover.read(walk, "gone.py") is None
    assert [(p.path, p.fatal) for p in walk.problems] == [("gone.py", True)]


def test_the_root_is_the_work_tree_else_the_working_directory_else_the_path(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree("pkg/a.py")
    monkeypatch.chdir(root)
    assert discover.project_root([Path("pkg")]) == root.resolve()
    monkeypatch.chdir("/")
    assert discover.project_root([root / "pkg" / "a.py"]) == Path("/")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    assert discover.project_root([root / "pkg"]) == root.resolve()


def test_a_template_in_utf_16_is_a_problem_and_a_picture_is_none(tree: Tree) -> None:
    root = tree()
    root.mkdir()
    (root / "template.yaml").write_bytes("Resources: {}\n".encode("utf-16"))
    (root / "picture.png").write_bytes(b"\x89PNG\0\0")
    walk = discover.Walk(root)
    feed = discover.OnDisk(walk, [root])
    assert [feed.read(name) for name in feed.names()] == [None, None]
    assert [(p.path, p.fatal) for p in walk.problems] == [("template.yaml", True)]
    assert walk.skipped["binary"] == 2


def test_what_git_tracks_is_searched_whatever_it_is_called(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "r")
    tracked = ["__pycache__/a.pyc", "node_modules/x.js", "package-lock.json", ".secrets.baseline", "a.py"]
    repository.commit(dict.fromkeys(tracked, "x\n"))
    repository.write({"__pycache__/b.pyc": "x\n", "b.py": "x\n"})
    assert discover.everything(repository.root) == sorted([*tracked, "b.py"])
    assert list(discover.files(repository.root, [repository.root])) == ["a.py", "b.py"]
