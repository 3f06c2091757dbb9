"""cfn-lint with our rules appended: what it reports, where, and that nothing is said twice."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from hardcode_hunter.integrations.template_checks import CHECKS
from hardcode_hunter.languages.cloudformation import schema

pytest.importorskip("cfnlint", reason="ABSENT: cfn-lint is not installed: our rules for it were not run")

from hardcode_hunter.integrations import cfn_rules

SEEDS = sorted((Path(__file__).resolve().parents[1] / "fixtures" / "generate" / "checks").glob("*.yaml"))
TEMPLATE = """\
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Neutral:
    Type: String
    NoEcho: true
    Default: tide-and-time
  Shown:
    Type: String
    Default: tide-and-time
Resources:
  Literal: &database
    Type: AWS::RDS::DBInstance
    Properties:
      DBInstanceClass: db.t3.micro
      AllocatedStorage: "20"
      Engine: mysql
      MasterUsername: admin
      MasterUserPassword: hunter-orders-2019
  Hidden:
    Type: AWS::RDS::DBCluster
    Properties: {Engine: aurora-mysql, MasterUsername: admin, MasterUserPassword: !Ref Neutral}
  Open:
    Type: AWS::RDS::DBCluster
    Properties: {Engine: aurora-mysql, MasterUsername: admin, MasterUserPassword: !Ref Shown}
  Cache:
    Type: AWS::ElastiCache::ReplicationGroup
    Properties: {ReplicationGroupDescription: carts, AuthToken: hunter-carts-2019}
"""


def lint(*arguments: str, text: str | None = None) -> list[dict[str, Any]]:
    """What the command reports, as JSON."""
    command = [
        sys.executable,
        "-c",
        "import sys; from cfnlint.runner import main; sys.exit(main())",
        "-r",
        "eu-west-1",
        "--format",
        "json",
        "-a",
        cfn_rules.__name__,
        *arguments,
    ]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout and "Traceback" not in done.stderr, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def places(rows: list[dict[str, Any]], *ids: str) -> set[tuple[str, int, int]]:
    return {
        (r["Rule"]["Id"], r["Location"]["Start"]["LineNumber"], r["Location"]["Start"]["ColumnNumber"])
        for r in rows
        if r["Rule"]["Id"] in ids
    }


def test_the_command_reports_ours_where_its_own_rule_is_silent(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE)
    rows = lint("-t", str(template))
    assert places(rows, "E9101") == {("E9101", 6, 14), ("E9101", 27, 65)}
    assert {line for _, line, _ in places(rows, "W2501")} == {7, 18}
    assert not {r["Location"]["Path"][1] for r in rows if r["Rule"]["Id"].startswith("E92")} & {
        "Neutral"
    }  # said by E9101
    for secret in ("tide-and-time", "hunter"):
        assert secret not in json.dumps(rows)


def test_a_template_from_standard_input() -> None:
    rows = lint(text=TEMPLATE)
    assert {tuple(r["Location"]["Path"]) for r in rows if r["Rule"]["Id"] == "E9101"} == {
        ("Parameters", "Neutral", "Default"),
        ("Resources", "Cache", "Properties", "AuthToken"),
    }


@pytest.mark.parametrize("hush", ["# hardcode-hunter: ignore[rds-master-password] known", "metadata"])
def test_comments_and_metadata_hush(hush: str, tmp_path: Path) -> None:
    text = TEMPLATE.replace("tide-and-time\n  Shown", f"tide-and-time {hush}\n  Shown")
    if hush == "metadata":
        text = TEMPLATE + "Metadata: {cfn-lint: {config: {ignore_checks: [E9101]}}}\n"
    template = tmp_path / "template.yaml"
    template.write_text(text)
    assert 6 not in {line for _, line, _ in places(lint("-t", str(template)), "E9101")}


def _lint_in_process(template: Any, path: Path) -> set[str]:
    from cfnlint.decode import decode
    from cfnlint.rules import Rules
    from cfnlint.template import Template

    path.write_text(template if isinstance(template, str) else json.dumps(template))
    decoded, problems = decode(str(path))
    assert not problems
    rules = Rules.create_from_module(cfn_rules.__name__)
    cfn = Template(str(path), decoded, ["eu-west-1"])
    return {f"{rule.id} {match.path_string}" for rule in rules.values() for match in rule.match(cfn)}


@pytest.mark.parametrize("seed", SEEDS, ids=lambda s: s.stem)
def test_every_check_is_a_rule(seed: Path, tmp_path: Path) -> None:
    """The file's name is the check's id. What is a credential besides is told once, as one."""
    found = {row.split()[0] for row in _lint_in_process(seed.read_text(), tmp_path / "t.yaml")}
    check = re.sub(r"-\d+$", "", seed.stem)
    if check == "good" or not any(word in seed.read_text() for word in cfn_rules.CONCERNED):
        assert found == set()  # a template that has nothing to do with secrets is not our business
    else:
        assert found in ({cfn_rules.NUMBERS[check]}, {"E9101"})


def test_every_check_has_an_id_in_the_range_for_users() -> None:
    assert set(cfn_rules.NUMBERS) == {check.id for check in CHECKS}
    numbers = [cfn_rules.HardcodedCredential.id, *cfn_rules.NUMBERS.values()]
    assert len(set(numbers)) == len(numbers)
    assert all(re.fullmatch(r"[EW]9\d{3}", number) for number in numbers)


def test_nothing_is_reported_twice(tmp_path: Path) -> None:
    """Every secret property with a literal: cfn-lint's rule speaks or ours does, never both."""
    from cfnlint.rules.resources.properties.Password import Password
    from cfnlint.template import Template

    resources = {}
    for number, (kind, path) in enumerate((k, p) for k, paths in schema.secret_properties().items() for p in paths):
        value: object = "tide-and-time"
        for name in reversed(path.split(".")):
            value = {name: value}
        resources[f"Thing{number}"] = {"Type": kind, "Properties": value}
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}
    ours = {row.split()[1] for row in _lint_in_process(template, tmp_path / "t.json") if row.startswith("E9101")}
    cfn = Template(str(tmp_path / "t.json"), template, ["eu-west-1"])
    theirs = {match.path_string for match in Password().match(cfn)}
    assert not ours & theirs
    assert len(ours | theirs) == len(resources)


def test_yaml_and_json_give_the_same(tmp_path: Path) -> None:
    plain = yaml.safe_load(TEMPLATE.replace("!Ref Neutral", "{Ref: Neutral}").replace("!Ref Shown", "{Ref: Shown}"))
    assert _lint_in_process(TEMPLATE, tmp_path / "t.yaml") == _lint_in_process(plain, tmp_path / "t.json")
