"""What several formats say in the same words."""

from __future__ import annotations

from collections import Counter

from hardcode_hunter.model import Finding, Scan, Verdict


def plural(count: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}{'es' if noun.endswith('s') else 's'}"


def printable(text: str) -> str:
    """``text`` with every control, format and direction character escaped (threat: a name in the tree steers the terminal)."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode("ascii") for c in text)


def place(finding: Finding) -> str:
    return f"{printable(finding.path)}:{finding.line}:{finding.column}"


def summary(scan: Scan) -> str:
    """The closing line: what was found, and what was not looked at."""
    values = len({f.digest for f in scan.findings if f.verdict is not Verdict.TEST_VALUE})
    verdicts = Counter(f.verdict for f in scan.findings)
    parts = [f"{verdicts[v]} {word}" for v, word in ((Verdict.MIGRATE, "to migrate"), (Verdict.REPORT, "to look at"), (Verdict.TEST_VALUE, "test values")) if verdicts[v]]
    head = f"Found {plural(len(scan.findings), 'place')} of {plural(values, 'credential')} ({', '.join(parts)})" if scan.findings else "No credentials found"
    hushed = f", {len(scan.suppressed)} suppressed" if scan.suppressed else ""
    skipped = "".join(f", {count} {reason}" for reason, count in scan.skipped.items() if reason != "no language")
    unread = f", {plural(len(scan.problems), 'problem')}" if scan.problems else ""
    return f"{head}{hushed}. {plural(scan.files, 'file')}{skipped}{unread}, {plural(scan.rules, 'rule')}, {scan.seconds:.1f} s."
