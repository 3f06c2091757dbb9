"""What git says is new, read from its plumbing: the right lines of the right files, whatever they are called and however they changed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hardcode_hunter import images
from hardcode_hunter.errors import UsageError
from tests.gate import Repository

pytest_plugins = ("tests.gate_fixtures",)


def new_lines(changes: images.Changes, name: str) -> set[int]:
    data = changes.read(name)
    assert data is not None
    offset, found = 0, set()
    for number, line in enumerate(data.split(b"\n"), 1):
        if line and changes.is_new(name, data, offset, offset + len(line)):
            found.add(number)
        offset += len(line) + 1
    return found


PREFERENCES = {
    "diff.context": "3",
    "diff.interHunkContext": "9",
    "diff.noprefix": "true",
    "diff.mnemonicPrefix": "true",
    "diff.algorithm": "histogram",
    "diff.renames": "copies",
    "diff.relative": "true",
    "diff.ignoreSubmodules": "all",
    "color.ui": "always",
    "core.quotePath": "false",
}


@pytest.mark.parametrize("preferences", [{}, PREFERENCES], ids=["plain", "configured"])
def test_new_lines_are_those_that_the_old_image_does_not_have(
    repository: Repository, preferences: dict[str, str]
) -> None:
    """With lines that are all different and keep their order there is only one right answer."""
    for key, value in preferences.items():
        repository.git("config", key, value)
    chance = random.Random(5)
    names = [f"d{n}/f {n}.py" for n in range(6)]
    old = {name: [f"line {chance.getrandbits(60)}" for _ in range(chance.randint(0, 60))] for name in names}
    repository.commit({name: "\n".join(lines) for name, lines in old.items()})
    for _ in range(8):
        new = {name: _edited(lines, chance) for name, lines in old.items()}
        repository.write({name: "\n".join(lines) for name, lines in new.items()})
        repository.git("add", "-A")
        with images.staged(repository.root) as changes:
            named = set(changes.names())
            for name in names:
                wanted = {n for n, line in enumerate(new[name], 1) if line not in old[name]}
                assert (new_lines(changes, name) if name in named else set()) == wanted
        repository.commit()
        old = new


def _edited(lines: list[str], chance: random.Random) -> list[str]:
    kept = [line for line in lines if chance.random() > 0.1]
    for _ in range(chance.randint(0, 5)):
        kept.insert(chance.randint(0, len(kept)), f"new {chance.getrandbits(60)}")
    return kept


RESPELLED = {
    "indented": ("def f():\n    g(1)\n    h(2)\n", "def f():\n    if x:\n        g(1)\n        h(2)\n", {2}),
    "another line after the last": ("a = 1\nb = 2", "a = 1\nb = 2\nc = 3", {3}),
    "other line ends": ("a = 1\nb = 2\n", "a = 1\r\nb = 2\r\n", set()),
    "a copy": ("a = 1\n", "a = 1\na = 1\n", {2}),
    "an equal line elsewhere": ("a = 1\n\n\n\n\nb = 2\n", "a = 1\n\n\n\n\nb = 2\n\na = 1\n", {8}),
}


@pytest.mark.parametrize("case", RESPELLED)
def test_a_line_that_is_only_written_otherwise_is_not_new(repository: Repository, case: str) -> None:
    old, new, wanted = RESPELLED[case]
    repository.git("config", "core.autocrlf", "false")
    for text in (old, new):
        (repository.root / "a.py").write_bytes(text.encode())
        repository.git("add", "-A")
        if text is old:
            repository.git("commit", "-q", "-m", "old")
    with images.staged(repository.root) as changes:
        assert (new_lines(changes, "a.py") if "a.py" in set(changes.names()) else set()) == wanted


AWKWARD = [
    "plain.py",
    "with blank.py",
    'quo"te.py',
    "tab\t.py",
    "line\nfeed.py",
    "ümlaut.py",
    "-dash.py",
    "a -> b.py",
    ":colon.py",
]


def test_files_of_any_name_added_changed_renamed_and_deleted(repository: Repository) -> None:
    repository.commit(dict.fromkeys(AWKWARD, "first\n") | {f"gone/{n}.py": f"gone {n}\n" for n in range(3)})
    repository.write(dict.fromkeys(AWKWARD, "first\nsecond\n"))
    repository.git("rm", "-q", "-r", "gone")
    repository.git("add", "-A")
    with images.staged(repository.root) as changes:
        assert sorted(changes.names()) == sorted(AWKWARD)
        assert changes.touched == len(AWKWARD) + 3
        for name in AWKWARD:
            assert new_lines(changes, name) == {2}
            assert "\n" in name or changes.old_file(name) == b"first\n"
        assert not changes.exists("gone/1.py")
        assert changes.exists("plain.py")


def test_a_renamed_file_has_the_new_lines_only(repository: Repository) -> None:
    body = "\n".join(f"line {n}" for n in range(30))
    repository.commit({"old.py": body, "same.py": body.replace("line", "row")})
    (repository.root / "deep").mkdir()
    repository.git("mv", "old.py", "deep/new.py")
    repository.git("mv", "same.py", "deep/same.py")
    repository.write({"deep/new.py": body + "\nlast"})
    repository.git("add", "-A")
    with images.staged(repository.root) as changes:
        assert list(changes.names()) == ["deep/new.py"], "the other has no new line"
        assert changes.images["deep/new.py"].before == "old.py"
        assert changes.images["deep/same.py"].before == "same.py"
        assert new_lines(changes, "deep/new.py") == {31}, "the line before got its line feed, and is not new"


def test_binary_oversized_linked_and_turned_files(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "SIZE_LIMIT", 2000)
    repository.commit({"turned.py": "x = 1\n", "x": ""})
    repository.write({"large.py": "x" * 5000, "b.py": "a\0b\n", "utf16.py": "p = 1\n"})
    (repository.root / "utf16.py").write_bytes("p = 1\nq = 2\n".encode("utf-16"))
    (repository.root / "turned.py").unlink()
    (repository.root / "turned.py").symlink_to("x")
    repository.git("add", "-A")
    with images.staged(repository.root) as changes:
        read = {name: changes.read(name, keep_binary=name == "utf16.py") for name in changes.names()}
        assert {name for name, data in read.items() if data is not None} == {"utf16.py"}
        assert sum(changes.walk.skipped.values()) == 3
        data = read["utf16.py"]
        assert data is not None and changes.is_new("utf16.py", data, 0, 4)


def test_what_is_not_in_the_repository_is_a_problem_and_not_a_pass(repository: Repository) -> None:
    repository.commit({"a.py": "x = 1\n"})
    repository.write({"a.py": "x = 2\n"})
    repository.git("add", "-A")
    blob = repository.git("ls-files", "-s", "a.py").split()[1]
    with images.staged(repository.root) as changes:
        (repository.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
        assert changes.read("a.py") is None
        assert [p.fatal for p in changes.walk.problems] == [True]


@pytest.mark.parametrize("linked", [False, True])
def test_of_a_merge_only_what_no_side_has_is_new(repository: Repository, tmp_path: Path, linked: bool) -> None:
    repository.commit({"a.py": "x = 1\n", "same.py": "s = 1\n"})
    repository.git("checkout", "-q", "-b", "topic")
    repository.commit({"a.py": "x = 3\n", "b.py": "y = 1\n"})
    repository.git("checkout", "-q", "main")
    repository.commit({"a.py": "x = 2\n", "c.py": "z = 1\n"})
    here = repository
    if linked:
        repository.git("checkout", "-q", "-b", "elsewhere")
        repository.git("worktree", "add", "-q", str(tmp_path / "linked"), "main")
        here = Repository.__new__(Repository)
        here.root = tmp_path / "linked"
    here.git("merge", "-q", "--no-commit", "--no-ff", "topic", check=False)
    here.write({"a.py": "x = 2\nx = 3\nx = 4\n", "b.py": "y = 1\ny = 2\n"})
    here.git("add", "-A")
    with images.staged(here.root) as changes:
        assert {name: new_lines(changes, name) for name in changes.names()} == {"a.py": {3}, "b.py": {2}}
    here.git("commit", "-q", "-m", "merged", "--no-verify")
    with images.staged(here.root) as changes:
        assert list(changes.names()) == []


def test_since_needs_a_commit_that_both_have(repository: Repository, tmp_path: Path) -> None:
    base = repository.commit({"a.py": "x = 1\n"})
    repository.commit({"a.py": "x = 1\ny = 2\n"})
    with images.since(repository.root, base) as changes:
        assert new_lines(changes, "a.py") == {2}
    for ref in ("nope", "-x", "", "HEAD:a.py"):
        with pytest.raises(UsageError, match="knows no commit"):
            images.since(repository.root, ref)
    with pytest.raises(UsageError, match="no git work tree"):
        images.staged(tmp_path)
