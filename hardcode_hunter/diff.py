"""Changes as a unified diff in which no credential shows, on the changed lines and in the context alike."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from hardcode_hunter.model import MASK, Change, Edit, Plaintext, Span

SHORTEST = 4  # characters: below that a value is masked at its span only, or half of the program would be asterisks


def masked_diff(change: Change, data: bytes, spans: Sequence[Span], values: Iterable[Plaintext] = ()) -> str:
    """``data`` against the changed file. ``spans`` are all known credentials in ``data``; ``values`` are masked wherever they occur."""
    hidden = [Edit(span, _mask(data[span.start : span.end])) for span in _outside(change.edits, spans)]
    before = Change(change.path, None, tuple(Edit(s, _mask(data[s.start : s.end])) for s in _disjoint(spans)))
    after = Change(change.path, None, (*change.edits, *hidden))
    old, new = before.result(data), after.result(data)
    words = sorted({v.reveal() for v in values if len(v) >= SHORTEST}, key=len, reverse=True)
    lines = difflib.unified_diff(
        _lines(old, words), _lines(new, words), _name(change, "a"), f"b/{change.path}", lineterm=""
    )
    return "".join(f"{line}\n" for line in lines)


def _name(change: Change, side: str) -> str:
    return "/dev/null" if change.before is None else f"{side}/{change.path}"


def _mask(literal: bytes) -> bytes:
    """A mask that keeps the literal's quotes, so that the diff still reads as code."""
    quote = literal[-1:] if literal[-1:] in (b'"', b"'") else b""
    return quote + MASK.encode() + quote


def _disjoint(spans: Iterable[Span]) -> list[Span]:
    kept: list[Span] = []
    for span in sorted(set(spans), key=lambda s: (s.start, -s.end)):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


def _outside(edits: Sequence[Edit], spans: Sequence[Span]) -> list[Span]:
    return [
        span
        for span in _disjoint(spans)
        if not any(span.overlaps(e.span) or (e.span.start == e.span.end and e.span.start in span) for e in edits)
    ]


def _lines(data: bytes, words: Sequence[str]) -> list[str]:
    text = data.decode("utf-8", "replace")
    for word in words:
        for piece in {word, *(line for line in word.splitlines() if len(line) >= SHORTEST)}:
            text = text.replace(piece, MASK)
    return text.splitlines()
