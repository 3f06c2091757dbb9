"""For people: the line with its value masked, the reason, the value's other places, and what to do."""

from __future__ import annotations

from collections import defaultdict

from hardcode_hunter.formats._style import style, tag
from hardcode_hunter.formats._summary import place, printable, summary
from hardcode_hunter.model import Finding, Scan, Verdict
from hardcode_hunter.plugins import Format

ADVICE = {
    Verdict.MIGRATE: "fix: hardcode-hunter plan",
    Verdict.REPORT: "not rewritten: move it by hand",
    Verdict.TEST_VALUE: "a test value: it fails no gate",
}
UNREMARKABLE = 6
"""Characters below which equal values are equal by chance too often to be told of."""


def render(scan: Scan) -> str:
    if not scan.findings:
        return ""
    twins: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in (*scan.findings, *scan.suppressed):
        twins[finding.digest].append(finding)
    blocks = [_block(finding, [t for t in twins[finding.digest] if t.id != finding.id]) for finding in scan.findings]
    return "".join(f"{block}\n" for block in blocks) + f"{summary(scan)}\n{_hint(scan)}"


def _block(finding: Finding, twins: list[Finding]) -> str:
    lines = [
        f"{style(place(finding), 'bold')}: {style(finding.rule, 'red')}: {printable(finding.title)} {tag(finding)}",
        *_frame(finding),
    ]
    lines.append(f"  = {printable(finding.reason)}")
    if twins and finding.length >= UNREMARKABLE:
        also = ", ".join(f"{printable(t.path)}:{t.line}" for t in twins[:4])
        lines.append(f"  = same value also at {also}{f' and {len(twins) - 4} more' if len(twins) > 4 else ''}")
    lines.append(f"  = {ADVICE[finding.verdict]}")
    return "\n".join(lines) + "\n"


def _frame(finding: Finding) -> list[str]:
    """The finding's line with every known credential masked, and a marker below it; nothing where the line is too long."""
    shown = finding.excerpt
    if shown is None:
        return []
    number, gutter = str(finding.line), " " * len(str(finding.line))
    bar = style("|", "blue")
    mark = style("^" * shown.width, "red")
    return [
        f" {gutter} {bar}",
        f" {style(number, 'blue')} {bar} {printable(shown.text)}",
        f" {gutter} {bar} {' ' * len(printable(shown.text[: shown.column]))}{mark}",
    ]


def _hint(scan: Scan) -> str:
    """How to hush one, said once."""
    rule = scan.findings[0].rule
    return f"Not a credential? Say so in a comment on its line: hardcode-hunter: ignore[{rule}] reason\n"


FULL = Format("full", "source frame with the value masked, reason and advice", render, styled=True)
