"""Which files to look at, and their bytes. The only stage that reads the tree; it executes nothing of it.

Inside a git work tree git's own listing decides what is ignored. Git runs with options under which it starts no program that
the repository's configuration names (``core.fsmonitor``, hooks) and without the caller's ``GIT_*`` variables.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hardcode_hunter.errors import UsageError
from hardcode_hunter.model import Problem

SIZE_LIMIT = 10 * 1024 * 1024
GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-optional-locks")
EXCLUDED_DIRECTORIES = frozenset(
    [".git", ".hg", ".svn", ".bzr", ".tox", ".nox", ".venv", "venv", ".eggs", "__pycache__", "node_modules", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".terraform", ".serverless", ".aws-sam", "cdk.out", "site-packages", "bower_components"]
)
LOCK_FILES = frozenset(
    ["package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "poetry.lock", "uv.lock", "pdm.lock", "Pipfile.lock", "Cargo.lock", "composer.lock", "Gemfile.lock", "go.sum", ".terraform.lock.hcl", "flake.lock"]
)


@dataclass(slots=True)
class Walk:
    """What was walked: ``skipped`` counts files that were not looked at, by reason; unreadable ones are problems."""

    root: Path
    files: int = 0
    bytes: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)


def project_root(paths: Sequence[Path]) -> Path:
    """The directory that findings' paths are relative to.

    It is the git work tree that holds the first path, else the working directory when that holds it, else the path itself.
    """
    first = paths[0].resolve() if paths else Path.cwd()
    anchor = first if first.is_dir() else first.parent
    for folder in (anchor, *anchor.parents):
        if (folder / ".git").exists():
            return folder
    here = Path.cwd().resolve()
    return here if anchor == here or here in anchor.parents else anchor


def files(root: Path, paths: Sequence[Path], exclude: Iterable[str] = ()) -> Iterator[str]:
    """Paths of files below ``paths``, relative to ``root``, POSIX, sorted, each once. Raises ``UsageError`` for a path that is absent."""
    from fnmatch import fnmatch

    patterns = tuple(exclude)
    seen: set[str] = set()
    for path in paths or [root]:
        absolute = path if path.is_absolute() else Path.cwd() / path
        if not os.path.lexists(absolute):
            raise UsageError(f"{path}: no such file or directory; give paths that exist")
        is_file = not absolute.is_dir() or absolute.is_symlink()
        listing = [_relative(root, absolute)] if is_file else _below(root, absolute.resolve())
        for name in sorted(listing):
            hidden = not is_file and (_excluded(name) or any(fnmatch(name, p) or fnmatch(Path(name).name, p) for p in patterns))
            if name not in seen and not hidden:
                seen.add(name)
                yield name


def _relative(root: Path, path: Path) -> str:
    whole = path.parent.resolve() / path.name
    try:
        return whole.relative_to(root).as_posix()
    except ValueError:
        raise UsageError(f"{path}: lies outside {root}; scan one project at a time") from None


def _excluded(name: str) -> bool:
    *folders, last = name.split("/")
    return last in LOCK_FILES or any(part in EXCLUDED_DIRECTORIES for part in folders)


def _below(root: Path, folder: Path) -> list[str]:
    listed = _git_listing(root, folder) if (root / ".git").exists() else None
    if listed is not None:
        return listed
    found: list[str] = []
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(d for d in folders if d not in EXCLUDED_DIRECTORIES and not os.path.islink(os.path.join(here, d)))
        relative = _relative(root, Path(here, "x"))[:-1]
        found += [relative + name for name in names]
    return found


def git_environment() -> dict[str, str]:
    """The caller's environment without ``GIT_*``, and with no prompt and no pager."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    return {**kept, "GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat", "LC_ALL": "C"}


def _git_listing(root: Path, folder: Path) -> list[str] | None:
    command = [*GIT, "-c", f"safe.directory={root}", "-C", os.fspath(folder), "ls-files", "-z", "--full-name", "--cached", "--others", "--exclude-standard"]
    try:
        run = subprocess.run(command, capture_output=True, env=git_environment(), check=False, timeout=600)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if run.returncode:
        return None
    names = {os.fsdecode(name) for name in run.stdout.split(b"\0") if name}
    # a submodule is listed as a directory; a file that was deleted but not staged is listed and absent
    return [n for n in names if os.path.lexists(root / n) and not (root / n).is_dir()]


def read(walk: Walk, name: str, *, keep_binary: bool = False, limit: int = SIZE_LIMIT) -> bytes | None:
    """The bytes of one file, or ``None`` with the reason counted in ``walk``. Follows no symbolic link and opens no device."""
    walk.files += 1
    path = walk.root / name
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if path.is_symlink():
            walk.skipped["symbolic link"] += 1
        else:
            walk.problems.append(Problem(name, 0, f"cannot be read ({error.strerror}); fix its permissions or exclude it", fatal=True))
        return None
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            walk.skipped["not a regular file"] += 1
            return None
        if about.st_size > limit:
            walk.skipped[f"larger than {limit // (1024 * 1024)} MiB"] += 1
            return None
        data = b"".join(iter(lambda: os.read(handle, 1 << 20), b""))
    except OSError as error:
        walk.problems.append(Problem(name, 0, f"cannot be read ({error.strerror}); fix the disk or exclude it", fatal=True))
        return None
    finally:
        os.close(handle)
    if not keep_binary and b"\0" in data[:8192]:
        walk.skipped["binary"] += 1
        return None
    walk.bytes += len(data)
    return data
