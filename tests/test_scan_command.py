"""The gate's command: exit statuses, what is scanned, what is printed where. Whatever it can't do is exit 2 and one line."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hardcode_hunter import baseline, judge, pipeline
from hardcode_hunter.cli import scan as scanning
from tests.gate import ROOT, Repository, Run, write

pytest_plugins = ("tests.gate_fixtures",)

CLEAN = "def total(rows):\n    return sum(rows)\n"
LEAKY = 'import psycopg2\n\n\ndef connect():\n    return psycopg2.connect(host="db", user="app", password="harbour-light-9")\n'
LESS_SURE = {
    "conf.ini": "[harbour]\nberth = quay-light-9\n",
    "hardcode-hunter.toml": 'extra-rules = ["house"]\n',
    "house/berth.yaml": """
id: house-berth
title: berth code
description: A code that opens a berth.
severity: high
kind: application-credential
confidence: medium
role: password
match: {names: [berth]}
store: {home: secretsmanager, why: it can change}
rotation: {name: none, why: the harbour master gives it out}
references: [https://example.com/berths]
examples:
  - {language: ini, text: "[harbour]\\nberth = quay-light-9\\n"}
  - {language: python, text: "berth = 'quay-light-9'"}
near_misses:
  - {language: ini, text: "[harbour]\\nbirth = quay-light-9\\n"}
  - {language: python, text: "berth = None"}
""",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    root.mkdir()
    return root


# ---------------------------------------------------------------- exit statuses


def test_clean_is_0_and_prints_nothing(run: Run, tree: Path) -> None:
    write(tree, {"app.py": CLEAN})
    ran = run("scan", ".", cwd=tree)
    assert (ran.status, ran.out, ran.err) == (0, "", "")


@pytest.mark.parametrize("form", ["full", "concise", "grouped"])
def test_findings_are_1_with_place_rule_and_reason_and_no_value(run: Run, tree: Path, form: str) -> None:
    write(tree, {"app.py": LEAKY})
    ran = run("scan", ".", "--output", form, cwd=tree)
    assert ran.status == 1
    assert "app.py" in ran.out
    assert "5:" in ran.out
    assert "postgresql-password" in ran.out
    assert "psycopg2.connect(password=)" in ran.out
    assert "harbour-light-9" not in ran.out + ran.err
    assert ran.err == ""


def test_exit_zero_prints_the_same(run: Run, tree: Path) -> None:
    write(tree, {"app.py": LEAKY})
    ran = run("scan", ".", "--exit-zero", "--output", "concise", cwd=tree)
    assert ran.status == 0
    assert "app.py:5:" in ran.out


def test_a_test_value_is_told_of_and_fails_nothing(run: Run, tree: Path) -> None:
    write(tree, {"tests/test_app.py": LEAKY})
    ran = run("scan", ".", cwd=tree)
    assert ran.status == 0
    assert "test value" in ran.out


@pytest.mark.parametrize(
    ("words", "status"), [(["--fail-on", "any"], 1), (["--fail-on", "medium"], 1), (["--fail-on", "high"], 0)]
)
def test_fail_on_is_the_least_confidence_that_fails(run: Run, tree: Path, words: list[str], status: int) -> None:
    write(tree, LESS_SURE)
    assert "[report, medium]" in run("scan", "conf.ini", cwd=tree).out
    assert run("scan", "conf.ini", *words, cwd=tree).status == status


def test_min_confidence_leaves_out_what_is_less_certain(run: Run, tree: Path) -> None:
    write(tree, LESS_SURE)
    assert run("scan", "conf.ini", "--min-confidence", "high", cwd=tree).status == 0
    assert run("scan", "conf.ini", "--min-confidence", "medium", cwd=tree).status == 1


EXIT_2 = {
    "no such path": (["scan", "nowhere"], {"app.py": CLEAN}, "nowhere: no such file"),
    "no file": (["scan", "."], {}, "no file to scan"),
    "only excluded files": (["scan", "."], {"node_modules/x.py": CLEAN}, "no file to scan"),
    "no rule": (["scan", ".", "--ignore", "*"], {"app.py": CLEAN}, "no rule to look for"),
    "no own rule": (
        ["scan", "."],
        {"app.py": CLEAN, "hardcode-hunter.toml": "default-rules = false\n"},
        "no rule to look for",
    ),
    "unknown rule": (
        ["scan", ".", "--select", "postgresql-pasword"],
        {"app.py": CLEAN},
        "did you mean 'postgresql-password'?",
    ),
    "unknown format": (["scan", ".", "--output", "sarf"], {"app.py": CLEAN}, "did you mean 'sarif'?"),
    "a module that is no format": (["scan", ".", "--output", "_summary"], {"app.py": CLEAN}, "no format is called"),
    "two formats to stdout": (
        ["scan", ".", "--output", "json", "--output", "sarif"],
        {"app.py": CLEAN},
        "a file of its own",
    ),
    "output into nowhere": (["scan", ".", "--output", "json:no/such/x.json"], {"app.py": CLEAN}, "cannot be written"),
    "unknown option": (["scan", "--nope"], {"app.py": CLEAN}, "--nope"),
    "unknown command": (["scam"], {"app.py": CLEAN}, "scam"),
    "unknown confidence": (["scan", "--min-confidence", "hihg"], {"app.py": CLEAN}, "min-confidence"),
    "broken configuration": (
        ["scan", "."],
        {"app.py": CLEAN, "hardcode-hunter.toml": "select = [\n"},
        "hardcode-hunter.toml: not valid TOML",
    ),
    "unknown key": (
        ["scan", "."],
        {"app.py": CLEAN, "hardcode-hunter.toml": "exlude = []\n"},
        "did you mean 'exclude'?",
    ),
    "broken table": (
        ["scan", "."],
        {"app.py": CLEAN, "pyproject.toml": "[tool.hardcode-hunter]\nselect = 3\n"},
        "'select' must be a list",
    ),
    "absent configuration": (["scan", ".", "--config", "x.toml"], {"app.py": CLEAN}, "x.toml: cannot be read"),
    "absent rules": (
        ["scan", "."],
        {"app.py": CLEAN, "hardcode-hunter.toml": 'extra-rules = ["mine"]\n'},
        "mine: no such folder",
    ),
    "malformed baseline": (
        ["scan", "."],
        {"app.py": CLEAN, "hardcode-hunter.baseline": "<<<<<<< HEAD\n"},
        "hardcode-hunter.baseline:1: not a line of JSON",
    ),
    "absent baseline": (["scan", ".", "--baseline", "x.baseline"], {"app.py": CLEAN}, "there is no such baseline"),
    "a list of what is absent": (
        ["scan", "@list"],
        {"app.py": CLEAN, "list": "nothing.py\n"},
        "nothing.py: no such file",
    ),
    "a bare repository": (
        ["scan", "."],
        {"HEAD": "ref: refs/heads/main\n", "objects/x": "", "refs/heads/main": "0\n", "config": "[core]\n"},
        "a bare git repository holds no files",
    ),
    "staged outside git": (["scan", "--staged"], {"app.py": CLEAN}, "no git work tree"),
    "since outside git": (["scan", "--since", "main"], {"app.py": CLEAN}, "no git work tree"),
    "staged and since": (["scan", "--staged", "--since", "main"], {"app.py": CLEAN}, "exclude one another"),
    "stdin and a path": (["scan", "-", "app.py"], {"app.py": CLEAN}, "no other path"),
    "per-file ignore without a rule": (["scan", ".", "--per-file-ignores", "tests"], {"app.py": CLEAN}, "no GLOB:RULE"),
}


@pytest.mark.parametrize("case", EXIT_2)
def test_what_makes_no_sense_is_2_and_one_line_that_says_what_to_do(run: Run, tree: Path, case: str) -> None:
    words, files, said = EXIT_2[case]
    write(tree, files)
    ran = run(*words, cwd=tree)
    assert ran.status == 2
    assert said in ran.err
    assert ran.err.count("\n") == 1, ran.err
    assert ran.out == ""


@pytest.mark.parametrize("case", ["no file", "only excluded files", "no rule", "no own rule"])
def test_an_empty_scan_is_fine_for_who_says_so(run: Run, tree: Path, case: str) -> None:
    words, files, _ = EXIT_2[case]
    write(tree, files)
    assert run(*words, "--allow-empty", cwd=tree).status == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
def test_a_file_that_can_not_be_read_is_2_whatever_else_is_found(run: Run, tree: Path) -> None:
    write(tree, {"app.py": LEAKY, "locked.py": CLEAN})
    (tree / "locked.py").chmod(0)
    ran = run("scan", ".", "--exit-zero", cwd=tree)
    assert ran.status == 2
    assert "locked.py" in ran.err


def test_a_file_that_vanishes_is_2_whatever_else_is_found(
    run: Run, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tree, {"app.py": LEAKY})
    monkeypatch.setattr("hardcode_hunter.discover.files", lambda *_, **__: iter(["app.py", "gone.py"]))
    ran = run("scan", ".", cwd=tree)
    assert ran.status == 2
    assert "gone.py: cannot be read" in ran.err
    assert "app.py:5:" in ran.out


def test_a_file_that_can_not_be_parsed_is_told_and_read_as_text(run: Run, tree: Path) -> None:
    write(tree, {"app.py": 'print "x"\npassword = "harbour-light-9"\n'})
    ran = run("scan", ".", cwd=tree)
    assert ran.status == 1
    assert "app.py:1:" in ran.err
    assert run("scan", ".", "--quiet", cwd=tree).err == ""


def test_a_crash_is_2_and_shows_no_text_of_the_error(run: Run, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tree, {"app.py": LEAKY})

    def crash(*_: object) -> object:
        raise TypeError("harbour-light-9 was not expected")

    monkeypatch.setattr("hardcode_hunter.detect.detect", crash)
    ran = run("scan", ".", cwd=tree)
    assert ran.status == 2
    assert "harbour-light-9" not in ran.out + ran.err
    assert "TypeError" in ran.err
    assert ran.err.count("\n") == 1


# ---------------------------------------------------------------- what is scanned


def test_stdin_is_judged_under_the_name_it_is_given(run: Run, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def scan(text: str, *words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        ran = run("scan", "-", *words, "--output", "concise", cwd=tree)
        return ran.status, ran.out

    status, out = scan(LEAKY, "--stdin-filename", "shop/db.py")
    assert status == 1
    assert out.startswith("shop/db.py:5:")
    assert scan(CLEAN, "--stdin-filename", "shop/db.py")[0] == 0
    assert scan(LEAKY)[1].startswith("stdin:5:")


def test_a_named_file_is_scanned_though_excluded_unless_forced(run: Run, tree: Path) -> None:
    write(tree, {"vendor/app.py": LEAKY, "b.py": CLEAN})
    assert run("scan", "vendor/app.py", "--exclude", "vendor", cwd=tree).status == 1
    assert run("scan", "vendor/app.py", "b.py", "--exclude", "vendor", "--force-exclude", cwd=tree).status == 0
    assert run("scan", ".", "--exclude", "vendor", cwd=tree).status == 0
    assert run("scan", "vendor/app.py", "--exclude", "vendor", "--force-exclude", cwd=tree).status == 2


def test_show_files_lists_what_would_be_scanned(run: Run, tree: Path) -> None:
    write(
        tree,
        {
            "b.py": LEAKY,
            "a/c.yaml": "x: 1\n",
            "node_modules/d.py": LEAKY,
            ".secrets.baseline": "{}",
            "hardcode-hunter.baseline": "",
        },
    )
    ran = run("scan", "--show-files", cwd=tree)
    assert (ran.status, ran.out) == (0, "a/c.yaml\nb.py\n")


def test_what_git_ignores_is_looked_at_when_asked_for(run: Run, repository: Repository) -> None:
    repository.commit({".gitignore": ".env\n", "a.py": CLEAN})
    repository.write({".env": "DB_PASSWORD=harbour-light-9\n"})
    assert run("scan", ".", cwd=repository.root).status == 0
    assert run("scan", ".env", cwd=repository.root).status == 1, "it is named"
    assert run("scan", ".", "--no-respect-gitignore", cwd=repository.root).status == 1
    repository.write({"hardcode-hunter.toml": "respect-gitignore = false\n"})
    assert run("scan", ".", cwd=repository.root).status == 1
    assert run("scan", ".", "--respect-gitignore", cwd=repository.root).status == 0


def test_a_long_list_of_paths_can_stand_in_a_file(run: Run, tree: Path) -> None:
    write(tree, {"a.py": LEAKY, "deep/b b.py": CLEAN, "@c.py": CLEAN, "list": "deep/b b.py\n\n@c.py\n"})
    assert run("scan", "@list", "--show-files", cwd=tree).out == "deep/b b.py\n@c.py\n"
    assert run("scan", "@c.py", "--show-files", cwd=tree).out == "@c.py\n", "a file of that name is itself"
    ran = run("scan", "@nowhere", cwd=tree)
    assert (ran.status, ran.err.count("\n")) == (2, 1)
    assert "@nowhere: cannot be read" in ran.err


def test_show_settings_is_a_configuration_file(run: Run, tree: Path) -> None:
    write(tree, {"a.py": CLEAN, "pyproject.toml": '[tool.hardcode-hunter]\nexclude = ["gen"]\n'})
    ran = run("scan", "--show-settings", "--ignore", "generic-*", cwd=tree)
    assert ran.status == 0
    assert "pyproject.toml" in ran.out.splitlines()[0]
    write(tree, {"hardcode-hunter.toml": ran.out})
    assert run("scan", "--show-settings", cwd=tree).out.splitlines()[1:] == ran.out.splitlines()[1:]


# ---------------------------------------------------------------- what is printed


def test_statistics_count_findings_by_rule(run: Run, tree: Path) -> None:
    write(tree, {"a.py": LEAKY, "b.py": LEAKY})
    ran = run("scan", ".", "--statistics", cwd=tree)
    assert ran.status == 1
    first, last = ran.out.splitlines()
    assert first.split()[:2] == ["2", "postgresql-password"]
    assert "2 files" in last


def test_several_formats_in_one_run(run: Run, tree: Path, tmp_path: Path) -> None:
    write(tree, {"a.py": LEAKY})
    ran = run(
        "scan",
        ".",
        "--output",
        "concise",
        "--output",
        f"json:{tmp_path / 'x.json'}",
        "--output",
        f"full:{tmp_path / 'x.txt'}",
        cwd=tree,
    )
    assert ran.out.startswith("a.py:5:")
    assert '"rule": "postgresql-password"' in (tmp_path / "x.json").read_text()
    assert "\033" not in (tmp_path / "x.txt").read_text()


def test_a_dash_is_stdout(run: Run, tree: Path) -> None:
    write(tree, {"a.py": LEAKY})
    assert run("scan", ".", "--output", "concise:-", cwd=tree).out.startswith("a.py:5:")
    assert run("scan", ".", "--output", "concise:-", "--output", "json", cwd=tree).status == 2
    assert sorted(path.name for path in tree.iterdir()) == ["a.py"]


COLOURS = [
    ({}, [], False),
    ({"FORCE_COLOR": "1"}, [], True),
    ({"FORCE_COLOR": "0"}, [], False),
    ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, [], False),
    ({"NO_COLOR": "1"}, ["--color", "always"], True),
    ({"FORCE_COLOR": "1"}, ["--color", "never"], False),
]


@pytest.mark.parametrize(("environment", "words", "coloured"), COLOURS)
def test_colours_are_for_terminals_and_for_who_asks(
    run: Run, tree: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], words: list[str], coloured: bool
) -> None:
    write(tree, {"a.py": LEAKY})
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ran = run("scan", ".", *words, cwd=tree)
    assert ("\033[" in ran.out) is coloured
    assert "\033[" not in run("scan", ".", *words, "--output", "json", cwd=tree).out


def test_a_name_in_the_tree_does_not_steer_the_terminal(run: Run, tree: Path) -> None:
    write(tree, {"a\033[2Jb\u202e.py": LEAKY})
    for form in ("full", "concise", "grouped", "github", "junit", "github-summary"):
        out = run("scan", ".", "--output", form, cwd=tree).out
        assert "\033[2J" not in out
        assert "\u202e" not in out


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_for_terminals_only_and_not_for_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    assert scanning.progress() is None
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.delenv("CI", raising=False)
    shown = scanning.progress()
    assert shown is not None
    shown(200)
    assert "200 files" in sys.stderr.getvalue()  # type: ignore[attr-defined]
    monkeypatch.setenv("CI", "true")
    assert scanning.progress() is None


def test_verbose_says_what_was_looked_at(run: Run, tree: Path) -> None:
    write(tree, {"a.py": CLEAN})
    (tree / "b.bin").write_bytes(b"\0\0")
    ran = run("scan", ".", "--verbose", cwd=tree)
    assert ran.out == ""
    assert "No credentials found. 2 files, 1 binary" in ran.err


def test_a_reader_that_goes_away_is_no_error_of_ours(tree: Path, cache: Path) -> None:
    write(tree, {f"f{n}.py": LEAKY for n in range(40)})
    environment = {**os.environ, "XDG_CACHE_HOME": os.fspath(cache), "PYTHONPATH": os.fspath(ROOT)}
    words = [sys.executable, "-m", "hardcode_hunter", "scan", "."]
    with subprocess.Popen(words, cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
        assert process.wait() in (1, 141)


# ---------------------------------------------------------------- --staged


@pytest.fixture
def staged(run: Run, repository: Repository) -> Run:
    def scan(*words: str | Path) -> object:
        return run("scan", "--staged", *words, cwd=repository.root)

    return scan  # type: ignore[return-value]


def test_a_new_credential_is_refused_and_the_place_is_right(staged: Run, repository: Repository) -> None:
    repository.commit({"a.py": CLEAN})
    repository.write({"a.py": CLEAN + LEAKY})
    assert staged().status == 2, "nothing is staged"
    repository.git("add", "a.py")
    ran = staged("--output", "concise")
    assert ran.status == 1
    assert ran.out.startswith("a.py:7:")


def test_what_is_not_staged_is_not_judged(staged: Run, repository: Repository) -> None:
    repository.commit({"a.py": CLEAN})
    repository.write({"a.py": CLEAN + "\n\ndef other():\n    return 1\n"})
    repository.git("add", "a.py")
    repository.write({"a.py": LEAKY})
    assert staged().status == 0
    repository.git("add", "a.py")
    repository.write({"a.py": CLEAN})
    assert staged().status == 1


@pytest.mark.parametrize(
    "after",
    [
        'import os\nimport psycopg2\n\n\ndef connect():\n    return psycopg2.connect(host="db", user="app", password=os.environ["DB"])\n',
        LEAKY.replace("        ", "").replace(
            "def connect():", "def connect():\n    # a line beside it\n    print('connecting')"
        ),
        "",
    ],
    ids=["replaced", "neighbours edited", "emptied"],
)
def test_removing_a_credential_or_editing_beside_it_is_not_blocked(
    staged: Run, repository: Repository, after: str
) -> None:
    repository.commit({"a.py": LEAKY})
    repository.write({"a.py": after})
    repository.git("add", "-A")
    ran = staged()
    assert (ran.status, ran.out) == (0, "")


def test_deleting_and_renaming_files_is_not_blocked(staged: Run, repository: Repository) -> None:
    repository.commit({"a.py": LEAKY, "b.py": LEAKY.replace("9", "8")})
    repository.git("rm", "-q", "a.py")
    repository.git("mv", "b.py", "c.py")
    assert staged().status == 0


def test_the_first_commit_is_judged(staged: Run, repository: Repository) -> None:
    repository.write({"a.py": LEAKY})
    repository.git("add", "-A")
    assert staged().status == 1


def test_names_that_need_quoting_links_modules_and_binaries(staged: Run, repository: Repository) -> None:
    repository.commit({"x": ""})
    repository.write({'we"ird\tname\n.py': LEAKY, "ümlaut.py": LEAKY, "plain.py": LEAKY})
    (repository.root / "link.py").symlink_to("plain.py")
    (repository.root / "b.bin").write_bytes(b"\0" * 10)
    (repository.root / "wide.py").write_bytes(LEAKY.encode("utf-16"))
    repository.git("add", "-A")
    ran = staged("--output", "concise", "--verbose")
    assert ran.status == 1
    assert ran.out.count("postgresql-password") == 3 + ("wide.py" in ran.out)
    assert "1 symbolic link" in ran.err
    assert "1 binary" in ran.err


def test_the_index_that_git_gives_to_a_hook_is_the_one_that_is_judged(
    staged: Run, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit({"a.py": CLEAN, "b.py": CLEAN})
    repository.write({"a.py": LEAKY})
    other = repository.root / ".git" / "next-index-1"
    other.write_bytes((repository.root / ".git" / "index").read_bytes())
    subprocess.run(
        ["git", "add", "a.py"], cwd=repository.root, env={**os.environ, "GIT_INDEX_FILE": os.fspath(other)}, check=True
    )
    assert staged("--allow-empty").status == 0
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/next-index-1")
    assert staged().status == 1


def test_staged_runs_no_program_that_the_repository_names(staged: Run, repository: Repository, tmp_path: Path) -> None:
    marker, tool = tmp_path / "executed", tmp_path / "tool"
    tool.write_text(f"#!/bin/sh\ntouch {marker}\ncat\n")
    tool.chmod(0o755)
    repository.commit({"a.py": CLEAN, ".gitattributes": "*.py diff=evil filter=evil\n"})
    for key in (
        "core.fsmonitor",
        "diff.evil.command",
        "diff.evil.textconv",
        "diff.external",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
    ):
        repository.git("config", key, os.fspath(tool))
    blob = subprocess.run(
        ["git", "hash-object", "-w", "--stdin", "--no-filters"],
        cwd=repository.root,
        input=LEAKY,
        capture_output=True,
        text=True,
        check=True,
    )
    repository.git("update-index", "--cacheinfo", f"100644,{blob.stdout.strip()},a.py")
    marker.unlink(missing_ok=True)
    assert staged().status == 1
    assert not marker.exists()


def test_paths_limit_what_is_judged(staged: Run, repository: Repository) -> None:
    repository.commit({"a/x.py": CLEAN, "b/x.py": CLEAN})
    repository.write({"a/x.py": LEAKY, "b/x.py": CLEAN + "\n"})
    repository.git("add", "-A")
    assert staged("b").status == 0
    assert staged("a").status == 1
    assert staged("--exclude", "a").status == 0


CALL = 'psycopg2.connect(host="db", user="app", password="harbour-light-9")'
SPREAD = 'psycopg2.connect(\n        host="db",\n        user="app",\n        password="harbour-light-9",\n    )'
HUSHED = "  # hardcode-hunter: ignore[postgresql-password] dies in June"
REWRITTEN = {
    "spread over lines": (LEAKY, LEAKY.replace(CALL, SPREAD), 0),
    "put on one line": (LEAKY.replace(CALL, SPREAD), LEAKY, 0),
    "other quotes": (LEAKY, LEAKY.replace('"', "'"), 0),
    "another host": (LEAKY, LEAKY.replace('"db"', '"db2"'), 0),
    "another value": (LEAKY, LEAKY.replace("harbour-light-9", "pilot-boat-11x"), 1),
    "another value, spread over lines": (LEAKY, LEAKY.replace(CALL, SPREAD.replace("harbour", "pilot")), 1),
    "a second one beside it": (LEAKY, LEAKY + LEAKY.replace("connect()", "again()"), 1),
    "the same one once more": (LEAKY, LEAKY.replace("return ", f"first = {CALL}\n    return "), 1),
    "without its comment": (LEAKY.replace(CALL, CALL + HUSHED), LEAKY, 1),
    "with a comment": (LEAKY, LEAKY.replace(CALL, CALL + HUSHED), 0),
    "in another function": (LEAKY, LEAKY.replace("connect():", "dial():"), 0),
    "as other text": ("x = 1\n", LEAKY, 1),
}


@pytest.mark.parametrize("case", REWRITTEN)
@pytest.mark.parametrize("words", [[], ["--no-suppressions"]], ids=["", "no-suppressions"])
def test_a_known_value_at_its_place_is_not_new_however_it_is_written(
    staged: Run, repository: Repository, case: str, words: list[str]
) -> None:
    before, after, status = REWRITTEN[case]
    repository.commit({"a.py": before})
    repository.write({"a.py": after})
    repository.git("add", "-A")
    assert staged(*words).status == status


# ---------------------------------------------------------------- --hook


def test_a_hook_judges_new_lines_of_what_is_staged_and_other_files_whole(run: Run, repository: Repository) -> None:
    repository.commit({"a.py": LEAKY, "b.py": LEAKY, "deep/c.py": CLEAN})
    repository.write({"a.py": "# above\n" + LEAKY, "deep/c.py": CLEAN + "\n"})
    repository.git("add", "-A")
    root = repository.root
    assert run("scan", "--hook", "a.py", "deep/c.py", cwd=root).status == 0
    assert run("scan", "--hook", "c.py", cwd=root / "deep").status == 0
    assert run("scan", "--hook", cwd=root).status == 0, "no name: what is staged"
    assert run("scan", "--hook", "a.py", "b.py", cwd=root).status == 1, (
        "b.py was not changed, so it is named for itself"
    )
    assert run("scan", "--hook", "b.py", cwd=root).status == 1
    assert run("scan", "--hook", ".", cwd=root).status == 1
    assert run("scan", "--hook", "b.py", "--exclude", "b.py", cwd=root).status == 0
    assert run("scan", "--hook", root / "a.py", cwd=root.parent).status == 0
    assert run("scan", "--hook", "--staged", cwd=root).status == 2


def test_a_hook_is_given_deleted_and_renamed_files_too(run: Run, repository: Repository) -> None:
    """As ``git diff --cached --name-only`` names them."""
    repository.commit({"a.py": LEAKY, "b.py": LEAKY, "c.py": CLEAN, "d.py": LEAKY})
    repository.git("rm", "-q", "a.py")
    repository.git("mv", "b.py", "e.py")
    repository.write({"c.py": CLEAN + "\n"})
    repository.git("add", "-A")
    root = repository.root
    assert run("scan", "--hook", "a.py", cwd=root).status == 0
    assert run("scan", "--hook", "a.py", "b.py", "c.py", "e.py", cwd=root).status == 0
    assert run("scan", "--hook", "a.py", "d.py", cwd=root).status == 1, "d.py was not changed"
    assert run("scan", "a.py", cwd=root).status == 2, "who scans by hand is told"


def test_a_hook_outside_git_reads_the_files_that_it_is_given(run: Run, tree: Path) -> None:
    write(tree, {"a.py": LEAKY, "b.py": CLEAN})
    assert run("scan", "--hook", "a.py", "b.py", cwd=tree).status == 1
    assert run("scan", "--hook", "b.py", cwd=tree).status == 0


@pytest.mark.parametrize("to", ["HEAD", "topic"])
def test_a_hook_between_two_refs_judges_what_the_second_adds(
    run: Run, repository: Repository, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    base = repository.commit({"a.py": LEAKY})
    repository.git("checkout", "-q", "-b", "topic")
    repository.commit({"a.py": "# above\n" + LEAKY, "b.py": CLEAN})
    monkeypatch.setenv("PRE_COMMIT_FROM_REF", base)
    monkeypatch.setenv("PRE_COMMIT_TO_REF", to)
    assert run("scan", "--hook", "a.py", "b.py", cwd=repository.root).status == 0
    repository.commit({"b.py": LEAKY})
    if to == "topic":
        repository.git("checkout", "-q", "main")
    assert run("scan", "--hook", "a.py", "b.py", cwd=repository.root).status == 1


def test_a_commit_that_only_moves_a_submodule_is_one(run: Run, repository: Repository) -> None:
    head = repository.commit({"a.py": CLEAN})
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{head},sub")
    assert run("scan", "--staged", cwd=repository.root).status == 0


# ---------------------------------------------------------------- --since


def test_since_judges_what_a_branch_adds_to_its_merge_base(run: Run, repository: Repository) -> None:
    repository.commit({"old.py": LEAKY})
    repository.git("checkout", "-q", "-b", "topic")
    repository.commit({"new.py": CLEAN})
    assert run("scan", "--since", "main", cwd=repository.root).status == 0
    repository.git("checkout", "-q", "main")
    repository.commit({"elsewhere.py": LEAKY})
    repository.git("checkout", "-q", "topic")
    assert run("scan", "--since", "main", cwd=repository.root).status == 0, (
        "main went on: that is not what the branch adds"
    )
    repository.commit({"new.py": LEAKY})
    ran = run("scan", "--since", "main", "--output", "concise", cwd=repository.root)
    assert ran.status == 1
    assert ran.out.startswith("new.py:5:")


def test_since_is_not_fooled_by_the_work_tree(run: Run, repository: Repository) -> None:
    repository.commit({"a.py": CLEAN})
    repository.git("checkout", "-q", "-b", "topic")
    repository.commit({"a.py": LEAKY})
    repository.write({"a.py": CLEAN})
    assert run("scan", "--since", "main", cwd=repository.root).status == 1


@pytest.mark.parametrize(
    ("ref", "said"),
    [("nope", "knows no commit 'nope'"), ("--output=x", "knows no commit"), ("orphan", "no common commit")],
)
def test_a_ref_that_can_not_be_compared_with_is_2(run: Run, repository: Repository, ref: str, said: str) -> None:
    repository.commit({"a.py": CLEAN})
    repository.git("checkout", "-q", "--orphan", "orphan")
    repository.commit({"b.py": CLEAN})
    repository.git("checkout", "-q", "main")
    ran = run("scan", f"--since={ref}", cwd=repository.root)
    assert ran.status == 2
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_no_change_is_2_unless_said_to_be_fine(run: Run, repository: Repository) -> None:
    repository.commit({"a.py": CLEAN})
    assert run("scan", "--since", "main", cwd=repository.root).status == 2
    assert run("scan", "--since", "main", "--allow-empty", cwd=repository.root).status == 0


@pytest.mark.parametrize("name", ["PRE_COMMIT_FROM_REF", "CI_MERGE_REQUEST_DIFF_BASE_SHA"])
def test_auto_is_what_the_surroundings_compare_with(
    run: Run, repository: Repository, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    base = repository.commit({"a.py": CLEAN})
    repository.commit({"a.py": LEAKY})
    assert run("scan", "--since", "auto", cwd=repository.root).status == 2, "there is no origin"
    monkeypatch.setenv(name, base)
    assert run("scan", "--since", "auto", cwd=repository.root).status == 1


def test_auto_ends_where_pre_commit_says(run: Run, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    base = repository.commit({"a.py": CLEAN})
    pushed = repository.commit({"b.py": CLEAN})
    repository.commit({"a.py": LEAKY})
    monkeypatch.setenv("PRE_COMMIT_FROM_REF", base)
    monkeypatch.setenv("PRE_COMMIT_TO_REF", pushed)
    assert run("scan", "--since", "auto", cwd=repository.root).status == 0, "the last commit is not what is pushed"
    assert run("scan", "--since", base, cwd=repository.root).status == 1


def test_auto_is_the_pull_requests_target_on_github(
    run: Run, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = repository.commit({"a.py": CLEAN})
    repository.commit({"a.py": LEAKY})
    repository.git("update-ref", "refs/remotes/origin/release", base)
    monkeypatch.setenv("GITHUB_BASE_REF", "release")
    assert run("scan", "--since", "auto", cwd=repository.root).status == 1


def test_the_gates_know_the_statuses_that_the_baseline_does() -> None:
    assert judge.DECIDED.statuses == baseline.DECIDED
    assert judge.HUSHING.statuses == baseline.HUSHING


def test_the_suffixes_for_which_a_language_may_be_loaded_without_a_hit() -> None:
    passing = [language for language in pipeline.languages().values() if language.passes_on]
    assert all(suffix.endswith(pipeline.PASSING) for language in passing for suffix in language.suffixes)


def test_the_suffixes_that_one_language_alone_claims() -> None:
    for suffix, module in pipeline.SOLE.items():
        for name in (f"x{suffix}", f"a/test_x{suffix}"):
            claims = [lang.name for lang in pipeline.languages().values() if name.endswith(lang.suffixes or ("\0",))]
            assert claims == [module]
            assert pipeline.language_of(name, b"") == pipeline.language_of(name, b"", pipeline.languages().values())


def test_many_files_that_are_read_as_text_are_not_all_named(run: Run, tree: Path) -> None:
    write(tree, {f"f{n:02}.py": 'print "x"\npassword = "harbour-light-9"\n' for n in range(15)})
    err = run("scan", ".", "--exit-zero", cwd=tree).err
    assert err.count("not valid Python 3") == 10
    assert "… and 5 more such problems; --verbose names them" in err
    assert run("scan", ".", "--exit-zero", "--verbose", cwd=tree).err.count("not valid Python 3") == 15


# ---------------------------------------------------------------- completion

COMPLETED = [
    ("sc", {"scan"}),
    ("scan --sta", {"--staged", "--statistics"}),
    ("scan --output git", {"github", "github-summary", "gitlab", "gitlab-secrets"}),
    ("scan --select postgresql-p", {"postgresql-password"}),
    ("scan --ignore redis-password,postgresql-p", {"redis-password,postgresql-password"}),
    ("baseline ", {"create", "prune", "stats", "import"}),
]


@pytest.mark.parametrize(("typed", "proposed"), COMPLETED)
def test_a_shell_completes_commands_options_formats_and_rules(
    tree: Path, cache: Path, typed: str, proposed: set[str]
) -> None:
    words = ["hardcode-hunter", *typed.split(" ")]
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": os.fspath(cache),
        "PYTHONPATH": os.fspath(ROOT),
        "_HARDCODE_HUNTER_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-P", "-m", "hardcode_hunter"],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert {line.partition(",")[2] for line in done.stdout.splitlines()} == proposed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_that_is_documented_is_a_script(tree: Path, shell: str) -> None:
    assert f"_HARDCODE_HUNTER_COMPLETE={shell}_source" in (ROOT / "docs" / "configuration.md").read_text("utf-8")
    environment = {**os.environ, "PYTHONPATH": os.fspath(ROOT), "_HARDCODE_HUNTER_COMPLETE": f"{shell}_source"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "hardcode_hunter"],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "hardcode-hunter" in done.stdout
    if shell == "bash":
        script = f"{done.stdout}\ncomplete -p hardcode-hunter"
        assert subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.startswith(
            "complete"
        )
