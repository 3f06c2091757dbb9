"""A scan of a large tree in bounded memory, by as many processes as there are: the same findings as one process that keeps everything.

Each unit (see :mod:`hardcode_hunter.parts`) is inspected alone, wherever and whenever; what is kept of it is findings and names. Then the
names decide what has to be read again: units that hand a known name to a call, and units that are linked with each other, which are
linked in one piece. Nothing depends on which process was first.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hardcode_hunter import discover, leads, link, parts, pool
from hardcode_hunter.model import Finding, Source
from hardcode_hunter.parts import Part, last_name
from hardcode_hunter.pipeline import Found
from hardcode_hunter.ruleset import RuleSet

SMALL = 200  # files up to which one process reads them all and keeps what it read
PER_PROCESS = 400  # files for which starting one more process pays
_NAME = re.compile(r"[^.\[]*")
Progress = Callable[[int], None]


@dataclass(slots=True)
class Sweep:
    """A sweep over ``feed``; ``jobs`` is the number of processes, 0 for as many as pay."""

    feed: discover.OnDisk
    names: Sequence[str]
    rules: RuleSet
    key: bytes = field(repr=False)
    order: pool.Order
    jobs: int = 0
    progress: Progress | None = None
    _parts: dict[str, Part] = field(default_factory=dict)

    def run(self) -> Found:
        """Inspects everything. Raises ``UsageError`` as the feed does."""
        with pool.open_pool(self.order, self._jobs(), self.feed.walk) as workers:
            self._inspect(workers, units(self.names), forced=False)
            self._inspect(workers, self._handing_on(), forced=True)
        findings = [f for part in self._parts.values() for f in part.findings]
        known = dict(pair for part in self._parts.values() for pair in part.languages)
        linked = self._linked()
        if linked:
            rows = self._together(linked)
            gone = {source.path for source, _ in rows}.union(linked)
            known |= {source.path: source.language for source, _ in rows}
            findings = [f for f in findings if f.path not in gone]
            findings += self.order.inspector(self._again()).findings(rows)
        found = {f.path for f in findings}
        kept = {p: known.get(p, "") for p in (*known,) if p in found} | {
            p: known.get(p, "") for part in self._parts.values() for p in part.commented
        }
        return Found(tuple(sorted(findings, key=_order)), _Sources(self.feed, kept), self.names)

    def _jobs(self) -> int:
        if self.jobs:
            return self.jobs
        return max(1, min(processors(), len(self.names) // PER_PROCESS))

    def _inspect(self, workers: pool.Pool, work: Iterable[tuple[str, ...]], *, forced: bool) -> None:
        done = 0
        for part in workers.inspect(work, forced=forced):
            done += len(part.names)
            if self.progress and not forced:
                self.progress(done)
            if part.idle:
                self._parts.pop(part.names[0], None)
            else:
                self._parts[part.names[0]] = part

    def _handing_on(self) -> list[tuple[str, ...]]:
        """Units that were not parsed and hand on a name that another one gives a value to."""
        known = {last_name(name) for part in self._parts.values() for name in part.defines}
        stems = {
            link.module_parts(name)[-1:][0]
            for name in self.names
            if name.endswith(leads.PYTHON) and link.module_parts(name)
        }
        again = self._again()
        found = [
            p.names
            for p in self._parts.values()
            if p.uses and (not p.uses.isdisjoint(known) or leads.imported(again.read(p.names[0]) or b"", p.uses, stems))
        ]
        return sorted(found)

    def _linked(self) -> list[str]:
        """Files that refer to a name of another unit, and the files that have it."""
        index = _Index(self._parts.values())
        found: set[str] = set()
        for part in self._parts.values():
            for target in part.targets:
                others = index.having(target) - {part.names}
                if others:
                    found.update(part.names, *others)
            if part.leads and leads.files(part.leads, self.names):
                found.update(part.names)
        return sorted(found)

    def _together(self, names: Sequence[str]) -> list[parts.Parsed]:
        """Linked files, read once more, and what they lead to: files in which nothing but another one's use tells a credential."""
        inspector = self.order.inspector(self._again())
        rows: dict[str, parts.Parsed] = {}
        words: Mapping[str, frozenset[bytes]] = dict.fromkeys(names, frozenset())
        seen: set[str] = set()
        for _ in range(leads.ROUNDS + 1):
            for name in sorted(words):
                data = inspector.read(name)
                if not data or (words[name] and not leads.hits(data, words[name])):
                    continue
                if row := inspector.parsed(name, data, set(), forced=True, words=words[name]):
                    rows[name] = row
            targets = inspector.leads([*rows.values()]) - seen
            seen |= targets
            words = leads.files(targets, self.names)
            if not words:
                break
        return [rows[name] for name in sorted(rows)]

    def _again(self) -> discover.OnDisk:
        """The same files; what is read again is not counted again."""
        return discover.OnDisk(discover.Walk(self.feed.walk.root), ())


