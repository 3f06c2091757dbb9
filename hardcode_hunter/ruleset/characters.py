"""Which characters a part of a regular expression can match: code points below 128, and 128 for all others."""

from __future__ import annotations

import re._constants as op  # type: ignore[import-not-found]
from collections.abc import Sequence
from typing import Any

Item = tuple[Any, Any]
"""A node of :mod:`re`'s parse tree: its kind and its argument."""
EVERY = frozenset(range(129))
DIGITS = frozenset(range(48, 58))
SPACES = frozenset([9, 10, 11, 12, 13, 32, 28, 29, 30, 31, 128])
WORD = frozenset([*range(48, 58), *range(65, 91), 95, *range(97, 123), 128])
CATEGORIES = {
    op.CATEGORY_DIGIT: DIGITS | {128},
    op.CATEGORY_NOT_DIGIT: EVERY - DIGITS,
    op.CATEGORY_SPACE: SPACES,
    op.CATEGORY_NOT_SPACE: EVERY - (SPACES - {128}),
    op.CATEGORY_WORD: WORD,
    op.CATEGORY_NOT_WORD: EVERY - (WORD - {128}),
}


def _code(point: int, fold: bool) -> frozenset[int]:
    codes = {min(point, 128)}
    if fold:
        codes |= {min(ord(c), 128) for c in chr(point).lower() + chr(point).upper()}
    return frozenset(codes)


def of_class(members: Sequence[Item], fold: bool) -> frozenset[int]:
    """Of ``[…]``; with ``fold`` of either case."""
    found: set[int] = set()
    negated = False
    for kind, argument in members:
        if kind is op.NEGATE:
            negated = True
        elif kind is op.LITERAL:
            found |= _code(argument, fold)
        elif kind is op.RANGE:
            low, high = argument
            for point in range(low, min(high, 127) + 1):
                found |= _code(point, fold)
            if high > 127:
                found.add(128)
        elif kind is op.CATEGORY:
            found |= CATEGORIES[argument]
    return EVERY - (found - {128}) if negated else frozenset(found)


def of_item(kind: Any, argument: Any, fold: bool) -> frozenset[int] | None:
    """Of an item that matches one character; ``None`` for any other."""
    if kind is op.LITERAL:
        return _code(argument, fold)
    if kind is op.NOT_LITERAL:
        return EVERY - (_code(argument, fold) - {128})
    if kind is op.IN:
        return of_class(argument, fold)
    if kind is op.ANY:
        return EVERY - {10}
    return None
