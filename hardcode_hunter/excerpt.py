"""The source line of a finding with every known credential masked. Made where the file was read, so that no format has to open it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from hardcode_hunter.model import MASK, Candidate, Excerpt, Finding, Plaintext, Source, Span

LONGEST = 400  # bytes of a line that is shown
SHORTEST = 4  # characters of a value that is masked wherever it stands on the line; shorter ones are masked at their place only


def with_excerpts(
    findings: Sequence[Finding],
    found: Iterable[Finding],
    sources: Mapping[str, Source],
    candidates: Iterable[Candidate],
) -> tuple[Finding, ...]:
    """``findings`` with their excerpts. ``found`` are all findings, reported or not: none of their values shows."""
    wanted = {f.path for f in findings}
    spans: defaultdict[str, set[Span]] = defaultdict(set)
    for finding in found:
        if finding.path in wanted:
            spans[finding.path].add(finding.span)
    values: defaultdict[str, set[Plaintext]] = defaultdict(set)
    for candidate in candidates:
        if candidate.span in spans.get(candidate.path, ()):
            values[candidate.path].add(candidate.value)
    ordered = {path: sorted(rows) for path, rows in spans.items()}
    words = {path: Words(rows) for path, rows in values.items()}
    notebooks = {
        path: _Notebook(sources[path].data) for path in wanted & sources.keys() if sources[path].language == "notebook"
    }
    made = []
    for finding in findings:
        path = finding.path
        if path in notebooks:
            made.append(notebooks[path].shown(finding, ordered[path], words.get(path, NONE)))
        elif path in sources:
            shown = excerpt(finding, sources[path].data, ordered[path], words.get(path, NONE), finding.line)
            made.append(replace(finding, excerpt=shown))
        else:
            made.append(finding)
    return tuple(made)


class _Notebook:
    """One notebook as a person sees it: cells and what they put out, without the JSON around them."""

    def __init__(self, data: bytes) -> None:
        from hardcode_hunter.languages import notebook

        self._parts = notebook.shown(data)
        self._spans: dict[int, list[Span]] = {}  # that are masked, by the part they stand in

    def shown(self, finding: Finding, spans: Sequence[Span], words: Words) -> Finding:
        """``finding`` with its place in the notebook and the line of its cell; without both where it stands in neither cell nor output."""
        for number, part in enumerate(self._parts):
            here = part.span(finding.span)
            if here is not None:
                if number not in self._spans:
                    self._spans[number] = sorted(filter(None, map(part.span, spans)))
                line = part.data.count(b"\n", 0, here.start) + 1
                shown = excerpt(replace(finding, span=here), part.data, self._spans[number], words, line)
                return replace(finding, excerpt=shown, within=f"{part.label}, line {line}")
        return finding


class Words:
    """Values that are masked wherever they stand: in a time that doesn't grow with their number, since a file may hold thousands."""

    def __init__(self, values: Iterable[Plaintext]) -> None:
        self._words = {v.reveal() for v in values if len(v) >= SHORTEST}
        self._lengths: dict[str, list[int]] = {}  # by the first characters, the longest first
        for word in sorted(self._words, key=len, reverse=True):
            lengths = self._lengths.setdefault(word[:SHORTEST], [])
            if len(word) not in lengths[-1:]:
                lengths.append(len(word))

    def masked(self, text: str) -> str:
        """``text`` with the mask in the place of every value; of values that overlap nothing is left."""
        parts, at, start, end = [], 0, -1, -1
        for here in range(len(text)):
            length = next(
                (
                    n
                    for n in self._lengths.get(text[here : here + SHORTEST], ())
                    if text[here : here + n] in self._words
                ),
                0,
            )
            if not length:
                continue
            if here >= end:
                if end >= 0:
                    parts += [text[at:start], MASK]
                    at = end
                start = here
            end = max(end, here + length)
        return "".join([*parts, text[at:start], MASK, text[end:]]) if end >= 0 else text


NONE = Words(())


def excerpt(finding: Finding, data: bytes, spans: Sequence[Span], words: Words = NONE, line: int = 0) -> Excerpt | None:
    """The first line of ``finding``, which is number ``line``; ``None`` for one that is too long to be shown. ``spans`` are sorted and masked,
    ``words`` wherever they stand."""
    start = max(data.rfind(b"\n", 0, finding.span.start), data.rfind(b"\r", 0, finding.span.start)) + 1
    end = min((at for at in (data.find(b"\n", start), data.find(b"\r", start)) if at >= 0), default=len(data))
    if end - start > LONGEST or finding.span.start >= len(data):
        return None
    text, at, column, width = "", start, 0, len(MASK)
    for span in spans[_first(spans, start) : bisect_right(spans, Span(end, 0))]:
        if span.end <= at or span.start >= end:
            continue
        text += _shown(data[at : max(at, span.start)], words)
        mask, left = _mask(data[max(at, span.start) : span.end])
        if span == finding.span:
            column, width = len(text) + left, len(MASK)
        text += mask
        at = max(at, span.end)
    if at < end:
        text += _shown(data[at:end], words)
    return Excerpt(text.rstrip(), column, width, line)


def _first(spans: Sequence[Span], start: int) -> int:
    """Index of the first span that can reach into a line beginning at ``start``: spans of literals don't nest, so one before is enough."""
    at = bisect_left(spans, Span(start, 0))
    while at and spans[at - 1].end > start:
        at -= 1
    return at


def _mask(literal: bytes) -> tuple[str, int]:
    """A mask that keeps the literal's quotes and prefix, and how many characters stand before it."""
    quote = literal[-1:]
    opening = literal.find(quote) if quote in (b'"', b"'") and len(literal) > 1 else -1
    if not 0 <= opening <= 2 or (not literal[:opening].isalpha() and opening):
        return MASK, 0
    prefix = literal[: opening + 1].decode("ascii", "replace")
    return prefix + MASK + quote.decode(), len(prefix)


def _shown(data: bytes, words: Words) -> str:
    return words.masked(data.decode("utf-8", "replace")).expandtabs(4)
