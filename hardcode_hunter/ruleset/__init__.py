"""The rules: found, compiled once, and asked by name, value, call, property and scheme.

Rules lie in ``rules/`` of the checkout or, in an installed package, in ``hardcode_hunter/_rules``. A compiled set is kept in the
user's cache and in the wheel, so that a scan reads one JSON file and imports neither YAML nor detect-secrets. It is used only where
it was made of the very rule files, data and code that are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from hardcode_hunter import __version__
from hardcode_hunter.errors import UsageError
from hardcode_hunter.integrations import detect_secrets
from hardcode_hunter.model import Confidence
from hardcode_hunter.ruleset import compiled as store
from hardcode_hunter.ruleset import linear
from hardcode_hunter.ruleset.rule import (
    LOGIN_ROLE,
    PARSED_ROLE,
    PUBLIC_ROLES,
    SECRET_ROLES,
    Call,
    Rule,
    Sample,
    Value,
    from_row,
    to_row,
)
from hardcode_hunter.ruleset.rules import FirstPass, RuleSet, faint, first_pass_from, first_pass_row

__all__ = [
    "LOGIN_ROLE",
    "PARSED_ROLE",
    "PUBLIC_ROLES",
    "SECRET_ROLES",
    "Call",
    "FirstPass",
    "Rule",
    "RuleSet",
    "Sample",
    "Value",
    "compile_rules",
    "compiled_document",
    "faint",
    "home",
    "load",
    "with_files",
    "with_samples",
]

PACKAGE = Path(__file__).parent.parent
DATA = PACKAGE / "languages" / "data"
CODE = PACKAGE / "ruleset"
COMPILED = "compiled.json"


def home() -> Path:
    """The folder of the built-in rules. Raises ``UsageError`` when there is none."""
    for folder in (PACKAGE / "_rules", PACKAGE.parent / "rules"):
        if any(folder.glob("*.yaml")):
            return folder
    raise UsageError(f"no rules in {PACKAGE / '_rules'} nor {PACKAGE.parent / 'rules'}; install hardcode-hunter again")


def load(extra: Sequence[Path] = (), *, builtin: bool = True, least: Confidence = Confidence.LOW) -> RuleSet:
    """The built-in rules and those of ``extra`` folders, from the cache when nothing changed; without ``builtin`` only the latter.

    Above ``least`` LOW, rules about values whose findings are never surer than that are listed, but not looked for: they cost nothing.
    Raises ``UsageError``.
    """
    folders = (*((home(),) if builtin else ()), *extra)
    for folder in extra:
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder; correct 'extra-rules'")
        if not any(p.suffix in (".yaml", ".yml") for p in folder.rglob("*")):
            raise UsageError(f"{folder}: holds no rules; give a folder with *.yaml rule files")
    return _load(folders, _sources(folders), least > Confidence.LOW)


@cache
def _load(folders: tuple[Path, ...], sources: str, sure: bool = False) -> RuleSet:
    if folders == (home(),):
        shipped = _read(folders[0] / COMPILED, _shipped(sources), sure)
        if shipped:
            return shipped
    key = store.key(sources, __version__, detect_secrets.version())
    kept = _read(store.folder() / f"rules-{key[:32]}.cache", key, sure)
    if kept:
        return kept
    rules = compile_rules(folders) if home() in folders else RuleSet(with_samples(folders))
    store.save(key, _rows(rules))
    return RuleSet(rules.rules, sure=sure) if sure else rules


def _read(path: Path, key: str, sure: bool) -> RuleSet | None:
    rows = store.load(path, key)
    if rows is None:
        return None
    try:
        first_pass = first_pass_from(rows["first_pass_sure" if sure else "first_pass"])
        return RuleSet([from_row(row) for row in rows["rules"]], first_pass, sure=sure)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None  # another program wrote there: compile again


def _rows(rules: RuleSet) -> dict[str, Any]:
    return {
        "rules": [to_row(rule) for rule in rules.rules],
        "first_pass": first_pass_row(rules.first_pass),
        "first_pass_sure": first_pass_row(RuleSet(rules.rules, sure=True).first_pass),
    }


def _sources(folders: Sequence[Path]) -> str:
    return store.digest([*folders, DATA, CODE])


def _shipped(sources: str) -> str:
    """A wheel's own set holds what its build took of detect-secrets, whatever version of that is installed beside it."""
    return store.key(sources, __version__, "shipped")


def compiled_document(folder: Path) -> bytes:
    """What a wheel ships as ``_rules/compiled.json`` beside the rule files of ``folder``."""
    return store.document(_shipped(_sources([folder])), _rows(compile_rules([folder])))


def with_samples(folders: Iterable[Path]) -> tuple[Rule, ...]:
    """The rules as their files have them, with examples and near misses. Raises ``UsageError``."""
    from hardcode_hunter.ruleset import files

    found: dict[str, Rule] = {}
    for folder in folders:
        paths = [folder] if folder.is_file() else sorted(p for p in folder.rglob("*") if p.suffix in (".yaml", ".yml"))
        rules = [rule for path in paths for rule in files.read(path)]
        if not rules:
            raise UsageError(f"{folder}: holds no rules; give a folder with *.yaml rule files")
        for rule in rules:
            if rule.id in found:
                raise UsageError(
                    f"{folder}: rule '{rule.id}' is defined twice, in {found[rule.id].source} and {rule.source}; rename one"
                )
            found[rule.id] = rule
    return tuple(found.values())


def with_files(files: Sequence[Path]) -> RuleSet:
    """The built-in rules and those of single files, which may stand in the built-in folder. Raises ``UsageError``."""
    own = home()
    others = [path for path in files if own.resolve() not in path.resolve().parents and path.resolve() != own.resolve()]
    return compile_rules([own, *others])


def compile_rules(folders: Iterable[Path]) -> RuleSet:
    """Reads every rule file in ``folders``, adds what detect-secrets knows beside them, and checks all of it. Raises ``UsageError``."""
    own = with_samples(folders)
    covered = {kind for rule in own for kind in rule.covers}
    return RuleSet((*own, *_adopted(covered)))


def _adopted(covered: set[str]) -> Iterable[Rule]:
    """Rules out of detect-secrets' patterns, of the kinds that none of ours covers."""
    import re

    from hardcode_hunter.model import Kind, Severity

    for detector in detect_secrets.detectors():
        values = tuple(value for pattern in detector.patterns for value in _value(pattern))
        if detector.kind in covered or not values:
            continue
        yield Rule(
            id="detect-secrets-" + re.sub(r"[^a-z0-9]+", "-", detector.kind.lower()).strip("-"),
            title=detector.kind,
            description="A value that a pattern of detect-secrets matches.",
            severity=Severity.HIGH,
            kind=Kind.API_KEY,
            confidence=Confidence.MEDIUM,
            role="token",
            home_why="a credential that can change: Secrets Manager versions and audits it",
            rotation_why="renew it where it was issued, then store the new value",
            references=("https://github.com/Yelp/detect-secrets",),
            values=values,
            precedence=-5,
            source="detect-secrets",
        )


def _value(pattern: str) -> Iterable[Value]:
    try:
        bounded = linear.with_bounds(pattern)
        linear.check(bounded)
        words = linear.words(bounded)
    except linear.NotLinear:
        return
    if words:
        yield Value(bounded, tuple(sorted(words)), least=linear.least(bounded))
