"""The state directory, the journal and the escrow: whose they are, what they survive, and what must not stand in them."""

from __future__ import annotations

import itertools
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hardcode_hunter import state as states
from hardcode_hunter.errors import HardcodeHunterError, Refused
from hardcode_hunter.escrow import Escrow
from hardcode_hunter.journal import FILE, Entry, Journal, Status
from hardcode_hunter.model import Change, Edit, Plaintext, Span
from hardcode_hunter.state import State, open_state
from tests.killing import killed_at

CANARY = "hunter-orders-2019"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path)}


@pytest.fixture
def state(root: Path, environ: dict[str, str]) -> State:
    return open_state(root, environ)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


# ---------------------------------------------------------------- the directory


def test_only_the_owner_can_look(state: State) -> None:
    before = os.umask(0)
    try:
        state.write("one", b"1")
        state.append("two", b"2\n")
        with state.lock():
            Escrow(state).put({("db", "password"): Plaintext(CANARY)})
    finally:
        os.umask(before)
    assert mode(state.path) == mode(state.path.parent) == 0o700
    assert {mode(file) for file in state.path.iterdir()} == {0o600}


def test_two_trees_of_one_name_have_two_states_and_a_link_to_a_tree_has_its_state(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    for folder in ("a/shop", "b/shop"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "link").symlink_to("a/shop")
    first, second, link = (states.location(tmp_path / p, environ) for p in ("a/shop", "b/shop", "link"))
    assert first != second
    assert link == first
    assert first.name.startswith("shop-")


def test_a_relative_state_home_is_ignored(root: Path, tmp_path: Path) -> None:
    found = states.location(root, {"XDG_STATE_HOME": "state", "HOME": str(tmp_path)})
    assert found.is_relative_to(tmp_path / ".local" / "state")


@pytest.mark.parametrize("inside", ["state", ".git/state", "sub/../state"])
def test_a_state_inside_the_repository_is_refused(tmp_path: Path, inside: str) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "sub").mkdir()
    for tree in (tmp_path, tmp_path / "sub"):
        with pytest.raises(Refused, match="inside the repository"):
            open_state(tree, {"XDG_STATE_HOME": str(tmp_path / inside)})
    assert not (tmp_path / "state").exists()


def test_a_state_that_a_link_leads_into_the_repository_is_refused(tmp_path: Path, root: Path) -> None:
    (tmp_path / "state").symlink_to(root)
    with pytest.raises(Refused, match="inside the repository"):
        open_state(root, {"XDG_STATE_HOME": str(tmp_path / "state")})


def test_a_linked_state_directory_is_refused(tmp_path: Path, root: Path, environ: dict[str, str]) -> None:
    path = states.location(root, environ)
    path.parent.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused, match="not a directory of its own"):
        open_state(root, environ)


def test_a_directory_that_others_can_write_is_refused(state: State, root: Path, environ: dict[str, str]) -> None:
    state.path.chmod(0o777)
    with pytest.raises(Refused, match="others may write"):
        open_state(root, environ)


def test_a_directory_that_others_can_read_is_closed(state: State, root: Path, environ: dict[str, str]) -> None:
    state.path.chmod(0o755)
    open_state(root, environ).close()
    assert mode(state.path) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to another user")
def test_another_users_directory_is_refused(state: State, root: Path, environ: dict[str, str]) -> None:
    os.chown(state.path, 12345, 12345)
    with pytest.raises(Refused, match="belongs to another user"):
        open_state(root, environ)


