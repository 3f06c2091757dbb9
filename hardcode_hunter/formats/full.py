"""For people: the line with its value masked, the reason, the value's other places, and what to do."""

from __future__ import annotations

from collections import defaultdict
from functools import partial

from hardcode_hunter.formats._summary import place, printable, summary
from hardcode_hunter.model import MASK, Finding, Scan, Span, Verdict
from hardcode_hunter.plugins import Format

ADVICE = {
    Verdict.MIGRATE: "fix: hardcode-hunter plan",
    Verdict.REPORT: "not rewritten: move it by hand",
    Verdict.TEST_VALUE: "a test value: doesn't fail a gate",
}


def render(scan: Scan) -> str:
    spans: defaultdict[str, list[Span]] = defaultdict(list)
    twins: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in (*scan.findings, *scan.suppressed):
        spans[finding.path].append(finding.span)
        twins[finding.digest].append(finding)
    frame = partial(_frame, scan, spans)
    blocks = [_block(finding, frame(finding), [t for t in twins[finding.digest] if t is not finding]) for finding in scan.findings]
    return "".join(f"{block}\n" for block in blocks) + f"{summary(scan)}\n"


def _block(finding: Finding, frame: list[str], twins: list[Finding]) -> str:
    lines = [f"{place(finding)} {finding.rule}: {printable(finding.title)} [{finding.verdict}, {finding.confidence.label}]", *frame]
    lines.append(f"  = {printable(finding.reason)}")
    if twins and finding.length >= 6:
        also = ", ".join(f"{printable(t.path)}:{t.line}" for t in twins[:4])
        lines.append(f"  = same value also at: {also}{f' and {len(twins) - 4} more' if len(twins) > 4 else ''}")
    lines.append(f"  = {ADVICE[finding.verdict]}; not a credential? add  hardcode-hunter: ignore[{finding.rule}] <reason>  in a comment")
    return "\n".join(lines) + "\n"


def _frame(scan: Scan, spans: dict[str, list[Span]], finding: Finding) -> list[str]:
    """The finding's first line with every known credential masked, and a marker below it; nothing when the file can't be read again."""
    try:
        data = (scan.root / finding.path).read_bytes()
    except OSError:
        return []
    start = max(data.rfind(b"\n", 0, finding.span.start), data.rfind(b"\r", 0, finding.span.start)) + 1
    ends = [at for at in (data.find(b"\n", start), data.find(b"\r", start)) if at >= 0]
    line_end = min(ends, default=len(data))
    if line_end - start > 400 or finding.span.start >= len(data):
        return []
    shown, mark = _masked(data, start, line_end, spans[finding.path], finding.span)
    number = str(finding.line)
    gutter = " " * len(number)
    return [f" {gutter} |", f" {number} | {shown}", f" {gutter} | {' ' * mark}{'^' * len(MASK)}"]


def _masked(data: bytes, start: int, end: int, spans: list[Span], own: Span) -> tuple[str, int]:
    out, at, mark = "", start, 0
    for span in sorted({s for s in spans if s.start < end and s.end > start}):
        if span.start < at and span.start >= start:
            continue
        out += printable(data[at : max(at, span.start)].decode("utf-8", "replace").expandtabs(4))
        if span == own:
            mark = len(out)
        out += MASK
        at = max(at, span.end)
    return out + printable(data[at:end].decode("utf-8", "replace").expandtabs(4)) if at < end else out, mark


FULL = Format("full", "source frame with the value masked, reason and advice", render)