def over(
    feed: discover.Feed, order: Callable[[bytes], pool.Order], jobs: int, progress: Progress | None = None
) -> Callable[[RuleSet, bytes], Found] | None:
    """A sweep over ``feed`` as :func:`hardcode_hunter.pipeline.scan` takes it; ``None`` for a feed that is read at once: a small one, or
    one that is no tree on disk."""
    if not isinstance(feed, discover.OnDisk):
        return None
    names = tuple(feed.names())
    if len(names) < SMALL and jobs < 2:
        return None
    return lambda rules, key: Sweep(feed, names, rules, key, order(key), jobs, progress).run()


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _order(finding: Finding) -> tuple[str, int, int, str]:
    return finding.path, finding.span.start, finding.span.end, finding.rule


def units(names: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Each file alone, and the Terraform files of one folder together, in the order of names."""
    modules: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        if name.endswith(parts.TOGETHER):
            modules[name.rpartition("/")[0]].append(name)
        else:
            yield (name,)
    yield from (tuple(row) for row in modules.values())


class _Index:
    """Which units have a name, over-approximated: by the end of the module's path, or by the name alone."""

    def __init__(self, known: Iterable[Part]) -> None:
        self._settings: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
        self._names: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
        self._modules: defaultdict[str, list[tuple[list[str], tuple[str, ...], frozenset[str]]]] = defaultdict(list)
        for part in known:
            for name in part.settings:
                self._settings[name].add(part.names)
            for name in part.defines:
                path, mark, _ = name.partition("::")
                if not mark:
                    self._names[name.partition("#output.")[0] if "#output." in name else name].add(part.names)
            first: defaultdict[str, set[str]] = defaultdict(set)
            for name in part.defines:
                path, mark, rest = name.partition("::")
                if mark:
                    first[path].add(_first(rest))
            for path, names in first.items():
                if dotted := link.module_parts(path):
                    self._modules[dotted[-1]].append((dotted, part.names, frozenset(names)))

    def having(self, target: str) -> set[tuple[str, ...]]:
        left, mark, name = target.partition("::")
        if not mark:
            return set(self._names.get(name_of(target), ()))
        if left == "*":
            return set(self._settings.get(_first(name), ()))
        module = [part for part in left.split(".") if part]
        found: set[tuple[str, ...]] = set()
        while name:  # `from shop import settings` may import a module as well as a name
            found.update(self._fitting(module, _first(name)))
            head, dot, name = name.partition(".")
            module, name = [*module, head], name if dot else ""
        return found

    def _fitting(self, module: Sequence[str], name: str) -> Iterator[tuple[str, ...]]:
        for dotted, unit, known in self._modules.get(module[-1], ()) if module else ():
            if name in known and dotted[-len(module) :] == list(module):
                yield unit


def _first(name: str) -> str:
    """``Config.DB["x"]`` → ``Config``."""
    match = _NAME.match(name)
    return match.group() if match else ""


def name_of(target: str) -> str:
    return target.partition("#output.")[0] if "#output." in target else target


class _Sources(Mapping[str, Source]):
    """Sources that are read from disk when they are asked for, and not kept."""

    def __init__(self, feed: discover.OnDisk, languages: Mapping[str, str]) -> None:
        self._languages = languages
        self._root = feed.walk.root

    def __getitem__(self, path: str) -> Source:
        language = self._languages[path]
        data = discover.read(discover.Walk(self._root), path, keep_binary=True)
        return Source(path, data or b"", language)

    def __iter__(self) -> Iterator[str]:
        return iter(self._languages)

    def __len__(self) -> int:
        return len(self._languages)
