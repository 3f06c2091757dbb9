"""Files as git holds them: what is staged, what a branch adds, what a hook names. Only new lines are judged, so removing a credential is
never blocked.

Trees and the index are compared by plumbing commands that run no filter, no textconv and no external diff; contents come from
``git cat-file``. The work tree is not read: what is not staged, or not committed, is not what would be committed or pushed.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from hardcode_hunter.discover import GIT, SIZE_LIMIT, Walk, accept, excluded, git_environment
from hardcode_hunter.errors import UsageError

DIFF = (
    "-p",
    "--raw",
    "-z",
    "--full-index",
    "-U0",
    "-M",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--ignore-submodules=dirty",
)
_HUNK = re.compile(rb"@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@")
_INDEX = re.compile(rb"index ([0-9a-f]{40,64})\.\.([0-9a-f]{40,64})")
_LINK, _MODULE = b"120000", b"160000"

Lines = tuple[tuple[int, int], ...]
"""Ranges of lines, from 1, both ends included; a line ends at LF."""
ALL: Lines = ((1, 1 << 60),)


@dataclass(frozen=True, slots=True)
class Image:
    """One changed file that still exists: its new blob, the lines that are new in it, and the path of the file that it replaces."""

    path: str
    blob: str
    lines: Lines
    mode: bytes = b"100644"
    before: str = ""

    def judged_by(self, other: Image | None) -> Image:
        """The same with those lines only that are new in ``other`` too, the comparison with another parent; ``None`` has no new one."""
        theirs = other.lines if other else ()
        both = ((max(a, c), min(b, d)) for a, b in self.lines for c, d in theirs)
        return replace(self, lines=tuple(row for row in both if row[0] <= row[1]))


@dataclass(slots=True)
class Git:
    """Git in one work tree. ``index`` keeps the index that git gives to a hook (``git commit -a`` and ``git commit FILE`` use one of their own)."""

    root: Path
    index: bool = False
    _batch: subprocess.Popen[bytes] | None = None

    def run(self, *words: str) -> bytes:
        """What a command prints. Raises ``UsageError`` when it fails."""
        done = self._call(words)
        if done.returncode:
            raise UsageError(f"git {words[0]} failed in {self.root}; check that it is a git work tree with its history")
        return done.stdout

    def attempt(self, *words: str) -> bytes | None:
        """What a command prints; ``None`` when it fails."""
        done = self._call(words)
        return None if done.returncode else done.stdout

    def ask(self, *words: str) -> str:
        """The same as one line of text, empty when the command fails."""
        done = self._call(words)
        return "" if done.returncode else done.stdout.decode("utf-8", "replace").strip()

    def _call(self, words: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                [*self._command(), *words], capture_output=True, env=self._environment(), check=False, timeout=600
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UsageError(
                f"git could not be run ({type(error).__name__}); install it, or scan files by name"
            ) from None

    def _command(self) -> list[str]:
        return [*GIT, "-c", f"safe.directory={self.root}", "-C", os.fspath(self.root)]

    def _environment(self) -> dict[str, str]:
        kept = git_environment() | {"GIT_NO_LAZY_FETCH": "1"}
        given = os.environ.get("GIT_INDEX_FILE", "")
        if self.index and given:
            kept["GIT_INDEX_FILE"] = os.path.abspath(given)
        return kept

    def blob(self, name: str, limit: int = SIZE_LIMIT) -> bytes | int | None:
        """The content of an object, by id or ``REV:path``; its size when that is beyond ``limit``; ``None`` when there is no such blob."""
        if "\n" in name:
            return None
        if self._batch is None:
            command = [*self._command(), "cat-file", "--batch"]
            self._batch = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environment(),
            )
        into, out = self._batch.stdin, self._batch.stdout
        assert into is not None and out is not None
        into.write(os.fsencode(name) + b"\n")
        into.flush()
        head = out.readline().split()
        if len(head) < 3 or not head[-1].isdigit():  # "NAME missing"; a name may have blanks
            return None
        size = left = int(head[-1])
        parts = []
        while left:
            part = out.read(min(left, 1 << 20))
            if not part:
                raise UsageError(f"git cat-file ended early in {self.root}; check the repository with `git fsck`")
            left -= len(part)
            if size <= limit:
                parts.append(part)
        out.read(1)
        if head[-2] != b"blob":
            return None
        return size if size > limit else b"".join(parts)

    def close(self) -> None:
        if self._batch is not None:
            self._batch.communicate()
            self._batch = None


@dataclass(slots=True)
class Changes:
    """A feed of what changed: files with new lines. ``old`` and ``new`` are how ``git cat-file`` calls the two images."""

    walk: Walk
    git: Git
    images: dict[str, Image]
    old: str  # "REV:" or empty, when there is no old image
    new: str  # ":" or "REV:"
    touched: int  # changed files, deleted ones too
    without: str  # what to say when nothing changed
    within: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    fallback: str = ""

    def __enter__(self) -> Changes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.git.close()

    def names(self) -> Iterator[str]:
        """Paths of changed files that have new lines, sorted."""
        for name in sorted(name for name, image in self.images.items() if image.lines):
            inside = not self.within or any(w in ("", name) or name.startswith(w + "/") for w in self.within)
            if inside and not excluded(name, self.exclude):
                yield name

    def read(self, name: str, *, keep_binary: bool = False) -> bytes | None:
        """The new image of one file, or ``None`` with the reason counted."""
        image = self.images[name]
        self.walk.files += 1
        if image.mode == _LINK:
            self.walk.skipped["symbolic link"] += 1
            return None
        data = self.git.blob(image.blob, SIZE_LIMIT)
        if isinstance(data, int):
            self.walk.skipped[f"larger than {SIZE_LIMIT // (1024 * 1024)} MiB"] += 1
            return None
        if data is None:
            self.walk.unread(name, "its content is not in this repository; fetch it, or exclude the file")
            return None
        return accept(self.walk, data, name, keep_binary=keep_binary)

    def is_new(self, name: str, data: bytes, start: int, end: int) -> bool:
        """Whether a line of ``data[start:end]`` is new."""
        image = self.images.get(name)
        if image is None:
            return False
        first = data.count(b"\n", 0, start) + 1
        last = first + data.count(b"\n", start, max(start, end - 1))
        return any(a <= last and first <= b for a, b in image.lines)

    def exists(self, path: str) -> bool:
        """Whether the new image has the file."""
        return self.git.blob(self.new + path, 0) is not None

    def old_file(self, path: str) -> bytes | None:
        """Any file of the old image."""
        data = self.git.blob(self.old + path) if self.old else None
        return data if isinstance(data, bytes) else None

    def new_file(self, path: str) -> bytes | None:
        """Any file of the new image."""
        data = self.git.blob(self.new + path)
        return data if isinstance(data, bytes) else None


def staged(root: Path, within: Sequence[str] = (), exclude: Sequence[str] = ()) -> Changes:
    """What the index adds to HEAD; when a merge is under way, what none of the merged commits has either.

    Raises ``UsageError`` outside a git work tree.
    """
    git = Git(root, index=True)
    words = ("diff-index", "--cached", *DIFF)
    out = git.attempt(*words, "HEAD") if (root / ".git").exists() else None
    born = out is not None
    if out is None:
        _work_tree(git, "--staged")
        out = git.run(*words, _empty_tree(git))
    images, touched = parse(out)
    for parent in _merged(root):
        theirs, _ = parse(git.run(*words, parent))
        images = {name: image.judged_by(theirs.get(name)) for name, image in images.items()}
    old = "HEAD:" if born else ""
    return Changes(Walk(root), git, images, old, ":", touched, "nothing is staged", tuple(within), tuple(exclude))


def _merged(root: Path) -> list[str]:
    """The commits that a merge under way brings in, as git keeps them until it is committed."""
    folder = root / ".git"
    try:
        if folder.is_file():  # a linked work tree, or a submodule
            folder = root / folder.read_text("utf-8", "surrogateescape").partition(":")[2].strip()
        return (folder / "MERGE_HEAD").read_text("ascii").split()
    except (OSError, UnicodeDecodeError):
        return []


def since(
    root: Path, ref: str, within: Sequence[str] = (), exclude: Sequence[str] = (), *, head: str = "HEAD"
) -> Changes:
    """What ``head`` adds to its merge base with ``ref``. Raises ``UsageError`` when git does not know them, or has no common history."""
    git = _work_tree(Git(root), "--since")
    commit, new = (
        git.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}") for name in (ref, head)
    )
    if not commit or not new:
        raise UsageError(
            f"--since: git knows no commit '{head if commit else ref}'; fetch it first (in CI: with the whole history, fetch-depth 0)"
        )
    base = git.ask("merge-base", commit, new)
    if not base:
        raise UsageError(
            f"--since: '{ref}' and {head} have no common commit here; fetch the whole history (in CI: fetch-depth 0)"
        )
    images, touched = parse(git.run("diff-tree", "-r", *DIFF, base, new))
    without = f"{head} adds nothing to its merge base with '{ref}'"
    return Changes(Walk(root), git, images, f"{base}:", f"{new}:", touched, without, tuple(within), tuple(exclude))


def named(
    root: Path, names: Sequence[str], exclude: Sequence[str] = (), compared: tuple[str, str] | None = None
) -> Changes | None:
    """The change that a hook is called for: what is staged, or what ``compared`` (two refs) adds, limited to ``names``.

    ``None`` when not all of ``names`` are in it: they were named for another reason (``pre-commit run --all-files``) and count whole. What
    is nowhere any more was deleted.
    """
    if not (root / ".git").exists():
        return None
    if compared is None:
        changes = staged(root, names, exclude)
    else:
        changes = since(root, compared[0], names, exclude, head=compared[1])
    others = set(names).difference(changes.images)
    if not any(os.path.lexists(root / name) or changes.exists(name) for name in others):
        return changes
    changes.git.close()
    return None


def _work_tree(git: Git, flag: str) -> Git:
    if not (git.root / ".git").exists() or git.ask("rev-parse", "--is-inside-work-tree") != "true":
        raise UsageError(f"{flag}: {git.root} is no git work tree; call it inside one, or scan files by name")
    return git


def _empty_tree(git: Git) -> str:
    return git.run("hash-object", "-t", "tree", os.devnull).decode().strip()


def parse(out: bytes) -> tuple[dict[str, Image], int]:
    """Reads ``--raw -p -z -U0 --full-index`` output: the changed files that still exist, and how many changed in all.

    The patch is joined to the raw entries by the two blob ids of its ``index`` lines, so that no path has to be unquoted.
    """
    entries, patch = _split(out)
    hunks = _hunks(patch)
    images = {}
    for mode, old_mode, old, new, status, before, path in entries:
        if status[:1] in (b"D", b"U") or mode == _MODULE:
            continue
        lines = () if old == new else hunks.get((old, new), ALL)
        exists = set(old) != {ord("0")} and old_mode not in (_LINK, _MODULE)
        name = os.fsdecode(path)
        images[name] = Image(name, new.decode(), lines, mode, os.fsdecode(before) if exists else "")
    return images, len(entries)


_Entry = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes]


def _split(out: bytes) -> tuple[list[_Entry], bytes]:
    entries: list[_Entry] = []
    at = 0
    while out[at : at + 1] == b":":
        end = out.index(b"\0", at)
        old_mode, mode, old, new, status = out[at + 1 : end].split(b" ")
        after = out.index(b"\0", end + 1)
        before = path = out[end + 1 : after]
        if status[:1] in b"RC":
            end, after = after, out.index(b"\0", after + 1)
            path = out[end + 1 : after]
        at = after + 1
        entries.append((mode, old_mode, old, new, status, before, path))
    return entries, out[at:].lstrip(b"\0")


def _hunks(patch: bytes) -> dict[tuple[bytes, bytes], Lines]:
    """New lines by the pair of blobs. A line that a hunk removes and adds again is not new, whatever its ends are: it was indented, or
    another follows the last one now.
    """
    found: dict[tuple[bytes, bytes], dict[int, None]] = {}
    whole: set[tuple[bytes, bytes]] = set()
    pair = (b"", b"")
    gone: Counter[bytes] = Counter()
    at = 0
    for row in patch.split(b"\n"):  # content lines begin with "+", "-" or "\", so that none is taken for a header
        if row.startswith(b"index ") and (match := _INDEX.match(row)):
            pair, at = (match.group(1), match.group(2)), 0
            found.setdefault(pair, {})
        elif row.startswith(b"@@ ") and (match := _HUNK.match(row)):
            at, gone = int(match.group(1)), Counter()
        elif row.startswith(b"diff --git "):
            at = 0
        elif at and row.startswith(b"-"):
            gone[row[1:].strip()] += 1
        elif at and row.startswith(b"+"):
            text = row[1:].strip()
            if gone[text] > 0:
                gone[text] -= 1
            else:
                found[pair][at] = None
            at += 1
        elif at and row.startswith(b" "):  # git's configuration can ask for context all the same
            at += 1
        elif row.startswith(b"Binary files "):
            whole.add(pair)
    return {key: ALL if key in whole else _ranges(sorted(lines)) for key, lines in found.items()}


def _ranges(lines: Sequence[int]) -> Lines:
    rows: list[tuple[int, int]] = []
    for line in lines:
        if rows and rows[-1][1] == line - 1:
            rows[-1] = (rows[-1][0], line)
        else:
            rows.append((line, line))
    return tuple(rows)
