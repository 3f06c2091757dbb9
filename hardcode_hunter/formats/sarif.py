"""SARIF 2.1.0 (OASIS), as code-scanning services read it.

Paths are relative to ``%SRCROOT%``; all rules are declared, silent ones too, so that alerts that are fixed are closed; a fingerprint is
the finding's own identity, and never a hash of its line. The only text of the source is a line in which credentials are masked.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from hardcode_hunter import __version__
from hardcode_hunter.formats._summary import message
from hardcode_hunter.formats.full import UNREMARKABLE
from hardcode_hunter.model import Confidence, Finding, Problem, RuleSummary, Scan, Severity, Verdict
from hardcode_hunter.plugins import Format

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note"}
SCORES = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.0"}
RANKS = {Confidence.HIGH: 90.0, Confidence.MEDIUM: 60.0, Confidence.LOW: 20.0}
PER_RUN = 25_000
"""Results that GitHub takes in one run: https://docs.github.com/code-security/reference/code-scanning/sarif-files/sarif-support"""
RELATED = 10


def render(scan: Scan) -> str:
    findings = (*scan.findings, *scan.suppressed)
    twins: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.length >= UNREMARKABLE:
            twins[finding.digest].append(finding)
    rules = [_rule(rule) for rule in scan.catalogue]
    order = {rule["id"]: n for n, rule in enumerate(rules)}
    results = [_result(f, order, twins[f.digest], scan.baseline) for f in findings]
    parts = [results[at : at + PER_RUN] for at in range(0, len(results), PER_RUN)] or [[]]
    runs = [
        _run(scan, rules, part, f"hardcode-hunter/{n}" if n else "hardcode-hunter/") for n, part in enumerate(parts)
    ]
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": runs}, indent=2, ensure_ascii=True) + "\n"


def _run(
    scan: Scan, rules: Sequence[Mapping[str, Any]], results: Sequence[Mapping[str, Any]], id: str
) -> dict[str, Any]:
    invocation = {
        "executionSuccessful": not any(p.fatal for p in scan.problems),
        "toolExecutionNotifications": [_notification(p) for p in scan.problems],
    }
    return {
        "tool": {"driver": {"name": "hardcode-hunter", "semanticVersion": __version__, "rules": rules}},
        "automationDetails": {"id": id},
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The root of the scanned project."}}},
        "columnKind": "unicodeCodePoints",
        "results": results,
        "invocations": [invocation],
    }


def _rule(rule: RuleSummary) -> dict[str, Any]:
    row = {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in rule.id.replace("_", "-").split("-")),
        "shortDescription": {"text": f"Hardcoded credential: {rule.title}"},
        "fullDescription": {"text": rule.description},
        "help": {"text": _help(rule, "- {}"), "markdown": _help(rule, "- <{}>")},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {
            "problem.severity": LEVELS[rule.severity].replace("note", "recommendation"),
            "security-severity": SCORES[rule.severity],
            "tags": ["security", "external/cwe/cwe-798", rule.kind.value],
        },
    }
    return row | ({"helpUri": rule.references[0]} if rule.references else {})


def _help(rule: RuleSummary, link: str) -> str:
    lines = [
        rule.description,
        "",
        f"Store it in: {rule.home.value} ({rule.home_why}).",
        "",
        f"Rotation: {rule.rotation} ({rule.rotation_why}).",
        "",
        "`hardcode-hunter plan` shows what would become of it; `hardcode-hunter rules explain "
        + rule.id
        + "` has examples.",
        f"Not a credential? Say so in a comment on its line: `hardcode-hunter: ignore[{rule.id}] reason`.",
    ]
    return "\n".join([*lines, *(["", *(link.format(r) for r in rule.references)] if rule.references else [])])


def _result(finding: Finding, order: Mapping[str, int], twins: Sequence[Finding], baseline: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": "note" if finding.verdict is Verdict.TEST_VALUE else LEVELS[finding.severity],
        "rank": RANKS[finding.confidence],
        "message": {"text": message(finding)},
        "locations": [_location(finding)],
        "partialFingerprints": {"hardcodeHunter/v1": ":".join(filter(None, _identity(finding)))},
        "properties": {
            "verdict": finding.verdict.value,
            "confidence": finding.confidence.label,
            "kind": finding.kind.value,
        },
    }
    if finding.first_commit:
        result["properties"] |= {"firstCommit": finding.first_commit, "lastCommit": finding.last_commit}
    if finding.rule in order:
        result["ruleIndex"] = order[finding.rule]
    others = [t for t in twins if t.id != finding.id][:RELATED]
    if others:
        result["relatedLocations"] = [
            {"id": n, "message": {"text": "the same value"}, **_place(t.path, t.line, t.end_line)}
            for n, t in enumerate(others, 1)
        ]
    if finding.suppressed:
        kind = "external" if finding.suppressed in ("baseline", "per-file-ignores") else "inSource"
        words = f"{finding.suppressed}: {finding.justification}" if finding.justification else finding.suppressed
        result["suppressions"] = [{"kind": kind, "status": "accepted", "justification": words}]
    if baseline:
        result["baselineState"] = "unchanged" if finding.suppressed == "baseline" else "new"
    return result


def _identity(finding: Finding) -> tuple[str, ...]:
    """In the history one place holds one value after the other."""
    return finding.id, finding.rule, finding.first_commit


def _location(finding: Finding) -> dict[str, Any]:
    location = _place(finding.path, finding.line, finding.end_line)
    if finding.excerpt is not None and finding.end_line <= finding.line and not finding.within:
        region = location["physicalLocation"]["region"]
        location["physicalLocation"]["contextRegion"] = {**region, "snippet": {"text": finding.excerpt.text}}
    if finding.symbol:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.symbol}]
    return location


def _place(path: str, line: int, end_line: int) -> dict[str, Any]:
    artifact = {"uri": quote(path.encode("utf-8", "surrogateescape"), safe="/"), "uriBaseId": "%SRCROOT%"}
    return {
        "physicalLocation": {
            "artifactLocation": artifact,
            "region": {"startLine": max(line, 1), "endLine": max(line, end_line, 1)},
        }
    }


def _notification(problem: Problem) -> dict[str, Any]:
    return {
        "level": "error" if problem.fatal else "warning",
        "message": {"text": problem.message},
        "locations": [_place(problem.path, problem.line, problem.line)],
    }


SARIF = Format("sarif", "SARIF 2.1.0 for code-scanning services", render)
