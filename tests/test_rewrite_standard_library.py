"""A sample of the standard library: its candidates raise nothing, and the codemod without a change gives every byte back.

The whole of it is ``python -m benchmarks.standard_library``.
"""

from __future__ import annotations

import random
from collections import Counter

from benchmarks.standard_library import files, walked

SAMPLE = 200
LARGEST = 16_000  # bytes: LibCST needs a second for ten times as much


def test_nothing_changes_and_nothing_raises() -> None:
    small = [path for path in files() if 0 < path.stat().st_size <= LARGEST and "bad" not in path.name]
    sample = random.Random(2019).sample(small, SAMPLE)
    outcomes = Counter(walked(path) for path in sample)
    assert outcomes["changed"] == 0
    assert outcomes["same"] >= 0.95 * SAMPLE, outcomes
