"""Offsets at which something in a file could be a credential, found in the raw bytes before anything is parsed.

It may mark too much, never too little: every name, call, property and value that a rule can match holds one of the words. A file
without a hit is done; in others the languages work only around the hits.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

from hardcode_hunter.ruleset import FirstPass, RuleSet, compiled, trie

Positions = dict[bytes, list[int]]
LARGE = 2_000_000  # bytes after which loading Hyperscan pays
FEW = 100_000  # bytes up to which looking for one word after the other is done before one pattern for all of them is compiled
USERINFO = (
    512  # bytes between the scheme of a URL and the @ that ends its userinfo, or the parameter that names a token
)
QUERY = re.compile(
    rb"[?&;](?:[a-z_.-]{0,20}(?:user|pass|pwd|pw|key|token|secret|sig|auth|appid|cred)[a-z_.-]{0,20})=", re.I
)
SIBLINGS = (
    b"user",
    b"host",
    b"dbname",
    b"database",
    b"login",
    b"server",
    b"endpoint",
    b"engine",
    b"account",
    b"_id",
    b"clientid",
    b"appid",
    b"sid",
)
"""What stands beside a credential: looked for only where there is one."""
SHORT_SIBLINGS = (b"port", b"db", b"name", b"uid", b"driver", b"dialect")
"""The same, where no letter stands before or after."""
DEFAULTS = {b"resources": re.compile(rb"default[\"']?[ \t]*:", re.I), b"variable": re.compile(rb"default[ \t]*=", re.I)}
"""Parameters may have any name, and reach a secret property by reference: their defaults count in a template or module."""
DEFAULT = b"default"
LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyz")


def hits(data: bytes, rules: RuleSet) -> tuple[int, ...]:
    """Byte offsets, ascending, each once; empty when nothing in ``data`` can be a credential."""
    return finder(rules).hits(data)


@lru_cache(maxsize=4)
def finder(rules: RuleSet) -> Finder:
    """The finder of a rule set, made once."""
    return Finder(rules.first_pass)


class Plain:
    """Looks for words by one pass of ``re``; compiled at the first call."""

    def __init__(self, words: Sequence[bytes]) -> None:
        self.words = words
        self._trie: re.Pattern[bytes] | None = None
        self._shorter: dict[bytes, list[bytes]] = {}

    def __call__(self, data: bytes) -> Positions:
        if self._trie is None:
            self._trie = re.compile(b"(?=(" + _trie(self.words) + b"))")
            self._shorter = {word: [w for w in self.words if word.startswith(w)] for word in self.words}
        found: Positions = {}
        for match in self._trie.finditer(data.lower()):
            for word in self._shorter[match.group(1)]:
                if word in found:
                    found[word].append(match.start())
                else:
                    found[word] = [match.start()]
        return found


def searcher(words: Sequence[bytes], *, fast: bool = True) -> Callable[[bytes], Positions]:
    """Finds each of the lower-case ``words`` in bytes, whatever their case there: by Hyperscan where its wheel is installed."""
    from hardcode_hunter.integrations import hyperscan_engine

    found = hyperscan_engine.finder(words, compiled.folder()) if fast and hyperscan_engine.available() else None
    return found or Plain(words)


class Finder:
    """Looks for the words of a rule set. ``engine`` is ``words``, ``plain``, ``hyperscan`` or, by default, the first for a few small files,
    then the second, and after some megabytes the third; all of them find the same."""

    def __init__(self, first_pass: FirstPass, engine: str = "auto") -> None:
        self.first_pass = first_pass
        beside = [*first_pass.beside, *(w for words in first_pass.beside.values() for w in words)]
        self.words = tuple(
            sorted(
                {
                    *first_pass.words,
                    *beside,
                    *first_pass.patterns,
                    *first_pass.starting,
                    *SIBLINGS,
                    *SHORT_SIBLINGS,
                    *DEFAULTS,
                    DEFAULT,
                    b"://",
                    b"@",
                }
            )
        )
        self._plain = Plain(self.words)
        self._find: Callable[[bytes], Positions] = self.plain
        self._few = FEW if engine == "auto" else 0
        self._until = LARGE if engine == "auto" else -1
        if engine == "hyperscan":
            self._load()
        elif engine == "words":
            self._find = self.word_by_word

    def word_by_word(self, data: bytes) -> Positions:
        """The same as :meth:`plain`, one word after the other: slower on what is large, and nothing has to be compiled."""
        lower, found = data.lower(), dict[bytes, list[int]]()
        for word in self.words:
            at = lower.find(word)
            while at >= 0:
                found.setdefault(word, []).append(at)
                at = lower.find(word, at + 1)
        return found

    def plain(self, data: bytes) -> Positions:
        """Offsets of each word in ``data``, by one pass of ``re``: at each offset the longest word, and with it those that it begins with."""
        return self._plain(data)

    def prepare(self) -> None:
        """Takes the fastest engine at once, for a large tree."""
        if self._until >= 0:
            self._few = 0
            self._load()

    def _load(self) -> None:
        from hardcode_hunter.integrations import hyperscan_engine

        self._until = -1
        if not hyperscan_engine.available():
            return
        self._find = hyperscan_engine.finder(self.words, compiled.folder()) or self.plain

    def hits(self, data: bytes) -> tuple[int, ...]:
        """As :func:`hits`."""
        find = self._find
        if self._few > len(data):
            self._few -= len(data)
            find = self.word_by_word
        else:
            self._few = 0
        if self._until >= 0:
            self._until -= len(data)
            if self._until < 0:
                self._load()
                find = self._find
        found = find(data)
        marked = set(self.marked(data, found))
        if not marked:
            return ()
        for word in SIBLINGS:
            marked.update(found.get(word, ()))
        for word in SHORT_SIBLINGS:
            marked.update(_words(data, found.get(word, ()), len(word)))
        return tuple(sorted(marked))

    def marked(self, data: bytes, found: Positions) -> Iterator[int]:
        """Where one of the words ``found`` in ``data`` is a reason to parse it: offsets in no order, some of them twice."""
        for word in self.first_pass.words:
            yield from found.get(word, ())
        for root, words in self.first_pass.beside.items():
            if root in found:
                for word in words:
                    yield from found.get(word, ())
        for word, patterns in self.first_pass.patterns.items():
            if word in found:
                yield from _matches(data, found[word], patterns)
        for word, patterns in self.first_pass.starting.items():
            if word in found:
                match = _compiled(b"|".join(patterns)).match
                yield from (at for at in found[word] if match(data, at))
        if b"://" in found:
            yield from _urls(data, found[b"://"], found.get(b"@", ()))
        for mark, pattern in DEFAULTS.items():
            if mark in found:
                yield from (at for at in found.get(DEFAULT, ()) if pattern.match(data, at))


def _trie(words: Iterable[bytes]) -> bytes:
    return trie.any_of(word.decode("latin-1") for word in words).encode("latin-1")


def _words(data: bytes, offsets: Iterable[int], length: int) -> Iterator[int]:
    for at in offsets:
        before, after = data[at - 1 : at].lower() if at else b"", data[at + length : at + length + 1].lower()
        if (not before or before[0] not in LETTERS) and (not after or after[0] not in LETTERS):
            yield at


AROUND = 256  # bytes before a short word at which a value that holds it can begin


def _matches(data: bytes, offsets: Sequence[int], patterns: Iterable[bytes]) -> Iterator[int]:
    """Where a value pattern matches near one of the offsets of its word."""
    for pattern in patterns:
        search, past = _compiled(pattern), -1
        for at in offsets:
            if at < past:
                continue
            match = search.search(data, max(past, at - AROUND, 0), at + AROUND)
            if match:
                yield match.start()
                past = match.end()


@lru_cache(maxsize=1024)
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern)


def _urls(data: bytes, schemes: Sequence[int], signs: Sequence[int]) -> Iterator[int]:
    """Schemes whose URL has a userinfo, or a parameter that names a credential."""
    for at in schemes:
        following = bisect_left(signs, at)
        if (following < len(signs) and signs[following] - at <= USERINFO) or QUERY.search(data, at, at + USERINFO):
            yield at
