"""What several formats say in the same words."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from hardcode_hunter.model import Verdict

if TYPE_CHECKING:
    from hardcode_hunter.model import Finding, Problem, Remark, Scan


_RUNNER = re.compile(r"##((?:vso)?\[)")


def plural(count: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}{'es' if noun.endswith('s') else 's'}"


def printable(text: str) -> str:
    """``text`` on one line, with every control, format and direction character escaped, and what a CI runner would take for a command: a
    name in the tree steers neither the terminal nor the job.

    GitHub's runner looks for ``::`` at a line's start, blanks aside, and for ``##[`` anywhere in it (actions/runner, ActionCommand);
    Azure's agent for ``##vso[`` and ``##[``.
    """
    plain = "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode("ascii") for c in text
    )
    if plain.lstrip().startswith("::"):
        plain = plain.replace("::", "\\x3a:", 1)
    return _RUNNER.sub(r"\\x23#\1", plain) if "##" in plain else plain


def place(finding: Finding) -> str:
    """``path:line:column``"""
    return f"{printable(finding.path)}:{finding.line}:{finding.column}"


def reason(finding: Finding) -> str:
    """Why, and of a notebook in which cell."""
    return printable(f"{finding.reason} ({finding.within})" if finding.within else finding.reason)


def message(finding: Finding) -> str:
    """Title and reason, for formats that have one text."""
    return f"{printable(finding.title)}: {reason(finding)}"


def where(problem: Problem | Remark) -> str:
    """``path:line``, and the path alone of what is about a whole file."""
    return f"{printable(problem.path)}:{problem.line}" if problem.line else printable(problem.path)


def credentials(scan: Scan) -> int:
    """How many different values the findings hold, test values aside."""
    return len({f.digest for f in scan.findings if f.verdict is not Verdict.TEST_VALUE})


def summary(scan: Scan) -> str:
    """The closing line: what was found, and what was not looked at."""
    count = Counter(f.verdict for f in scan.findings)
    real = len(scan.findings) - count[Verdict.TEST_VALUE]
    parts = [
        f"{count[v]} {words}"
        for v, words in ((Verdict.MIGRATE, "to migrate"), (Verdict.REPORT, "to look at"))
        if count[v]
    ]
    head = (
        f"Found {plural(credentials(scan), 'credential')} in {plural(real, 'place')} ({', '.join(parts)})"
        if real
        else "No credentials found"
    )
    tests = f", {plural(count[Verdict.TEST_VALUE], 'test value')}" if count[Verdict.TEST_VALUE] else ""
    return f"{head}{tests}{_hushed(scan)}. {plural(scan.files, 'file')}{_unread(scan)}, {plural(scan.rules, 'rule')}, {scan.seconds:.1f} s."


def _hushed(scan: Scan) -> str:
    known = sum(f.suppressed == "baseline" for f in scan.suppressed)
    others = len(scan.suppressed) - known
    return (f", {others} suppressed" if others else "") + (f", {known} in the baseline" if known else "")


def _unread(scan: Scan) -> str:
    skipped = "".join(f", {count} {reason}" for reason, count in scan.skipped.items() if reason != "no language")
    return skipped + (f", {plural(len(scan.problems), 'problem')}" if scan.problems else "")


def statistics(scan: Scan) -> str:
    """One line per rule that found something: how often, its id and title; then the closing line."""
    found = Counter(f.rule for f in scan.findings)
    titles = {f.rule: f.title for f in scan.findings}
    rows = sorted(found.items(), key=lambda row: (-row[1], row[0]))
    width = max((len(rule) for rule in found), default=0)
    return "".join(f"{count:6}  {rule:{width}}  {titles[rule]}\n" for rule, count in rows) + f"{summary(scan)}\n"
