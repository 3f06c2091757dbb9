"""The other scanners: how each is called for the same work, and which are here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import Row, side_by_side

VERSION = {
    "kingfisher": ("--version",),
    "betterleaks": ("version",),
    "gitleaks": ("version",),
    "detect-secrets": ("--version",),
}
SAMPLE = 10  # detect-secrets is given every tenth file
OURS = [sys.executable, "-m", "hardcode_hunter", "scan", "--isolated", "--exit-zero", "--quiet"]


def absent() -> list[str]:
    """Scanners that are compared with and are not on the path."""
    return [name for name in VERSION if shutil.which(name) is None]


def versions() -> dict[str, str]:
    """What each scanner that is here says of itself."""
    from hardcode_hunter import __version__

    found = {"hardcode-hunter": __version__}
    for name, asked in VERSION.items():
        if path := shutil.which(name):
            said = subprocess.run([path, *asked], capture_output=True, text=True, check=False).stdout.split()
            found[name] = said[-1] if said else "?"
    return found


def _installed(commands: dict[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    return {name: command for name, command in commands.items() if shutil.which(command[0])}


def whole_tree(corpus: Path, runs: int, scratch: Path) -> list[Row]:
    """All findings with their context against what each peer does by default, without asking the issuers."""
    tree = os.fspath(corpus.resolve())
    one = [*OURS, "--jobs", "1", "--output", f"json:{scratch / 'one.json'}", tree]
    all_processors = [*OURS, "--output", f"json:{scratch / 'all.json'}", tree]
    peers = {
        "kingfisher": ["kingfisher", "scan", tree, "--no-validate", "--no-update-check", "--format", "json"],
        "betterleaks": ["betterleaks", "filesystem", tree, "--silent"],
        "gitleaks": ["gitleaks", "dir", tree, "--no-banner", "-r", os.devnull],
    }
    rows = side_by_side(
        _installed({"hardcode-hunter, 1 process": one, "hardcode-hunter": all_processors} | peers), corpus, runs
    )
    if shutil.which("detect-secrets"):
        sample = _sample(corpus.resolve(), scratch / "sample")
        ours = [*OURS, "--jobs", "1", "--output", f"json:{scratch / 'sample.json'}", os.fspath(sample)]
        rows += side_by_side(
            {
                "hardcode-hunter, a tenth": ours,
                "detect-secrets, a tenth": ["detect-secrets", "scan", "--all-files", "."],
            },
            sample,
            1,
        )
    return rows


def _sample(corpus: Path, folder: Path) -> Path:
    files = sorted(path for path in corpus.rglob("*") if path.is_file() and not path.is_symlink())
    for path in files[::SAMPLE]:
        copy = folder / path.relative_to(corpus)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return folder


def history(repository: Path, runs: int) -> list[Row]:
    """Every version of every file."""
    root = os.fspath(repository.resolve())
    return side_by_side(
        _installed(
            {
                "hardcode-hunter --history": [*OURS, "--history", "--output", "json:" + os.devnull, root],
                "kingfisher": [
                    "kingfisher",
                    "scan",
                    root,
                    "--git-history",
                    "full",
                    "--no-validate",
                    "--no-update-check",
                ],
                "betterleaks": ["betterleaks", "git", root, "--silent"],
                "gitleaks": ["gitleaks", "git", root, "--no-banner", "-r", os.devnull],
            }
        ),
        repository,
        runs,
    )
