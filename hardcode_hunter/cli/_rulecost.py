"""What each rule costs over a set of files: where its words occur, how often its patterns are tried, and the CPU that takes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time_ns

from hardcode_hunter import discover, firstpass, pipeline
from hardcode_hunter.cli._rulecheck import PATHS
from hardcode_hunter.errors import UsageError
from hardcode_hunter.filters import normalise
from hardcode_hunter.model import Source
from hardcode_hunter.ruleset import Rule, RuleSet

MEGABYTE = 1_000_000
File = tuple[str, bytes]


@dataclass(slots=True)
class Cost:
    """Of one rule, summed up over all files. ``words`` are places that hold one of its words, ``marks`` those that are a reason to parse
    the file; ``values`` and ``names`` are what its patterns were tried on; ``matches`` are values that one matched; ``cpu`` is in nanoseconds.
    """

    rule: Rule
    words: int = 0
    marks: int = 0
    values: int = 0
    names: int = 0
    matches: int = 0
    cpu: int = 0


@dataclass(frozen=True, slots=True)
class Costs:
    """Of all rules, the dearest first. ``search`` is the CPU of the one pass that finds the words of all of them, in nanoseconds."""

    files: int
    bytes: int
    search: int
    rows: tuple[Cost, ...]


def corpus(paths: Sequence[Path], rules: Iterable[Rule]) -> Iterator[File]:
    """The files below ``paths``, as a scan reads them; without any the examples and near misses of ``rules``, each as a file."""
    if paths:
        walk = discover.Walk(discover.project_root(paths).resolve())
        feed = discover.OnDisk(walk, paths)
        for name in feed.names():
            data = feed.read(name)
            if data:
                yield name, data
        return
    for rule in rules:
        for sample in (*rule.examples, *rule.near_misses):
            yield sample.path or PATHS.get(sample.language, "example.txt"), sample.text.encode()


def measure(wanted: Iterable[Rule], rules: RuleSet, files: Iterable[File]) -> Costs:
    """What ``wanted`` cost over ``files``; what they are asked about is what all ``rules`` bring up. Raises ``UsageError`` without a file."""
    costs = [Cost(rule) for rule in wanted]
    finders = [firstpass.Finder(RuleSet([cost.rule]).first_pass) for cost in costs]
    words = [_words(finder) for finder in finders]
    search = firstpass.searcher(sorted(set().union(*words)))
    asked = _Asked(rules)
    count = size = spent = 0
    for name, data in files:
        count, size = count + 1, size + len(data)
        start = process_time_ns()
        found = search(data)
        spent += process_time_ns() - start
        for cost, finder, each in zip(costs, finders, words, strict=True):
            own = {word: found[word] for word in each & found.keys()}
            if own:
                _places(cost, finder, data, own)
        asked.add(name, data)
    if not size:
        raise UsageError("there is no file to measure over; give a path that holds some")
    for cost in costs:
        _patterns(cost, asked)
    return Costs(count, size, spent, tuple(sorted(costs, key=lambda c: (-c.cpu, c.rule.id))))


def _words(finder: firstpass.Finder) -> set[bytes]:
    """The words of the rule itself, without those that every search looks for."""
    first = finder.first_pass
    beside = (word for root, words in first.beside.items() for word in (root, *words))
    return {*first.words, *beside, *first.patterns, *first.starting}


def _places(cost: Cost, finder: firstpass.Finder, data: bytes, own: firstpass.Positions) -> None:
    cost.words += sum(map(len, own.values()))
    start = process_time_ns()
    cost.marks += sum(1 for _ in finder.marked(data, own))
    cost.cpu += process_time_ns() - start


class _Asked:
    """What a scan asks the rules about: ``values`` by the rule and pattern that would be tried, and all distinct ``names``."""

    def __init__(self, rules: RuleSet) -> None:
        self.rules = rules
        self.values: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self.names: set[str] = set()

    def add(self, path: str, data: bytes) -> None:
        """Takes what a language yields of a file around the first pass's hits."""
        hits = firstpass.hits(data, self.rules)
        language = pipeline.language_of(path, data) if hits else None
        if language is None:
            return
        for candidate in pipeline.extract(language, Source(path, data, language.name), hits).candidates:
            value = candidate.value.reveal()
            for pattern, rule in self.rules.tried(value):
                self.values[rule.id, pattern.regex].append(value)
            if candidate.name:
                self.names.add(normalise(candidate.name))


def _patterns(cost: Cost, asked: _Asked) -> None:
    for pattern in cost.rule.values:
        compiled, values = re.compile(pattern.regex), asked.values[cost.rule.id, pattern.regex]
        start = process_time_ns()
        cost.matches += sum(1 for value in values for _ in compiled.finditer(value))
        cost.cpu += process_time_ns() - start
        cost.values += len(values)
    if cost.rule.names:
        endings = re.compile("(?:.*?_)??(?:" + "|".join(cost.rule.names) + ")")
        start = process_time_ns()
        for name in asked.names:
            endings.fullmatch(name)
        cost.cpu += process_time_ns() - start
        cost.names += len(asked.names)


def table(costs: Costs, most: int = 0) -> Iterator[str]:
    """The rows as text, all of them or the ``most`` dearest."""
    megabytes = costs.bytes / MEGABYTE
    width = max([len("rule"), *(len(cost.rule.id) for cost in costs.rows)])
    yield f"{'rule':{width}}  {'µs/MB':>9}  {'words/MB':>9}  {'marks/MB':>9}  {'values':>8}  {'names':>8}  {'matches':>8}"
    for cost in costs.rows[: most or None]:
        per = [cost.cpu / 1000 / megabytes, cost.words / megabytes, cost.marks / megabytes]
        counts = [cost.values, cost.names, cost.matches]
        yield (
            f"{cost.rule.id:{width}}  "
            + "  ".join(f"{number:9.1f}" for number in per)
            + "  "
            + "  ".join(f"{number:8}" for number in counts)
        )


def summary(costs: Costs) -> str:
    """What was measured over, and what the search for all words cost."""
    megabytes = costs.bytes / MEGABYTE
    rules = sum(cost.cpu for cost in costs.rows) / MEGABYTE / megabytes
    return (
        f"{len(costs.rows)} rules over {costs.files} files, {megabytes:.1f} MB: "
        f"{costs.search / MEGABYTE / megabytes:.1f} ms/MB to search for all words, {rules:.1f} ms/MB for the rules' own work"
    )
