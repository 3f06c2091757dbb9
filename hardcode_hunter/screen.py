"""Which files are worth parsing: those that hold, near a word of the first pass, something that a rule could take for a credential.

A syntax tree of every file with a hit costs fifteen times what reading it does, and one file in thirty has a finding. So the lines around
each hit are looked at as they are: a file passes when one of them holds a literal that the filters would let through under that word, a URL
with a userinfo, a header, a token, or a call of a library that a rule knows. Like the first pass it may let too much through, never too
little. What it turns away can still say where the values of other files go: :attr:`Verdict.uses` are the names that it hands to calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from hardcode_hunter import filters, firstpass
from hardcode_hunter.model import Confidence
from hardcode_hunter.nearby import (
    ARGUMENT,
    LITERAL,
    STATEMENT,
    TEXTS,
    bound,
    given,
    holds,
    is_word,
    live,
    name_at,
    region_end,
    strong,
)
from hardcode_hunter.ruleset import PUBLIC_ROLES, RuleSet, linear

REMEMBERED = 50_000  # names whose rule is kept in memory
MOST = 20_000  # words in one file beyond which it is parsed unseen
ANY_WORD = (b"pass", b"pwd", b"pw", b"kennwort", b"secret")
"""Words under which any value can be a credential; rules of that kind add theirs."""
_URL = re.compile(rb"://[^\s/@\"'`<>]{0,200}:[^\s@\"'`<>]{1,300}@")
_HEADER = re.compile(
    rb"(?i)(?:bearer|basic|token|bot|apikey|geniekey|oauth|jwt|ssws)(?: token=| api[-_]key=|[ =:]{1,2})[\"\\]{0,2}(?P<v>[A-Za-z0-9+/=_.:~|-]{6,400})"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``worth``: the file must be parsed. Otherwise ``uses`` are the last names of what it hands on where a rule looks."""

    worth: bool
    uses: frozenset[str] = frozenset()


WORTH = Verdict(True)
NOTHING = Verdict(False)


@lru_cache(maxsize=4)
def of(rules: RuleSet, least: Confidence = Confidence.LOW) -> Screen:
    """The screen of a rule set for findings of a certain confidence, made once."""
    return Screen(rules, least)


