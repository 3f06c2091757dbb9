"""``python -m tests.acceptance``: runs the tests that docs/artefacts.md names for each check, and prints how many cases ran, how many were
skipped, which check took longest, and how long all of them took."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "artefacts.md"
_ROW = re.compile(r"^\| (\d+) \| .* \| ((?:`[\w.]+::\w+` ?)+)\|$", re.M)


def named() -> Mapping[int, tuple[str, ...]]:
    """The tests of each check, as ``file.py::function``, from the page."""
    return {int(number): tuple(re.findall(r"`([^`]+)`", tests)) for number, tests in _ROW.findall(PAGE.read_text())}


def main() -> int:
    checks = named()
    nodes = sorted({f"tests/{test}" for tests in checks.values() for test in tests})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "results.xml"
        began = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={file}", *nodes]
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        whole = time.monotonic() - began
        cases = [_case(case) for case in ElementTree.parse(file).iter("testcase")]  # our own pytest wrote it
    print("\n| check | ran | skipped | failed | seconds |\n|---|---|---|---|---|")
    slowest = (0.0, 0)
    for number, tests in sorted(checks.items()):
        mine = [case for case in cases if case[0] in tests]
        counts = [sum(outcome == kind for _, outcome, _ in mine) for kind in ("ran", "skipped", "failed")]
        seconds = sum(took for *_, took in mine)
        slowest = max(slowest, (seconds, number))
        print(f"| {number} | {counts[0]} | {counts[1]} | {counts[2]} | {seconds:.1f} |")
    print(f"\nslowest: check {slowest[1]}, {slowest[0]:.1f} s; all: {whole:.0f} s")
    return status


def _case(case: ElementTree.Element) -> tuple[str, str, float]:
    """Test, outcome and seconds of one case of a JUnit file."""
    kinds = {child.tag for child in case}
    outcome = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "ran"
    module = case.get("classname", "").rpartition(".")[2]
    name = case.get("name", "").partition("[")[0]
    return f"{module}.py::{name}", outcome, float(case.get("time", "0"))


if __name__ == "__main__":
    sys.exit(main())
