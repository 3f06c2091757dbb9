"""GitLab's Code Quality report: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format"""

from __future__ import annotations

import json
from typing import Any

from hardcode_hunter.formats._summary import message
from hardcode_hunter.model import Finding, Scan, Severity, Verdict
from hardcode_hunter.plugins import Format

SEVERITIES = {Severity.CRITICAL: "blocker", Severity.HIGH: "critical", Severity.MEDIUM: "major", Severity.LOW: "minor"}


def _row(finding: Finding) -> dict[str, Any]:
    return {
        "description": message(finding),
        "check_name": finding.rule,
        "fingerprint": f"{finding.id}-{finding.rule}",
        "severity": "info" if finding.verdict is Verdict.TEST_VALUE else SEVERITIES[finding.severity],
        "location": {
            "path": finding.path,
            "lines": {"begin": max(finding.line, 1), "end": max(finding.line, finding.end_line, 1)},
        },
    }


def render(scan: Scan) -> str:
    return json.dumps([_row(f) for f in scan.findings], indent=2, ensure_ascii=True) + "\n"


GITLAB = Format("gitlab", "GitLab Code Quality report", render)
