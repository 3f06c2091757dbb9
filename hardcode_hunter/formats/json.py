"""One document for machines. The schema is versioned: keys are added, never renamed or removed, within a version."""

from __future__ import annotations

import json
from typing import Any

from hardcode_hunter.model import Finding, Problem, Scan
from hardcode_hunter.plugins import Format

VERSION = 1


def finding_row(finding: Finding) -> dict[str, Any]:
    """One finding. There is no value in it to print, and no hash that outlives the run."""
    return {
        "id": finding.id,
        "rule": finding.rule,
        "title": finding.title,
        "kind": finding.kind.value,
        "severity": finding.severity.value,
        "confidence": finding.confidence.label,
        "verdict": finding.verdict.value,
        "reason": finding.reason,
        "path": finding.path,
        "language": finding.language,
        "line": finding.line,
        "end_line": finding.end_line,
        "column": finding.column,
        "within": finding.within,
        "symbol": finding.symbol,
        "role": finding.role,
        "sinks": [
            {
                "callee": s.callee,
                "resource": s.resource,
                "parameter": s.parameter,
                "path": s.path,
                "line": s.line,
                "via": s.via,
            }
            for s in finding.sinks
        ],
        "fields": [{"role": f.role, "path": f.path, "line": f.line} for f in finding.fields],
        "suppressed": finding.suppressed,
        "justification": finding.justification,
        "first_commit": finding.first_commit,
        "last_commit": finding.last_commit,
    }


def problem_row(problem: Problem) -> dict[str, Any]:
    """A file that could not be read or parsed; ``fatal`` ones make the scan incomplete."""
    return {"path": problem.path, "line": problem.line, "message": problem.message, "fatal": problem.fatal}


def render(scan: Scan) -> str:
    document = {
        "version": VERSION,
        "files": scan.files,
        "bytes": scan.bytes,
        "rules": scan.rules,
        "skipped": dict(scan.skipped),
        "baseline": scan.baseline,
        "findings": [finding_row(f) for f in scan.findings],
        "suppressed": [finding_row(f) for f in scan.suppressed],
        "problems": [problem_row(p) for p in scan.problems],
        "remarks": [{"code": r.code, "path": r.path, "line": r.line, "message": r.message} for r in scan.remarks],
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


JSON = Format("json", "one document with findings, problems and counts", render)
