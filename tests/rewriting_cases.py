"""The harness of the golden rewrites of infrastructure code: one folder per case in ``fixtures/rewrite/LANGUAGE/``.

A case has ``before/``, ``after/`` and ``case.yaml``, which says what is replaced by what and what is skipped with which code. Whatever
the case, the harness holds the invariants: nothing outside the edits changes, line endings and a byte order mark are kept, a skipped
literal stays, a value that was moved is nowhere in the files that were edited, and doing it again changes nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hardcode_hunter.model import (
    Access,
    Candidate,
    Home,
    Plaintext,
    Replacement,
    Rewrite,
    Shape,
    Source,
    Tier,
    fingerprint,
)
from hardcode_hunter.plugins import Language, Retriever, Rewriting

FIXTURES = Path(__file__).parent.parent / "fixtures" / "rewrite"
UNUSED = Retriever(name="none", title="none", expression=lambda access, function: "", function="")


@dataclass(frozen=True)
class Case:
    name: str
    before: Mapping[str, bytes]
    after: Mapping[str, bytes]
    spec: Mapping[str, Any]

    def __str__(self) -> str:
        return self.name


def cases(language: str) -> list[Case]:
    found = []
    for folder in sorted((FIXTURES / language).iterdir()):
        spec = yaml.safe_load((folder / "case.yaml").read_text())
        found.append(Case(folder.name, _files(folder / "before"), _files(folder / "after"), spec))
    return found


def _files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def run(language: Language, case: Case, files: Mapping[str, bytes]) -> tuple[dict[str, Rewrite], dict[str, bytes]]:
    """The rewrites of a case's files, and the files as they are afterwards."""
    sources = {path: Source(path, data, language.name) for path, data in files.items()}
    rows, access = replacements(language, case, sources)
    rewriting = Rewriting(access, UNUSED, {}, frozenset(case.spec.get("tiers", ["safe"])))
    assert language.rewrite is not None
    result = dict(language.rewrite(sources, rows, rewriting))
    after = {
        path: (result[path].change.result(data) if path in result and result[path].change else data)
        for path, data in files.items()
    }
    return result, after


def replacements(
    language: Language, case: Case, sources: Mapping[str, Source]
) -> tuple[list[Replacement], dict[tuple[str, str], Access]]:
    found = {(p, c.symbol, c.ordinal): c for p, s in sources.items() for c in language.candidates(s, None).candidates}
    rows, access = [], {}
    for row in case.spec["replace"]:
        candidate = found[row["path"], row["symbol"], row.get("ordinal", 0)]
        secret, key = row.get("secret", "shop-db"), row.get("key", "password")
        rows.append(_replacement(candidate, row, secret, key))
        spec = case.spec.get("secrets", {}).get(secret, {})
        name = spec.get("name", f"prod/shop/{secret.partition('@')[0]}")
        access[secret, key] = Access(
            secret=secret.partition("@")[0],
            application="shop",
            name=name,
            environment=spec.get("environment", "prod"),
            templates=spec.get("templates", {"prod": name}),
            home=Home(spec.get("home", "secretsmanager")),
            form=spec.get("form", "json"),
            key=key,
        )
    return rows, access


def _replacement(candidate: Candidate, row: Mapping[str, Any], secret: str, key: str) -> Replacement:
    return Replacement(
        finding=candidate.fingerprint,
        rule="rule",
        path=candidate.path,
        line=candidate.line,
        symbol=candidate.symbol,
        ordinal=candidate.ordinal,
        span=candidate.span,
        shape=Shape(row.get("shape", "whole")),
        literal=candidate.literal,
        position=candidate.position,
        secret=secret,
        key=key,
        part=row.get("part", ""),
        tier=Tier(row.get("tier", "safe")),
        resource=candidate.resource,
        parameter=candidate.parameter,
        note=candidate.note,
    )


def check(language: Language, case: Case) -> None:
    """The case as it is written, with CRLF, and with a byte order mark."""
    for variant in (lambda b: b, lambda b: b.replace(b"\n", b"\r\n"), lambda b: b"\xef\xbb\xbf" + b):
        before = {p: variant(d) for p, d in case.before.items()}
        result, after = run(language, case, before)
        assert {p: d.decode() for p, d in after.items()} == {p: variant(d).decode() for p, d in case.after.items()}
        _check_invariants(language, case, before, result, after)


def _check_invariants(
    language: Language,
    case: Case,
    before: Mapping[str, bytes],
    result: Mapping[str, Rewrite],
    after: Mapping[str, bytes],
) -> None:
    skips = {(s.finding, s.code) for r in result.values() for s in r.skips}
    expected = {
        (fingerprint(s["path"], s["symbol"], s.get("ordinal", 0)), s["code"]) for s in case.spec.get("skips", [])
    }
    assert skips == expected
    for rewrite in result.values():
        assert all(s.why and s.code for s in rewrite.skips)
        if rewrite.change:
            spans = sorted(e.span for e in rewrite.change.edits)
            assert all(a.end <= b.start for a, b in itertools.pairwise(spans))
            assert {e.tier.value for e in rewrite.change.edits} <= set(case.spec.get("tiers", ["safe"]))
    sources = {p: Source(p, d, language.name) for p, d in before.items()}
    rows, _ = replacements(language, case, sources)
    skipped = {finding for finding, _ in skips}
    values = {
        (c.symbol, c.ordinal, p): c.value for p, s in sources.items() for c in language.candidates(s, None).candidates
    }
    staying = {values[r.symbol, r.ordinal, r.path] for r in rows if r.finding in skipped}
    for row in rows:
        value = values[row.symbol, row.ordinal, row.path].reveal()
        if (
            row.finding not in skipped
            and len(value) >= 8
            and row.shape is Shape.WHOLE
            and Plaintext(value) not in staying
        ):
            assert value.encode() not in after[row.path], f"{row.symbol} is still in {row.path}"
    again = [r for r in rows if r.finding in skipped]
    if not again:
        assert language.rewrite is not None
        assert not language.rewrite(
            {p: Source(p, d, language.name) for p, d in after.items()}, [], Rewriting({}, UNUSED, {})
        )
