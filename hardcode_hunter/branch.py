"""Commits of a migration on a branch of their own: git's plumbing alone, so that no hook, filter or editor runs. Nothing is pushed.

Contents are written as objects, trees are put together in an index of their own, and the person's index is brought up to date for
the committed paths only: whatever else is staged or edited stays as it is.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hardcode_hunter.discover import GIT, git_environment
from hardcode_hunter.errors import HardcodeHunterError, Refused, UsageError

PLAIN = "100644"
_BUSY = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
    "BISECT_LOG": "a bisection",
}
_FILTER = re.compile(r"filter\..*\.(?:clean|smudge|process|required)\Z", re.S)
_IDENTITY = ("GIT_AUTHOR_", "GIT_COMMITTER_")


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit that was made."""

    id: str
    subject: str
    paths: tuple[str, ...]


@dataclass(slots=True)
class Branch:
    """The branch ``name`` of the repository whose work tree is ``root``; it is the one that is checked out."""

    root: Path
    name: str
    base: str = ""  # the commit from which it was started
    commits: list[Commit] = field(default_factory=list)
    _off: dict[str, str] = field(default_factory=dict)

    # ------------------------------------------------------------ git

    def git(self, *words: str, given: bytes | None = None, index: str = "") -> bytes:
        """What a plumbing command prints. Raises ``HardcodeHunterError`` when it fails."""
        run = self._run(words, given, index)
        if run.returncode:
            raise HardcodeHunterError(
                f"git {words[0]} ended with status {run.returncode} in {self.root}; what was committed stays on '{self.name}', run again"
            )
        return run.stdout

    def _run(
        self, words: tuple[str, ...], given: bytes | None = None, index: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        who = {key: value for key, value in os.environ.items() if key.startswith(_IDENTITY)}
        environment = {**git_environment(), **who, **self._off, **({"GIT_INDEX_FILE": index} if index else {})}
        command = [*GIT, "--literal-pathspecs", "-c", f"safe.directory={self.root}", "-C", os.fspath(self.root), *words]
        try:
            return subprocess.run(command, input=given, capture_output=True, env=environment, check=False)
        except OSError as error:
            raise HardcodeHunterError(
                f"git can't be run ({error.strerror}); install it, or leave --branch out"
            ) from None

    def _line(self, *words: str) -> str:
        """One line of an answer, empty when git says no."""
        run = self._run(words)
        return run.stdout.decode("utf-8", "surrogateescape").strip() if run.returncode == 0 else ""

    def without_filters(self) -> None:
        """Switches all filters off: git runs them over files that were edited in the moment in which the index was written."""
        names = {
            row.decode("utf-8", "surrogateescape")
            for row in self._run(("config", "--list", "--name-only", "-z")).stdout.split(b"\0")
        }
        keys = sorted(name for name in names if _FILTER.match(name))
        for number, key in enumerate(keys):
            self._off[f"GIT_CONFIG_KEY_{number}"] = key
            self._off[f"GIT_CONFIG_VALUE_{number}"] = "false" if key.endswith("required") else ""
        self._off["GIT_CONFIG_COUNT"] = str(len(keys))

    # ------------------------------------------------------------ what is there

    def blob(self, path: str, commit: str = "HEAD") -> bytes | None:
        """The content of ``path`` in a commit."""
        run = self._run(("cat-file", "blob", f"{commit}:{path}"))
        return run.stdout if run.returncode == 0 else None

    def mode(self, path: str) -> str:
        """The mode of ``path`` in HEAD; that of a plain file when it isn't there."""
        found = self._run(("ls-tree", "-z", "HEAD", "--", path)).stdout
        return found[:6].decode("ascii") if found else PLAIN

    def changed(self) -> list[str]:
        """The paths that differ between the branch's start and its tip."""
        if not self.base:
            return []
        rows = self.git("diff-tree", "-r", "-z", "--name-only", "--no-renames", self.base, "HEAD").split(b"\0")
        return sorted(os.fsdecode(row) for row in rows if row)

    def committable(self, path: str, now: bytes) -> None:
        """Raises ``Refused`` when the file holds work that isn't committed: it would be swept into our commit."""
        held = self.blob(path)
        if held is None:
            raise Refused(f"{path}: is not committed yet; commit it first, then apply --branch again")
        if now != held and _normal(now) != held:
            raise Refused(
                f"{path}: differs from what is committed (an edit, or a filter); commit or stash that first, then apply --branch again"
            )

    # ------------------------------------------------------------ committing

    def commit(self, subject: str, body: str, contents: Mapping[str, bytes]) -> Commit | None:
        """Commits ``contents`` (by path) on top of HEAD; ``None`` when HEAD has them already. The work tree is not touched."""
        rows, paths = [], []
        for path, data in sorted(contents.items()):
            held = self.blob(path)
            stored = _normal(data) if held is not None and b"\r\n" not in held else data
            if stored != held:
                name = self.git("hash-object", "-w", "--no-filters", "--stdin", given=stored).strip()
                rows.append(self.mode(path).encode() + b" " + name + b"\t" + os.fsencode(path) + b"\0")
                paths.append(path)
        if not rows:
            return None
        head = self.git("rev-parse", "--verify", "HEAD^{commit}").strip().decode("ascii")
        entries = b"".join(rows)
        self.git("update-index", "--add", "-z", "--index-info", given=entries)
        with tempfile.TemporaryDirectory() as folder:
            index = os.path.join(folder, "index")
            self.git("read-tree", "HEAD", index=index)
            self.git("update-index", "--add", "-z", "--index-info", given=entries, index=index)
            tree = self.git("write-tree", index=index).strip().decode("ascii")
        run = self._run(("commit-tree", tree, "-p", head, "-F", "-"), f"{subject}\n\n{body}".encode("utf-8", "replace"))
        if run.returncode:
            raise UsageError(
                "git can't commit: it doesn't know who you are; set user.name and user.email, then run again"
            )
        made = run.stdout.strip().decode("ascii")
        self.git("update-ref", "-m", f"hardcode-hunter: {subject}", f"refs/heads/{self.name}", made, head)
        self.commits.append(Commit(made, subject, tuple(paths)))
        return self.commits[-1]


def _normal(data: bytes) -> bytes:
    """As git stores text that a checkout gave the line ends of another system (``core.autocrlf``)."""
    return data.replace(b"\r\n", b"\n")


def start(root: Path, name: str, base: str = "") -> Branch:
    """The branch, made at HEAD and checked out when it doesn't exist. ``base`` is where an earlier run has started it.

    The work tree stays as it is. Raises ``UsageError`` or ``Refused`` when the repository isn't ready for it.
    """
    branch = Branch(root, name, base)
    branch.without_filters()
    if not (root / ".git").exists():
        raise UsageError(f"--branch: {root} is no git repository; leave it out")
    if not name or branch._line("check-ref-format", "--branch", name) != name:
        raise UsageError("--branch: that is no name that git takes for a branch")
    head = branch._line("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if not head:
        raise UsageError("--branch: the repository has no commit yet; make one first")
    folder = root / branch._line("rev-parse", "--git-dir")
    for mark, what in _BUSY.items():
        if os.path.lexists(folder / mark):
            raise Refused(f"--branch: {what} is under way in {root}; end it first")
    if branch._line("symbolic-ref", "--quiet", "HEAD") == f"refs/heads/{name}":
        branch.base = base or head
        return branch
    if branch._line("rev-parse", "--verify", "--quiet", f"refs/heads/{name}"):
        raise Refused(f"--branch: '{name}' exists and isn't checked out; switch to it, or give another name")
    branch.git("update-ref", "-m", "hardcode-hunter: branch", f"refs/heads/{name}", head, "0" * len(head))
    branch.git("symbolic-ref", "-m", f"hardcode-hunter: switch to {name}", "HEAD", f"refs/heads/{name}")
    branch.base = head
    return branch


def is_text(data: bytes) -> bool:
    """Whether ``data`` can be shown in a diff."""
    with suppress(UnicodeDecodeError):
        data.decode("utf-8")
        return b"\0" not in data
    return False
