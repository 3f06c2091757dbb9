"""The job summary of a GitHub workflow run: Markdown, for ``--output github-summary:"$GITHUB_STEP_SUMMARY"``."""

from __future__ import annotations

import html
from collections.abc import Iterator

from hardcode_hunter.formats._summary import printable, reason, summary, where
from hardcode_hunter.model import Finding, Scan
from hardcode_hunter.plugins import Format

MOST = 500
"""Rows of the table: GitHub cuts a summary at 1 MiB."""


def render(scan: Scan) -> str:
    return "".join(f"{line}\n" for line in _lines(scan))


def _lines(scan: Scan) -> Iterator[str]:
    yield "### hardcode-hunter"
    yield ""
    yield _cell(summary(scan))
    yield ""
    if scan.findings:
        yield "| where | rule | verdict | confidence | why |"
        yield "|---|---|---|---|---|"
        yield from (_row(finding) for finding in scan.findings[:MOST])
        if len(scan.findings) > MOST:
            yield ""
            yield f"… and {len(scan.findings) - MOST} more, in the log."
    for problem in scan.problems:
        yield f"- {_cell(where(problem))}: {_cell(problem.message)}"


def _row(finding: Finding) -> str:
    place = f"{finding.path}:{finding.line}"
    return f"| {_cell(place)} | {_cell(finding.rule)} | {finding.verdict} | {finding.confidence.label} | {_cell(reason(finding))} |"


def _cell(text: str) -> str:
    """``text`` as plain text in a table's cell: nothing in a path or a name is Markdown or HTML."""
    plain = html.escape(printable(text), quote=False)
    return "".join(f"\\{c}" if c in r"\`*_{}[]()#+!|~@" else c for c in plain)


GITHUB_SUMMARY = Format("github-summary", "job summary of a GitHub workflow run, as Markdown", render)
