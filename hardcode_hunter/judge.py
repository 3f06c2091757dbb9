"""Which findings stand: comments, configuration, the lines that are new, and the baseline, in this order. Nothing is dropped in silence."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hardcode_hunter.config import BASELINE, Settings
from hardcode_hunter.discover import matches
from hardcode_hunter.errors import UsageError

if TYPE_CHECKING:
    from hardcode_hunter.baseline import Entry, Tree
    from hardcode_hunter.discover import Feed
    from hardcode_hunter.model import Finding, Remark, Source
    from hardcode_hunter.trusted import Trusted

Detect = Callable[[str, bytes], "Iterable[Finding]"]
"""What a scan of one file alone finds, with the digests of this run."""


@dataclass(frozen=True, slots=True)
class Gate:
    """How the baseline is asked. ``statuses`` are those that hush here; ``marks`` are digests kept under a key outside the repository."""

    statuses: frozenset[str]
    marks: Mapping[str, str] = field(default_factory=dict)


DECIDED = Gate(frozenset({"false-positive", "accepted"}))
"""The gate of every command but ``scan``: see :data:`hardcode_hunter.baseline.DECIDED`."""


HUSHING = Gate(DECIDED.statuses | {"todo"})
"""The gate of ``scan``: what is known lets it pass, decided on or not."""


@dataclass(frozen=True, slots=True)
class Judged:
    kept: tuple[Finding, ...]
    hushed: tuple[Finding, ...]
    remarks: tuple[Remark, ...] = ()
    baseline: str = ""


def judge(
    found: Sequence[Finding],
    sources: Mapping[str, Source],
    settings: Settings,
    feed: Feed,
    gate: Gate,
    seen: Collection[str],
    detect: Detect,
    trusted: Trusted | None = None,
) -> Judged:
    """Judges ``found`` (all confidences); with ``trusted``, comments and baseline are obeyed as they stand there.

    Raises ``UsageError`` for a baseline that is malformed, or absent where one was named.
    """
    every = frozenset(f.id for f in found)
    if not settings.suppressions:
        return Judged(
            _added_to_old(_new(_wanted(found, settings), sources, feed), found, sources, feed, detect, settings), ()
        )
    if not sources:
        return _known(Judged((), ()), settings, feed, gate, every, seen, detect, trusted)
    from hardcode_hunter import suppress

    standing = trusted.standing if trusted else lambda source: None
    said = suppress.suppress(
        found,
        sources,
        require_reason=settings.require_reason,
        standing=standing,
        role=_roles(settings),
        partial=hasattr(feed, "images"),
    )
    new = _new(_wanted(said.kept, settings), sources, feed)
    kept, ignored = _per_file(_added_to_old(new, found, sources, feed, detect, settings), settings)
    hushed = (*_new(_wanted(said.hushed, settings), sources, feed), *ignored)
    return _known(Judged(kept, hushed, said.remarks), settings, feed, gate, every, seen, detect, trusted)


def _roles(settings: Settings) -> Callable[[str], str]:
    """The role of a rule by its id."""

    def role(rule: str) -> str:
        from hardcode_hunter import ruleset

        folders = tuple(Path(folder) for folder in settings.extra_rules)
        known = ruleset.load(folders, builtin=settings.default_rules).get(rule)
        return known.role if known else ""

    return role


def _wanted(findings: Iterable[Finding], settings: Settings) -> tuple[Finding, ...]:
    return tuple(f for f in findings if f.confidence >= settings.min_confidence and chosen(f.rule, settings))


def chosen(rule: str, settings: Settings) -> bool:
    """Whether ``select`` and ``ignore`` leave a rule in."""
    if not settings.select and not settings.ignore:
        return True
    from fnmatch import fnmatchcase

    return (not settings.select or any(fnmatchcase(rule, p) for p in settings.select)) and not any(
        fnmatchcase(rule, p) for p in settings.ignore
    )


def _per_file(findings: Iterable[Finding], settings: Settings) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    if not settings.per_file_ignores:
        return tuple(findings), ()
    from fnmatch import fnmatchcase

    kept, ignored = [], []
    for finding in findings:
        globs = [
            g
            for g, rules in settings.per_file_ignores.items()
            if any(fnmatchcase(finding.rule, r) for r in rules) and matches(finding.path, g)
        ]
        if globs:
            ignored.append(replace(finding, suppressed="per-file-ignores", justification=globs[0]))
        else:
            kept.append(finding)
    return tuple(kept), tuple(ignored)


def _new(findings: tuple[Finding, ...], sources: Mapping[str, Source], feed: Feed) -> tuple[Finding, ...]:
    """Those on lines that are new, where only those are judged."""
    is_new = getattr(feed, "is_new", None)
    if is_new is None:
        return findings
    return tuple(
        f for f in findings if f.path in sources and is_new(f.path, sources[f.path].data, f.span.start, f.span.end)
    )


def _added_to_old(
    new: tuple[Finding, ...],
    found: Sequence[Finding],
    sources: Mapping[str, Source],
    feed: Feed,
    detect: Detect,
    settings: Settings,
) -> tuple[Finding, ...]:
    """``new`` without what stands in the old image too, the same value under the same symbol: its line was only written otherwise.

    What a comment hushed there counts as new when the comment is gone.
    """
    images = getattr(feed, "images", None)
    if not new or images is None:
        return new
    left: dict[str, Counter[tuple[str, str]]] = {}
    for path in {f.path for f in new}:
        left[path] = _stood(images[path].before, feed.old_file, detect, _roles(settings))  # type: ignore[attr-defined]
    changed = {f.id for f in _new(tuple(found), sources, feed)}
    for finding in found:
        if finding.path in left and finding.id not in changed:
            left[finding.path][finding.symbol, finding.digest] -= 1
    kept = []
    for finding in new:
        place = finding.symbol, finding.digest
        left[finding.path][place] -= 1
        if left[finding.path][place] < 0:
            kept.append(finding)
    return tuple(kept)


def _stood(
    path: str, old_file: Callable[[str], bytes | None], detect: Detect, role: Callable[[str], str]
) -> Counter[tuple[str, str]]:
    """Symbols and digests of what no comment hushes in a file of the old image; none when there is no such file."""
    data = old_file(path) if path else None
    if data is None:
        return Counter()
    from hardcode_hunter import suppress
    from hardcode_hunter.model import Source

    rows = tuple(detect(path, data))
    if rows:
        rows = suppress.suppress(rows, {path: Source(path, data, rows[0].language)}, role=role).kept
    return Counter((f.symbol, f.digest) for f in rows)


# ---------------------------------------------------------------- the baseline


def _baseline(settings: Settings, feed: Feed, trusted: Trusted | None = None) -> bytes | None:
    """The baseline's bytes: as it is trusted, else of the new image where that has one, else as it lies on disk."""
    if trusted is not None and not os.path.isabs(settings.baseline):
        return trusted.file(settings.baseline)
    new_file = getattr(feed, "new_file", None)
    data: bytes | None = new_file(settings.baseline) if new_file else None
    if data is not None:
        return data
    path = feed.walk.root / settings.baseline
    try:
        return path.read_bytes()
    except FileNotFoundError:
        if settings.baseline == BASELINE:
            return None
        raise UsageError(
            f"{path}: there is no such baseline; write it with `hardcode-hunter baseline create`"
        ) from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); fix its permissions") from None


