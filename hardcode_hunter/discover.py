"""Which files to look at, and their bytes. The only stage that reads the tree; it executes nothing of it.

Inside a git work tree git's own listing decides what is ignored. Git runs with options under which it starts no program that
the repository's configuration names (``core.fsmonitor``, hooks) and without the caller's ``GIT_*`` variables.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hardcode_hunter.errors import UsageError

if TYPE_CHECKING:
    from typing import Protocol

    from hardcode_hunter.model import Problem

    class Feed(Protocol):
        """What a scan reads: files by name, and the bytes of each. ``read`` counts in ``walk`` what it can't or won't give.

        ``fallback`` is the language of files that no language claims; without one they are left out.
        """

        walk: Walk
        fallback: str

        def names(self) -> Iterator[str]: ...

        def read(self, name: str, *, keep_binary: bool = False) -> bytes | None: ...


SIZE_LIMIT = 10 * 1024 * 1024
GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-optional-locks")
EXCLUDED_DIRECTORIES = frozenset(
    [
        ".git",
        ".hg",
        ".svn",
        ".bzr",
        ".tox",
        ".nox",
        ".venv",
        "venv",
        ".eggs",
        "__pycache__",
        "node_modules",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".terraform",
        ".serverless",
        ".aws-sam",
        "cdk.out",
        "site-packages",
        "bower_components",
    ]
)
LOCK_FILES = frozenset(
    [
        "package-lock.json",
        "npm-shrinkwrap.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "poetry.lock",
        "uv.lock",
        "pdm.lock",
        "Pipfile.lock",
        "Cargo.lock",
        "composer.lock",
        "Gemfile.lock",
        "go.sum",
        ".terraform.lock.hcl",
        "flake.lock",
    ]
)
BASELINES = frozenset([".secrets.baseline", ".gitleaksignore", "hardcode-hunter.baseline"])
"""What scanners write down about findings; there is nothing else in them."""


@dataclass(slots=True)
class Walk:
    """What was walked: ``skipped`` counts files that were not looked at, by reason; unreadable ones are problems."""

    root: Path
    files: int = 0
    bytes: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    def unread(self, name: str, why: str) -> None:
        """Takes down that a file could not be read: the scan is incomplete."""
        from hardcode_hunter.model import Problem

        self.problems.append(Problem(name, 0, why, fatal=True))


@dataclass(slots=True)
class OnDisk:
    """The feed of files as they lie below ``paths``. ``forced`` excludes named files too, as a hook wants it; without ``gitignore``
    what git ignores is looked at as well."""

    walk: Walk
    paths: Sequence[Path]
    exclude: tuple[str, ...] = ()
    forced: bool = False
    gitignore: bool = True
    fallback: str = ""

    def names(self) -> Iterator[str]:
        return files(self.walk.root, self.paths, self.exclude, forced=self.forced, gitignore=self.gitignore)

    def read(self, name: str, *, keep_binary: bool = False) -> bytes | None:
        return read(self.walk, name, keep_binary=keep_binary)


@dataclass(slots=True)
class InMemory:
    """The feed of one file that came another way, from standard input say."""

    walk: Walk
    name: str
    data: bytes
    fallback: str = "text"

    def names(self) -> Iterator[str]:
        yield self.name

    def read(self, name: str, *, keep_binary: bool = False) -> bytes | None:
        self.walk.files += 1
        return accept(self.walk, self.data, keep_binary=keep_binary)


def project_root(paths: Sequence[Path]) -> Path:
    """The directory that findings' paths are relative to.

    It is the git work tree that holds the first path, else the working directory when that holds it, else the path itself. A symbolic link
    is followed only where it lies in neither: inside a tree it is a part of that tree, wherever it leads.
    """
    first = paths[0].absolute() if paths else Path.cwd()
    holder = first if first.is_dir() and not first.is_symlink() else first.parent
    found = _holding(holder.resolve())
    if found is not None:
        return found
    if not first.is_symlink() or not first.is_dir():
        return holder.resolve()
    target = first.resolve()
    return _holding(target) or target


def _holding(anchor: Path) -> Path | None:
    """The git work tree or the working directory in which ``anchor`` lies."""
    for folder in (anchor, *anchor.parents):
        if (folder / ".git").exists():
            return folder
    here = Path.cwd().resolve()
    return here if anchor == here or here in anchor.parents else None


def files(
    root: Path, paths: Sequence[Path], exclude: Iterable[str] = (), *, forced: bool = False, gitignore: bool = True
) -> Iterator[str]:
    """Paths of files below ``paths``, relative to ``root``, POSIX, sorted, each once. Raises ``UsageError`` for a path that is absent.

    A file that is named is looked at even if it is excluded, unless ``forced``; what git ignores only without ``gitignore``.
    """
    patterns = tuple(exclude)
    seen: set[str] = set()
    for path in paths or [root]:
        absolute = path if path.is_absolute() else Path.cwd() / path
        if not os.path.lexists(absolute):
            raise UsageError(f"{path}: no such file or directory; give paths that exist")
        is_file = not absolute.is_dir() or (absolute.is_symlink() and _inside(root, absolute.parent.resolve()))
        listing = [relative(root, absolute)] if is_file else _below(root, absolute.resolve(), gitignore)
        for name in sorted(listing):
            if name not in seen and not ((forced or not is_file) and excluded(name, patterns)):
                seen.add(name)
                yield name


def _inside(root: Path, folder: Path) -> bool:
    return folder == root or root in folder.parents


def relative(root: Path, path: Path) -> str:
    """``path`` below ``root``, POSIX; of a link its own name. Raises ``UsageError`` when it lies outside."""
    whole = path.parent.resolve() / path.name
    try:
        return whole.relative_to(root).as_posix()
    except ValueError:
        raise UsageError(f"{path}: lies outside {root}; scan one project at a time") from None


def excluded(name: str, patterns: Sequence[str] = ()) -> bool:
    """Whether a file is of a kind that is never looked at, or it or a folder above it matches a glob by its path or by its last part."""
    parts = name.split("/")
    if parts[-1] in LOCK_FILES or parts[-1] in BASELINES or not EXCLUDED_DIRECTORIES.isdisjoint(parts[:-1]):
        return True
    return any(matches(name, pattern) for pattern in patterns)


def matches(name: str, pattern: str) -> bool:
    """Whether the glob ``pattern`` covers the file ``name``: its path, its last part, or a folder above it by path or last part."""
    from fnmatch import fnmatchcase

    plain = pattern.removeprefix("./").rstrip("/")
    parts = name.split("/")
    return any(fnmatchcase(part, plain) or fnmatchcase("/".join(parts[: n + 1]), plain) for n, part in enumerate(parts))


def _below(root: Path, folder: Path, gitignore: bool) -> list[str]:
    listed = _git_listing(root, folder) if gitignore and (root / ".git").exists() else None
    if listed is not None:
        return listed
    if (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir():
        raise UsageError(
            f"{folder}: a bare git repository holds no files that could be scanned; clone it, and scan that"
        )
    found: list[str] = []
    top, base = os.fspath(folder), relative(root, folder / "x")[:-1]
    for here, folders, names in os.walk(folder):
        links = [d for d in folders if os.path.islink(os.path.join(here, d))]
        folders[:] = sorted(d for d in folders if d not in EXCLUDED_DIRECTORIES and d not in links)
        below = here[len(top) :].strip(os.sep).replace(os.sep, "/")
        above = f"{base}{below}/" if below else base
        found += [above + name for name in (*names, *links)]
    return found


def git_environment() -> dict[str, str]:
    """The caller's environment without ``GIT_*``, and with no prompt, no pager and no way to fetch.

    A partial clone can name a command as its remote (``ext::``) and allow it in its own configuration: a missing object would run it.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    return {
        **kept,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_PAGER": "cat",
        "LC_ALL": "C",
    }


