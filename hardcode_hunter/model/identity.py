"""Places and their names: nothing here depends on a credential's value."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Half-open byte range ``[start, end)``."""

    start: int
    end: int

    def __contains__(self, offset: object) -> bool:
        return isinstance(offset, int) and self.start <= offset < self.end

    def overlaps(self, other: Span) -> bool:
        return self.start < other.end and other.start < self.end


def fingerprint(path: str, symbol: str, ordinal: int) -> str:
    """16 hex digits that name a place, made of path, symbol path and ordinal: no trace of the value, no line number."""
    return hashlib.sha256(f"{path}\0{symbol}\0{ordinal}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


def content_hash(data: bytes, spans: Sequence[Span] = ()) -> str:
    """SHA-256 of ``data`` with each of ``spans`` replaced by one NUL, so that the hash proves nothing about a value there."""
    digest, at = hashlib.sha256(), 0
    for span in sorted(spans):
        if span.start < at:
            continue
        digest.update(data[at : span.start] + b"\0")
        at = span.end
    digest.update(data[at:])
    return digest.hexdigest()
