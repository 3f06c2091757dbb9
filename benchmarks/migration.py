"""The whole journey on real repositories with hand-made labels: how many are found, rewritten, skipped and why.

    python -m benchmarks.migration LABELS REPOSITORIES

``LABELS`` holds one ``<owner>+<name>.jsonl`` per repository (keys ``path``, ``line``, ``verdict``) and ``INDEX.tsv`` with the commit of each;
``REPOSITORIES`` holds the git directory of each, ``<owner>+<name>/repo``. Each is checked out into a temporary directory and taken
through ``scan``, ``plan`` and ``apply --offline`` as a user would, in processes of their own. The checks of every run: no crash, every
rewritten Python file compiles, a second apply changes nothing, no migrated value of 8 characters or more is left in a rewritten file.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hardcode_hunter import pipeline, planfile
from hardcode_hunter.config import Settings
from hardcode_hunter.encodings import strong
from hardcode_hunter.model import Plaintext

LONG = 8
PLACES = frozenset({"migrate"})


@dataclass(slots=True)
class Row:
    """One repository's outcome."""

    name: str
    labels: int = 0
    found: int = 0
    rewritten: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        reasons = ", ".join(f"{count} {code}" for code, count in self.skipped.most_common()) or "-"
        return f"| {self.name} | {self.labels} | {self.found} | {self.rewritten} | {reasons} | {'; '.join(self.faults) or 'none'} |"


def main(labels: Path, repositories: Path) -> int:
    rows = []
    for entry in csv.DictReader((labels / "INDEX.tsv").open(), delimiter="\t"):
        with tempfile.TemporaryDirectory(prefix="hh-legacy-") as folder:
            rows.append(journey(entry["repo"], entry["commit"], labels, repositories, Path(folder)))
            print(rows[-1], file=sys.stderr)
    print(
        "| repository | migrate labels | found | rewritten | skipped, by reason | faults |\n|---|---|---|---|---|---|"
    )
    print("\n".join(map(str, rows)))
    return int(any(row.faults for row in rows))


def journey(name: str, commit: str, labels: Path, repositories: Path, folder: Path) -> Row:
    """Checks the repository out and takes it through the commands."""
    tree, row = folder / "tree", Row(name)
    tree.mkdir()
    check_out(repositories / name / "repo", commit, tree)
    environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}
    scan = command(row, environment, tree, "scan", ".", "--output", "json")
    command(row, environment, tree, "plan", ".")
    plan = planfile.load(tree / planfile.PLAN_FILE) if (tree / planfile.PLAN_FILE).exists() else None
    values = live_values(tree, plan) if plan else {}
    before = snapshot(tree)
    command(row, environment, tree, "apply", "--offline")
    after = snapshot(tree)
    command(row, environment, tree, "apply", "--offline")
    if snapshot(tree) != after:
        row.faults.append("a second apply changed files")
    changed = [p for p, data in after.items() if p in before and before[p] != data]
    check_files(row, tree, changed, values)
    count_labels(row, labels / f"{name}.jsonl", json.loads(scan), plan, set(changed))
    return row


def check_out(repository: Path, commit: str, tree: Path) -> None:
    """The commit's files, but for those whose content the repository does not hold."""
    git = ["git", "--git-dir", str(repository)]
    listing = subprocess.run([*git, "ls-tree", "-r", "-z", commit], capture_output=True, check=True).stdout
    for entry in listing.split(b"\0"):
        about, _, path = entry.partition(b"\t")
        mode, kind, blob = (*about.decode().split(), "", "", "")[:3]
        if kind != "blob" or mode == "120000":
            continue
        data = subprocess.run([*git, "cat-file", "blob", blob], capture_output=True, check=False)
        if not data.returncode:
            target = tree / os.fsdecode(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data.stdout)


def command(row: Row, environment: dict[str, str], tree: Path, *words: str) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "hardcode_hunter", *words],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode not in (0, 1) or "Traceback" in run.stderr:
        last = run.stderr.strip().splitlines()[-1:] or ["no message"]
        row.faults.append(f"{words[0]} exited {run.returncode}: {last[0]}")
    return run.stdout or "{}"


def snapshot(tree: Path) -> dict[str, bytes]:
    return {
        p.relative_to(tree).as_posix(): p.read_bytes() for p in tree.rglob("*") if p.is_file() and not p.is_symlink()
    }


def live_values(tree: Path, plan: Any) -> dict[str, set[bytes]]:
    """Path → values of 8 characters or more that the plan moves out of that file."""
    _, reading = pipeline.scan((tree,), Settings(), tree)
    candidates = {c.fingerprint: c for c in reading.candidates}
    values: dict[str, set[bytes]] = {}
    for row in plan.replacements:
        value = pipeline.value(candidates, row.finding, row.shape, row.part)
        if value is not None and len(value) >= LONG:
            values.setdefault(row.path, set()).add(value.reveal().encode("utf-8", "surrogatepass"))
    return values


def check_files(row: Row, tree: Path, changed: list[str], values: dict[str, set[bytes]]) -> None:
    for path in changed:
        data = (tree / path).read_bytes()
        if path.endswith(".py"):
            try:
                compile(data, path, "exec", dont_inherit=True)
            except (SyntaxError, ValueError) as error:
                row.faults.append(f"{path} no longer compiles ({type(error).__name__})")
        # a word that is a key's name too ("Password: Password") stays in the file as the key
        left = sum(
            value in data for value in values.get(path, ()) if strong(Plaintext(value.decode("utf-8", "surrogatepass")))
        )
        words = sum(value in data for value in values.get(path, ())) - left
        if left:
            row.faults.append(f"{path} still holds {left} migrated values")
        if words:
            row.skipped["(a word that stands elsewhere in the rewritten file too)"] += words


def count_labels(row: Row, file: Path, scan: dict[str, Any], plan: Any, changed: set[str]) -> None:
    found = {(f["path"], line): f["id"] for f in scan["findings"] for line in range(f["line"], f["end_line"] + 1)}
    fields = {(x["path"], x["line"]): f["id"] for f in scan["findings"] for x in f["fields"]}
    sinks = {(x["path"], x["line"]): f["id"] for f in scan["findings"] for x in f["sinks"]}
    skips = {s.finding: s.code for s in plan.skips} if plan else {}
    moved = {r.finding for r in plan.replacements} if plan else set()
    for line in file.read_text().splitlines():
        label = json.loads(line)
        if label["verdict"] not in PLACES:
            continue
        row.labels += 1
        place = (label["path"], label["line"])
        finding = found.get(place) or fields.get(place) or sinks.get(place)
        row.found += finding is not None
        if finding is None:
            row.skipped["not found"] += 1
        elif place in sinks and place not in found:
            row.skipped["(where a value that is found elsewhere ends up)"] += 1
        elif place not in found:
            row.skipped["(a field of a secret: stays in the code)"] += 1
        elif finding in skips or finding not in moved:
            row.skipped[skips.get(finding, "not in the plan")] += 1
        elif label["path"] in changed:
            row.rewritten += 1
        else:
            row.skipped["not applied"] += 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
