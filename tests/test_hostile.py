"""The hostile trees of :mod:`tests.hostile` through scan, plan, apply, verify and undo, in processes with bounded time and memory.

``HARDCODE_HUNTER_EVERY_POINT=1`` takes the large files and those that are hard to match too, and scans each file alone, with 5 seconds of
CPU and 512 MiB for each (three minutes).
"""

from __future__ import annotations

import base64
import json
import os
import resource
import subprocess
import sys
import urllib.parse
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
import yaml

from hardcode_hunter import discover
from hardcode_hunter.plugins import Format, load
from tests import hostile
from tests.embedded.environment import clean_environment
from tests.gate import ROOT
from tests.hostile import Row

EVERY = bool(os.environ.get("HARDCODE_HUNTER_EVERY_POINT"))
FORMATS = sorted(load("formats", Format))
SECONDS, BYTES = 5, 512 << 20  # of CPU for each file that is scanned alone, and of address space


def forms(word: str) -> Iterator[bytes]:
    """Ways in which a value can stand somewhere: as it is and any eight characters of it, encoded, backwards."""
    data = word.encode()
    yield from (data[i : i + 8] for i in range(len(data) - 7))
    yield from (base64.b64encode(bytes(n) + data)[4 + n : -4] for n in range(3))
    yield from (
        data.hex().encode()[:24],
        data[::-1][:12],
        urllib.parse.quote(word).encode(),
        json.dumps(word)[1:-1].encode(),
    )


def hidden(data: bytes, rows: Collection[Row], where: str) -> None:
    """No canary."""
    for row in rows:
        assert not any(form in data for form in forms(row.canary)), f"{where}: {row.path!r}"


def innocent(data: bytes, rows: Collection[Row], where: str) -> None:
    """No canary and no raw control byte."""
    hidden(data, rows, where)
    raw = {byte for byte in data if (byte < 32 and byte not in b"\n\t") or byte == 127}
    assert not raw, f"{where}: {raw}"


def silent(data: bytes, where: str) -> None:
    for line in data.split(b"\n"):
        assert not line.lstrip().startswith((b"::", b"##vso")), f"{where}: {line[:60]!r}"
    assert b"Traceback" not in data and b"defect of" not in data, f"{where}: {data[-400:]!r}"


class Command:
    """The command line in a process of its own, with a home, a state and a temporary folder of its own."""

    def __init__(self, place: Path, cache: Path) -> None:
        self.place = place
        folders = {"HOME": "home", "XDG_STATE_HOME": "state", "TMPDIR": "tmp"}
        for folder in folders.values():
            (place / folder).mkdir()
        self.environment = clean_environment(
            {name: str(place / folder) for name, folder in folders.items()}
            | {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(cache), "NO_COLOR": "1"}
        )

    def __call__(self, *words: str, cwd: Path, seconds: int = 120) -> subprocess.CompletedProcess[bytes]:
        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))

        program = [sys.executable, "-P", "-m", "hardcode_hunter", *words]
        done = subprocess.run(
            program, cwd=cwd, env=self.environment, capture_output=True, check=False, preexec_fn=limit
        )
        assert done.returncode in (0, 1, 2), f"{words}: {done.returncode} {done.stderr[-300:]!r}"
        assert not list((self.place / "tmp").iterdir()), "temporary files are left"
        return done


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def command(tmp_path: Path, cache: Path) -> Command:
    return Command(tmp_path, cache)


def walked(root: Path) -> int:
    """Files below ``root`` that are not of a kind that is never looked at, links to directories among them."""
    found = []
    for here, folders, files in os.walk(root):
        links = [folder for folder in folders if os.path.islink(os.path.join(here, folder))]
        found += [os.path.relpath(os.path.join(here, name), root) for name in (*files, *links)]
    return sum(not discover.excluded(name) for name in found)


def expected(rows: Collection[Row], found: Counter[str]) -> None:
    for row in rows:
        count = found[os.fsdecode(row.path)]
        assert row.scan != "find" or count, f"not found: {row.kind} {row.path!r}"
        assert row.scan not in ("clean", "skip") or not count, f"found: {row.kind} {row.path!r}"


SLOW = ("sizes", "matching")


