"""The generator: one plan, the same bytes; templates that the linter has nothing against; two phases."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from hardcode_hunter import planfile
from hardcode_hunter.generate import generate
from hardcode_hunter.generate.wanted import RUNTIME, SHARD
from hardcode_hunter.integrations.template_checks import violations
from hardcode_hunter.model import Plan
from hardcode_hunter.plugins import Rotation, load
from tests.generating import (
    REGION,
    ROTATION,
    Deployed,
    database,
    everything,
    parameters_for,
    parsed,
    plan,
    texts,
    token,
)
from tests.generating_cells import CELLS

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "generate"
TEMPLATE = "migration/prod/secrets.yaml"


# ---------------------------------------------------------------- the matrix


@cache
def _rules() -> Any:
    from cfnlint.core import get_rules

    return get_rules([], [], ["W", "E"])


@cache
def _lint(text: str) -> list[str]:
    """Every error and warning of cfn-lint."""
    from cfnlint.api import lint

    return [f"{m.rule.id} {m.message}" for m in lint(text, rules=_rules(), regions=[REGION])]


def test_the_linter_does_say_something_about_a_bad_template() -> None:
    body = texts(plan())[TEMPLATE]
    assert any(
        m.startswith("E3012") for m in _lint(body.replace("EnableKeyRotation: true", "EnableKeyRotation: often"))
    )
    assert any(
        m.startswith("W2001")
        for m in _lint(body.replace("Parameters:\n", "Parameters:\n  Unused:\n    Type: String\n", 1))
    )


def _templates(of: Plan, enabled: frozenset[str] = frozenset()) -> dict[str, str]:
    return {path: body for path, body in texts(of, enabled).items() if path.endswith(".yaml")}


@pytest.mark.parametrize("cell", CELLS)
def test_the_linter_and_our_checks_have_nothing_to_say(cell: str) -> None:
    rotating = frozenset(s.id for s in CELLS[cell].secrets if s.rotation.name != "none")
    for enabled in {frozenset[str](), rotating}:
        for path, body in _templates(CELLS[cell], enabled).items():
            assert _lint(body) == [], path
            assert violations(parsed(body)) == (), path


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("infrastructure", ["cloudformation", "terraform"])
def test_the_same_plan_gives_the_same_bytes(cell: str, infrastructure: str) -> None:
    of = replace(CELLS[cell], infrastructure=infrastructure)
    assert generate(of) == generate(of)
    assert [c.path for c in generate(of)] == sorted(c.path for c in generate(of))


def _many() -> Plan:
    ids = [f"{word}-{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(100) for word in ("orders", "mail")]
    return plan(*(database(id, consumers=()) for id in ids))


def test_two_hundred_secrets_fit_into_templates_and_policies() -> None:
    """Quotas: 200 parameters, 500 resources and 200 outputs per template, 10,240 characters of inline policies per role."""
    templates = _templates(_many())
    logical: list[str] = []
    for path, body in templates.items():
        template = parsed(body)
        assert (
            len(template["Parameters"]) <= 200 and len(template["Resources"]) <= 500 and len(template["Outputs"]) <= 200
        )
        assert len(body.encode()) <= 1_000_000
        logical += [id for id in template["Resources"] if id.startswith("Secret")]
        deployed = Deployed(
            template,
            parameters_for(template, EnableRotation="true"),
            {f"shop-prod{n}-key-arn": "arn:aws:kms:eu-central-1:123456789012:key/1" for n in ("", "-operations")},
        )
        for role in deployed.of_type("AWS::IAM::Role").values():
            assert sum(len(json.dumps(p, separators=(",", ":"))) for p in role["Policies"]) <= 10_240, path
    assert len(logical) == len(set(logical)) == 200


@pytest.mark.parametrize("number", range(2))
def test_the_linter_accepts_the_large_templates(number: int) -> None:
    path, body = sorted(_templates(_many()).items())[number]
    assert _lint(body) == [], path


def test_one_more_secret_leaves_the_others_where_they_are() -> None:
    """A secret that changed its stack would be created a second time under its name."""

    def places(of: Plan) -> dict[str, str]:
        return {id: path for path, body in _templates(of).items() for id in re.findall(r"^  (Secret\w+):$", body, re.M)}

    base = [database(f"db-{chr(97 + n // 26)}{chr(97 + n % 26)}", consumers=()) for n in range(60)]
    before = places(plan(*base))
    moved = []
    for n in range(12):
        after = places(plan(*base, database(f"new-{chr(97 + n)}", consumers=())))
        moved.append(sum(after[id] != path for id, path in before.items()))
    assert max(moved) <= SHARD and moved.count(0) >= len(moved) - 3


def test_a_rotation_has_one_function_per_environment() -> None:
    body = parsed(_templates(plan(database(), database("stock-db"), token()))[TEMPLATE])
    assert [r["Type"] for r in body["Resources"].values()].count("AWS::Lambda::Function") == 1


def test_the_runtime_is_the_newest_that_is_known() -> None:
    import cfnlint

    data = Path(cfnlint.__file__).parent / "data" / "AdditionalSpecs" / "LmbdRuntimeLifecycle.json"
    known = [name for name in json.loads(data.read_text()) if name.startswith("python3.")]
    assert max(known, key=lambda name: int(name.removeprefix("python3."))) == RUNTIME


# ---------------------------------------------------------------- phases


def _create_only() -> dict[str, set[str]]:
    """Properties whose change replaces a resource, by type, from the service's own schemas."""
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

    types = {r["Type"] for r in parsed(texts(plan(*everything()))[TEMPLATE])["Resources"].values()}
    found = {}
    for type in types:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, type).schema
        found[type] = {path.split("/")[2] for path in schema.get("createOnlyProperties", [])}
    return found


