"""What rewriting costs beside the scan: 5,000 Python files, of which 50 have a finding.

    python -m benchmarks.rewriting [FILES] [FINDINGS]

The files are copies of the installed packages' own, with a connection of their own appended to those that get a finding. Printed are the
seconds of CPU of the scan, of the plan and of the rewrite, the parser's own process among them, and the ratio of scan and rewrite to the
scan alone.
"""

from __future__ import annotations

import random
import resource
import sys
import sysconfig
import tempfile
from collections import Counter
from pathlib import Path

from hardcode_hunter import migration, pipeline
from hardcode_hunter import plan as planning
from hardcode_hunter.config import Settings
from hardcode_hunter.languages.python.worker import WORKER

SITE = Path(sysconfig.get_paths()["purelib"])
LARGEST = 60_000
CONNECTION = """


def connect_{number}():
    import psycopg2

    return psycopg2.connect(host="db{number}.internal", user="app{number}", password="hunter-orders-{number}")
"""


def tree(root: Path, count: int, findings: int) -> int:
    """Writes the files, and answers with their size in bytes. A hundred to a package, each file once."""
    sources = sorted(path for path in SITE.rglob("*.py") if 0 < path.stat().st_size <= LARGEST)
    chosen = random.Random(2019).sample(sources, min(count, len(sources)))
    size = 0
    for number, path in enumerate(chosen):
        folder = root / f"package{number // 100}"
        folder.mkdir(parents=True, exist_ok=True)
        text = path.read_bytes()
        if number % max(1, len(chosen) // findings) == 0:
            text = text.rstrip() + CONNECTION.format(number=number).encode()
        (folder / f"module{number}.py").write_bytes(text)
        size += len(text)
    return size


def spent() -> float:
    """Seconds of CPU that this process and its children have used; the parser's child is ended, and with that counted."""
    WORKER._stop()
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def main(count: int = 5000, findings: int = 50) -> int:
    with tempfile.TemporaryDirectory(prefix="hh-rewriting-") as folder:
        root = Path(folder) / "shop"
        size = tree(root, count, findings)
        settings = Settings()
        start = spent()
        pipeline.scan([root], settings, root)
        scanned = spent() - start
        start = spent()
        made = migration.make(root, [root], settings, planning.Wish())
        planned = spent() - start
        start = spent()
        preview = migration.rewrite(made, made.plan)
        rewritten = spent() - start
        changed = sum(change.path.startswith("package") for change in preview.changes)
        print(
            f"{made.scan.files} files, {size / 1e6:.1f} MB, {len(made.scan.findings)} findings; {changed} files rewritten"
        )
        print(f"CPU: scan {scanned:.1f} s, scan and plan {planned:.1f} s, rewrite {rewritten:.1f} s")
        reasons = Counter(skip.code for skip in (*made.plan.skips, *preview.skips))
        print(f"skipped: {dict(reasons.most_common())}")
        print(f"scan and rewrite cost {(scanned + rewritten) / scanned:.2f} times the scan")
        print(f"with the plan, which tries the rewrite, {(planned + rewritten) / scanned:.2f} times")
        return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