@dataclass(slots=True)
class Screen:
    """The screen of one rule set, made once."""

    rules: RuleSet
    least: Confidence = Confidence.LOW
    words: tuple[bytes, ...] = ()
    named: frozenset[bytes] = frozenset()
    calls: Mapping[bytes, tuple[tuple[bytes, tuple[bytes, ...]], ...]] = field(default_factory=dict)
    values: Mapping[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    _compiled: dict[bytes, tuple[re.Pattern[bytes], ...]] = field(default_factory=dict)

    _tokens: dict[bytes, str | None] = field(default_factory=dict)
    _find: Callable[[bytes], Mapping[bytes, Sequence[int]]] | None = None

    def __post_init__(self) -> None:
        self.named = _fewest({*ANY_WORD, *_weaker(self.rules)})
        self.calls = _calls(self.rules)
        self.values = _values(self.rules, self.least)
        roots = {root for each in self.calls.values() for root, _ in each if root}
        self.words = tuple(sorted({*self.named, *self.calls, *roots, *self.values, b"://", b"bearer", b"basic "}))

    def judge(self, data: bytes, kind: str) -> Verdict:
        """Whether a file is worth parsing; ``kind`` is ``python``, ``json`` or ``yaml``."""
        if self._find is None:
            self._find = firstpass.searcher(self.words)
        return self.look(data, self._find(data), kind=kind)

    def look(self, data: bytes, found: Mapping[bytes, Sequence[int]], *, kind: str) -> Verdict:
        """Judges a file in which ``words`` were found at these offsets; ``kind`` is ``python``, ``json`` or ``yaml``."""
        code = kind == "python"
        if self._by_itself(data, found):
            return WORTH
        uses: set[str] = set()
        if code and self._called(data, found, uses):
            return WORTH
        texts = not code or bool(TEXTS.search(data))
        offsets = sorted(at for word in self.named & found.keys() for at in found[word])
        if len(offsets) > MOST:
            return WORTH
        for at in offsets:
            token = name_at(data, at)
            if code and given(data, at, token):
                return WORTH
            least = self._least(token)
            if least is None or (code and token == b"pass" and STATEMENT.match(data, at + 4)):
                continue
            if (
                holds(data, at, region_end(data, at, code), token, least, texts, uses)
                if code
                else bound(data, at, token, least, kind)
            ):
                return WORTH
        return Verdict(False, frozenset(uses)) if uses else NOTHING

    def _least(self, token: bytes) -> str | None:
        """How much a value must look like a credential under a name that ends in ``token``, or in its part before a dot; remembered."""
        try:
            return self._tokens[token]
        except KeyError:
            text = token.decode("latin-1").strip(".-")
            parts = {text, *(text[:i] for i, c in enumerate(text) if c == ".")}
            found = {self._asked(part) for part in parts if part} | {
                self._asked(text[:-1], of_many=True) if text.lower().endswith("s") else None
            }
            least = next((word for word in ("any", "word", "fair", "strong") if word in found), None)
            if len(self._tokens) >= REMEMBERED:
                self._tokens.clear()
            self._tokens[token] = least
            return least

    def _asked(self, name: str, *, of_many: bool = False) -> str | None:
        if self.rules.symbol(name):
            return "any"
        rule = self.rules.name(name)
        if rule is None or rule.confidence < self.least:
            return None
        weak = self.least is Confidence.LOW and not of_many and name.lower().endswith("secret")
        return "word" if weak or filters.password_name(name) else rule.strength

    def _by_itself(self, data: bytes, found: Mapping[bytes, Sequence[int]]) -> bool:
        for at in found.get(b"://", ()):
            if _URL.search(data, at, at + 520) or _QUERY.search(data, at, at + 520):
                return True
        for word in (b"bearer", b"basic ", b"token"):
            for at in found.get(word, ()):
                match = _HEADER.match(data, at)
                if match and strong(match.group("v")):
                    return True
        return any(_matched(data, found[word], self._patterns(word)) for word in self.values.keys() & found.keys())

    def _patterns(self, word: bytes) -> tuple[re.Pattern[bytes], ...]:
        if word not in self._compiled:
            self._compiled[word] = tuple(re.compile(pattern) for pattern in self.values[word])
        return self._compiled[word]

    def _called(self, data: bytes, found: Mapping[bytes, Sequence[int]], uses: set[str]) -> bool:
        for last in self.calls.keys() & found.keys():
            offsets = found[last]
            wanted = {p for root, parameters in self.calls[last] if not root or root in found for p in parameters}
            if not wanted:
                continue
            for at in offsets:
                end = at + len(last)
                if (at and is_word(data[at - 1])) or not _OPENS.match(data, end):
                    continue
                stop = region_end(data, end, True)
                behind = min((int(p[1:]) for p in wanted if p[:1] == b"#"), default=99)
                if not (behind < 99 and data.count(b",", end, stop) >= behind) and not any(
                    p in data[end:stop].lower() for p in wanted
                ):
                    continue
                for match in LITERAL.finditer(data, end, stop):
                    if live(match.group("d") or match.group("s") or b"") and (
                        (behind < 99 and data.count(b",", end, match.start()) >= behind)
                        or any(p in data[end : match.start()].lower() for p in wanted)
                    ):
                        return True
                uses.update(m.group(1).decode() for m in ARGUMENT.finditer(data, end, stop))
        return False


_OPENS = re.compile(rb"\s{0,4}\(")
_QUERY = re.compile(
    rb"[?&;](?:[a-z_.-]{0,20}(?:user|pass|pwd|pw|key|token|secret|sig|auth|appid|cred)[a-z_.-]{0,20})=[^&\s\"'{<$%]{6}",
    re.I,
)


def _fewest(words: Iterable[bytes]) -> frozenset[bytes]:
    kept: list[bytes] = []
    for word in sorted(set(words), key=lambda w: (len(w), w)):
        if not any(short in word for short in kept):
            kept.append(word)
    return frozenset(kept)


def _weaker(rules: RuleSet) -> set[bytes]:
    return {
        word.encode()
        for rule in rules.rules
        for pattern in rule.names
        for word in linear.required(
            pattern, "_", ("pass", "pwd", "pw", "secret", "token", "key", "auth", "cred", "cookie")
        )
    }


def _calls(rules: RuleSet) -> dict[bytes, tuple[tuple[bytes, tuple[bytes, ...]], ...]]:
    found: dict[bytes, list[tuple[bytes, tuple[bytes, ...]]]] = {}
    for rule in rules.rules:
        for call in rule.calls:
            root, _, last = call.callee.lower().rpartition(".")
            public = PUBLIC_ROLES - {"username"} if rule.engine == "oracle" else PUBLIC_ROLES  # user/password@service
            parameters = {p for role, ps in call.roles.items() for p in ps if role not in public}
            wanted = tuple(sorted({p.partition("[")[0].partition(".")[0].lower().encode() for p in parameters}))
            found.setdefault(last.encode(), []).append(
                (b"" if root in ("?", "") else root.partition(".")[0].encode(), wanted)
            )
    return {last: tuple(dict.fromkeys(rows)) for last, rows in found.items()}


def _values(rules: RuleSet, least: Confidence) -> dict[bytes, tuple[bytes, ...]]:
    found: dict[bytes, set[str]] = {}
    for rule in rules.asked:
        for value in rule.values if rule.confidence >= least else ():
            for word in value.keywords:
                found.setdefault(word.encode(), set()).add(value.regex)
    return {word: tuple(p.encode() for p in sorted(each)) for word, each in found.items()}


def _matched(data: bytes, offsets: Sequence[int], patterns: Iterable[re.Pattern[bytes]]) -> bool:
    for at in offsets:
        if data[at : at + 5] == b"-----":
            return True
        for pattern in patterns:
            if pattern.search(data, max(0, at - 256), at + 768):
                return True
    return False
