"""SIGKILL at every system call by which apply and undo change a file: ``python -m tests.every_syscall`` (needs strace; some minutes).

The test suite kills before every call of :mod:`os`; this kills at the system calls themselves, whoever makes them. After each kill every
file is old or new, and another apply or an undo converges with no temporary file left. Not part of the test suite.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.killing import folder_in_memory
from tests.legacy_tree import Tree, applied, each_old_or_new, untouched

CALLS = "write openat fsync rename renameat renameat2 link linkat unlink unlinkat mkdir mkdirat rmdir fchmod fchown ftruncate fsetxattr"


class Known(Tree):
    """A tree that was made already."""

    def __init__(self, folder: Path) -> None:
        self.root, self.environ = folder / "shop", {"XDG_STATE_HOME": str(folder / "state")}


def run_killed(folder: Path, verb: str, call: str, number: int) -> bool:
    """Runs ``verb`` in a process that is killed at its ``number``-th ``call``; false when it made fewer and ended well."""
    program = [sys.executable, "-m", "tests.every_syscall", verb, str(folder)]
    trace = [
        "strace",
        "-f",
        "-o",
        "/dev/null",
        "-e",
        f"trace={call}",
        "-e",
        f"inject={call}:signal=SIGKILL:when={number}",
    ]
    ended = subprocess.run(
        [*trace, *program], cwd=Path(__file__).resolve().parents[1], capture_output=True, check=False
    )
    assert ended.returncode in (0, -9, 137), f"{verb}, {call} {number}: exit {ended.returncode}"
    return ended.returncode != 0


def converges(folder: Path, verb: str, call: str, number: int) -> bool:
    """One kill, and what comes after it."""
    tree = Tree(folder)
    if verb == "undo":
        tree.apply()
    killed = run_killed(folder, verb, call, number)
    each_old_or_new(tree)
    if number % 2:
        tree.apply()
        assert tree.files() == applied()
    tree.undo()
    assert tree.files() == untouched()
    assert tree.leftovers() == []
    assert not (tree.root / "migration").exists()
    return killed


def main() -> None:
    if shutil.which("strace") is None:
        sys.exit("strace is needed (Debian: apt-get install strace)")
    with tempfile.TemporaryDirectory() as otherwise, folder_in_memory(Path(otherwise)) as home:
        for verb in ("apply", "undo"):
            for call in CALLS.split():
                number = 1
                while converges(home / f"{verb}-{call}-{number}", verb, call, number):
                    number += 1
                print(f"{verb}: killed at each of {number - 1} {call}, converged", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        getattr(Known(Path(sys.argv[2])), sys.argv[1])()
    else:
        main()
