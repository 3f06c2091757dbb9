"""For people: the line with its value masked, the reason, the value's other places, and what to do. Test values get a line each."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from hardcode_hunter.formats._style import style, tag
from hardcode_hunter.formats._summary import place, printable, summary
from hardcode_hunter.formats.concise import line
from hardcode_hunter.model import Verdict
from hardcode_hunter.plugins import Format

if TYPE_CHECKING:
    from hardcode_hunter.model import Finding, Scan

ADVICE = {Verdict.MIGRATE: "fix: hardcode-hunter plan", Verdict.REPORT: "not rewritten: move it by hand"}
UNREMARKABLE = 6
"""Characters below which equal values are equal by chance too often to be told of."""


def render(scan: Scan) -> str:
    if not scan.findings:
        return ""
    twins: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in (*scan.findings, *scan.suppressed):
        twins[finding.digest].append(finding)
    tests = [f for f in scan.findings if f.verdict is Verdict.TEST_VALUE]
    others = [f for f in scan.findings if f.verdict is not Verdict.TEST_VALUE]
    blocks = "".join(f"{_block(f, [t for t in twins[f.digest] if t.id != f.id])}\n" for f in others)
    noted = "".join(f"{line(f)}\n" for f in tests) + "\n" if tests else ""
    return f"{blocks}{noted}{summary(scan)}\n{_hint(others)}"


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


def _hint(findings: list[Finding]) -> str:
    """How to hush one, said once."""
    if not findings:
        return ""
    return f"Not a credential? Say so in a comment on its line: hardcode-hunter: ignore[{findings[0].rule}] reason\n"


FULL = Format("full", "source frame with the value masked, reason and advice", render, styled=True)
