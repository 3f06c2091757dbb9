"""JUnit XML, as CI servers read it: a suite per file with findings, a test case per finding, and one that passes when there are none."""

from __future__ import annotations

import re
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from hardcode_hunter.formats._summary import message, printable, summary
from hardcode_hunter.model import Finding, Scan, Verdict
from hardcode_hunter.plugins import Format

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(scan: Scan) -> str:
    suites = [_suite(path, list(findings)) for path, findings in groupby(scan.findings, key=lambda f: f.path)]
    errors = [
        f'<testcase name={_attribute(p.path)} classname="hardcode-hunter"><error message={_attribute(p.message)}/></testcase>'
        for p in scan.problems
        if p.fatal
    ]
    if not suites and not errors:
        suites = [
            '<testsuite name="hardcode-hunter" tests="1" failures="0"><testcase name="no hardcoded credentials" classname="hardcode-hunter"/></testsuite>'
        ]
    if errors:
        suites.append(
            f'<testsuite name="hardcode-hunter" tests="{len(errors)}" failures="0" errors="{len(errors)}">{"".join(errors)}</testsuite>'
        )
    failing = sum(f.verdict is not Verdict.TEST_VALUE for f in scan.findings)
    head = f'<testsuites name="hardcode-hunter" tests="{max(1, len(scan.findings) + len(errors))}" failures="{failing}" errors="{len(errors)}" time="{scan.seconds:.3f}">'
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f"<!-- {_comment(summary(scan))} -->",
            head,
            *suites,
            "</testsuites>",
            "",
        ]
    )


def _suite(path: str, findings: list[Finding]) -> str:
    failing = sum(f.verdict is not Verdict.TEST_VALUE for f in findings)
    cases = "".join(f"\n  {_case(f)}" for f in findings)
    return f'<testsuite name={_attribute(path)} tests="{len(findings)}" failures="{failing}">{cases}\n</testsuite>'


def _case(finding: Finding) -> str:
    """A test value is skipped: it fails no gate."""
    name = _attribute(f"{finding.rule} at line {finding.line}")
    head = f'<testcase name={name} classname={_attribute(finding.path)} file={_attribute(finding.path)} line="{finding.line}">'
    if finding.verdict is Verdict.TEST_VALUE:
        return f"{head}<skipped message={_attribute(message(finding))}/></testcase>"
    body = escape(_valid(f"{finding.path}:{finding.line}:{finding.column}: {finding.rule}"))
    return f"{head}<failure type={_attribute(finding.rule)} message={_attribute(message(finding))}>{body}</failure></testcase>"


def _valid(text: str) -> str:
    return _NO_XML.sub("?", printable(text))


def _attribute(text: str) -> str:
    return quoteattr(_valid(text))


def _comment(text: str) -> str:
    return escape(_valid(text)).replace("--", "- -")


JUNIT = Format("junit", "JUnit XML", render)
