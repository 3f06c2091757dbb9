"""Every known shape of a credential in Python, taken the whole way: scanned, planned, rewritten as a user would, and run.

``fixtures/rewrite/catalogue.yaml`` names the 60 shapes. Each has at least two golden cases (``fixtures/rewrite/helper``); for each is said
what becomes of every credential that the scan finds in it, in the order of the file: ``safe``, ``review``, or the code of its skip. A
shape of which nothing is rewritten says why that is right. What is rewritten must do what it did: that is the behaviour oracle.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from hardcode_hunter import migration, pipeline
from hardcode_hunter import plan as planning
from hardcode_hunter.config import Settings
from hardcode_hunter.languages.python.reasons import WHY
from hardcode_hunter.model import Home, Tier

FIXTURES = Path(__file__).parent.parent / "fixtures" / "rewrite"
ROWS: list[dict[str, Any]] = yaml.safe_load((FIXTURES / "catalogue.yaml").read_text(encoding="utf-8"))
CASES = [(row["row"], name) for row in ROWS for name in row["cases"]]
TIERS = {tier.value for tier in Tier}
PLANNED = {
    "report-only",
    "test-value",
    "no-rewriter",
    "one-table",
    "one-environment",
}  # skips of the plan, before any rewriter is asked
LEAST = 48
STATIC = [["str", key] for key in ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")]
"""AWS's documented examples: static keys are deleted, and with them what the constants that held them were worth."""


@dataclass
class Journey:
    """What became of one case. ``outcomes`` are in the order of the file."""

    before: str
    after: str
    outcomes: list[str]
    reasons: list[str]
    secrets: dict[str, str] = field(repr=False)
    moved: set[str] = field(default_factory=set)  # names whose read went into functions

    @property
    def changed(self) -> bool:
        return self.before != self.after


def travel(folder: Path, names: tuple[str, ...]) -> dict[str, Journey]:
    """Scan, plan and rewrite of a tree that holds the programs of the cases; case → its journey."""
    root = folder / "shop"
    root.mkdir()
    for name in names:
        (root / f"{name.replace('-', '_')}.py").write_bytes((FIXTURES / "helper" / name / "before.py").read_bytes())
    tree = migration.make(root, [root], Settings(), planning.Wish())
    safe = migration.rewrite(tree, tree.plan)
    reviewed = migration.rewrite(tree, tree.plan, frozenset(TIERS))
    return {name: _journey(tree, name, safe, reviewed) for name in names}


def _journey(tree: migration.Tree, name: str, safe: migration.Preview, reviewed: migration.Preview) -> Journey:
    path = f"{name.replace('-', '_')}.py"
    data = (tree.root / path).read_bytes()
    changed = next((c.result(data) for c in reviewed.changes if c.path == path), data)
    refused = {s.finding: s for s in (*tree.plan.skips, *reviewed.skips)}
    waiting = {s.finding for s in safe.skips}
    outcomes, reasons = [], []
    for finding in (f for f in tree.scan.findings if f.path == path):
        skip = refused.get(finding.id)
        outcomes.append(skip.code if skip else "review" if finding.id in waiting else "safe")
        reasons += [skip.why] if skip else []
    rows = [r for r in tree.plan.replacements if r.path == path]
    gone = {r.symbol for r in rows if r.finding not in refused and f"{r.symbol} =" not in changed.decode()}
    return Journey(data.decode(), changed.decode(), outcomes, reasons, _secrets(tree), gone)


def _secrets(tree: migration.Tree) -> dict[str, str]:
    """The live values as the generated module names them."""
    stored = {s.id: s for s in tree.plan.secrets if s.home is not Home.ROLE}
    return {
        f"{stored[secret].component}/{'' if stored[secret].form == 'text' else key}": value.reveal()
        for (secret, key), value in migration.live_values(tree).items()
        if secret in stored
    }


@pytest.fixture(scope="module")
def journeys(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Journey]:
    found: dict[str, Journey] = {}
    for row in ROWS:
        names = tuple(row["cases"])
        for group in [names] if row.get("one_tree") else [(name,) for name in names]:
            found |= travel(tmp_path_factory.mktemp(f"row{row['row']}"), group)
    return found