@pytest.mark.parametrize("cell", CELLS)
def test_the_second_phase_changes_no_create_only_property(cell: str) -> None:
    only = _create_only()
    assert only["AWS::SecretsManager::Secret"] == {"Name"}  # else the schemas are not what this test takes them for
    enabled = frozenset(s.id for s in CELLS[cell].secrets)
    for path, first in _templates(CELLS[cell]).items():
        template, second = parsed(first), parsed(_templates(CELLS[cell], enabled)[path])
        given = parameters_for(template)
        before = Deployed(template, given).resources()
        after = Deployed(
            second, {**given, **({"EnableRotation": "true"} if "EnableRotation" in second["Parameters"] else {})}
        ).resources()
        assert set(before) <= set(after), "the second phase adds and removes nothing"
        for id, resource in before.items():
            assert after[id]["Type"] == resource["Type"]
            for name in only[resource["Type"]]:
                assert after[id]["Properties"].get(name) == resource["Properties"].get(name), (id, name)


def test_rotation_is_off_until_it_is_enabled() -> None:
    template = parsed(texts(plan(database()))[TEMPLATE])
    assert template["Parameters"]["EnableRotation"]["Default"] == "false"
    first = Deployed(template, parameters_for(template))
    rotating = ("Rotation", "Lambda", "Logs", "IAM::Role")
    assert not [
        r
        for r in first.resources().values()
        if r["Type"].split("::", 1)[1].startswith(rotating) or r["Type"].endswith("Schedule")
    ]
    second = Deployed(template, parameters_for(template, EnableRotation="true"))
    (schedule,) = second.of_type("AWS::SecretsManager::RotationSchedule").values()
    assert schedule["RotateImmediatelyOnUpdate"] is False
    assert schedule["RotationRules"] == {"ScheduleExpression": "rate(30 days)"}


def test_failures_are_reported_where_somebody_listens() -> None:
    template = parsed(texts(plan(database(), database("stock-db")))[TEMPLATE])
    kinds = ("AWS::CloudWatch::Alarm", "AWS::Events::Rule")
    for enabled, topic, expected in (
        ("true", "", 0),
        ("false", "arn:aws:sns:eu-central-1:123456789012:t", 0),
        ("true", "arn:aws:sns:eu-central-1:123456789012:t", 1),
    ):
        deployed = Deployed(template, parameters_for(template, EnableRotation=enabled, RotationAlarmTopicArn=topic))
        assert [len(deployed.of_type(kind)) for kind in kinds] == [expected, expected]
    (alarm,) = deployed.of_type(kinds[0]).values()
    assert alarm["AlarmActions"] == ["arn:aws:sns:eu-central-1:123456789012:t"]
    rules = [body.count("AWS::Events::Rule") for body in _templates(_many()).values()]
    assert sum(rules) == 1, "one rule, however many templates"


def test_importing_the_stage_loads_no_heavy_library() -> None:
    import subprocess
    import sys

    code = "import sys, hardcode_hunter.generate, hardcode_hunter.integrations.template_checks; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not loaded & {"jinja2", "cfnlint", "boto3", "libcst", "yaml"}


