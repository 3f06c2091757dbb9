"""Runs the examples and near misses of rules through the whole path of a scan: first pass, language, link, detect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from hardcode_hunter import detect, firstpass, link, pipeline
from hardcode_hunter.model import Finding, Source
from hardcode_hunter.plugins import Language
from hardcode_hunter.ruleset import Rule, RuleSet, Sample, faint

PATHS = {
    "python": "shop/example.py", "cloudformation": "infra/template.yaml", "terraform": "infra/main.tf", "yaml": "compose.yaml", "json": "config.json", "toml": "config.toml", "ini": "config.ini", "dotenv": ".env", "shell": "deploy.sh",
    "dockerfile": "Dockerfile", "sql": "schema.sql", "notebook": "report.ipynb", "properties": "application.properties", "text": "notes.cfg",
}  # fmt: skip
KEY = b"examples are no secret"


@dataclass(frozen=True, slots=True)
class Failure:
    """One example that a rule does not do justice to. ``number`` counts from 1 in ``kind``, which is ``examples`` or ``near_misses``."""

    rule: str
    kind: str
    number: int
    what: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """``skipped`` are languages that are not there, with the number of examples that could not be run."""

    checked: int
    failures: tuple[Failure, ...]
    skipped: Mapping[str, int]


def check(wanted: Iterable[Rule], rules: RuleSet) -> Outcome:
    """Checks the examples of ``wanted`` against all of ``rules``."""
    languages = pipeline.languages()
    checked, failures, skipped = 0, [], dict[str, int]()
    for rule in wanted:
        for kind, number, sample in _samples(rule):
            language = languages.get(sample.language)
            if language is None:
                skipped[sample.language] = skipped.get(sample.language, 0) + 1
                continue
            checked += 1
            found = findings(sample, language, rules)
            if kind == "near_misses":  # that it may be an identifier is no claim that it is a credential
                found = tuple(f for f in found if f.rule == rule.id or not _faint(rules, f))
            what = _missing(rule, sample, found) if kind == "examples" else _uncalled(sample, found)
            if what:
                failures.append(Failure(rule.id, kind, number, what))
    return Outcome(checked, tuple(failures), skipped)


def _faint(rules: RuleSet, finding: Finding) -> bool:
    rule = rules.get(finding.rule)
    return rule is not None and faint(rule)


def _samples(rule: Rule) -> Iterator[tuple[str, int, Sample]]:
    for kind, rows in (("examples", rule.examples), ("near_misses", rule.near_misses)):
        for number, sample in enumerate(rows, 1):
            yield kind, number, sample


def findings(sample: Sample, language: Language, rules: RuleSet) -> tuple[Finding, ...]:
    """What a scan of the sample alone finds, all confidences."""
    data = sample.text.encode()
    source = Source(sample.path or PATHS.get(language.name, "example.txt"), data, language.name)
    extraction = pipeline.extract(language, source, firstpass.hits(data, rules))
    return detect.detect(link.link(extraction.candidates, extraction.references), rules, KEY)


def _missing(rule: Rule, sample: Sample, found: Iterable[Finding]) -> str:
    name = str(sample.expect.get("rule", rule.id))
    ours = [f for f in found if f.rule == name]
    if not ours:
        return f"not found by this rule; {_said(found)}"
    rest = {key: value for key, value in sample.expect.items() if key != "rule"}
    if any(all(_value(f, key) == value for key, value in rest.items()) for f in ours):
        return ""
    different = [
        f"{key} is '{_value(ours[0], key)}', expected '{value}'"
        for key, value in rest.items()
        if _value(ours[0], key) != value
    ]
    return "found, but " + ", ".join(different)


def _uncalled(sample: Sample, found: Iterable[Finding]) -> str:
    allowed, forbidden = sample.expect.get("rule", ""), sample.expect.get("not", "")
    others = [f for f in found if (f.rule == forbidden if forbidden else f.rule != allowed)]
    return f"reported; {_said(others)}" if others else ""


def _said(found: Iterable[Finding]) -> str:
    rows = [f"{f.rule} at line {f.line} ({f.symbol})" for f in found]
    return f"there were {', '.join(rows)}" if rows else "there was no finding at all"


def _value(finding: Finding, key: str) -> str | int:
    if key == "fields":
        return " ".join(sorted(f.role for f in finding.fields))
    if key == "confidence":
        return finding.confidence.label
    value = getattr(finding, key)
    return value if isinstance(value, int) else str(value)
