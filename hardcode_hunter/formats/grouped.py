"""Findings under the file they stand in."""

from __future__ import annotations

from itertools import groupby

from hardcode_hunter.formats._style import style, tag
from hardcode_hunter.formats._summary import printable, reason, summary
from hardcode_hunter.model import Scan
from hardcode_hunter.plugins import Format


def render(scan: Scan) -> str:
    if not scan.findings:
        return ""
    lines: list[str] = []
    for path, findings in groupby(scan.findings, key=lambda f: f.path):
        lines.append(style(printable(path), "bold"))
        lines += [f"  {f.line}:{f.column} {style(f.rule, 'red')} {tag(f)} {reason(f)}" for f in findings]
        lines.append("")
    return "".join(f"{line}\n" for line in [*lines, summary(scan)])


GROUPED = Format("grouped", "findings by file", render, styled=True)
