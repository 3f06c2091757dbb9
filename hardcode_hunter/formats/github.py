"""Annotations of a GitHub workflow run: https://docs.github.com/actions/reference/workflow-commands-for-github-actions

GitHub shows ten of each level per step; the job summary (``github-summary``) has them all.
"""

from __future__ import annotations

from hardcode_hunter.formats._summary import message, printable
from hardcode_hunter.model import Confidence, Finding, Scan, Verdict
from hardcode_hunter.plugins import Format


def level(finding: Finding) -> str:
    """A test value is a notice, what is less than certain a warning."""
    if finding.verdict is Verdict.TEST_VALUE:
        return "notice"
    return "error" if finding.confidence is Confidence.HIGH else "warning"


def data(text: str) -> str:
    """``text`` as the message of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def value(text: str) -> str:
    """``text`` as the value of a command's property."""
    return data(text).replace(":", "%3A").replace(",", "%2C")


def annotation(finding: Finding) -> str:
    place = f"file={value(printable(finding.path))},line={max(finding.line, 1)},endLine={max(finding.end_line, finding.line, 1)}"
    column = (
        f",col={finding.column}" if finding.end_line <= finding.line else ""
    )  # GitHub takes columns within one line only
    return (
        f"::{level(finding)} {place}{column},title={value(f'hardcode-hunter {finding.rule}')}::{data(message(finding))}"
    )


def render(scan: Scan) -> str:
    problems = (
        f"::{'error' if p.fatal else 'warning'} file={value(printable(p.path))},line={max(p.line, 1)},title=hardcode-hunter::{data(p.message)}"
        for p in scan.problems
    )
    return "".join(f"{line}\n" for line in (*(annotation(f) for f in scan.findings), *problems))


GITHUB = Format("github", "annotations of a GitHub workflow run", render)
