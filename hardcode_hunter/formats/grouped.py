"""Findings under the file they stand in."""

from __future__ import annotations

from itertools import groupby

from hardcode_hunter.formats._summary import printable, summary
from hardcode_hunter.model import Scan
from hardcode_hunter.plugins import Format


def render(scan: Scan) -> str:
    lines: list[str] = []
    for path, findings in groupby(scan.findings, key=lambda f: f.path):
        lines.append(printable(path))
        lines += [f"  {f.line}:{f.column} {f.rule} [{f.verdict}, {f.confidence.label}] {printable(f.reason)}" for f in findings]
        lines.append("")
    return "".join(f"{line}\n" for line in [*lines, summary(scan)])


GROUPED = Format("grouped", "findings by file", render)
