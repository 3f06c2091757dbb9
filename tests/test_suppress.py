"""Comments that hush: ours and other scanners', where they are comments, and only for what they name."""

from __future__ import annotations

import pytest

from hardcode_hunter import detect, link, pipeline, ruleset
from hardcode_hunter.model import Finding, Source
from hardcode_hunter.ruleset import RuleSet
from hardcode_hunter.suppress import suppress

PATHS = {
    "python": "a.py",
    "yaml": "a.yaml",
    "terraform": "a.tf",
    "cloudformation": "t.yaml",
    "dotenv": ".env",
    "ini": "a.ini",
    "sql": "a.sql",
    "json": "a.json",
}


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return ruleset.compile_rules([ruleset.home()])


def run(text: str, language: str, rules: RuleSet) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    source = Source(PATHS[language], text.encode(), language)
    extraction = pipeline.languages()[language].candidates(source, None)
    found = detect.detect(link.link(extraction.candidates, extraction.references), rules, b"k")
    outcome = suppress(found, {source.path: source})
    return outcome.kept, outcome.hushed


LINE = 'password = "television"'

HUSHED = [
    ("python", LINE + "  # hardcode-hunter: ignore[generic-password] shown to the public anyway", "ours"),
    ("python", LINE + "  # hardcode-hunter: ignore[other-rule, generic-password]", "ours"),
    ("python", "# hardcode-hunter: ignore-next-line[generic-password] a sample\n" + LINE, "ours"),
    ("python", "# hardcode-hunter: ignore-file[generic-password]\nx = 1\n\n" + LINE, "ours"),
    ("python", 'password = (  # hardcode-hunter: ignore[generic-password]\n    "tele"\n    "vision"\n)', "ours"),
    ("python", LINE + "  # pragma: allowlist secret", "detect-secrets"),
    ("python", LINE + "  # pragma: whitelist secret because it is old", "detect-secrets"),
    ("python", "# pragma: allowlist nextline secret\n" + LINE, "detect-secrets"),
    ("python", "x = 1  # pragma: allowlist nextline secret\n" + LINE, None),
    ("python", LINE + "  # gitleaks:allow", "gitleaks"),
    ("python", LINE + "  # betterleaks:allow", "betterleaks"),
    ("python", LINE + "  # trufflehog:ignore", "trufflehog"),
    ("python", LINE + "  # ggignore", "ggshield"),
    ("python", LINE + "  # nosec B105", "bandit"),
    ("python", LINE + "  # nosec: B101, B106", "bandit"),
    ("python", LINE + "  # nosec hardcoded_password_string", "bandit"),
    ("python", LINE + "  # nosec", None),
    ("python", LINE + "  # nosec B101", None),
    ("python", LINE + "  # noqa: S105", "ruff"),
    ("python", LINE + "  # noqa: E501,S106", "ruff"),
    ("python", LINE + "  # noqa", None),
    ("python", LINE + "  # noqa: E501", None),
    ("python", LINE + "  # ruff: ignore[S105]", "ruff"),
    ("python", "# ruff: noqa: S105\n" + LINE, "ruff"),
    ("python", LINE + "  # hardcode-hunter: ignore[generic-token]", None),
    ("python", LINE + "  # hardcode-hunter: ignore", None),
    ("python", 'other = "# pragma: allowlist secret"; ' + LINE, None),
    ("python", LINE + '; other = "# hardcode-hunter: ignore[generic-password]"', None),
    ("python", '"""\n# hardcode-hunter: ignore-file[generic-password]\n"""\n' + LINE, None),
    ("python", LINE + "  # nosemgrep: hardcoded-password", None),
    ("python", "print 'two'\n" + LINE + "  # pragma: allowlist secret", "detect-secrets"),
    ("yaml", "password: television  # pragma: allowlist secret", "detect-secrets"),
    ("yaml", "# hardcode-hunter: ignore-next-line[generic-password]\npassword: television", "ours"),
    ("yaml", "password: tele#vision-9", None),
    ("yaml", 'password: "tele # pragma: allowlist secret"', None),
    ("yaml", "password: television  # nosemgrep: generic.secrets.hardcoded-password", "semgrep"),
    ("yaml", "password: television  # nosemgrep: yaml.lang.style", None),
    ("terraform", 'locals {\n  password = "television" // pragma: allowlist secret\n}', "detect-secrets"),
    ("terraform", 'locals {\n  # checkov:skip=CKV_SECRET_6:a sample\n  password = "television"\n}', "checkov"),
    ("terraform", 'locals {\n  # checkov:skip=CKV_AWS_1:a sample\n  password = "television"\n}', None),
    ("terraform", 'locals {\n  /* hardcode-hunter: ignore-next-line[generic-password]\n  */\n  password = "television"\n}', "ours"),
    ("dotenv", "PASSWORD=television # gitleaks:allow", "gitleaks"),
    ("ini", "[a]\n; pragma: allowlist nextline secret\npassword = television", "detect-secrets"),
    ("json", '{"password": "television", "note": "# pragma: allowlist secret"}', None),
    ("cloudformation", "Resources:\n  A:\n    Type: AWS::RDS::DBInstance\n    Metadata:\n      cfn-lint:\n        config:\n          ignore_checks: [W2501]\n    Properties:\n      MasterUserPassword: television", "cfn-lint"),
    ("cloudformation", "Resources:\n  B:\n    Type: AWS::RDS::DBInstance\n    Metadata:\n      cfn-lint:\n        config:\n          ignore_checks: [W2501]\n  A:\n    Type: AWS::RDS::DBInstance\n    Properties:\n      MasterUserPassword: television", None),
    ("cloudformation", "Metadata:\n  cfn-lint:\n    config:\n      ignore_checks: [W2501]\nResources:\n  A:\n    Type: AWS::RDS::DBInstance\n    Properties:\n      MasterUserPassword: television", "cfn-lint"),
    ("cloudformation", "Metadata:\n  cfn-lint:\n    config:\n      ignore_checks: [E3002]\nResources:\n  A:\n    Type: AWS::RDS::DBInstance\n    Properties:\n      MasterUserPassword: television", None),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text", "by"), HUSHED)
def test_comments(language: str, text: str, by: str | None, rules: RuleSet) -> None:
    kept, hushed = run(text + "\n", language, rules)
    if by is None:
        assert kept and not hushed
    else:
        assert hushed and not kept
        assert {f.suppressed for f in hushed} == {by}


def test_any_line_of_the_literal_counts(rules: RuleSet) -> None:
    text = 'password = (\n    "tele"  # hardcode-hunter: ignore[generic-password]\n    "vision"\n)\n'
    kept, hushed = run(text, "python", rules)
    assert (len(kept), len(hushed)) == (0, 1)


def test_one_line_of_two(rules: RuleSet) -> None:
    kept, hushed = run(f"{LINE}  # pragma: allowlist secret\n{LINE}\n", "python", rules)
    assert ([f.line for f in kept], [f.line for f in hushed]) == ([2], [1])


def test_a_file_that_is_not_there_hushes_nothing(rules: RuleSet) -> None:
    kept, _ = run(LINE + "\n", "python", rules)
    outcome = suppress(kept, {})
    assert (outcome.kept, outcome.hushed) == (kept, ())


def test_nothing_but_the_mark_is_changed(rules: RuleSet) -> None:
    from dataclasses import replace

    kept, _ = run(LINE + "\n", "python", rules)
    _, hushed = run(LINE + "  # gitleaks:allow\n", "python", rules)
    assert replace(hushed[0], suppressed="") == kept[0]


@pytest.mark.parametrize(
    "text", ["'#" * 100_000, '"# noqa ' * 50_000, "# pragma: allowlist secret " * 20_000, "/*" * 100_000]
)
def test_long_lines_end(text: str, rules: RuleSet) -> None:
    from hardcode_hunter import suppress as module

    for language in PATHS:
        list(module.comments(Source(PATHS[language], text.encode(), language)))
