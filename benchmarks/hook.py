"""What a hook costs: CPU and wall time for one file and for twenty, side by side with the hooks of other scanners that are installed.

    python -m benchmarks.hook [RUNS]

The tools take turns, so that what else the machine does touches all of them. Medians; CPU is user plus system.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

CLEAN = "".join(f"def f{n}(x):\n    return x + {n}\n" for n in range(100))
WORDS = "".join(f"def token_{n}(key, password=None):\n    return load(key, 'name_{n}')\n" for n in range(100))


def repository(folder: Path) -> list[str]:
    """Twenty clean files of 200 lines, and one full of words that rules look for; all staged."""
    names = []
    for n in range(20):
        (folder / f"clean{n}.py").write_text(CLEAN.replace("def f", f"def g{n}_"))
        names.append(f"clean{n}.py")
    (folder / "words.py").write_text(WORDS)
    for words in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", "-C", str(folder), *words], check=True)
    return names


def commands(names: Sequence[str]) -> dict[str, list[str]]:
    ours = [sys.executable, "-m", "hardcode_hunter", "scan"]
    found = {
        "python, nothing": [sys.executable, "-c", "pass"],
        "hardcode-hunter, 1 clean file": [*ours, "--hook", names[0]],
        "hardcode-hunter, 1 file of words": [*ours, "--hook", "words.py"],
        "hardcode-hunter, 20 files": [*ours, "--hook", *names],
        "hardcode-hunter --staged, 21 files": [*ours, "--staged"],
    }
    if hook := shutil.which("detect-secrets-hook"):
        found |= {
            "detect-secrets-hook, 1 clean file": [hook, names[0]],
            "detect-secrets-hook, 20 files": [hook, *names],
        }
    if leaks := shutil.which("gitleaks"):
        found["gitleaks --staged, 21 files"] = [leaks, "git", "--staged", "--pre-commit", "--no-banner"]
    if fisher := shutil.which("kingfisher"):
        found["kingfisher --staged, 21 files"] = [fisher, "scan", ".", "--staged", "--no-validate", "--no-update-check"]
    return found


def once(command: Sequence[str], folder: Path) -> tuple[float, float]:
    """CPU and wall seconds of one run."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(list(command), cwd=folder, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.perf_counter() - started


def main(runs: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tools = commands(repository(folder))
        times: dict[str, list[tuple[float, float]]] = {tool: [] for tool in tools}
        for command in tools.values():
            once(command, folder)  # compiled rules and byte code are there for all
        for _ in range(runs):
            for tool, command in tools.items():
                times[tool].append(once(command, folder))
    print(f"{os.cpu_count()} cores, {runs} runs each, medians in ms\n{'':36} {'CPU':>6} {'wall':>6}")
    for tool, rows in times.items():
        print(f"{tool:36} {median(r[0] for r in rows) * 1000:6.0f} {median(r[1] for r in rows) * 1000:6.0f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
