"""Regular expressions that run in linear time, and the words that a match of one must contain.

Python's ``re`` backtracks: an innocent pattern over a hostile file can run for hours. What :func:`check` lets pass costs at
most a constant per start position, so a rule, also a user's own, can't hang a scan.
"""

from __future__ import annotations

import re
import re._constants as op  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hardcode_hunter.ruleset.characters import Item, of_class, of_item

WIDEST = 4096  # characters that one repeat in a value pattern may take
NARROW = 16  # a repeat whose length varies by no more than this may be followed by what it can match itself
WAYS = 4096  # in which a match may go on from one start: each is tried before a text is given up
REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)
FORBIDDEN = {
    op.GROUPREF: "a backreference; write what may stand there",
    op.GROUPREF_EXISTS: "a conditional group; write two patterns",
    op.ASSERT: "a lookaround; match what stands around too, and put a group around the value",
    op.ASSERT_NOT: "a lookaround; match what stands around too, and put a group around the value",
    op.POSSESSIVE_REPEAT: "a possessive repeat, which Python before 3.11.5 matches wrongly; write {1,200}",
    op.ATOMIC_GROUP: "an atomic group, which Python before 3.11.5 matches wrongly; write (?:…)",
}


class NotLinear(ValueError):
    """Why a pattern was refused; the message doesn't quote it."""


