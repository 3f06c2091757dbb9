"""Cost side by side with other scanners, on corpora that are given by path.

    python -m benchmarks CORPUS [--runs N] [--history REPOSITORY] [--only NAME …]

CORPUS is a tree of at least 300 MB for figures that mean something. Four tables: the whole tree, a hook, the history of a repository, and
how memory and CPU grow with the tree. Tools take turns, so that what else the machine does touches all of them; figures are medians; CPU is
user plus system time of all processes of a tool; memory is the largest single process. A scanner that is not installed is named and left out.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

from benchmarks import growth, hook
from benchmarks.measure import Row, table
from benchmarks.peers import absent, history, versions, whole_tree


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Cost side by side with other scanners.")
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--history", type=Path, help="a git repository with many versions")
    parser.add_argument("--only", nargs="*", default=["tree", "hook", "history", "growth"])
    given = parser.parse_args()
    machine = f"{os.cpu_count()} processors, {platform.machine()}, Python {platform.python_version()}"
    print(f"{machine}; medians of {given.runs}")
    for name, version in versions().items():
        print(f"  {name} {version}")
    for name in absent():
        print(f"  {name}: NOT INSTALLED, left out")
    if given.corpus is None and {"tree", "growth"} & set(given.only):
        print("no corpus was given: the whole tree and its growth are left out", file=sys.stderr)
    with tempfile.TemporaryDirectory() as scratch:
        if given.corpus is not None and "tree" in given.only:
            _show("the whole tree", whole_tree(given.corpus, given.runs, Path(scratch)))
        if "hook" in given.only:
            hook.main(max(given.runs, 9))
        if given.history is not None and "history" in given.only:
            _show("the history", history(given.history, given.runs))
        if given.corpus is not None and "growth" in given.only:
            growth.main(given.corpus, given.runs, Path(scratch))
    return 0


def _show(title: str, rows: list[Row]) -> None:
    print(f"\n{title}\n{table(rows)}")


if __name__ == "__main__":
    sys.exit(main())
