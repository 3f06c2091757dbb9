"""How CPU and memory grow with the tree: the corpus once, three and ten times, as hard links in folders of their own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from statistics import median

from benchmarks.measure import own_memory, side_by_side
from benchmarks.peers import OURS

TIMES = (1, 3, 10)


def multiplied(corpus: Path, folder: Path, times: int) -> Path:
    """``corpus`` ``times`` times below ``folder``."""
    for copy in range(times):
        for here, _, names in os.walk(corpus):
            below = folder / str(copy) / os.path.relpath(here, corpus)
            below.mkdir(parents=True, exist_ok=True)
            for name in names:
                source = Path(here, name)
                if source.is_file() and not source.is_symlink():
                    _link(source, below / name)
    return folder


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        target.write_bytes(source.read_bytes())


def main(corpus: Path, runs: int, scratch: Path) -> None:
    print(
        f"\ngrowth (no process can be seen below {own_memory():.0f} MiB)\n{'times':>6} {'CPU s':>8} {'MiB':>6}  per copy, MiB as a multiple of the first"
    )
    first: tuple[float, float] | None = None
    for times in TIMES:
        tree = multiplied(corpus.resolve(), scratch / f"times{times}", times)
        command = [*OURS, "--output", "json:" + os.fspath(scratch / "growth.json"), os.fspath(tree)]
        (row,) = side_by_side({"ours": command}, tree, runs)
        cpu, memory = median(row.cpu), median(row.memory)
        first = first or (cpu, memory)
        print(f"{times:6} {cpu:8.1f} {memory:6.0f}  {cpu / times / first[0]:.2f} {memory / first[1]:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), 1, Path(sys.argv[2]))
