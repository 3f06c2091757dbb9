"""``scan --config-from REF``: what the scanned tree adds to configuration, comments and baseline is counted, told, and not obeyed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.gate import Repository, Run
from tests.test_configuration import RULE

pytest_plugins = ("tests.gate_fixtures",)

LEAK = 'password = "harbour-light-9"\n'
COMMENTED = 'password = "harbour-light-9"  # hardcode-hunter: ignore[generic-password] it opens nothing\n'
ENTRY = {"rule": "generic-password", "path": "a.py", "symbol": "password", "n": 0, "status": "accepted", "reason": "x"}
TEMPLATE = (
    "AWSTemplateFormatVersion: '2010-09-09'\nResources:\n  Db:\n    Type: AWS::RDS::DBInstance\n"
    "    Metadata: {cfn-lint: {config: {ignore_checks: [W2501]}}}\n"
    "    Properties: {MasterUsername: shop, MasterUserPassword: harbour-light-9}\n"
)


def shown(out: str) -> list[str]:
    """The findings of the concise format."""
    return [line for line in out.splitlines() if not line.startswith(("Found ", "No credentials"))]


def row(**more: object) -> str:
    return json.dumps(ENTRY | more) + "\n"


# what the tree adds to a repository that has a clean a.py -> the file and the words of the remark
ADDED = {
    "exclude": ({"a.py": LEAK, "hardcode-hunter.toml": 'exclude = ["a.py"]\n'}, "hardcode-hunter.toml", "exclude: 'a.py'"),
    "ignore": ({"a.py": LEAK, "hardcode-hunter.toml": 'ignore = ["generic-*"]\n'}, "hardcode-hunter.toml", "ignore: 'generic-*'"),
    "select": ({"a.py": LEAK, "pyproject.toml": '[tool.hardcode-hunter]\nselect = ["smtp"]\n'}, "pyproject.toml", "select: smtp"),
    "per-file-ignores": (
        {"a.py": LEAK, "hardcode-hunter.toml": '[per-file-ignores]\n"*.py" = ["*"]\n'},
        "hardcode-hunter.toml",
        "per-file-ignores: '*.py:*'",
    ),
    "fail-on": ({"a.py": LEAK, "hardcode-hunter.toml": 'fail-on = "high"\n'}, "hardcode-hunter.toml", "fail-on: high"),
    "min-confidence": (
        {"a.py": LEAK, "hardcode-hunter.toml": 'min-confidence = "high"\n'},
        "hardcode-hunter.toml",
        "min-confidence: high",
    ),
    "default-rules": ({"a.py": LEAK, "hardcode-hunter.toml": "default-rules = false\n"}, "hardcode-hunter.toml", "default-rules: false"),
    "extra-rules": (
        {"a.py": LEAK, "hardcode-hunter.toml": 'extra-rules = ["mine"]\n', "mine/x.yaml": "[]\n"},
        "hardcode-hunter.toml",
        "extra-rules: 1 folders",
    ),
    "a configuration that can't be read": ({"a.py": LEAK, "hardcode-hunter.toml": "exclude = [\n"}, "hardcode-hunter.toml", "can't be read"),
    "a comment": ({"a.py": COMMENTED}, "a.py", "a comment (ours)"),
    "a comment of another scanner": ({"a.py": LEAK.replace("\n", "  # gitleaks:allow\n")}, "a.py", "a comment (gitleaks)"),
    "a comment for the file": ({"a.py": f"# hardcode-hunter: ignore-file[*] seeds\n{LEAK}"}, "a.py", "a comment (ours)"),
    "metadata": ({"t.yaml": TEMPLATE}, "t.yaml", "a comment (cfn-lint)"),
    "an entry": ({"a.py": LEAK, "hardcode-hunter.baseline": row()}, "hardcode-hunter.baseline", "the entry for a.py"),
    "another baseline": (
        {"a.py": LEAK, "hardcode-hunter.toml": 'baseline = "known"\n', "known": row()},
        "hardcode-hunter.toml",
        "baseline: 'known'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("feed", [(), ("--since", "main")], ids=["the tree", "new lines"])
@pytest.mark.parametrize("case", ADDED)
def test_what_the_tree_loosens_is_counted_and_not_obeyed(
    repository: Repository, run: Run, case: str, feed: tuple[str, ...]
) -> None:
    files, path, words = ADDED[case]
    repository.commit({"a.py": "x = 1\n"})
    repository.git("checkout", "-q", "-b", "change")
    repository.commit(files)
    if "can't be read" not in case:
        hushed = run("scan", *feed, "--output", "concise", "--allow-empty", cwd=repository.root)
        assert len(shown(hushed.out)) == (case in ("fail-on", "min-confidence")), "it hushes"
    gated = run("scan", *feed, "--output", "concise", "--config-from", "main", cwd=repository.root)
    assert gated.status == 1
    assert len(shown(gated.out)) == 1
    assert any(line.startswith(f"{path}:") and words in line for line in gated.err.splitlines()), gated.err
    assert "1 loosening of the scanned tree not obeyed" in gated.err
    assert "harbour-light-9" not in gated.out + gated.err


@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_it_is_counted_whatever_is_printed(repository: Repository, run: Run, quiet: tuple[str, ...]) -> None:
    repository.commit({"a.py": "x = 1\n"})
    repository.write({"a.py": COMMENTED})
    done = run("scan", *quiet, "--config-from", "main", "--output", "json", cwd=repository.root)
    assert "1 loosening of the scanned tree not obeyed" in done.err
    assert [r["code"] for r in json.loads(done.out)["remarks"]] == ["not-obeyed"]


HUSHED = {
    "a comment": {"a.py": COMMENTED},
    "a comment on the line before": {"a.py": f"# hardcode-hunter: ignore-next-line[generic-password] seed\n{LEAK}"},
    "a comment for the file": {"a.py": f"# hardcode-hunter: ignore-file[*] seeds\n{LEAK}"},
    "metadata": {"t.yaml": TEMPLATE},
    "an entry": {"a.py": LEAK, "hardcode-hunter.baseline": row()},
    "configuration": {"a.py": LEAK, "hardcode-hunter.toml": 'exclude = ["*.py"]\n'},
    "pyproject": {"a.py": LEAK, "pyproject.toml": '[tool.hardcode-hunter]\nignore = ["generic-password"]\n'},
}


@pytest.mark.parametrize("case", HUSHED)
def test_what_the_reference_has_is_obeyed(repository: Repository, run: Run, case: str) -> None:
    repository.commit({"b.py": "x = 1\n", **HUSHED[case]})
    repository.write({name: f"# other words\n\n{text}" for name, text in HUSHED[case].items() if name == "a.py"})
    done = run("scan", "--config-from", "main", "--output", "concise", cwd=repository.root)
    assert (done.status, shown(done.out)) == (0, []), done.err
    assert "not obeyed" not in done.err


@pytest.mark.parametrize("case", ["a comment", "metadata", "configuration"])
def test_a_tree_that_takes_it_away_is_still_judged_as_before(repository: Repository, run: Run, case: str) -> None:
    repository.commit({"b.py": "x = 1\n", **HUSHED[case]})
    for name in HUSHED[case]:
        if name.endswith(".toml"):
            (repository.root / name).unlink()
    done = run("scan", "--config-from", "main", "--output", "concise", "--allow-empty", cwd=repository.root)
    assert (done.status, shown(done.out)) == (0, [])


CHANGED = {
    "another value under an old comment": ({"a.py": COMMENTED}, {"a.py": COMMENTED.replace("light-9", "light-8")}),
    "another value under an old comment on the line before": (
        {"a.py": f"# hardcode-hunter: ignore-next-line[generic-password] seed\n{LEAK}"},
        {"a.py": f"# hardcode-hunter: ignore-next-line[generic-password] seed\n{LEAK.replace('light-9', 'light-8')}"},
    ),
    "an old comment, moved to another line": (
        {"a.py": f"# hardcode-hunter: ignore-next-line[generic-password] seed\n{LEAK}"},
        {"a.py": f"x = 1\n# hardcode-hunter: ignore-next-line[generic-password] seed\ndb_{LEAK}"},
    ),
    "an old line, copied": ({"a.py": COMMENTED}, {"a.py": f"{COMMENTED}class Other:\n    {COMMENTED}"}),
    "another value under an old entry": (
        {"a.py": LEAK, "hardcode-hunter.baseline": row()},
        {"a.py": LEAK.replace("light-9", "light-8")},
    ),
}


@pytest.mark.parametrize("case", CHANGED)
def test_an_old_word_covers_nothing_new(repository: Repository, run: Run, case: str) -> None:
    before, after = CHANGED[case]
    repository.commit({"b.py": "x = 1\n", **before})
    repository.write(after)
    done = run("scan", "--config-from", "main", "--output", "concise", cwd=repository.root)
    assert (done.status, len(shown(done.out))) == (1, 1), done.err


def test_a_moved_file_keeps_its_comments(repository: Repository, run: Run) -> None:
    repository.commit({"a.py": COMMENTED})
    repository.git("mv", "a.py", "b.py")
    assert run("scan", "--config-from", "main", cwd=repository.root).status == 0


def test_the_projects_own_rules_are_those_of_the_reference(repository: Repository, run: Run) -> None:
    repository.commit({"hardcode-hunter.toml": 'extra-rules = ["own"]\n', "own/berth.yaml": RULE, "a.py": "x = 1\n"})
    repository.write({"own/berth.yaml": RULE.replace("berth]", "none]"), "a.py": 'berth = "quay-light-9"\n'})
    done = run("scan", "--config-from", "main", "--output", "concise", cwd=repository.root)
    assert shown(done.out)[0].startswith("a.py:1:9: house-berth"), done


def test_a_reference_that_is_not_there_is_an_error(repository: Repository, run: Run, tmp_path: Path) -> None:
    repository.commit({"a.py": "x = 1\n"})
    for ref in ("nowhere", "--output=x", "HEAD:a.py", ""):
        done = run("scan", f"--config-from={ref}", cwd=repository.root)
        assert (done.status, done.err.splitlines()[0][:23]) == (2, "error: --config-from: g"), done.err
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "a.py").write_text("x = 1\n")
    assert run("scan", "--config-from=main", cwd=tmp_path / "plain").status == 2


def test_files_outside_the_repository_are_the_callers(repository: Repository, run: Run, tmp_path: Path) -> None:
    repository.commit({"a.py": LEAK})
    (tmp_path / "ours.toml").write_text('exclude = ["a.py"]\n')
    (tmp_path / "known").write_text(row())
    assert (
        run(
            "scan", "--config-from=main", "--config", tmp_path / "ours.toml", "--allow-empty", cwd=repository.root
        ).status
        == 0
    )
    assert run("scan", "--config-from=main", "--baseline", tmp_path / "known", cwd=repository.root).status == 0