def test_a_link_in_the_state_is_not_followed(state: State, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("untouched")
    (state.path / "one").symlink_to(tmp_path / "target")
    with pytest.raises(Refused):
        state.read("one")
    with pytest.raises((Refused, HardcodeHunterError)):
        state.append("one", b"x\n")
    assert (tmp_path / "target").read_text() == "untouched"


def test_a_file_that_others_can_read_is_refused(state: State) -> None:
    state.write("one", b"1")
    (state.path / "one").chmod(0o644)
    with pytest.raises(Refused, match="yours alone"):
        state.read("one")


def test_destroying_overwrites_first(state: State) -> None:
    state.write("one", CANARY.encode())
    with open(state.path / "one", "rb") as held:
        state.destroy("one")
        assert held.read() == bytes(len(CANARY))
    assert state.read("one") is None
    state.destroy("one")


def test_an_unfinished_file_is_destroyed_by_the_next_run(state: State) -> None:
    (state.path / ".new-value-1").write_text(CANARY)
    with state.lock():
        assert state.names(".new-") == []


# ---------------------------------------------------------------- the lock


def test_two_runs_exclude_each_other(state: State, root: Path, environ: dict[str, str]) -> None:
    with state.lock(), open_state(root, environ) as second:
        with pytest.raises(Refused, match=f"process {os.getpid()}"), second.lock():
            pass
        assert not second.locked
    with open_state(root, environ) as third, third.lock():
        assert third.locked


def test_another_process_is_excluded_and_the_lock_of_a_killed_one_is_taken_over(state: State) -> None:
    program = (
        "import sys, pathlib\nfrom hardcode_hunter.state import open_state\n"
        "with open_state(pathlib.Path(sys.argv[1]), {'XDG_STATE_HOME': sys.argv[2]}).lock():\n"
        "    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(state.root), str(state.path.parent.parent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Refused, match=f"process {holder.pid}"), state.lock():
            pass
        holder.send_signal(signal.SIGKILL)
        # not waited for: a zombie holds nothing
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
        with state.lock():
            assert state.locked
        holder.wait()


@pytest.mark.parametrize(
    ("change", "free"),
    [
        ({}, False),
        ({"started": "1"}, True),
        ({"boot": "another"}, True),
        ({"process": "2147483646"}, True),
        ({"host": "another"}, False),
    ],
)
def test_who_holds_the_lock_is_told_by_process_start_boot_and_host(
    state: State, change: dict[str, str], free: bool
) -> None:
    if "boot" in change and not states._boot():
        pytest.skip("this system tells no boot id")
    (state.path / "lock").write_text(json.dumps({**states._self(), **change}))
    (state.path / "lock").chmod(0o600)
    if free:
        with state.lock():
            pass
    else:
        with pytest.raises(Refused), state.lock():
            pass


@pytest.mark.parametrize("content", ["", "{", "[]", '{"process": "x"}', "[" * 3000])
def test_a_torn_lock_is_free(state: State, content: str) -> None:
    (state.path / "lock").write_text(content)
    (state.path / "lock").chmod(0o600)
    with state.lock():
        pass


# ---------------------------------------------------------------- the journal


def planned(state: State, path: str = "a.py") -> tuple[Journal, Entry]:
    journal = Journal(state)
    return journal, journal.plan(path, b"old", b"new", 0o640, ("x", "x/y"))


def test_what_is_written_is_read_again(state: State) -> None:
    with state.lock():
        journal, entry = planned(state)
        journal.mark(entry, Status.DONE)
        journal.note("db", "stored", version="1")
        journal.note("db", "stored", version="1")
        journal.note("db", "stored", version="2")
    again = Journal(state)
    assert list(again.entries.values()) == [
        Entry(**{**{f: getattr(entry, f) for f in Entry.__slots__}, "status": Status.DONE})
    ]
    assert [m.details for m in again.milestones] == [{"version": "1"}, {"version": "2"}]
    assert again.is_before(entry, b"old")
    assert again.is_after(entry, b"new")
    assert not again.is_after(entry, b"newer")
    assert not again.is_before(entry, None)


def test_it_is_not_written_without_the_lock(state: State) -> None:
    with pytest.raises(RuntimeError):
        planned(state)


def test_hashes_depend_on_the_runs_key(state: State) -> None:
    with state.lock():
        _, first = planned(state)
        _, second = planned(state)
    assert first.run != second.run
    assert first.before != second.before
    assert first.after != second.after


def test_without_its_key_the_journal_says_so(state: State) -> None:
    with state.lock():
        _, entry = planned(state)
    state.destroy(f"key-{entry.run}")
    with pytest.raises(HardcodeHunterError, match=f"key-{entry.run}"):
        Journal(state).is_before(entry, b"old")


@pytest.mark.parametrize("tail", [b"{", b'{"event": "file", "numb', b"\xff\xfe", b"x" * 70000])
def test_a_torn_last_line_was_never_written(state: State, tail: bytes) -> None:
    with state.lock():
        _, first = planned(state)
        with open(state.path / FILE, "ab") as file:
            file.write(tail)
        journal, second = planned(state, "b.py")
    assert set(Journal(state).entries) == {first.number, second.number} == set(journal.entries)


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "1", '{"event": "file"}', '{"event": "stored", "secret": "s", "details": 1}', "[" * 100000, '{"event": "file", "number": 1, "run": "../x", "path": "a", "before": null, "after": "x", "mode": 1, "folders": [], "status": "done"}'],
)  # fmt: skip
def test_a_damaged_line_is_named(state: State, line: str) -> None:
    state.write(FILE, f"{line}\n".encode())
    with pytest.raises(HardcodeHunterError, match=r"journal\.jsonl:1: "):
        Journal(state)