@pytest.mark.parametrize("kind", [kind for kind in hostile.CLASSES if EVERY or kind not in SLOW])
def test_a_scan_is_quick_quiet_complete_and_finds_what_is_there(kind: str, tmp_path: Path, command: Command) -> None:
    rows = hostile.build(tmp_path / "trees", kind)
    tree, before = tmp_path / "trees" / kind, hostile.snapshot(tmp_path / "trees")
    outputs = {form: tmp_path / f"out.{form}" for form in FORMATS}
    words = [f"--output={form}:{file}" for form, file in outputs.items()]
    isolated = ["--isolated"] if kind != "configuration" else []
    done = command("scan", "-v", "--min-confidence", "low", *isolated, *words, "--output=json", ".", cwd=tree)
    report = json.loads(done.stdout)
    silent(done.stdout + done.stderr, "the terminal")
    innocent(done.stdout + done.stderr, rows, "the terminal")
    for form, file in outputs.items():
        innocent(file.read_bytes(), rows, form)
        if form not in ("github",):
            silent(file.read_bytes(), form)
    assert hostile.snapshot(tmp_path / "trees") == before
    assert not list(tmp_path.rglob(hostile.PWNED))
    assert report["files"] == walked(tree)
    expected(rows, Counter(finding["path"] for finding in report["findings"]))
    skipped = sum(report["skipped"].values())
    assert skipped >= sum(row.scan == "skip" for row in rows)


@pytest.mark.skipif(not EVERY, reason="HARDCODE_HUNTER_EVERY_POINT scans each file alone")
@pytest.mark.parametrize("kind", hostile.CLASSES)
def test_each_file_alone_is_scanned_in_bounded_time_and_memory(kind: str, tmp_path: Path, command: Command) -> None:
    rows = hostile.build(tmp_path / "trees", kind)
    for row in rows:
        words = ("scan", "--isolated", "--min-confidence", "low", "--output", "json", "--", os.fsdecode(row.path))
        done = command(*words, cwd=tmp_path / "trees" / kind, seconds=SECONDS)
        assert done.returncode in (0, 1), f"{row.path!r}: {done.stderr!r}"
        assert json.loads(done.stdout)["files"] == 1


MIGRATED = ("names", "keys", "encodings")
"""Classes in which a migration can go wrong; the others are about reading."""


def test_a_migration_writes_nothing_that_acts_and_undo_puts_everything_back(tmp_path: Path, command: Command) -> None:
    rows = hostile.build(tmp_path / "tree", *MIGRATED)
    tree, before = tmp_path / "tree", hostile.snapshot(tmp_path / "tree")
    for words in (
        ("plan", "--environment=production"),
        ("apply", "--offline"),
        ("apply", "--offline"),
        ("status",),
        ("verify",),
    ):
        if words == ("apply", "--offline"):
            last = hostile.snapshot(tree)
        done = command(*words, "--isolated", cwd=tree)
        silent(done.stdout + done.stderr, words[0])
        innocent(done.stdout + done.stderr, rows, words[0])
        if words[0] == "plan":
            assert {path: row for path, row in hostile.snapshot(tree).items() if path in before} == before
    after = hostile.snapshot(tree)
    assert after == last, "the second apply changed something"
    changed = [path for path in before if after[path] != before[path]]
    assert len(changed) > 70
    _whole(tree, before, after, rows)
    for file in (tmp_path / "state").rglob("*"):
        assert file.is_dir() or file.stat().st_mode & 0o077 == 0
        if file.is_file() and not file.name.startswith(("kept-", "value-")):
            hidden(file.read_bytes(), rows, file.name)
    assert command("undo", cwd=tree).returncode == 0
    back = {path: row for path, row in hostile.snapshot(tree).items() if not path.startswith(b"migration/")}
    assert back == before
    assert not list(tmp_path.rglob(hostile.PWNED))


def _whole(
    tree: Path, before: dict[bytes, tuple[int, bytes]], after: dict[bytes, tuple[int, bytes]], rows: Collection[Row]
) -> None:
    """Modes are kept, rewritten Python compiles, what was generated says nothing and is what it looks like."""
    for path, (mode, data) in after.items():
        if path in before:
            assert mode == before[path][0], path
            if data != before[path][1] and path.endswith(b".py"):
                compile(data, "rewritten", "exec", dont_inherit=True)
            continue
        innocent(data, rows, os.fsdecode(path))
        if path.endswith(b".yaml") and b"production" in path:
            resources = yaml.load(data.replace(b"!", b""), yaml.BaseLoader)["Resources"]
            kinds = Counter(resource["Type"] for resource in resources.values())
            assert set(kinds) <= {"AWS::SecretsManager::Secret", "AWS::SecretsManager::ResourcePolicy", "AWS::KMS::Key", "AWS::KMS::Alias", "AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"}  # fmt: skip
