"""Writing changes: nothing is written that was not planned, and nobody's work is lost."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hardcode_hunter import wholefile
from hardcode_hunter.apply import obstructions
from hardcode_hunter.errors import Refused, StaleError
from hardcode_hunter.escrow import Escrow
from hardcode_hunter.journal import Journal
from hardcode_hunter.model import Change, Edit, Span, content_hash
from tests.legacy_tree import CANARY, CHANGES, CREATED, FILES, REWRITTEN, Tree, applied, untouched


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


# ---------------------------------------------------------------- what it does


def test_files_are_written_and_a_second_apply_changes_nothing(tree: Tree) -> None:
    modes = tree.modes()
    first = tree.apply()
    assert tree.files() == applied()
    assert set(first.written) == set(applied())
    assert first.written[:2] == tuple(sorted(CREATED)), "what rewritten code needs comes first"
    assert {path: mode for path, mode in tree.modes().items() if path in modes} == modes
    before = {p: (s.st_ino, s.st_mtime_ns) for p in tree.files() for s in [(tree.root / p).stat()]}
    second = tree.apply()
    assert (second.written, set(second.already)) == ((), set(applied()))
    assert before == {p: (s.st_ino, s.st_mtime_ns) for p in tree.files() for s in [(tree.root / p).stat()]}
    assert tree.leftovers() == []


def test_the_mode_of_a_new_file_follows_the_umask(tree: Tree) -> None:
    before = os.umask(0o027)
    try:
        tree.apply()
    finally:
        os.umask(before)
    assert {tree.modes()[path] for path in CREATED} == {0o640}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_owner_and_set_id_bits_are_kept(tree: Tree) -> None:
    os.chown(tree.root / "settings.py", 12345, 23456)
    (tree.root / "settings.py").chmod(0o4755)
    tree.apply()
    found = (tree.root / "settings.py").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (12345, 23456, 0o4755)


def test_extended_attributes_are_kept(tree: Tree) -> None:
    try:
        os.setxattr(tree.root / "settings.py", "user.origin", b"legacy")
    except (OSError, AttributeError):
        pytest.skip("no extended attributes here")
    tree.apply()
    assert os.getxattr(tree.root / "settings.py", "user.origin") == b"legacy"


def test_changes_of_one_file_twice_are_a_mistake_of_the_caller(tree: Tree) -> None:
    with pytest.raises(ValueError, match="merge"):
        tree.apply([CHANGES[0], CHANGES[0]])


def test_the_callers_own_idea_of_a_match_is_asked(tree: Tree) -> None:
    blanked = Change("settings.py", "what the plan says", CHANGES[0].edits)
    with pytest.raises(StaleError):
        tree.apply([blanked])
    tree.apply([blanked], matches=lambda c, data: c.before == "what the plan says" and data == FILES[c.path])
    assert tree.files()["settings.py"] == REWRITTEN["settings.py"]


def test_a_change_that_changes_nothing_is_not_written(tree: Tree) -> None:
    same = Change("settings.py", content_hash(FILES["settings.py"]), ())
    assert tree.apply([same]).already == ("settings.py",)


def test_a_second_change_follows_the_first(tree: Tree) -> None:
    tree.apply()
    second = Change("settings.py", content_hash(REWRITTEN["settings.py"]), (Edit(Span(0, 4), b"PLACE"),))
    assert tree.apply([second]).written == ("settings.py",)
    assert tree.files()["settings.py"].startswith(b"PLACE")


# ---------------------------------------------------------------- what it refuses, before anything is written


def edit(tree: Tree) -> None:
    (tree.root / "settings.py").write_bytes(FILES["settings.py"] + b"# mine\n")


def link(tree: Tree) -> None:
    (tree.root / "settings.py").rename(tree.root / "real.py")
    (tree.root / "settings.py").symlink_to("real.py")


def hard_link(tree: Tree) -> None:
    os.link(tree.root / "settings.py", tree.root / "other.py")


def folder_link(tree: Tree) -> None:
    (tree.root / "src").rename(tree.root.parent / "outside")
    (tree.root / "src").symlink_to("../outside")


def gone(tree: Tree) -> None:
    (tree.root / "settings.py").unlink()


def fifo(tree: Tree) -> None:
    gone(tree)
    os.mkfifo(tree.root / "settings.py")


def listening(tree: Tree) -> None:
    gone(tree)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tree.root / "settings.py"))


def folder(tree: Tree) -> None:
    gone(tree)
    (tree.root / "settings.py").mkdir()


def dangling(tree: Tree) -> None:
    (tree.root / "migration").mkdir()
    (tree.root / "migration" / "db.template.yaml").symlink_to("/nowhere/at/all")


def in_the_way(tree: Tree) -> None:
    (tree.root / "migration").write_text("a file where a directory is to be")


@pytest.mark.parametrize(
    ("spoil", "error", "path"),
    [
        (edit, StaleError, "settings.py: has changed"),
        (gone, StaleError, "settings.py: is gone"),
        (link, Refused, "settings.py: is a symbolic link"),
        (hard_link, Refused, "settings.py: has 2 hard links"),
        (folder_link, Refused, "src/mail.py: 'src' on the way is a symbolic link"),
        (fifo, Refused, "settings.py: is not a regular file"),
        (listening, Refused, "settings.py: can't be read"),
        (folder, Refused, "settings.py: is not a regular file"),
        (dangling, Refused, "migration/db.template.yaml: is a symbolic link"),
        (in_the_way, Refused, "migration/db.template.yaml: 'migration' on the way"),
    ],
)
def test_nothing_is_written_when_one_file_is_not_as_planned(
    tree: Tree, spoil: Callable[[Tree], None], error: type[Exception], path: str
) -> None:
    spoil(tree)
    before = {p: (s.st_ino, s.st_mtime_ns) for p in sorted(tree.root.rglob("*")) for s in [p.lstat()]}
    with tree.state() as state:
        (found,) = obstructions(
            tree.root, [c for c in CHANGES if path.startswith(c.path)], Journal(state), Escrow(state)
        )
        assert path.startswith(found.path)
    with pytest.raises(error) as raised:
        tree.apply()
    assert type(raised.value) is error
    assert path in str(raised.value)
    assert CANARY not in str(raised.value)
    assert before == {p: (s.st_ino, s.st_mtime_ns) for p in sorted(tree.root.rglob("*")) for s in [p.lstat()]}


@pytest.mark.parametrize(
    "path", ["../out.py", "/etc/out", "a/../../out", "a//b", ".git/hooks/pre-commit", "a/.GIT/config", "x\0y", "", "."]
)
def test_no_change_leaves_the_tree(tree: Tree, path: str) -> None:
    with pytest.raises(Refused, match="no path inside the tree"):
        tree.apply([Change.creation(path, b"x")])
    assert tree.files() == untouched()


def test_all_refused_files_are_named(tree: Tree) -> None:
    hard_link(tree)
    (tree.root / "src/mail.py").write_bytes(b"x = 1\n")
    with pytest.raises(StaleError) as raised:
        tree.apply()
    assert "settings.py: has 2 hard links" in str(raised.value)
    assert "src/mail.py: has changed" in str(raised.value)


# ---------------------------------------------------------------- generated files


def test_a_generated_file_is_updated_while_nobody_edited_it(tree: Tree) -> None:
    tree.apply()
    newer = Change.creation("migration/db.template.yaml", b"Resources: {Db: 1}\n")
    assert tree.apply([newer]).written == (newer.path,)
    assert tree.files()[newer.path] == b"Resources: {Db: 1}\n"
    (tree.root / newer.path).write_bytes(f"Resources: mine\nPassword: {CANARY}\n".encode())
    with pytest.raises(Refused) as raised:
        tree.apply([newer])
    said = str(raised.value)
    assert "-Resources: mine" in said
    assert "+Resources: {Db: 1}" in said
    assert CANARY not in said
    assert tree.apply([newer], overwrite=[newer.path]).written == (newer.path,)


def test_a_file_that_somebody_else_made_is_kept_unless_it_is_the_same(tree: Tree) -> None:
    path = "migration/db.template.yaml"
    (tree.root / "migration").mkdir()
    (tree.root / path).write_bytes(b"mine\n")
    with pytest.raises(Refused, match="exists and holds something else"):
        tree.apply()
    (tree.root / path).write_bytes(CREATED[path])
    assert path in tree.apply().already
    tree.undo()
    assert tree.files() == dict(sorted((FILES | {path: CREATED[path]}).items())), "what was not ours stays"


# ---------------------------------------------------------------- between the look and the rename


@pytest.fixture
def meddled(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Callable[[Path], None]], None]]:
    """Has ``act`` done to a file of the tree after its new content was written beside it."""

    def arrange(path: str, act: Callable[[Path], None]) -> None:
        original = wholefile._write

        def write(where: wholefile.Place, *args: object) -> None:
            original(where, *args)  # type: ignore[arg-type]
            if where.path == path:
                act(Path(path))

        monkeypatch.setattr(wholefile, "_write", write)

    yield arrange


def same_size_and_time(file: Path) -> None:
    """An edit that only the content shows."""
    before = file.stat()
    data = file.read_bytes()
    with open(file, "r+b") as handle:
        handle.write(data[:-1] + b"#")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    "act",
    [
        lambda f: f.write_bytes(b"mine"),
        lambda f: f.unlink(),
        lambda f: f.chmod(0o600),
        lambda f: f.rename(f.with_name("moved.py")),
        same_size_and_time,
    ],
)
def test_an_edit_while_writing_is_never_lost(
    tree: Tree, meddled: Callable[..., None], act: Callable[[Path], None]
) -> None:
    meddled("settings.py", lambda path: act(tree.root / path))
    with pytest.raises(StaleError, match=r"settings\.py: was"):
        tree.apply()
    assert tree.files().get("settings.py") != REWRITTEN["settings.py"]
    assert tree.leftovers() == []


def test_a_file_made_while_writing_is_never_lost(
    tree: Tree, meddled: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "migration/db.template.yaml"
    meddled(path, lambda _: (tree.root / path).write_bytes(b"mine"))
    with pytest.raises(StaleError, match="made by somebody"):
        tree.apply()
    assert tree.files()[path] == b"mine"
    assert tree.leftovers() == []
    (tree.root / path).unlink()

    def no_links(*args: object, **more: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(StaleError, match="made by somebody"):
        tree.apply()
    assert tree.files()[path] == b"mine"
    monkeypatch.setattr(wholefile, "_write", wholefile._write)


def test_a_file_system_without_hard_links_will_do(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*args: object, **more: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", no_links)
    tree.apply()
    assert tree.files() == applied()
    assert tree.leftovers() == []


# ---------------------------------------------------------------- no plaintext


def test_only_the_escrow_holds_plaintext(tree: Tree, capfd: pytest.CaptureFixture[str]) -> None:
    tree.apply()
    with tree.state() as state:
        holding = {p.name for p in state.path.iterdir() if CANARY.encode() in p.read_bytes()}
        assert holding
        assert all(name.startswith("kept-") for name in holding)
    assert capfd.readouterr() == ("", "")
    assert not any(CANARY.encode() in data for data in tree.files().values())


def test_plaintext_is_in_no_error_whatever_call_fails_with_it(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in [(os, "rename"), (os, "fsync"), (os, "link"), (os, "fchmod")]:
        with monkeypatch.context() as patch:

            def fail(*args: object, **more: object) -> None:
                raise OSError(errno.EIO, os.strerror(errno.EIO), CANARY)

            patch.setattr(module, name, fail)
            try:
                tree.apply()
            except Exception as error:
                assert CANARY not in str(error) + repr(error) + repr(
                    error.__context__ if not error.__suppress_context__ else ""
                )
            else:
                pytest.fail("the failing call was never made")
