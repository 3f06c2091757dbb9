"""GitLab's secret detection report, schema 15: https://docs.gitlab.com/development/integrations/secure/#report

It never has ``raw_source_code_extract``: a report is an artifact that others can download.
"""

from __future__ import annotations

import json
import time
from typing import Any

from hardcode_hunter import __version__
from hardcode_hunter.formats._summary import message
from hardcode_hunter.formats.full import advice
from hardcode_hunter.model import Finding, Scan, Severity, Verdict
from hardcode_hunter.plugins import Format

SCHEMA = "15.2.1"
SEVERITIES = {Severity.CRITICAL: "Critical", Severity.HIGH: "High", Severity.MEDIUM: "Medium", Severity.LOW: "Low"}
NO_COMMIT = {"sha": "0000000"}
"""What the schema wants where files were scanned, not commits; GitLab's own analyzers say the same."""


def render(scan: Scan) -> str:
    rules = {rule.id: rule for rule in scan.catalogue}
    tool = {
        "id": "hardcode-hunter",
        "name": "hardcode-hunter",
        "version": __version__,
        "vendor": {"name": "hardcode-hunter"},
    }
    document = {
        "version": SCHEMA,
        "scan": {
            "analyzer": tool,
            "scanner": tool,
            "type": "secret_detection",
            "start_time": _time(scan.started),
            "end_time": _time(scan.started + scan.seconds),
            "status": "failure" if any(p.fatal for p in scan.problems) else "success",
        },
        "vulnerabilities": [_row(f, rules[f.rule].description if f.rule in rules else f.title) for f in scan.findings],
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _row(finding: Finding, description: str) -> dict[str, Any]:
    return {
        "id": f"{finding.id}-{finding.rule}",
        "name": finding.title[:255],
        "description": f"{message(finding)}. {description}",
        "solution": advice(finding),
        "severity": "Info" if finding.verdict is Verdict.TEST_VALUE else SEVERITIES[finding.severity],
        "location": {
            "file": finding.path,
            "start_line": max(finding.line, 1),
            "end_line": max(finding.line, finding.end_line, 1),
            "commit": NO_COMMIT,
        },
        "identifiers": [
            {"type": "hardcode_hunter_rule", "name": f"hardcode-hunter {finding.rule}", "value": finding.rule},
            {
                "type": "cwe",
                "name": "CWE-798",
                "value": "798",
                "url": "https://cwe.mitre.org/data/definitions/798.html",
            },
        ],
    }


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


GITLAB_SECRETS = Format("gitlab-secrets", "GitLab secret detection report", render)