def _known(
    judged: Judged,
    settings: Settings,
    feed: Feed,
    gate: Gate,
    every: Collection[str],
    seen: Collection[str],
    detect: Detect,
    trusted: Trusted | None = None,
) -> Judged:
    data = _baseline(settings, feed, trusted)
    added = _added(settings, feed, data, judged.kept, gate) if trusted else ()
    if data is None:
        return replace(judged, remarks=(*judged.remarks, *added))
    import datetime

    from hardcode_hunter import baseline

    where = settings.baseline
    entries = baseline.parse(data, where)
    tree = _tree(feed, gate, every, seen, detect, where, entries)
    if trusted:
        tree = replace(tree, old=_Old(trusted.file, detect).digests, before=entries, vanished=())
    applied = baseline.apply(judged.kept, entries, tree, where, datetime.date.today(), gate.statuses)
    hushed = (*judged.hushed, *applied.hushed)
    return Judged(applied.kept, hushed, (*judged.remarks, *applied.remarks, *added), where)


def _added(
    settings: Settings, feed: Feed, trusted: bytes | None, kept: Iterable[Finding], gate: Gate
) -> tuple[Remark, ...]:
    """Entries that only the scanned tree has, and that would hush a finding."""
    from hardcode_hunter import baseline
    from hardcode_hunter.model import Remark

    where = settings.baseline
    try:
        theirs = baseline.parse(_baseline(settings, feed) or b"", where)
    except UsageError:
        return (Remark("not-obeyed", where, 0, "can't be read as it is here; what is trusted is in force"),)
    ours = baseline.parse(trusted or b"", where)
    rows = ((theirs.get(f.id), ours.get(f.id)) for f in kept)
    return tuple(
        Remark("not-obeyed", where, new.line, f"the entry for {new.path} ({new.symbol}) is new here, and not obeyed")
        for new, old in rows
        if new is not None and new.status in gate.statuses and (old is None or old.status not in gate.statuses)
    )


def _tree(
    feed: Feed,
    gate: Gate,
    every: Collection[str],
    seen: Collection[str],
    detect: Detect,
    path: str,
    entries: Mapping[str, Entry],
) -> Tree:
    """What :func:`hardcode_hunter.baseline.apply` asks of the scanned tree; of a change, its old image as well."""
    from hardcode_hunter import baseline
    from hardcode_hunter.images import Changes

    root = feed.walk.root
    if not isinstance(feed, Changes):
        return baseline.Tree(lambda p: p in seen, lambda p: os.path.lexists(root / p), every, marks=gate.marks)
    old = feed.old_file(path)
    before = baseline.parse(old, path) if old is not None else {}
    renamed = {name: image.before for name, image in feed.images.items() if image.before}
    return baseline.Tree(
        scanned=lambda p: False,
        exists=feed.exists,
        every=every,
        old=_Old(feed.old_file, detect).digests,
        before=before,
        vanished=[entry for id, entry in before.items() if id not in entries],
        renamed=lambda p: renamed.get(p, p),
        marks=gate.marks,
    )


@dataclass(slots=True)
class _Old:
    """Digests of the values that files of the old image have, read when they are asked for."""

    file: Callable[[str], bytes | None]
    detect: Detect
    _known: dict[str, Mapping[str, set[str]]] = field(default_factory=dict)

    def digests(self, path: str, symbol: str) -> Collection[str]:
        if path not in self._known:
            found: defaultdict[str, set[str]] = defaultdict(set)
            data = self.file(path)
            for finding in self.detect(path, data) if data is not None else ():
                found[finding.symbol].add(finding.digest)
            self._known[path] = found
        return self._known[path].get(symbol, ())
