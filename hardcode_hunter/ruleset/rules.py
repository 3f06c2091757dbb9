"""A set of rules, indexed by everything that a candidate can be asked for."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hardcode_hunter.model import Confidence, Kind
from hardcode_hunter.ruleset import linear
from hardcode_hunter.ruleset.rule import Rule, Value

Role = tuple[Rule, str]
COMMON = ("pass", "pwd", "pw", "secret", "token", "key", "auth", "cred", "cookie")
"""Words that the first pass looks for anyway."""
LONG = 400  # characters of a value up to which its triples are collected
Possible = dict[str, list[tuple[str, int]]]
"""By the first three letters of a word: the words of the patterns that a value can be long enough for, and the patterns' numbers."""
REMEMBERED = 100_000  # names whose rule is kept in memory
VAGUE = frozenset(["value", "key", "name", "default", "type", "id", "parameters", "data", "text", "string", "content"])
"""Last parts of property paths that are too common to be matched without what stands before them."""


@dataclass(frozen=True, slots=True)
class FirstPass:
    """Lower-case words that the first pass looks for.

    ``words`` count anywhere; ``beside[w]`` are words that count in a file that also holds ``w`` (a library's name, a resource's type);
    ``patterns[w]`` are patterns of values that hold the word ``w``, ``starting[w]`` those that begin with it: only a whole match counts.
    """

    words: tuple[bytes, ...] = ()
    beside: Mapping[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    patterns: Mapping[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    starting: Mapping[bytes, tuple[bytes, ...]] = field(default_factory=dict)


def first_pass_row(first_pass: FirstPass) -> Any:
    """The words as JSON values; Latin-1, because a word is bytes."""

    def texts(words: Iterable[bytes]) -> list[str]:
        return [word.decode("latin-1") for word in words]

    return [
        texts(first_pass.words),
        *(
            {k.decode("latin-1"): texts(v) for k, v in each.items()}
            for each in (first_pass.beside, first_pass.patterns, first_pass.starting)
        ),
    ]


def first_pass_from(row: Any) -> FirstPass:
    """The inverse of :func:`first_pass_row`."""
    words, *each_map = row
    maps = ({k.encode("latin-1"): tuple(w.encode("latin-1") for w in v) for k, v in each.items()} for each in each_map)
    return FirstPass(tuple(w.encode("latin-1") for w in words), *maps)


class RuleSet:
    """Rules in the order in which they are asked: by ``precedence``, then as they stand in the files."""

    def __init__(self, rules: Iterable[Rule], first_pass: FirstPass | None = None, *, sure: bool = False) -> None:
        self.rules: tuple[Rule, ...] = tuple(sorted(rules, key=lambda r: -r.precedence))
        self.asked = tuple(rule for rule in self.rules if not (sure and faint(rule)))
        self._ids = {rule.id: rule for rule in self.rules}
        self._calls: defaultdict[str, dict[str, Role]] = defaultdict(dict)
        self._properties: defaultdict[str, dict[str, Rule]] = defaultdict(dict)
        self._symbols: defaultdict[str, list[tuple[str, Rule]]] = defaultdict(list)
        self._schemes: dict[str, Rule] = {}
        self._values: list[tuple[Value, Rule]] = []
        for rule in self.asked:
            self._index(rule)
        self._least = min((value.least for value, _ in self._values), default=0)
        self._most = max((value.least for value, _ in self._values), default=0)
        self._possible: dict[int, Possible] = {}
        self._patterns: dict[str, re.Pattern[str]] = {}
        self._names: re.Pattern[str] | None = None
        self._named = [(rule, pattern) for rule in self.asked for pattern in rule.names]
        self._known_names: dict[str, Rule | None] = {}
        self._first_pass = first_pass

    def _index(self, rule: Rule) -> None:
        for call in rule.calls:
            for role, parameters in call.roles.items():
                for parameter in parameters:
                    self._calls[call.callee].setdefault(parameter, (rule, role))
        for name in rule.properties:
            resource, path = split_property(name)
            self._properties[resource].setdefault(path, rule)
        for symbol in rule.symbols:
            self._symbols[symbol.rpartition(".")[2]].append((symbol, rule))
        for scheme in rule.schemes:
            self._schemes.setdefault(scheme, rule)
        for value in rule.values:
            self._values.append((value, rule))

    @property
    def first_pass(self) -> FirstPass:
        if self._first_pass is None:
            self._first_pass = _first_pass(self.asked)
        return self._first_pass

    def rule(self, id: str) -> Rule:
        """The rule called ``id``. Raises ``KeyError``."""
        return self._ids[id]

    def of(self, kind: Kind, role: str) -> Rule | None:
        """The first rule for that role in that kind of credential."""
        return next((rule for rule in self.rules if rule.kind is kind and rule.role == role), None)

    def get(self, id: str) -> Rule | None:
        return self._ids.get(id)

    def call(self, callee: str) -> Mapping[str, Role]:
        """Parameter → rule and role, for a library call; empty for a call that no rule knows."""
        found = self._calls.get(callee)
        if found is None and callee.startswith("?."):
            found = self._calls.get("?." + callee.rpartition(".")[2])
        return found or {}

    def property(self, resource: str, path: str) -> Rule | None:
        """The rule for a resource's property; ``path`` is dotted below the resource, list indices left out, or its last part alone."""
        known = self._properties.get(resource)
        if not known:
            return None
        if path in known:
            return known[path]
        last = path.rpartition(".")[2]
        if "." in path or last.lower() in VAGUE:
            return (
                next((rule for each, rule in known.items() if each.endswith("." + path)), None) if "." in path else None
            )
        return next((rule for each, rule in known.items() if each.rpartition(".")[2] == last), None)

    def symbol(self, symbol: str) -> Rule | None:
        """The rule for a structural path that is or ends with a rule's: ``stripe.api_key``, ``SECRET_KEY``."""
        for pattern, rule in self._symbols.get(symbol.rpartition(".")[2], ()):
            if symbol == pattern or symbol.endswith("." + pattern):
                return rule
        return None

    def scheme(self, scheme: str) -> Rule | None:
        """The rule for a URL's scheme or an engine."""
        return self._schemes.get(scheme) or self._schemes.get("*")

    def name(self, name: str) -> Rule | None:
        """The rule whose names the normalised ``name`` ends with, the longest ending first; remembered per name."""
        from hardcode_hunter.filters import normalise  # compiles many patterns: only where there is a name to ask for

        plain = normalise(name)
        try:
            return self._known_names[plain]
        except KeyError:
            if len(self._known_names) >= REMEMBERED:
                self._known_names.clear()
            rule = self._known_names[plain] = self._match_name(plain)
            return rule

    def _match_name(self, plain: str) -> Rule | None:
        if self._names is None:
            self._names = re.compile("(?:.*?_)??(?:" + "|".join(f"({_plain(p)})" for _, p in self._named) + ")")
        match = self._names.fullmatch(plain)
        if match is None or match.lastindex is None:
            return None
        rule = self._named[match.lastindex - 1][0]
        from hardcode_hunter.filters import public_name

        return None if public_name(plain) or any(self._pattern(p).fullmatch(plain) for p in rule.not_names) else rule

    def values(self, value: str) -> Iterator[tuple[Rule, Value, int, int]]:
        """Every match of a value pattern in ``value``, rule by rule. Patterns are tried only where one of their words occurs."""
        for pattern, rule in self.tried(value):
            for match in self._pattern(pattern.regex).finditer(value):
                first, last = match.span(1) if match.lastindex else match.span()
                if not pattern.edges or _stands_alone(value, first, last):
                    yield rule, pattern, first, last

    def tried(self, value: str) -> Iterable[tuple[Value, Rule]]:
        """The patterns that ``value`` is long enough for and of which it holds a word, in the order of the rules.

        A value has few distinct triples of letters, and there are hundreds of words: the triples say which words need to be looked for.
        """
        size = len(value)
        if size < self._least:
            return ()
        lower = value.lower()
        if size > LONG:
            return ((v, r) for v, r in self._values if size >= v.least and any(w in lower for w in v.keywords))
        least = min(size, self._most)
        known = self._possible.get(least)
        if known is None:
            known = self._possible[least] = _possible(self._values, least)
        triples = known.keys() & {lower[at : at + 3] for at in range(size - 2)}
        found = {number for triple in triples for word, number in known[triple] if word in lower}
        found.update(number for word, number in known.get("", ()) if word in lower)
        return (self._values[number] for number in sorted(found))

    def _pattern(self, regex: str) -> re.Pattern[str]:
        try:
            return self._patterns[regex]
        except KeyError:
            compiled = self._patterns[regex] = re.compile(regex)
            return compiled


def _possible(values: Sequence[tuple[Value, Rule]], size: int) -> Possible:
    found: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for number, (value, _) in enumerate(values):
        if value.least <= size:
            for word in value.keywords:
                found[word[:3] if len(word) > 2 else ""].append((word, number))
    return dict(found)


def faint(rule: Rule) -> bool:
    """Whether the rule is about values alone, and never sure of one."""
    spoken = (rule.calls, rule.names, rule.symbols, rule.properties, rule.schemes)
    return rule.confidence is Confidence.LOW and not any(spoken)


def split_property(name: str) -> tuple[str, str]:
    """Resource type and dotted path: ``aws_db_instance.password``, ``provider.aws.secret_key``."""
    first, _, rest = name.partition(".")
    if first in ("provider", "backend", "data"):
        second, _, rest = rest.partition(".")
        return f"{first}.{second}", rest
    return first, rest


def _plain(pattern: str) -> str:
    """The pattern with its groups made non-capturing, so that one group stands for one rule."""
    return re.sub(r"(?<!\\)\((?!\?)", "(?:", pattern)


def _stands_alone(value: str, first: int, last: int) -> bool:
    before, after = value[first - 1 : first] if first else "", value[last : last + 1]
    return not (before.isalnum() and value[first].isalnum()) and not (after.isalnum() or after == "_")


def _first_pass(rules: Sequence[Rule]) -> FirstPass:
    words: set[str] = {"bearer ", "basic "}
    beside: defaultdict[str, set[str]] = defaultdict(set)
    patterns: defaultdict[str, set[str]] = defaultdict(set)
    starting: defaultdict[str, set[str]] = defaultdict(set)
    for rule in rules:
        for value in rule.values:
            found = starting if linear.begins(value.regex, value.keywords) else patterns
            for word in value.keywords:
                found[word].add(value.regex)
        for pattern in rule.names:
            words |= linear.required(pattern, "_", COMMON)
        for symbol in rule.symbols:
            words.add(symbol.rpartition(".")[2].partition("[")[0].lower())
        for call in rule.calls:
            root, _, last = call.callee.lower().rpartition(".")
            if root == "?":
                words.add(last)
            else:
                beside[root.partition(".")[0] or last].add(last)
        for name in rule.properties:
            resource, path = split_property(name.lower())
            beside[resource.rpartition(".")[2]].add(path.rpartition(".")[2])
    fewest = _shortest(words)
    kept = {root: _shortest(w for w in last if not any(f in w for f in fewest)) for root, last in beside.items()}
    return FirstPass(
        tuple(word.encode() for word in fewest),
        {root.encode(): tuple(w.encode() for w in last) for root, last in sorted(kept.items()) if last},
        *(
            {
                word.encode(): tuple(sorted(p.encode() for p in each))
                for word, each in sorted(found.items())
                if not any(f in word for f in fewest)
            }
            for found in (patterns, starting)
        ),
    )


def _shortest(words: Iterable[str]) -> tuple[str, ...]:
    """The words without those that contain another one: where the longer occurs, the shorter does."""
    kept: list[str] = []
    for word in sorted(set(words), key=lambda w: (len(w), w)):
        if not any(short in word for short in kept):
            kept.append(word)
    return tuple(sorted(kept))
