"""A reference of the repository whose configuration, comments and baseline are obeyed instead of those of the tree that is scanned.

Whoever writes a tree also writes what hushes findings in it. A gate that judges other people's changes takes its word from a branch that
they can't write to; what the tree adds is counted, told, and not obeyed.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hardcode_hunter import config
from hardcode_hunter.config import Settings
from hardcode_hunter.errors import UsageError
from hardcode_hunter.images import Git
from hardcode_hunter.model import Remark

if TYPE_CHECKING:
    from hardcode_hunter.languages.comments import Comment
    from hardcode_hunter.model import Source
    from hardcode_hunter.suppress import Stood

CODE = "not-obeyed"
"""Of the remarks on what the scanned tree would hush and may not."""


@dataclass(slots=True)
class Trusted:
    """One commit. ``ref`` is how the caller called it."""

    ref: str
    commit: str
    git: Git
    _blobs: frozenset[str] | None = field(default=None)

    def file(self, path: str) -> bytes | None:
        """A file as of the commit; ``None`` when it has none there, or one that is too large to be read."""
        data = self.git.blob(f"{self.commit}:{path}")
        return data if isinstance(data, bytes) else None

    def holds(self, data: bytes) -> bool:
        """Whether any file of the commit has just this content: the file was moved at most."""
        if self._blobs is None:
            rows = self.git.run("ls-tree", "-r", "-z", self.commit).split(b"\0")
            self._blobs = frozenset(row.partition(b"\t")[0].rpartition(b" ")[2].decode("ascii") for row in rows)
        kind = hashlib.sha256 if len(self.commit) == 64 else hashlib.sha1
        return kind(b"blob %d\0" % len(data) + data).hexdigest() in self._blobs  # as git names a blob

    def folder(self, path: str, place: Path) -> Path:
        """The files below ``path`` as of the commit, written below ``place``."""
        plain = path.strip("/").removeprefix("./")
        rows = self.git.run("ls-tree", "-r", "-z", "--name-only", self.commit, "--", plain).split(b"\0")
        made = place / hashlib.sha256(os.fsencode(plain)).hexdigest()[:16]
        made.mkdir()
        for name in (os.fsdecode(row) for row in rows if row):
            data = self.file(name)
            if data is not None and name.startswith(f"{plain}/"):
                inner = name[len(plain) + 1 :].replace("/", "-")
                (made / inner).write_bytes(data)
        return made

    def standing(self, source: Source) -> Stood | None:
        """Which comments of a file the commit has; ``None`` when the whole file stands there as it is."""
        return None if self.holds(source.data) else _stood(source, self.file(source.path))


@contextmanager
def at(root: Path, ref: str) -> Iterator[Trusted]:
    """The commit that ``ref`` names in the work tree ``root``. Raises ``UsageError`` when there is none."""
    git = Git(root)
    try:
        commit = git.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        if not commit or not (root / ".git").exists():
            raise UsageError(
                f"--config-from: git knows no commit '{ref}' in {root}; fetch it first (git fetch --depth=1 origin BRANCH)"
            )
        yield Trusted(ref, commit, git)
    finally:
        git.close()


# ---------------------------------------------------------------- configuration


def settings(trusted: Trusted, root: Path, place: Path, *, isolated: bool, file: Path | None) -> Settings:
    """The settings as of the commit; rules of the project's own are written below ``place``. A ``file`` outside the work tree is the caller's.

    Raises ``UsageError``.
    """
    if file is not None and _below(root, file).startswith("../"):
        return config.load(root, isolated=isolated, file=file)
    found = config.load(root, isolated=isolated, file=file, read=lambda path: trusted.file(_below(root, path)))
    rules = (trusted.folder(_below(root, Path(folder)), place) for folder in found.extra_rules)
    return replace(found, extra_rules=tuple(map(os.fspath, rules)))


def _below(root: Path, path: Path) -> str:
    return os.path.relpath(os.path.abspath(path), root)


def loosened(trusted: Trusted, root: Path, ours: Settings, *, isolated: bool, file: Path | None) -> tuple[Remark, ...]:
    """What the configuration of the scanned tree would hush beyond ``ours``: one remark each."""
    try:
        theirs = config.load(root, isolated=isolated, file=file)
    except UsageError:
        name = file.name if file else config.FILES[0]
        return (Remark(CODE, name, 0, f"can't be read as it is here; as of {trusted.ref} it is in force"),)
    name = _below(root, Path(theirs.origin)) if theirs.origin else ""
    return tuple(
        Remark(CODE, name, 0, f"{key}: {what} isn't so in {trusted.ref}, and not obeyed")
        for key, what in _differences(theirs, ours)
    )


def _differences(theirs: Settings, ours: Settings) -> Iterator[tuple[str, str]]:
    """Key and value of what finds less than ``ours`` does, or what can't be told."""
    if theirs.min_confidence > ours.min_confidence:
        yield "min-confidence", theirs.min_confidence.label
    if config.FAIL_ON.index(theirs.fail_on) > config.FAIL_ON.index(ours.fail_on):
        yield "fail-on", theirs.fail_on
    for key, more in (
        ("ignore", _more(theirs.ignore, ours.ignore)),
        ("exclude", _more(theirs.exclude, ours.exclude)),
        ("per-file-ignores", _more(_pairs(theirs), _pairs(ours))),
    ):
        yield from ((key, f"'{one}'") for one in more)
    if theirs.select and set(theirs.select) != set(ours.select):
        yield "select", ", ".join(theirs.select)
    if len(theirs.extra_rules) != len(ours.extra_rules):
        yield "extra-rules", f"{len(theirs.extra_rules)} folders"
    if theirs.baseline != ours.baseline:
        yield "baseline", f"'{theirs.baseline}'"
    for key, now, before in (
        ("default-rules", not theirs.default_rules, not ours.default_rules),
        ("require-reason", not theirs.require_reason, not ours.require_reason),
        ("suppressions", theirs.suppressions, ours.suppressions),
        ("force-exclude", theirs.force_exclude, ours.force_exclude),
        ("respect-gitignore", theirs.respect_gitignore, ours.respect_gitignore),
    ):
        if now and not before:
            yield key, str(key not in ("default-rules", "require-reason")).lower()


