"""SARIF 2.1.0 (OASIS), as code-scanning services read it. No snippet: they show the source line themselves."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from hardcode_hunter import __version__
from hardcode_hunter.model import Confidence, Finding, Problem, Scan, Severity, Verdict
from hardcode_hunter.plugins import Format

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note"}
SCORES = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.0"}
RANKS = {Confidence.HIGH: 90.0, Confidence.MEDIUM: 60.0, Confidence.LOW: 20.0}


def render(scan: Scan) -> str:
    findings = (*scan.findings, *scan.suppressed)
    rules = {f.rule: f for f in findings}
    order = {name: i for i, name in enumerate(sorted(rules))}
    run = {
        "tool": {"driver": {"name": "hardcode-hunter", "version": __version__, "rules": [_rule(rules[name]) for name in order]}},
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The root of the scanned project."}}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(f, order) for f in findings],
        "invocations": [
            {
                "executionSuccessful": not any(p.fatal for p in scan.problems),
                "toolExecutionNotifications": [_notification(p) for p in scan.problems],
            }
        ],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=True) + "\n"


def _rule(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.rule,
        "shortDescription": {"text": finding.title},
        "defaultConfiguration": {"level": LEVELS[finding.severity]},
        "properties": {"security-severity": SCORES[finding.severity], "tags": ["security", "external/cwe/cwe-798"]},
    }


def _result(finding: Finding, order: dict[str, int]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": order[finding.rule],
        "level": "note" if finding.verdict is Verdict.TEST_VALUE else LEVELS[finding.severity],
        "rank": RANKS[finding.confidence],
        "message": {"text": f"{finding.title}: {finding.reason}"},
        "locations": [_location(finding.path, finding.line, finding.end_line, finding.symbol)],
        "partialFingerprints": {"hardcodeHunter/v1": f"{finding.id}:{finding.rule}"},
        "properties": {"verdict": finding.verdict.value, "confidence": finding.confidence.label, "kind": finding.kind.value},
    }
    if finding.suppressed:
        kind = "external" if finding.suppressed == "baseline" else "inSource"
        result["suppressions"] = [{"kind": kind, "justification": finding.suppressed}]
    return result


def _location(path: str, line: int, end_line: int, symbol: str = "") -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": quote(path.encode("utf-8", "surrogateescape"), safe="/"), "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": max(line, 1), "endLine": max(line, end_line, 1)},
    }
    location: dict[str, Any] = {"physicalLocation": place}
    if symbol:
        location["logicalLocations"] = [{"fullyQualifiedName": symbol}]
    return location


def _notification(problem: Problem) -> dict[str, Any]:
    return {
        "level": "error" if problem.fatal else "warning",
        "message": {"text": problem.message},
        "locations": [_location(problem.path, problem.line, problem.line)],
    }


SARIF = Format("sarif", "SARIF 2.1.0 for code-scanning services", render)
