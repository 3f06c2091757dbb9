"""Credentials in every version of every file that a branch, tag or remote branch reaches: each blob is read once, and judged alone.

A finding is told once for each value that stood at its place, as the last version has it, with the first and the last commit that wrote it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hardcode_hunter import discover, firstpass, parts
from hardcode_hunter.history import ABBREVIATED, Repository
from hardcode_hunter.model import Confidence, Finding, Problem, Source
from hardcode_hunter.pipeline import Found

if TYPE_CHECKING:
    from hardcode_hunter.ruleset import RuleSet

Progress = Callable[[int], None]


@dataclass(slots=True)
class Past:
    """The feed of all versions. ``names`` are the paths that any version had."""

    walk: discover.Walk
    repository: Repository
    exclude: tuple[str, ...] = ()
    fallback: str = ""
    _blobs: dict[bytes, tuple[bytes, int]] | None = None

    def blobs(self) -> dict[bytes, tuple[bytes, int]]:
        """Blobs at paths that are not excluded: id → path and size."""
        if self._blobs is None:
            every = self.repository.blobs()
            self._blobs = {
                blob: row for blob, row in every.items() if not discover.excluded(os.fsdecode(row[0]), self.exclude)
            }
        return self._blobs

    def names(self) -> Iterator[str]:
        yield from sorted({os.fsdecode(path) for path, _ in self.blobs().values()})

    def read(self, name: str, *, keep_binary: bool = False) -> bytes | None:
        """Nothing: versions have no name."""
        return None


def opened(root: Path, exclude: tuple[str, ...]) -> Past:
    """The feed of the repository at ``root``. Raises ``HardcodeHunterError`` when it is none, or git fails."""
    repository = Repository(root)
    walk = discover.Walk(root)
    if repository.shallow():
        why = "the clone is shallow: commits before its border were not looked at; fetch them (git fetch --unshallow)"
        walk.problems.append(Problem(".", 0, why))
    return Past(walk, repository, exclude)


@dataclass(slots=True)
class _Versions:
    """One value at one place, in all blobs that have it."""

    blobs: set[bytes] = field(default_factory=set)
    findings: dict[bytes, Finding] = field(default_factory=dict)


def sweep(
    feed: Past, least: Confidence, suppressions: bool, progress: Progress | None = None
) -> Callable[[RuleSet, bytes], Found]:
    """How :func:`hardcode_hunter.pipeline.scan` reads the history."""

    def run(rules: RuleSet, key: bytes) -> Found:
        firstpass.finder(rules).prepare()
        kept, hushed = dict[tuple[str, ...], _Versions](), dict[tuple[str, ...], _Versions]()
        for blob, found, said in _each(feed, rules, key, least, suppressions, progress):
            for finding, rows in (*((f, kept) for f in found), *((f, hushed) for f in said)):
                row = rows.setdefault((finding.path, finding.symbol, finding.rule, finding.digest), _Versions())
                row.blobs.add(blob)
                row.findings[blob] = finding
        wanted = {blob for row in (*kept.values(), *hushed.values()) for blob in row.blobs}
        when = feed.repository.written(wanted) if wanted else {}
        order = _order(feed.repository) if wanted else {}
        standing = tuple(_dated(row, when, order) for row in kept.values())
        paths = {f.path: Source(f.path, b"", f.language) for f in standing}
        return Found(standing, paths, tuple(feed.names()), tuple(_dated(row, when, order) for row in hushed.values()))

    return run


def _order(repository: Repository) -> Mapping[str, int]:
    commits = repository.lines("rev-list", "--all", "--topo-order", "--reverse")
    return {commit.decode("ascii"): number for number, commit in enumerate(commits)}


def _each(
    feed: Past, rules: RuleSet, key: bytes, least: Confidence, suppressions: bool, progress: Progress | None
) -> Iterator[tuple[bytes, tuple[Finding, ...], tuple[Finding, ...]]]:
    """Each blob that has findings, with those that stand and those that a comment in it hushes."""
    walk = feed.walk
    blobs = feed.blobs()
    wanted = []
    for blob, (_, size) in blobs.items():
        if size > discover.SIZE_LIMIT:
            walk.files += 1
            walk.skipped[f"larger than {discover.SIZE_LIMIT // (1024 * 1024)} MiB"] += 1
        else:
            wanted.append(blob)
    current = b""
    inspector = parts.Inspector(rules, key, lambda name: current, walk, least)
    for blob, read in feed.repository.contents(wanted):
        name = os.fsdecode(blobs[blob][0])
        data = _whole(read)
        walk.files += 1
        if progress:
            progress(walk.files)
        accepted = discover.accept(walk, data, keep_binary=name.endswith((".py", ".pyw")))
        if not accepted:
            continue
        current = accepted
        part = inspector.part((name,))
        if not part.findings:
            continue
        if not suppressions or not part.languages:
            yield blob, part.findings, ()
            continue
        from hardcode_hunter import suppress

        source = Source(name, current, part.languages[0][1])
        said = suppress.suppress(part.findings, {name: source})
        yield blob, said.kept, said.hushed


def _whole(read: Callable[[int], bytes]) -> bytes:
    return b"".join(iter(lambda: read(1 << 20), b""))


def _dated(row: _Versions, when: Mapping[bytes, tuple[str, str]], order: Mapping[str, int]) -> Finding:
    """The finding as its last version has it, with its commits."""
    dated = [(order.get(when[blob][1], 0), blob) for blob in row.blobs if blob in when]
    if not dated:
        return next(iter(row.findings.values()))
    first = min((when[blob][0] for _, blob in dated), key=lambda commit: order.get(commit, 0))
    blob = max(dated)[1]
    last = when[blob][1]
    finding = row.findings[blob]
    words = f"first in commit {first[:ABBREVIATED]}, last in {last[:ABBREVIATED]}"
    return replace(
        finding,
        first_commit=first,
        last_commit=last,
        within=f"{finding.within}; {words}" if finding.within else words,
    )
