"""Repositories made for a test, and what a command did there."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hardcode_hunter import discover

ROOT = Path(__file__).resolve().parents[1]
IDENTITY = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")


@dataclass(frozen=True, slots=True)
class Ran:
    """Exit status of a command and what it printed."""

    status: int
    out: str
    err: str


Run = Callable[..., Ran]


class Repository:
    """A git work tree. Paths are relative to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str, check: bool = True) -> str:
        done = subprocess.run(
            ["git", *IDENTITY, *words],
            cwd=self.root,
            env=discover.git_environment(),
            capture_output=True,
            text=True,
            check=check,
        )
        return done.stdout

    def write(self, files: Mapping[str, str]) -> None:
        write(self.root, files)

    def commit(self, files: Mapping[str, str] | None = None, message: str = "change") -> str:
        """Commits everything, ``files`` written before. The commit's id."""
        self.write(files or {})
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "--no-verify", "-m", message)
        return self.git("rev-parse", "HEAD").strip()


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