def everything(root: Path) -> list[str]:
    """What :func:`files` lists, and every other file that git tracks: a compiled module or a lock file can hold a value too. Sorted."""
    tracked = _git_listing(root, root, "--cached") if (root / ".git").exists() else None
    return sorted({*files(root, [root]), *(tracked or ())})


def _git_listing(root: Path, folder: Path, *which: str) -> list[str] | None:
    import subprocess  # not needed for files that are named, as a hook does

    command = [
        *GIT,
        "-c",
        f"safe.directory={root}",
        "-C",
        os.fspath(folder),
        "ls-files",
        "-z",
        "--full-name",
        *(which or ("--cached", "--others", "--exclude-standard")),
    ]
    try:
        run = subprocess.run(command, capture_output=True, env=git_environment(), check=False, timeout=600)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if run.returncode:
        return None
    names = {os.fsdecode(name) for name in run.stdout.split(b"\0") if name}
    # a file that was deleted but not staged is listed and absent; a repository inside this one is listed as a directory
    return [_marked(root, n) for n in names if os.path.lexists(root / n)]


def _marked(root: Path, name: str) -> str:
    """``name`` with a slash at its end for a directory."""
    path = root / name
    return f"{name.rstrip('/')}/" if path.is_dir() and not path.is_symlink() else name


def read(walk: Walk, name: str, *, keep_binary: bool = False, limit: int = SIZE_LIMIT) -> bytes | None:
    """The bytes of one file, or ``None`` with the reason counted in ``walk``. Follows no symbolic link and opens no device."""
    walk.files += 1
    path = walk.root / name
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if path.is_symlink():
            walk.skipped["symbolic link"] += 1
        elif error.errno == errno.ENXIO:  # a socket
            walk.skipped["not a regular file"] += 1
        else:
            walk.unread(name, f"cannot be read ({error.strerror}); fix its permissions or exclude it")
        return None
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            walk.skipped["repository of its own" if stat.S_ISDIR(about.st_mode) else "not a regular file"] += 1
            return None
        if about.st_size > limit:
            walk.skipped[f"larger than {limit // (1024 * 1024)} MiB"] += 1
            return None
        data = b"".join(iter(lambda: os.read(handle, 1 << 20), b""))
    except OSError as error:
        walk.unread(name, f"cannot be read ({error.strerror}); fix the disk or exclude it")
        return None
    finally:
        os.close(handle)
    return accept(walk, data, name, keep_binary=keep_binary)


STRAY = 20
"""A template may have one byte in so many that is null, and stays a text: hiding it must take more."""
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
INFRASTRUCTURE = (".tf", ".tfvars", ".yaml", ".yml", ".json", ".template")


def _stray(data: bytes, name: str) -> bool:
    head = data[:8192]
    return name.lower().endswith(INFRASTRUCTURE) and head.count(0) * STRAY <= len(head) and not head.startswith(UTF_16)


def accept(walk: Walk, data: bytes, name: str = "", *, keep_binary: bool = False) -> bytes | None:
    """``data``, counted; ``None`` when it is binary. A template in UTF-16 looks binary, and is none."""
    if not keep_binary and b"\0" in data[:8192] and not _stray(data, name):
        if data.startswith(UTF_16) and name.lower().endswith(INFRASTRUCTURE):
            walk.unread(name, "is written in UTF-16, which was not read: save it as UTF-8")
        walk.skipped["binary"] += 1
        return None
    walk.bytes += len(data)
    return data
