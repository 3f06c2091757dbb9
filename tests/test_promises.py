"""``docs/promises.md`` names the tests that hold each promise: they are there, and at least as many as it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from hardcode_hunter.errors import HardcodeHunterError
from hardcode_hunter.escrow import Escrow
from hardcode_hunter.formats._summary import printable
from hardcode_hunter.journal import Journal
from hardcode_hunter.state import open_state
from tests import hostile
from tests.embedded.environment import clean_environment
from tests.gate import ROOT

PAGE = (ROOT / "docs" / "promises.md").read_text("utf-8")
NAMED = re.compile(r"`(test_\w+)(?:::(test_\w+))?` \((\d+)\)")


def rows() -> dict[str, list[tuple[str, str, int]]]:
    found = re.findall(r"^\| (P\d+) \| .+? \| (.+) \|$", PAGE, re.M)
    return {promise: [(m[1], m[2] or "", int(m[3])) for m in NAMED.finditer(cell)] for promise, cell in found}


def test_every_promise_has_tests() -> None:
    assert list(rows()) == [f"P{number}" for number in range(1, 21)]
    assert all(rows().values())


def test_the_named_tests_are_there_and_as_many() -> None:
    modules = sorted({module for named in rows().values() for module, _, _ in named})
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-p",
        "no:cacheprovider",
        "-o",
        "addopts=--import-mode=importlib",
    ]
    done = subprocess.run(
        [*command, *(f"tests/{m}.py" for m in modules)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-1000:]
    collected: Counter[tuple[str, str]] = Counter()
    for line in done.stdout.splitlines():
        if match := re.match(r"tests/(test_\w+)\.py::(?:\w+::)*(test_\w+)", line):
            collected[match[1], match[2]] += 1
            collected[match[1], ""] += 1
    for promise, named in rows().items():
        for module, test, count in named:
            assert collected[module, test] >= count, (
                f"{promise}: {module}::{test}: {collected[module, test]} cases, not {count}"
            )


@pytest.mark.parametrize(
    "name",
    ["a\n::error::b.py", "::error file=x::y.py", "  ::add-mask::x", "##vso[task.x]y", "x##[group]y", "\x1b[31mred", "a\u202eb", "\u2028::error::x"],
)  # fmt: skip
def test_a_name_is_one_line_and_no_command(name: str) -> None:
    shown = printable(name)
    assert shown.isprintable() and "\n" not in shown
    assert not shown.lstrip().startswith("::") and "##[" not in shown and "##vso[" not in shown


def test_a_report_depends_on_the_tree_alone(tmp_path: Path) -> None:
    hostile.build(tmp_path / "tree", "names", "documents")
    said = set()
    for seed in ("0", "1", "4711"):
        extra = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        program = [sys.executable, "-P", "-m", "hardcode_hunter", "scan", "--isolated", "--output", "json", "."]
        done = subprocess.run(
            program, cwd=tmp_path / "tree", env=clean_environment(extra), capture_output=True, check=False
        )
        assert done.returncode == 1, done.stderr
        said.add(done.stdout)
    assert len(said) == 1


def test_damaged_state_ends_in_words(tmp_path: Path) -> None:
    """Any byte of the journal and of the escrow changed, and any end cut off: read, or refused in words."""
    (tmp_path / "tree").mkdir()
    with open_state(tmp_path / "tree", {"XDG_STATE_HOME": str(tmp_path / "state")}) as state, state.lock():
        journal, escrow = Journal(state), Escrow(state)
        journal.mark(journal.plan("a.py", b"x", b"y", 0o644), journal.entries[1].status)
        journal.note("db", "stored", version="1", name="n")
        whole = {name: state.read(name) or b"" for name in ("journal.jsonl",)}
        refused = 0
        for name, data in whole.items():
            for at in range(0, len(data), 3):
                for damaged in (
                    data[:at],
                    data[:at] + bytes([data[at] ^ 0x15]) + data[at + 1 :],
                    data[:at] + b"\xff" + data[at:],
                ):
                    state.write(name, damaged)
                    try:
                        Journal(state).paths()
                        escrow.values()
                    except HardcodeHunterError as error:
                        refused += 1
                        assert os.fspath(state.path) in str(error)
    assert refused > 20