def test_names_that_are_no_utf8_survive(state: State) -> None:
    name = os.fsdecode(b"caf\xe9.py")
    with state.lock():
        planned(state, name)
    assert Journal(state).paths() == (name,)


def test_a_kill_in_any_step_loses_only_what_was_not_told(root: Path, tmp_path: Path) -> None:
    def work(state: State) -> None:
        with state.lock():
            _, entry = planned(state)
            Journal(state).mark(entry, Status.DONE)

    for step in itertools.count(1):
        with open_state(root, {"XDG_STATE_HOME": str(tmp_path / f"state{step}")}) as state:
            killed = killed_at(step, lambda state=state: work(state))  # type: ignore[misc]
            with state.lock():
                journal, entry = planned(state, "b.py")
                journal.mark(entry, Status.DONE)
            again = Journal(state)
            assert again.entries[entry.number].status is Status.DONE
            first = next((e for e in again.entries.values() if e.path == "a.py"), None)
            assert first is None or again.is_before(first, b"old")
            if not killed:
                assert first is not None
                assert first.status is Status.DONE
                break
    assert step > 15


# ---------------------------------------------------------------- the escrow


def test_what_was_kept_comes_back(state: State) -> None:
    escrow = Escrow(state)
    change = Change("a.py", "x", (Edit(Span(4, 9), b"secret()"),))
    escrow.keep(7, change, b'x = "pw"\r\n\xff', [Plaintext("pw")])
    kept = escrow.kept(7)
    assert kept is not None
    assert (kept.path, kept.original, kept.edits, kept.hidden) == (
        "a.py",
        b'x = "pw"\r\n\xff',
        change.edits,
        (Plaintext("pw"),),
    )
    assert kept.result == change.result(b'x = "pw"\r\n\xff')
    assert escrow.numbers() == (7,)
    assert escrow.kept(8) is None
    assert "pw" not in repr(kept)


def test_values_wait_until_they_are_forgotten(state: State) -> None:
    escrow = Escrow(state)
    values = {
        ("db", "password"): Plaintext(CANARY),
        ("db", "user/name"): Plaintext("ü\udcff"),
        ("mail", "password"): Plaintext("x\n"),
    }
    escrow.put(values)
    assert Escrow(state).values() == values
    escrow.forget({"db"})
    assert set(escrow.values()) == {("mail", "password")}
    escrow.keep(1, Change("a", "x", ()), b"", ())
    escrow.keep(2, Change("b", "x", ()), b"", ())
    escrow.destroy([2], values=False)
    assert (escrow.numbers(), len(escrow.values())) == ((2,), 1)
    escrow.destroy()
    assert [
        p for p in state.path.iterdir() if CANARY.encode() in p.read_bytes() or p.name[:5] in ("kept-", "value")
    ] == []


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"[" * 100000, b'{"path": 1, "original": "?", "edits": [], "hidden": []}']
)
def test_a_damaged_escrow_is_named_and_not_shown(state: State, content: bytes) -> None:
    state.write("kept-1", content)
    with pytest.raises(HardcodeHunterError, match="kept-1: is damaged"):
        Escrow(state).kept(1)


def test_the_journal_holds_no_plaintext(state: State) -> None:
    with state.lock():
        journal = Journal(state)
        entry = journal.plan("a.py", f"x = {CANARY!r}".encode(), b"x = get()", 0o644)
        journal.mark(entry, Status.DONE)
    text = (state.path / FILE).read_text()
    assert CANARY not in text
    assert "a.py" in text
