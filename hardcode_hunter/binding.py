"""The plan against the tree: joined to its findings, recognised by hashes that say nothing about a value, and checked."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from hardcode_hunter.errors import StaleError, UsageError
from hardcode_hunter.model import Candidate, Finding, Plan, Replacement, Seal, Source, content_hash
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
        reaches=tuple(dict.fromkeys(sink.callee for sink in finding.sinks if sink.callee)),
    )


def bind(plan: Plan, findings: Mapping[str, Finding]) -> Plan:
    """The plan as read from its file, with each replacement joined to its finding; those whose literal is gone are left out."""
    rows = []
    for row in plan.replacements:
        finding = findings.get(row.finding)
        if finding:
            rows.append(replace(replacement(finding, row.secret, row.key, row.part), tier=row.tier))
    return replace(plan, replacements=tuple(sorted(rows, key=lambda r: (r.path, r.span, r.key))))


def seals(
    plan: Plan, findings: Sequence[Finding], sources: Mapping[str, Source], previous: Plan | None, done: frozenset[str]
) -> dict[str, Seal]:
    """The seal of every file that the plan rewrites. All findings in it are left out of the hash, so that it proves nothing about a value."""
    by_path: dict[str, list[Finding]] = {}
    for finding in findings:
        by_path.setdefault(finding.path, []).append(finding)
    rows = {path: seal for path, seal in previous.files.items() if path in done} if previous else {}
    for path in sorted({r.path for r in plan.replacements} & set(sources)):
        present = by_path.get(path, [])
        rows[path] = Seal(
            content_hash(sources[path].data, [f.span for f in present]), tuple(sorted({f.id for f in present}))
        )
    return rows


def check(plan: Plan, reading: Mapping[str, tuple[Source, Sequence[Candidate]]], done: frozenset[str]) -> None:
    """Raises ``StaleError`` naming the first file that changed since the plan was made; ``done`` paths are the journal's to judge."""
    for path, seal in plan.files.items():
        if path in done:
            continue
        if path not in reading:
            raise StaleError(
                f"{path}: has changed or is gone since the plan was made; run `hardcode-hunter plan` again"
            )
        source, candidates = reading[path]
        if content_hash(source.data, [c.span for c in candidates if c.fingerprint in seal.without]) != seal.hash:
            raise StaleError(f"{path}: has changed since the plan was made; run `hardcode-hunter plan` again")


def validate(plan: Plan, retrievers: Iterable[str], rotations: Mapping[str, Rotation]) -> None:
    """Raises ``UsageError`` for names in the plan that nothing here answers to."""
    known = sorted(retrievers)
    for name in (plan.retriever, *(c.retriever for s in plan.secrets for c in s.consumers if c.retriever)):
        if name not in known:
            near = difflib.get_close_matches(name, known, 1) or known
            raise UsageError(f"migration/plan.yaml: 'retriever' is '{name}'; did you mean '{near[0]}'?")
    for secret in plan.secrets:
        name = secret.rotation.name
        if name != "none" and name not in rotations:
            raise UsageError(
                f"migration/plan.yaml: 'secrets.{secret.id}.rotation.name' is '{name}'; use none or one of {', '.join(rotations)}"
            )
        missing = [k for k in rotations[name].required_keys if secret.key(k) is None] if name != "none" else []
        if missing:
            raise UsageError(
                f"migration/plan.yaml: 'secrets.{secret.id}.rotation.name' is '{name}', which needs the fields {', '.join(missing)}"
            )