# ---------------------------------------------------------------- the table


def test_the_table_is_complete() -> None:
    assert [row["row"] for row in ROWS] == list(range(1, 61))
    for row in ROWS:
        assert len(row["cases"]) >= 2, row["row"]
        assert row["shape"] and all((FIXTURES / "helper" / name / "case.yaml").is_file() for name in row["cases"])
        outcomes = {outcome for found in row["cases"].values() for outcome in found}
        assert outcomes <= TIERS | PLANNED | set(WHY), row["row"]
        if not outcomes & TIERS:
            assert row["why"], f"row {row['row']} is never rewritten and doesn't say why that is right"


def test_enough_shapes_are_rewritten() -> None:
    """The rest is skipped for a reason that the table gives; that the outcomes are real is the next test."""
    rewritten = [row for row in ROWS if any(TIERS & set(found) for found in row["cases"].values())]
    assert len(rewritten) >= LEAST


@pytest.mark.parametrize(("row", "name"), CASES, ids=lambda v: str(v))
def test_outcome(row: int, name: str, journeys: Mapping[str, Journey]) -> None:
    journey = journeys[name]
    assert journey.outcomes == ROWS[row - 1]["cases"][name], journey.reasons
    assert journey.outcomes, f"{name}: nothing is found, so that nothing is said about it"
    assert journey.changed == bool(TIERS & set(journey.outcomes))
    assert all(reason and "{" not in reason for reason in journey.reasons)
    if journey.changed:
        ast.parse(journey.after, feature_version=(3, 8))


@pytest.mark.parametrize("row", [row for row in ROWS if row.get("one_tree")], ids=lambda row: str(row["row"]))
def test_one_value_is_one_secret(row: dict[str, Any], journeys: Mapping[str, Journey]) -> None:
    """The files of one tree share their secret: every read names the same one."""
    reads = {
        ast.unparse(call.args[0])
        for name in row["cases"]
        for call in ast.walk(ast.parse(journeys[name].after))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "get_secret"
    }
    assert len(reads) == 1


# ---------------------------------------------------------------- the oracle


def _comparable(name: str) -> bool:
    return not yaml.safe_load((FIXTURES / "helper" / name / "case.yaml").read_text(encoding="utf-8")).get("oracle")


@pytest.fixture(scope="module")
def traces(journeys: Mapping[str, Journey]) -> Mapping[str, list[dict[str, Any]]]:
    """Case → what its program did before and after the whole way."""
    run = {name: journey for name, journey in journeys.items() if journey.changed and _comparable(name)}
    asked = [{"programs": [j.before, j.after], "secrets": j.secrets, "environment": {}} for j in run.values()]
    done = subprocess.run(
        [sys.executable, "-m", "tests.recording"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=300,
        cwd=Path(__file__).parent.parent,
    )
    assert done.returncode == 0, "the recorder failed"
    return dict(zip(run, json.loads(done.stdout), strict=True))


def test_no_rewrite_is_wrong(journeys: Mapping[str, Journey], traces: Mapping[str, list[dict[str, Any]]]) -> None:
    wrong = []
    for name, (before, after) in traces.items():
        for moved in {*journeys[name].moved, *(n for n, value in before["values"].items() if value in STATIC)}:
            before["values"].pop(moved, None)
            after["values"].pop(moved, None)
        if after != before:
            wrong.append(name)
    assert wrong == []
    assert len(traces) >= 100


def test_what_a_rewrite_leaves_is_no_finding(tmp_path: Path) -> None:
    """Else a second plan would take it up again, and the gate would refuse what the codemod has written."""
    for file in sorted(FIXTURES.glob("*/*/case.yaml")):
        after, case = file.parent / "after.py", file.read_text(encoding="utf-8")
        if after.exists() and "skip:" not in case and file.parent.name != "conditional":  # its other value stays
            (tmp_path / f"{file.parent.parent.name}_{file.parent.name}.py").write_bytes(after.read_bytes())
    assert len(list(tmp_path.iterdir())) > 100
    found, _ = pipeline.scan([tmp_path], Settings(), tmp_path)
    assert [(f.path, f.line, f.rule) for f in found.findings] == []
