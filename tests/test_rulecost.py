"""``rules check --cost``: what is counted is counted right, for a user's own rules too; times are printed, not tested."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from hardcode_hunter import ruleset
from hardcode_hunter.cli import _rulecost
from hardcode_hunter.cli.rules import rules as command
from hardcode_hunter.errors import UsageError

RULE = {
    "id": "harbour-token",
    "title": "harbour token",
    "description": "A token of the harbour office.",
    "severity": "high",
    "kind": "api-key",
    "confidence": "high",
    "role": "token",
    "match": {
        "values": [{"regex": "hbr_[a-z0-9]{32}", "sample": "<<hbr_|loweralnum|32>>"}],
        "names": ["harbour_token"],
    },
    "store": {"home": "secretsmanager", "why": "it can change"},
    "rotation": {"name": "none", "why": "by hand"},
    "references": ["https://harbour.example/keys"],
}


@pytest.fixture
def rule_file(tmp_path: Path) -> Path:
    path = tmp_path / "rules" / "harbour.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump([RULE]), encoding="utf-8")
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    token = "hbr_" + "a1b2c3d4" * 4
    (folder / "app.py").write_text(f'harbour_token = "{token}"\nPREFIX = "hbr_"\nother = "hbr_short"\n')
    (folder / "notes.txt").write_text("hbr_ is how they begin\n" * 3)
    (folder / "empty.py").write_text("")
    return folder


def run(*words: str) -> Result:
    return CliRunner().invoke(command, ["check", *words], standalone_mode=False)


def test_what_is_counted(rule_file: Path, tree: Path) -> None:
    wanted = ruleset.with_samples([rule_file])
    costs = _rulecost.measure(wanted, ruleset.with_files([rule_file]), _rulecost.corpus([tree], wanted))
    (row,) = costs.rows
    assert costs.files == 2, "an empty file is none"
    assert costs.bytes == sum(path.stat().st_size for path in tree.iterdir())
    assert row.words == 3 + 3 + 1, "its beginning six times, and the word of its name"
    assert row.marks == 2, "the only whole token, and the name"
    assert (row.values, row.matches) == (1, 1), "tried where it could match, which it did"
    assert row.names == 1, "what is not near a reason to look is not asked about"
    assert row.cpu > 0
    assert costs.search > 0


def test_the_dearest_rule_is_first_and_all_are_there(tree: Path) -> None:
    wanted = ruleset.with_samples([ruleset.home()])
    costs = _rulecost.measure(wanted, ruleset.load(), _rulecost.corpus([tree], wanted))
    spent = [row.cpu for row in costs.rows]
    assert spent == sorted(spent, reverse=True)
    assert {row.rule.id for row in costs.rows} == {rule.id for rule in wanted}


def test_the_command_over_a_path(rule_file: Path, tree: Path) -> None:
    said = run("--cost", str(rule_file), "--over", str(tree))
    assert (said.exception, said.return_value) == (None, 0)
    head, row = said.stdout.splitlines()
    assert head.split() == ["rule", "µs/MB", "words/MB", "marks/MB", "values", "names", "matches"]
    assert row.split()[0] == "harbour-token"
    assert row.split()[-1] == "1"
    assert "1 rules over 2 files" in said.stderr
    assert "a1b2c3d4" not in said.stdout + said.stderr


def test_the_command_over_the_examples(rule_file: Path) -> None:
    said = run("--cost", "--top", "3", str(rule_file))
    assert said.exception is None
    assert len(said.stdout.splitlines()) == 2
    said = run("--cost", "--top", "3", str(rule_file), str(ruleset.home() / "github.yaml"))
    assert len(said.stdout.splitlines()) == 1 + 3
    assert " files, " in said.stderr


def test_what_can_not_be_measured_is_said(rule_file: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    for words, wanted in (
        (("--over", str(tmp_path)), "give --cost too"),
        (("--top", "3"), "give --cost too"),
        (("--cost", str(rule_file), "--over", str(tmp_path / "nothing")), "there is no file to measure over"),
    ):
        said = run(*words)
        assert isinstance(said.exception, UsageError)
        assert wanted in str(said.exception)
