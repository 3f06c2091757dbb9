"""Settings: which file is read, what stands over what, and that a wrong key is told of with the right spelling."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from hardcode_hunter import config
from hardcode_hunter.errors import UsageError
from hardcode_hunter.model import Confidence
from tests.gate import ROOT, Run, write

pytest_plugins = ("tests.gate_fixtures",)

LEAKY = 'import psycopg2\npsycopg2.connect(password="harbour-light-9")\nmail_password = "quay-at-night-7"\n'
OWN, SHARED = "hardcode-hunter.toml", "pyproject.toml"


def rules(run: Run, root: Path, *words: str) -> set[str]:
    """The rules that find something in a.py."""
    out = run("scan", "a.py", "--output", "concise", "--exit-zero", *words, cwd=root).out
    return {line.split()[1] for line in out.splitlines() if line.startswith("a.py:")}


BOTH = {"postgresql-password", "mail-password"}
PRECEDENCE = [
    ("nothing said", {}, [], BOTH),
    ("pyproject.toml", {SHARED: '[tool.hardcode-hunter]\nselect = ["mail-password"]\n'}, [], {"mail-password"}),
    (
        "our own file over pyproject.toml",
        {SHARED: '[tool.hardcode-hunter]\nselect = ["mail-password"]\n', OWN: 'select = ["postgresql-password"]\n'},
        [],
        {"postgresql-password"},
    ),
    ("a pyproject.toml without our table", {SHARED: "[tool.black]\nline-length = 9\n"}, [], BOTH),
    ("our own empty file", {SHARED: '[tool.hardcode-hunter]\nselect = ["mail-password"]\n', OWN: ""}, [], BOTH),
    (
        "the command line over a file",
        {OWN: 'select = ["mail-password"]\n'},
        ["--select", "postgresql-password"],
        {"postgresql-password"},
    ),
    ("ignore is added", {OWN: 'ignore = ["mail-password"]\n'}, ["--ignore", "postgresql-password"], set()),
    ("isolated", {OWN: 'select = ["mail-password"]\n'}, ["--isolated"], BOTH),
    (
        "a named file",
        {OWN: 'select = ["mail-password"]\n', "ci.toml": 'select = ["postgresql-password"]\n'},
        ["--config", "ci.toml"],
        {"postgresql-password"},
    ),
    ("globs", {}, ["--select", "*-password", "--ignore", "mail-*"], {"postgresql-password"}),
    ("a list with commas", {}, ["--ignore", "mail-password,postgresql-password"], set()),
    ("ignore over select", {}, ["--select", "mail-password", "--ignore", "mail-password,redis-password"], None),
    ("per file", {OWN: '[per-file-ignores]\n"*.py" = ["mail-*"]\n'}, [], {"postgresql-password"}),
    ("per file, another file", {OWN: '[per-file-ignores]\n"b.py" = ["mail-*"]\n'}, [], BOTH),
    (
        "per file, both",
        {OWN: '[per-file-ignores]\n"*.py" = ["mail-*"]\n'},
        ["--per-file-ignores", "a.py:postgresql-password"],
        set(),
    ),
]


@pytest.mark.parametrize(
    ("files", "words", "found"), [row[1:] for row in PRECEDENCE], ids=[row[0] for row in PRECEDENCE]
)
def test_what_stands_over_what(
    run: Run, tmp_path: Path, files: dict[str, str], words: list[str], found: set[str] | None
) -> None:
    write(tmp_path, {"a.py": LEAKY, **files})
    if found is None:
        assert run("scan", "a.py", *words, cwd=tmp_path).status == 2, "no rule is left"
    else:
        assert {r.rstrip(":") for r in rules(run, tmp_path, *words)} == found


def test_the_documentation_says_every_key_and_the_order() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    for key in config.KEYS:
        assert f"`{key}`" in page
    order = [
        page.index(words)
        for words in ("the command line", "`hardcode-hunter.toml`", "`pyproject.toml`", "the defaults")
    ]
    assert order == sorted(order)


def test_per_file_ignores_stay_counted(run: Run, tmp_path: Path) -> None:
    write(tmp_path, {"a.py": LEAKY, OWN: '[per-file-ignores]\n"*.py" = ["*"]\n'})
    ran = run("scan", ".", "--verbose", cwd=tmp_path)
    assert ran.status == 0
    assert "2 suppressed" in ran.err
    assert run("scan", ".", "--no-suppressions", cwd=tmp_path).status == 1


ERRORS = [
    ('exlude = ["x"]', "unknown key 'exlude'; did you mean 'exclude'?"),
    ("per_file_ignores = {}", "did you mean 'per-file-ignores'?"),
    ("colour = true", "known keys: "),
    ('exclude = "x"', "'exclude' must be a list of strings"),
    ("select = [1]", "'select' must be a list of strings"),
    ('per-file-ignores = ["x"]', "must be a table of globs"),
    ('per-file-ignores = {"a" = "b"}', "'per-file-ignores.a' must be a list"),
    ('min-confidence = "certain"', "'certain' is no confidence; use low, medium or high"),
    ('fail-on = "never"', "can't be failed on"),
    ("suppressions = 1", "'suppressions' must be true or false"),
    ("baseline = 1", "'baseline' must be a text"),
    ("x = [", "not valid TOML"),
    ("x = 1\nx = 2", "not valid TOML"),
]


@pytest.mark.parametrize(("text", "said"), ERRORS)
@pytest.mark.parametrize("name", [OWN, SHARED])
def test_a_mistake_names_the_file_and_the_right_spelling(tmp_path: Path, text: str, said: str, name: str) -> None:
    write(tmp_path, {name: f"[tool.hardcode-hunter]\n{text}\n" if name == SHARED else text})
    with pytest.raises(UsageError) as caught:
        config.load(tmp_path)
    assert said in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["x = [", "\x00", "tool = 3", '[tool]\nhardcode = "x"'])
def test_somebody_elses_broken_pyproject_stops_nothing(tmp_path: Path, text: str) -> None:
    write(tmp_path, {SHARED: text})
    assert config.load(tmp_path) == config.Settings()


def test_a_table_that_is_none_is_a_mistake(tmp_path: Path) -> None:
    write(tmp_path, {SHARED: '[tool]\nhardcode-hunter = "x"\n'})
    with pytest.raises(UsageError, match="must be a table"):
        config.load(tmp_path)


def test_a_broken_file_is_not_quoted(tmp_path: Path) -> None:
    write(tmp_path, {OWN: 'password = "harbour-light-9\n'})
    with pytest.raises(UsageError) as caught:
        config.load(tmp_path)
    assert "harbour" not in str(caught.value)
    assert "line 1" in str(caught.value)


def test_what_is_shown_can_be_read_again(tmp_path: Path) -> None:
    settings = config.Settings(
        min_confidence=Confidence.HIGH,
        fail_on="high",
        select=("a*",),
        per_file_ignores={'te"st/*': ("x", "y")},
        exclude=("gen",),
        force_exclude=True,
        require_reason=True,
        baseline="known.baseline",
    )
    write(tmp_path, {OWN: "\n".join(config.shown(settings))})
    again = config.load(tmp_path)
    assert again.origin == str(tmp_path / OWN)
    assert list(config.shown(again))[1:] == list(config.shown(settings))[1:]
    assert set(tomllib.loads("\n".join(config.shown(settings)))) == set(config.KEYS)


RULE = """
id: house-berth
title: berth code
description: A code that opens a berth.
severity: high
kind: application-credential
confidence: high
role: password
match: {names: [berth]}
store: {home: secretsmanager, why: it can change}
rotation: {name: none, why: the harbour master gives it out}
references: [https://example.com/berths]
examples:
  - {language: python, text: "berth = 'quay-light-9'"}
  - {language: python, text: "x.berth = 'quay-light-9'"}
near_misses:
  - {language: python, text: "berth = None"}
  - {language: python, text: "birth = 'quay-light-9'"}
"""


def test_own_rules_extend_and_replace_only_when_asked_to(run: Run, tmp_path: Path) -> None:
    files = {"a.py": LEAKY + 'berth = "quay-light-9"\n', "tools/rules/berth.yaml": RULE}
    write(tmp_path, {**files, OWN: 'extra-rules = ["tools/rules"]\n', "sub/x.txt": ""})
    assert {r.rstrip(":") for r in rules(run, tmp_path)} == {*BOTH, "house-berth"}
    out = run("scan", "../a.py", "--output", "concise", cwd=tmp_path / "sub").out
    assert "house-berth" in out, "folders are relative to the file that names them"
    write(tmp_path, {OWN: 'extra-rules = ["tools/rules"]\ndefault-rules = false\n'})
    ran = run("scan", "a.py", "--output", "concise", cwd=tmp_path)
    assert "1 rule," in ran.out
    assert {line.split()[1].rstrip(":") for line in ran.out.splitlines() if line.startswith("a.py")} == {"house-berth"}


EXCLUDED = [
    ("vendor", "vendor/a.py", True),
    ("vendor", "src/vendor/deep/a.py", True),
    ("vendor/", "vendor/a.py", True),
    ("./vendor", "vendor/a.py", True),
    ("src/vendor", "src/vendor/a.py", True),
    ("src/vendor", "lib/src/vendor/a.py", False),
    ("*_pb2.py", "src/a_pb2.py", True),
    ("src/*.py", "src/a.py", True),
    ("vendor", "vendored/a.py", False),
    ("a.py", "src/a.py", True),
]


@pytest.mark.parametrize(("pattern", "name", "out"), EXCLUDED)
def test_what_a_glob_excludes(run: Run, tmp_path: Path, pattern: str, name: str, out: bool) -> None:
    write(tmp_path, {name: LEAKY, "other.txt": "x\n"})
    listed = run("scan", "--show-files", "--exclude", pattern, cwd=tmp_path).out.splitlines()
    assert (name not in listed) is out
