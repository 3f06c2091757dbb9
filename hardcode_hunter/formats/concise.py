"""One line per finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardcode_hunter.formats._style import style, tag
from hardcode_hunter.formats._summary import place, reason, summary
from hardcode_hunter.plugins import Format

if TYPE_CHECKING:
    from hardcode_hunter.model import Finding, Scan


def line(finding: Finding) -> str:
    """``path:line:column: rule [verdict, confidence] reason``"""
    return f"{style(place(finding), 'bold')}: {style(finding.rule, 'red')} {tag(finding)} {reason(finding)}"


def render(scan: Scan) -> str:
    return "".join(f"{line(f)}\n" for f in scan.findings) + f"{summary(scan)}\n" if scan.findings else ""


CONCISE = Format("concise", "one line per finding", render, styled=True)
