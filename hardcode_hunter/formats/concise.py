"""One line per finding."""

from __future__ import annotations

from hardcode_hunter.formats._summary import place, printable, summary
from hardcode_hunter.model import Finding, Scan
from hardcode_hunter.plugins import Format


def line(finding: Finding) -> str:
    """``path:line:column rule [verdict, confidence] reason``"""
    return f"{place(finding)} {finding.rule} [{finding.verdict}, {finding.confidence.label}] {printable(finding.reason)}"


def render(scan: Scan) -> str:
    return "".join(f"{line(f)}\n" for f in scan.findings) + f"{summary(scan)}\n"


CONCISE = Format("concise", "one line per finding", render)
