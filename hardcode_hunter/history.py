"""Moved values in the history of a git repository: every version of every file, and every commit's message.

Git runs with options under which it starts no program that the repository's configuration names and opens no connection: only
``rev-list``, ``rev-parse``, ``cat-file``, ``diff-tree`` and ``for-each-ref`` are called, without hooks, file system monitor, replacement objects or transports.
"""

from __future__ import annotations

import os
import subprocess
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hardcode_hunter.encodings import Needle
from hardcode_hunter.errors import HardcodeHunterError
from hardcode_hunter.model import Exposure, Plaintext

GIT = ("git", "--no-replace-objects", "--no-optional-locks", "--literal-pathspecs", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")  # fmt: skip
# a partial clone would fetch what it lacks, by a transport that its own configuration names and allows: only the environment outranks that
OFFLINE = {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}
ABBREVIATED = 12


def exposures(root: Path, values: Mapping[tuple[str, str], Plaintext]) -> tuple[Exposure, ...]:
    """Where credentials among ``values`` stood in any commit that a branch, tag or remote branch of the repository at ``root`` reaches.

    Only strong values (``encodings.strong``) are told: others stand somewhere by chance. Sorted by path. Raises ``HardcodeHunterError``
    when ``root`` is no git repository or git fails.
    """
    git, needle = Repository(root), Needle(values)
    paths = git.objects()
    rows: dict[tuple[str, str, str], set[bytes]] = defaultdict(set)
    for name, read in git.contents(paths):
        found = {(form.secret, form.key) for _, form in needle.search(read) if form.counts}
        for secret, key in found:
            writers = git.writers(paths[name], name) if paths[name] else [name]
            rows[os.fsdecode(paths[name]), secret, key].update(writers)
    order = (
        {commit: i for i, commit in enumerate(git.lines("rev-list", "--all", "--topo-order", "--reverse"))}
        if rows
        else {}
    )
    return tuple(
        _exposure(git, row, sorted(commits, key=lambda c: order.get(c, 0)))
        for row, commits in sorted(rows.items())
        if commits
    )


def _exposure(git: Repository, row: tuple[str, str, str], commits: Sequence[bytes]) -> Exposure:
    names = [commit.decode("ascii") for commit in commits]
    remote = bool(git.lines("for-each-ref", "--count=1", f"--contains={names[0]}", "refs/remotes"))
    return Exposure(*row, len(names), names[0][:ABBREVIATED], names[-1][:ABBREVIATED], remote)


@dataclass(frozen=True, slots=True)
class Repository:
    """Git in one repository, read only."""

    root: Path

    def command(self, *arguments: str) -> list[str]:
        return [*GIT, "-c", f"safe.directory={self.root}", "-C", os.fspath(self.root), *arguments]

    @staticmethod
    def environment() -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        return {**kept, **OFFLINE, "LC_ALL": "C"}

    def lines(self, *arguments: str, given: bytes | None = None) -> list[bytes]:
        try:
            run = subprocess.run(
                self.command(*arguments), input=given, capture_output=True, env=self.environment(), check=False
            )
        except OSError as error:
            raise HardcodeHunterError(
                f"git can't be run ({error.strerror}); install it, or leave the history out"
            ) from None
        if run.returncode:
            raise HardcodeHunterError(
                f"{self.root}: git {arguments[0]} ended with status {run.returncode}; the history was not searched"
            )
        return run.stdout.split(b"\n")[:-1]

    def objects(self) -> dict[bytes, bytes]:
        """Every blob and commit that a reference reaches → the path at which a blob was met first; empty for commits."""
        found = dict(line.partition(b" ")[::2] for line in self.lines("rev-list", "--all", "--objects"))
        kinds = self.lines("cat-file", "--batch-check", given=b"".join(name + b"\n" for name in found))
        words = (line.split() for line in kinds)
        return {w[0]: found[w[0]] for w in words if len(w) == 3 and w[1] in (b"blob", b"commit")}

    def blobs(self) -> dict[bytes, tuple[bytes, int]]:
        """Every blob that a reference reaches → the path at which it was met first, and its size. Raises ``HardcodeHunterError`` when one of
        the objects that a commit or tree names is not there."""
        found = dict(line.partition(b" ")[::2] for line in self.lines("rev-list", "--all", "--objects"))
        kinds = self.lines("cat-file", "--batch-check", given=b"".join(name + b"\n" for name in found))
        rows: dict[bytes, tuple[bytes, int]] = {}
        for line in kinds:
            words = line.split()
            if len(words) != 3:
                raise HardcodeHunterError(
                    f"{self.root}: an object is missing; the history was not searched: try `git fsck`"
                )
            if words[1] == b"blob" and found[words[0]]:
                rows[words[0]] = (found[words[0]], int(words[2]))
        return rows

    def written(self, blobs: Collection[bytes]) -> dict[bytes, tuple[str, str]]:
        """The first and the last commit, parents before children, that wrote each of ``blobs`` at some path."""
        commits = self.lines("rev-list", "--all", "--topo-order", "--reverse")
        command = ("diff-tree", "--stdin", "-r", "--root", "-m", "--raw", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all")  # fmt: skip
        found: dict[bytes, tuple[str, str]] = {}
        commit = ""
        for line in self.lines(*command, given=b"".join(name + b"\n" for name in commits)):
            if line[:1] != b":":
                commit = line.split(b" ")[0].decode("ascii", "replace")
            elif (blob := line.split(b" ", 4)[3]) in blobs:
                found[blob] = (found[blob][0] if blob in found else commit, commit)
        return found

    def shallow(self) -> bool:
        """Whether older commits were left out when the repository was cloned."""
        return self.lines("rev-parse", "--is-shallow-repository") == [b"true"]

    def contents(self, names: Iterable[bytes]) -> Iterator[tuple[bytes, Callable[[int], bytes]]]:
        """Each object with a reader of its content."""
        command = self.command("cat-file", "--batch")
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self.environment()
        ) as run:
            assert run.stdin is not None
            assert run.stdout is not None
            for name in names:
                run.stdin.write(name + b"\n")
                run.stdin.flush()
                head = run.stdout.readline().split()
                if len(head) != 3:
                    raise HardcodeHunterError(f"{self.root}: an object is missing; the history was not searched")
                content = _Content(run.stdout, int(head[2]))
                yield name, content.read
                content.pass_over()
            run.stdin.close()
            run.stdout.read()
        if run.returncode:
            raise HardcodeHunterError(f"{self.root}: git cat-file ended with status {run.returncode}; try `git fsck`")

    def writers(self, path: bytes, blob: bytes) -> list[bytes]:
        """The commits that wrote ``path`` with just this content."""
        commits = self.lines("rev-list", "--all", "--full-history", "--", os.fsdecode(path))
        asked = b"".join(commit + b":" + path + b"\n" for commit in commits)
        answers = self.lines("cat-file", "--batch-check=%(objectname)", given=asked) if commits else []
        return [commit for commit, answer in zip(commits, answers, strict=False) if answer == blob]


class _Content:
    """One object in the stream of ``cat-file --batch``: its bytes, then a line feed."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self.stream, self.left = stream, size

    def read(self, size: int) -> bytes:
        data = self.stream.read(min(size, self.left))
        if not data and self.left and size:
            raise HardcodeHunterError("git cat-file ended early: an object is damaged; try `git fsck`")
        self.left -= len(data)
        return data

    def pass_over(self) -> None:
        while self.left and self.read(1 << 20):
            pass
        self.stream.read(1)
