"""The plan against the tree: joined to its findings, recognised by hashes that say nothing about a value, and checked."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from hardcode_hunter.errors import StaleError, UsageError
from hardcode_hunter.model import Candidate, Field, Finding, Plan, Replacement, Source, content_hash, fingerprint
from hardcode_hunter.plugins import Rotation


def replacement(finding: Finding, secret: str, key: str, part: str) -> Replacement:
    return Replacement(
        finding=finding.id,
        rule=finding.rule,
        path=finding.path,
        line=finding.line,
        symbol=finding.symbol,
        ordinal=finding.ordinal,
        span=finding.span,
        shape=finding.shape,
        literal=finding.literal,
        position=finding.position,
        secret=secret,
        key=key,
        part=part,
        evaluated=finding.evaluated,
        callee=finding.callee,
        parameter=finding.parameter,
        resource=finding.resource,
        note=finding.note,
    )


def bind(plan: Plan, findings: Mapping[str, Finding]) -> Plan:
    """The plan as read from its file, with each replacement joined to its finding; those whose literal is gone are left out."""
    rows = []
    for row in plan.replacements:
        finding = findings.get(row.finding)
        if finding:
            rows.append(replace(replacement(finding, row.secret, row.key, row.part), tier=row.tier))
    return replace(plan, replacements=tuple(sorted(rows, key=lambda r: (r.path, r.span, r.key))))


def places(plan: Plan) -> Mapping[str, frozenset[str]]:
    """Path → fingerprints of all literals there that the plan knows: their spans are left out of the file's hash."""
    rows: dict[str, set[str]] = {}
    for secret in plan.secrets:
        for f in secret.fields:
            for origin in f.origins:
                rows.setdefault(origin.path, set()).add(origin.fingerprint)
    for skip in plan.skips:
        rows.setdefault(skip.path, set()).add(skip.finding)
    return {path: frozenset(marks) for path, marks in rows.items()}


def file_hash(source: Source, candidates: Iterable[Candidate], marks: frozenset[str]) -> str:
    """The hash by which a plan recognises a file: credentials' spans are blanked, so that it proves nothing about a value."""
    return content_hash(source.data, [c.span for c in candidates if c.fingerprint in marks])


def hashes(plan: Plan, findings: Sequence[Finding], sources: Mapping[str, Source], previous: Plan | None, done: frozenset[str]) -> dict[str, str]:
    spans: dict[str, dict[str, Field | Finding]] = {}
    for finding in findings:
        spans.setdefault(finding.path, {})[finding.id] = finding
        for f in finding.fields:
            spans.setdefault(f.path, {})[fingerprint(f.path, f.symbol, f.ordinal)] = f
    hashes = {path: digest for path, digest in previous.files.items() if path in done} if previous else {}
    touched = {r.path for r in plan.replacements}
    for path, marks in places(plan).items():
        if path in touched and path in sources:
            hashes[path] = content_hash(sources[path].data, [place.span for mark, place in spans.get(path, {}).items() if mark in marks])
    return hashes


def check(plan: Plan, reading: Mapping[str, tuple[Source, Sequence[Candidate]]], done: frozenset[str]) -> None:
    """Raises ``StaleError`` naming the first file that changed since the plan was made; ``done`` paths are the journal's to judge."""
    marks = places(plan)
    for path, expected in plan.files.items():
        if path in done:
            continue
        if path not in reading:
            raise StaleError(f"{path}: has changed or is gone since the plan was made; run `hardcode-hunter plan` again")
        source, candidates = reading[path]
        if file_hash(source, candidates, marks.get(path, frozenset())) != expected:
            raise StaleError(f"{path}: has changed since the plan was made; run `hardcode-hunter plan` again")


def validate(plan: Plan, retrievers: Iterable[str], rotations: Mapping[str, Rotation]) -> None:
    """Raises ``UsageError`` for names in the plan that nothing here answers to."""
    known = sorted(retrievers)
    if plan.retriever not in known:
        near = difflib.get_close_matches(plan.retriever, known, 1) or known
        raise UsageError(f"migration/plan.yaml: 'retriever' is '{plan.retriever}'; did you mean '{near[0]}'?")
    for secret in plan.secrets:
        name = secret.rotation.name
        if name != "none" and name not in rotations:
            raise UsageError(f"migration/plan.yaml: 'secrets.{secret.id}.rotation.name' is '{name}'; use none or one of {', '.join(rotations)}")
        missing = [k for k in rotations[name].required_keys if secret.key(k) is None] if name != "none" else []
        if missing:
            raise UsageError(f"migration/plan.yaml: 'secrets.{secret.id}.rotation.name' is '{name}', which needs the fields {', '.join(missing)}")