def _more(theirs: Sequence[str], ours: Sequence[str]) -> list[str]:
    return sorted(set(theirs) - set(ours))


def _pairs(given: Settings) -> list[str]:
    return [f"{glob}:{rule}" for glob, rules in given.per_file_ignores.items() for rule in rules]


# ---------------------------------------------------------------- comments


def _stood(source: Source, before: bytes | None) -> Stood:
    """What of a file stood in it, by the text of its lines: moved lines and another indentation are nothing new. ``before`` is the file as of
    the commit, ``None`` when there was none."""
    from hardcode_hunter import suppress
    from hardcode_hunter.languages.comments import comments

    if before is None:
        return suppress.Stood()
    old, new = replace(source, data=before), _lines(source.data)
    earlier = _lines(before)
    known = Counter(earlier)
    lines = set()
    for number, text in enumerate(new, 1):
        if known[text] > 0:
            known[text] -= 1
            lines.add(number)
    said = Counter(_said(comment, earlier) for comment in comments(old))
    kept = set()
    for comment in comments(source):
        words = _said(comment, new)
        if said[words] > 0:
            said[words] -= 1
            kept.add((comment.line, comment.end_line))
    return suppress.Stood(frozenset(lines), frozenset(kept), frozenset(suppress.metadata(old)))


def _lines(data: bytes) -> list[bytes]:
    return [line.strip() for line in data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")]


def _said(comment: Comment, lines: Sequence[bytes]) -> tuple[bytes, ...]:
    """A comment by its text; one that stands alone with the line after it, which it may be about, unless it is about the whole file."""
    last = comment.end_line + (comment.alone and "-file" not in comment.text)
    return tuple(lines[comment.line - 1 : last])