def check(pattern: str, *, bounded: bool = True) -> None:
    """Raises :class:`NotLinear` for a pattern that isn't valid, or that could take more than linear time.

    ``bounded`` patterns (for values, which can be long) need an upper bound on every repeat.
    """
    try:
        tree = parser.parse(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise NotLinear(f"is no regular expression ({getattr(error, 'msg', type(error).__name__)})") from None
    flags = tree.state.flags
    items = list(tree)
    _sequence(items, bounded, inside=False, fold=bool(flags & re.IGNORECASE))
    if not any(_mandatory(item) for item in items):
        raise NotLinear("matches the empty text; let it begin with what is always there")
    if _contested(items, (), bool(flags & re.IGNORECASE)) > 1:
        raise NotLinear(CONTESTED)
    ways = _ways(items, (), bool(flags & re.IGNORECASE))
    if ways > WAYS:
        raise NotLinear(
            f"can go on in more than {WAYS} ways from one start; let what may be left out, or what its branches begin with, differ"
        )


def _sequence(items: Sequence[Item], bounded: bool, inside: bool, fold: bool) -> None:
    for at, (kind, argument) in enumerate(items):
        if kind in FORBIDDEN:
            raise NotLinear(f"has {FORBIDDEN[kind]}")
        if kind in REPEATS:
            _repeat(argument, items[at + 1 :], bounded, inside, fold)
        elif kind is op.SUBPATTERN:
            _sequence(list(argument[3]), bounded, inside, fold)
        elif kind is op.ATOMIC_GROUP:
            _sequence(list(argument), bounded, inside, fold)
        elif kind is op.BRANCH:
            if inside:
                raise NotLinear("has an alternation inside a repeat; write a character class")
            for branch in argument[1]:
                _sequence(list(branch), bounded, inside, fold)


def _repeat(argument: tuple[int, int, Any], after: Sequence[Item], bounded: bool, inside: bool, fold: bool) -> None:
    low, high, body = argument
    if high is op.MAXREPEAT and bounded:
        raise NotLinear("has a repeat without an upper bound; write {1,200} for +, {0,200} for *")
    if bounded and high > WIDEST:
        raise NotLinear(f"has a repeat of more than {WIDEST}; a value is shorter")
    if inside and low != high:
        raise NotLinear("has a repeat of varying length inside a repeat; write one character class with one repeat")
    many = high is op.MAXREPEAT or high > 1
    _sequence(list(body), bounded, inside or (many and low != high) or (many and _length_varies(body)), fold)
    wide = high is op.MAXREPEAT or high - low > NARROW
    if bounded and wide and _characters(body, fold) & _first_of(after, fold):
        raise NotLinear(CONTESTED)


CONTESTED = (
    "has a wide repeat followed by what the repeat itself matches; let a character that is not in it stand between"
)


def _contested(items: Sequence[Item], after: Sequence[Item], fold: bool) -> int:
    """How many wide repeats are followed by what they match themselves: each multiplies the work by the length of the text."""
    found = 0
    for at, (kind, argument) in enumerate(items):
        following = [*items[at + 1 :], *after]
        if kind is op.SUBPATTERN:
            found += _contested(list(argument[3]), following, fold)
        elif kind is op.BRANCH:
            found += max(_contested(list(branch), following, fold) for branch in argument[1])
        elif kind in REPEATS:
            low, high, body = argument
            wide = high is op.MAXREPEAT or high - low > NARROW
            found += bool(wide and _characters(body, fold) & _first_of(following, fold))
            found += _contested(list(body), following, fold)
    return found


def _ways(items: Sequence[Item], after: Sequence[Item], fold: bool) -> int:
    """In how many ways, at most, ``items`` can match the same text before what comes ``after`` them."""
    ways = 1
    for at, (kind, argument) in enumerate(items):
        following = [*items[at + 1 :], *after]
        if kind is op.SUBPATTERN:
            ways *= _ways(list(argument[3]), following, fold)
        elif kind is op.BRANCH:
            firsts = Counter(c for branch in argument[1] for c in _first_of([*branch, *following], fold))
            inside = max(_ways(list(branch), following, fold) for branch in argument[1])
            ways *= max(firsts.values(), default=1) * inside
        elif kind in REPEATS and argument[0] != argument[1]:
            low, high, body = argument
            if (
                high is not op.MAXREPEAT
                and high - low <= NARROW
                and _characters(body, fold) & _first_of(following, fold)
            ):
                ways *= high - low + 1
            ways *= _ways(list(body), following, fold)
        elif kind in REPEATS:
            ways *= min(_ways(list(argument[2]), following, fold), WAYS + 1) ** min(argument[0], WAYS)
        ways = min(ways, WAYS + 1)
    return ways


def _length_varies(items: Any) -> bool:
    low, high = items.getwidth()
    return bool(low != high)


def _mandatory(item: Item) -> bool:
    kind, argument = item
    if kind is op.AT:
        return False
    if kind in REPEATS:
        return bool(argument[0] > 0 and any(_mandatory(i) for i in argument[2]))
    if kind is op.SUBPATTERN:
        return any(_mandatory(i) for i in argument[3])
    if kind is op.BRANCH:
        return all(any(_mandatory(i) for i in branch) for branch in argument[1])
    return True


# ---------------------------------------------------------------- what a match can begin with, and what can be in it


def _first(item: Item, fold: bool) -> frozenset[int]:
    """Characters that a match of ``item`` can begin with."""
    kind, argument = item
    single = of_item(kind, argument, fold)
    if single is not None:
        return single
    if kind in REPEATS:
        return _first_of(argument[2], fold)
    if kind is op.SUBPATTERN:
        return _first_of(argument[3], fold)
    if kind is op.ATOMIC_GROUP:
        return _first_of(argument, fold)
    if kind is op.BRANCH:
        return frozenset().union(*(_first_of(branch, fold) for branch in argument[1]))
    return frozenset()


def _first_of(items: Any, fold: bool) -> frozenset[int]:
    found: frozenset[int] = frozenset()
    for item in items:
        found |= _first(item, fold)
        if _mandatory(item):
            break
    return found


def _characters(items: Any, fold: bool) -> frozenset[int]:
    """Characters that can occur anywhere in a match."""
    found: frozenset[int] = frozenset()
    for kind, argument in items:
        single = of_item(kind, argument, fold)
        if single is not None:
            found |= single
        elif kind in REPEATS:
            found |= _characters(argument[2], fold)
        elif kind is op.SUBPATTERN:
            found |= _characters(argument[3], fold)
        elif kind is op.ATOMIC_GROUP:
            found |= _characters(argument, fold)
        elif kind is op.BRANCH:
            found = found.union(*(_characters(branch, fold) for branch in argument[1]))
    return found


# ---------------------------------------------------------------- words that every match contains


def required(pattern: str, separators: str = "", prefer: Iterable[str] = ()) -> frozenset[str]:
    """Lower-case words of which every match holds at least one; empty when there is no such set.

    A run is cut at ``separators``: names are matched with ``_`` between words that their source may write otherwise.
    Where there is a choice, words that contain a preferred one are taken, else the longest.
    """
    best = _required(list(parser.parse(pattern)), separators, tuple(prefer))
    return frozenset(best or ())


def _flat(items: Sequence[Item]) -> Iterator[Item]:
    """The items with groups that only group taken apart."""
    for kind, argument in items:
        if kind is op.SUBPATTERN:
            yield from _flat(list(argument[3]))
        else:
            yield kind, argument


def _runs(items: Sequence[Item], separators: str) -> Iterator[str]:
    run = ""
    for kind, argument in items:
        if kind is op.LITERAL and chr(argument) not in separators:
            run += chr(argument).lower()
        else:
            yield run
            run = ""
    yield run


def _literals_before(items: Sequence[Item], at: int) -> Sequence[Item]:
    start = at
    while start and items[start - 1][0] is op.LITERAL:
        start -= 1
    return items[start:at]


def _required(items: Sequence[Item], separators: str, prefer: tuple[str, ...]) -> set[str] | None:
    items = list(_flat(items))
    options = [{run} for run in _runs(items, separators) if len(run) > 1]
    for at, (kind, argument) in enumerate(items):
        inner: set[str] | None = None
        if kind in REPEATS and argument[0] > 0:
            inner = _required(list(argument[2]), separators, prefer)
        elif kind is op.BRANCH:
            lead = _literals_before(items, at)  # the parser takes what all branches begin with out of them
            branches = [_required([*lead, *branch], separators, prefer) for branch in argument[1]]
            inner = {word for b in branches if b for word in b} if all(branches) else None
        if inner:
            options.append(inner)

    def worth(words: set[str]) -> tuple[bool, int, int]:
        return all(any(p in w for p in prefer) for w in words), min(len(w) for w in words), -len(words)

    return max(options, key=worth, default=None)


HEAD = 8  # characters of a beginning that are worth telling apart
MANY = 64  # beginnings; a class of more than 8 characters ends one


def heads(pattern: str) -> frozenset[str]:
    """Lower-case beginnings, each up to ``HEAD`` characters, of which every match begins with one; empty when nothing can be said."""
    found = frozenset(text for text, _ in _heads(list(parser.parse(pattern))))
    return frozenset() if "" in found or len(found) > MANY else found


Beginnings = set[tuple[str, bool]]
"""Texts, and whether what follows in the pattern follows on them directly."""
UNKNOWN: Beginnings = {("", False)}


def _heads(items: Sequence[Item]) -> Beginnings:
    found: Beginnings = {("", True)}
    for item in items:
        growing = {text for text, whole in found if whole and len(text) < HEAD}
        if not growing:
            break
        step = _beginnings(item)
        found = {row for row in found if row[0] not in growing or not row[1]}
        found |= {(text + more, whole) for text in growing for more, whole in step}
        if len(found) > MANY:
            return UNKNOWN
    return found


def _beginnings(item: Item) -> Beginnings:
    kind, argument = item
    if kind is op.AT:
        return {("", True)}
    if kind is op.LITERAL:
        return {(chr(argument).lower(), True)}
    if kind is op.IN:
        letters = of_class(argument, False)
        return {(chr(c).lower(), True) for c in letters} if len(letters) <= 8 and 128 not in letters else UNKNOWN
    if kind is op.SUBPATTERN:
        return _heads(list(argument[3]))
    if kind is op.BRANCH:
        return {row for branch in argument[1] for row in _heads(list(branch))}
    if kind in REPEATS and argument[1] == 1:
        return _heads(list(argument[2])) | ({("", True)} if argument[0] == 0 else set())
    if kind in REPEATS and argument[0] > 0:
        return {(text, False) for text, _ in _heads(list(argument[2]))}
    return UNKNOWN


def begins(pattern: str, words: Sequence[str]) -> bool:
    """Whether every match begins with one of the lower-case ``words``."""
    items = list(_flat(list(parser.parse(pattern))))
    letters = next((at for at, (kind, _) in enumerate(items) if kind is not op.LITERAL), len(items))
    start = "".join(chr(argument) for _, argument in items[:letters]).lower()
    known = heads(pattern)
    return start.startswith(tuple(words)) or (bool(known) and all(head.startswith(tuple(words)) for head in known))


def words(pattern: str) -> frozenset[str]:
    """The words by which the first pass finds a value's pattern: its beginnings where they say more, else :func:`required`."""
    first, anywhere = heads(pattern), required(pattern)
    if not first or len(first) > 16 or min(map(len, first)) < 3:
        return anywhere
    return first if not anywhere or min(map(len, first)) >= min(map(len, anywhere)) else anywhere


def least(pattern: str) -> int:
    """The number of characters of the shortest match."""
    return int(parser.parse(pattern).getwidth()[0])


def with_bounds(pattern: str, most: int = 512) -> str:
    """The same pattern with an upper bound on each repeat that had none: for patterns that come from elsewhere."""
    out, at, in_class = [], 0, False
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            out.append(pattern[at : at + 2])
            at += 2
            continue
        if in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
            opening = re.match(r"\[\^?\]?", pattern[at:])
            assert opening
            char = opening.group()
        elif char in "+*":
            char = f"{{{int(char == '+')},{most}}}"
        elif char == "{" and (open_ended := re.match(r"\{(\d+),\}", pattern[at:])):
            out.append(f"{{{open_ended.group(1)},{max(int(open_ended.group(1)), most)}}}")
            at += open_ended.end()
            continue
        out.append(char)
        at += len(char) if pattern.startswith(char, at) else 1
    return "".join(out)
