"""The whole standard library as a corpus in which nothing is to be done: nothing raises, and not one byte changes.

    python -m benchmarks.standard_library

For every file: its candidates are read, LibCST's tree is walked by the transformer that applies changes, without any, and the result
must be the same bytes. Files that a gate refuses (Python 2 samples, deliberately broken or deeply nested ones) are counted by reason.
"""

from __future__ import annotations

import sys
import sysconfig
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from hardcode_hunter.languages.python import PYTHON
from hardcode_hunter.languages.python.codemod import Applying
from hardcode_hunter.languages.python.reasons import Unchanged
from hardcode_hunter.languages.python.tree import opened
from hardcode_hunter.model import Source

ROOT = Path(sysconfig.get_paths()["stdlib"])


def files() -> list[Path]:
    """Every Python file of the standard library, without what was installed beside it."""
    found = (path for path in ROOT.rglob("*.py") if not {"site-packages", "dist-packages"} & set(path.parts))
    return sorted(found)


def walked(path: Path) -> str:
    """``same``, ``changed``, or the code with which a gate refuses the file. Whatever else is raised is a fault."""
    data = path.read_bytes()
    PYTHON.candidates(Source("a.py", data, "python"), None)
    try:
        tree = opened(data)
    except Unchanged as refusal:
        return refusal.code
    applying = Applying(tree, [(statement, lambda node: node) for statement in tree.module.body])
    return "same" if tree.module.visit(applying).bytes == data else "changed"


def main(paths: Iterable[Path]) -> int:
    clock, outcomes, faults = time.perf_counter(), Counter[str](), []
    for path in paths:
        try:
            outcome = walked(path)
        except Exception as error:
            outcome = f"raised {type(error).__name__}"
        outcomes[outcome] += 1
        if outcome == "changed" or outcome.startswith("raised"):
            faults.append(f"{path.relative_to(ROOT)}: {outcome}")
    print(f"{outcomes.total()} files in {time.perf_counter() - clock:.0f} s: {dict(outcomes.most_common())}")
    print("\n".join(faults) or "no faults")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(files()))