def test_our_own_scan_finds_nothing_in_what_we_generate() -> None:
    """What is generated is scanned with the rest of the repository from then on."""
    import subprocess
    import sys

    command = [sys.executable, "-m", "hardcode_hunter", "scan", "--isolated", "--min-confidence", "low"]
    folders = [str(FIXTURES / infrastructure) for infrastructure in ("cloudformation", "terraform")]
    done = subprocess.run([*command, *folders], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_what_was_let_through_rotates() -> None:
    of = plan(database(), database("stock-db"))
    template = parsed(texts(of, frozenset({"stock-db"}))[TEMPLATE])
    assert template["Parameters"]["EnableRotation"]["Default"] == "true"
    deployed = Deployed(template, parameters_for(template, EnableRotation="true"))
    assert set(deployed.of_type("AWS::SecretsManager::RotationSchedule")) == {"ScheduleStockDb"}
    assert "not switched on yet" in texts(of, frozenset({"stock-db"}))["migration/ROLL-OUT.md"]
    (role,) = deployed.of_type("AWS::IAM::Role").values()
    assert "orders-db" not in json.dumps(role) and "stock-db" in json.dumps(role)


def test_a_rule_refuses_rotation_without_its_code() -> None:
    template = parsed(texts(plan(database()))[TEMPLATE])
    deployed = Deployed(template, parameters_for(template))
    rule = template["Rules"]["RotationNeedsCode"]
    assert deployed.resolve(rule["RuleCondition"]) is False
    assert [deployed.resolve(a["Assert"]) for a in rule["Assertions"]] == [False, False]
    ready = Deployed(
        template, parameters_for(template, RotationCodeBucket="b", RotationCodeKeyPostgresqlSingleUser="k")
    )
    assert [ready.resolve(a["Assert"]) for a in rule["Assertions"]] == [True, True]


def test_the_function_is_emitted_verbatim() -> None:
    rotation = load("rotations", Rotation)[ROTATION]
    source = Path(__file__).resolve().parents[1] / "hardcode_hunter" / "rotations" / rotation.directory
    for infrastructure in ("cloudformation", "terraform"):
        files = texts(plan(database(), infrastructure=infrastructure))
        emitted = files[f"migration/prod/rotation/{ROTATION}/lambda_function.py"]
        assert emitted.encode() == (source / "lambda_function.py").read_bytes()
        assert all(
            r.split("==")[0] in files[f"migration/prod/rotation/{ROTATION}/requirements.txt"]
            for r in rotation.requirements
        )


def test_handler_and_variables_are_what_the_function_reads() -> None:
    template = parsed(texts(plan(database()))[TEMPLATE])
    deployed = Deployed(template, parameters_for(template, EnableRotation="true"))
    (function,) = deployed.of_type("AWS::Lambda::Function").values()
    module, _, handler = function["Handler"].rpartition(".")
    folder = f"migration/prod/rotation/{ROTATION}/"
    trees = {p: ast.parse(t) for p, t in texts(plan(database())).items() if p.startswith(folder) and p.endswith(".py")}
    assert handler in {n.name for n in trees[f"{folder}{module}.py"].body if isinstance(n, ast.FunctionDef)}
    nodes = [n for tree in trees.values() for n in ast.walk(tree)]
    read = {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    assert set(function["Environment"]["Variables"]) <= read
    assert (
        function["Environment"]["Variables"]["SECRETS_MANAGER_ENDPOINT"]
        == f"https://secretsmanager.{REGION}.amazonaws.com"
    )


# ---------------------------------------------------------------- expected output


@pytest.mark.parametrize("infrastructure", ["cloudformation", "terraform"])
@pytest.mark.parametrize("phase", ["shell", "rotating"])
def test_expected_output(infrastructure: str, phase: str) -> None:
    """The whole output for one plan, so that a change of the templates is seen as what it does to a user's files.

    ``python -m tests.generating`` writes it anew.
    """
    folder = FIXTURES / infrastructure / phase
    of = planfile.load(FIXTURES / infrastructure / "plan.yaml")
    enabled = frozenset({"orders-db"}) if phase == "rotating" else frozenset[str]()
    got = {c.path: c.result(b"") for c in generate(of, enable_rotation=enabled) if "/rotation/" not in c.path}
    wanted = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert sorted(got) == sorted(wanted)
    for path, body in got.items():
        assert body.decode() == wanted[path].decode(), path
