"""Terraform itself reads what is generated: format, the AWS provider's real schema, both phases, and what must not get through."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardcode_hunter.model import Order, Plan
from tests.generating import ACCOUNT, PEOPLE, REGION, database, everything, plan, texts, token
from tests.generating_cells import CELLS, HOSTILE
from tests.terraform_provider.runner import Run

pytest_plugins = ("tests.terraform_provider.running",)

EXISTING = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:prod/shop/orders-db-XyZxYz"
SENTINEL = "sentinel-" + "Kq7" * 9
PEOPLE_HERE = {
    "administrator_arns": [PEOPLE["AdministratorArns"]],
    "deployer_arns": [PEOPLE["DeployerArns"]],
    "writer_arns": [PEOPLE["WriterArns"]],
}
GIVEN: Mapping[str, Any] = {**PEOPLE_HERE, "consumer_roles_orders_db": ["orders"]}


def _files(of: Plan, enabled: frozenset[str] = frozenset()) -> dict[str, str]:
    return texts(replace(of, infrastructure="terraform"), enabled)


@pytest.fixture(scope="module")
def formatted() -> str:
    command = shutil.which("terraform")
    if command is None:
        pytest.skip("ABSENT: there is no terraform command on this machine")
    return command


def _formatted_badly(command: str, folder: Path, plans: Mapping[str, tuple[Plan, frozenset[str]]]) -> str:
    """What ``terraform fmt`` would change in what is generated for any of ``plans``: one run over all of them."""
    for number, (of, enabled) in enumerate(plans.values()):
        for path, text in _files(of, enabled).items():
            if path.endswith(".tf"):
                (folder / str(number)).mkdir(exist_ok=True)
                (folder / str(number) / path.rpartition("/")[2]).write_text(text)
    arguments = [command, "fmt", "-check", "-diff", "-recursive", str(folder)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 3), done.stdout + done.stderr
    return done.stdout


def test_terraform_fmt_has_nothing_to_change(formatted: str, tmp_path: Path) -> None:
    plans = {}
    for cell, of in CELLS.items():
        plans[cell] = (of, frozenset[str]())
        plans[f"{cell}, rotating"] = (of, frozenset(s.id for s in of.secrets if s.rotation.name != "none"))
    assert _formatted_badly(formatted, tmp_path, plans) == ""


def test_terraform_fmt_accepts_hostile_texts(formatted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hardcode_hunter.generate.limits.check_tag", lambda *_: None)
    texts = [t for t in HOSTILE[:26] if "{{resolve:" not in t]
    environments = {text: replace(plan().environments[0], tags={"owner": text}) for text in texts}
    plans = {t: (plan(database(), environments=(e,)), frozenset[str]()) for t, e in environments.items()}
    assert _formatted_badly(formatted, tmp_path, plans) == ""


def test_terraform_fmt_does_say_something(formatted: str, tmp_path: Path) -> None:
    (tmp_path / "bad.tf").write_text("locals {\n  a = 1\n  long = 2\n}\n")
    assert "long" in _formatted_badly(formatted, tmp_path, {})


@pytest.mark.parametrize("cell", CELLS)
def test_the_real_schema_accepts_every_cell(terraform_run: Run, cell: str) -> None:
    files = _files(CELLS[cell])
    if not any(path.endswith(".tf") for path in files):
        assert cell == "only-role"
        return
    outcome = terraform_run.validated(files)
    assert outcome.code == 0, outcome.out
    assert "Warning" not in outcome.out, outcome.out


def test_the_real_schema_accepts_two_hundred_secrets(terraform_run: Run) -> None:
    rows = [database(f"db-{chr(97 + n // 26)}{chr(97 + n % 26)}", consumers=()) for n in range(200)]
    outcome = terraform_run.validated(_files(plan(*rows)))
    assert outcome.code == 0, outcome.out


# ---------------------------------------------------------------- phases


def _types(state: Mapping[str, Any]) -> list[str]:
    return sorted(address.split(".")[0] for address in state)


def test_both_phases_keep_the_secret(terraform_run: Run) -> None:
    folder = terraform_run.folder(_files(plan()))
    assert terraform_run.apply(folder, GIVEN).code == 0
    first = terraform_run.terraform.state(folder)
    assert not [t for t in _types(first) if "rotation" in t or "lambda" in t or "log_group" in t or t == "aws_iam_role"]
    assert "aws_secretsmanager_secret_version" not in _types(first)

    for path, text in _files(plan(), frozenset({"orders-db"})).items():
        if path.endswith(".tf"):
            (folder / path.removeprefix("migration/prod/")).write_text(text)
    assert terraform_run.apply(folder, GIVEN).code == 0
    second = terraform_run.terraform.state(folder)
    for address in first:
        assert second[address].get("arn") == first[address].get("arn") and second[address].get("id") == first[
            address
        ].get("id")
    rotation = second["aws_secretsmanager_secret_rotation.orders_db[0]"]
    assert rotation["rotate_immediately"] is False
    assert rotation["rotation_rules"][0]["schedule_expression"] == "rate(30 days)"
    assert rotation["secret_id"] == first["aws_secretsmanager_secret.orders_db[0]"]["arn"]

    again = terraform_run.terraform.run(folder, "plan", "-detailed-exitcode", "-no-color")
    assert again.code == 0, again.out


PHASES = """
run "shell" {
  command = apply

  assert {
    condition     = length(aws_secretsmanager_secret_rotation.orders_db) + length(aws_lambda_function.rotation_postgresql_single_user) == 0
    error_message = "phase 1 rotates"
  }
}

run "rotating" {
  command = apply

  variables {
    enable_rotation = true
  }

  assert {
    condition     = length(aws_secretsmanager_secret_rotation.orders_db) == 1
    error_message = "phase 2 does not rotate"
  }

  assert {
    condition     = aws_secretsmanager_secret_rotation.orders_db[0].rotate_immediately == false
    error_message = "the deployment changes the password"
  }

  assert {
    condition     = aws_secretsmanager_secret.orders_db[0].arn == run.shell.secret_arns.orders_db
    error_message = "the secret was replaced"
  }
}
"""


def test_terraforms_own_test_finds_rotation_in_the_second_phase_alone(terraform_run: Run) -> None:
    """And fails when the deployment would rotate at once."""
    files = _files(plan())
    rotation = "migration/prod/rotation.tf"
    hasty = files[rotation].replace("rotate_immediately  = false", "rotate_immediately  = true")
    assert hasty != files[rotation]
    for text, passes in ((files[rotation], True), (hasty, False)):
        folder = terraform_run.folder({**files, rotation: text})
        terraform_run.given(folder, GIVEN)
        # else the clean-up of the test itself would be refused, as it has to be
        for name in ("secrets.tf", "key.tf"):
            kept = (folder / name).read_text()
            (folder / name).write_text(kept.replace("prevent_destroy = true", "prevent_destroy = false"))
        (folder / "phases.tftest.hcl").write_text(PHASES)
        done = terraform_run.terraform.run(folder, "test", "-no-color")
        assert (done.code == 0) is passes, done.out
        assert ("2 passed, 0 failed" in done.out) is passes and (
            "the deployment changes the password" in done.out
        ) is not passes


def test_destroying_a_live_secret_is_refused(terraform_run: Run) -> None:
    folder = terraform_run.folder(_files(plan()))
    assert terraform_run.apply(folder, GIVEN).code == 0
    done = terraform_run.terraform.run(folder, "destroy", "-auto-approve", "-no-color")
    assert done.code != 0 and "prevent_destroy" in done.out
    moved = terraform_run.apply(folder, {**GIVEN, "existing_secret_arn_orders_db": EXISTING})
    assert moved.code != 0 and "prevent_destroy" in moved.out


@pytest.mark.parametrize("order", list(Order), ids=lambda o: o.value)
def test_an_existing_secret_is_attached_to(terraform_run: Run, order: Order) -> None:
    """And a second run has nothing to do."""
    folder = terraform_run.folder(_files(plan(order=order)))
    variables = {**GIVEN, "existing_secret_arn_orders_db": EXISTING, "enable_rotation": True}
    for _ in range(2):
        assert terraform_run.apply(folder, variables).code == 0
    assert terraform_run.terraform.run(folder, "plan", "-detailed-exitcode", "-no-color").code == 0
    state = terraform_run.terraform.state(folder)
    assert "aws_secretsmanager_secret" not in _types(state)
    assert state["aws_secretsmanager_secret_policy.orders_db"]["secret_arn"] == EXISTING
    assert state["aws_secretsmanager_secret_rotation.orders_db[0]"]["secret_id"] == EXISTING
    reading = json.loads(state["aws_iam_policy.read_orders_db"]["policy"])["Statement"]
    assert reading[0]["Resource"] == EXISTING


def test_the_key_of_a_managed_secret_is_optional(terraform_run: Run) -> None:
    managed = next(s for s in everything() if s.id == "master")
    given = {"managed_secret_arn_master": EXISTING, "consumer_roles_master": ["orders"]}
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
    for more, statements in (({}, 1), ({"managed_key_arn_master": key}, 2)):
        state = terraform_run.applied(_files(plan(managed)), {**given, **more})
        assert len(json.loads(state["aws_iam_policy.read_master"]["policy"])["Statement"]) == statements
        assert "aws_kms_key" not in _types(state)


@pytest.mark.parametrize("missing", sorted(GIVEN))
def test_what_only_a_person_knows_is_required(terraform_run: Run, missing: str) -> None:
    folder = terraform_run.folder(_files(plan()))
    for given in (
        {k: v for k, v in GIVEN.items() if k != missing},
        {**GIVEN, missing: []},
        {**GIVEN, missing: ["no such*thing"]},
    ):
        outcome = terraform_run.apply(folder, given)
        assert outcome.code != 0 and missing in outcome.out, outcome.out


def test_a_network_without_security_groups_is_refused(terraform_run: Run) -> None:
    folder = terraform_run.folder(_files(plan()))
    outcome = terraform_run.apply(folder, {**GIVEN, "rotation_subnet_ids": ["subnet-1"]})
    assert outcome.code != 0 and "needs rotation_security_group_ids" in outcome.out, outcome.out


@pytest.mark.parametrize("wrong", ["arn:aws:s3:::bucket", ""])
@pytest.mark.parametrize("name", ["existing_secret_arn_orders_db", "existing_key_arn_orders_db"])
def test_an_arn_that_is_none_is_refused(terraform_run: Run, name: str, wrong: str) -> None:
    outcome = terraform_run.apply(terraform_run.folder(_files(plan())), {**GIVEN, name: wrong})
    assert outcome.code != 0 and f"var.{name} is" in outcome.out and "Give the" in outcome.out, outcome.out


# ---------------------------------------------------------------- what must not get through

_ORDERS = "local.secret_arn.orders_db"
MUTATIONS = {
    "a misspelt argument": ("rotation.tf", "rotate_immediately", "rotate_immediatly"),
    "a wrong type": ("key.tf", "enable_key_rotation     = true", 'enable_key_rotation     = "often"'),
    "a missing argument": ("rotation.tf", "  function_name    =", "  # function_name ="),
    "an unknown block": ("rotation.tf", "rotation_rules {", "rotation_rule {"),
    "a block twice": ("rotation.tf", "  rotation_rules {", "  rotation_rules {}\n  rotation_rules {"),
    "a missing block argument": ("rotation.tf", '    log_format = "JSON"\n', ""),
    "an undeclared variable": ("consumers.tf", "var.consumer_roles_orders_db", "var.consumer_rols_orders_db"),
    "an undeclared local": ("secrets.tf", _ORDERS, "local.secret_arns.orders_db"),
    "an undeclared resource": ("secrets.tf", "aws_kms_key.this.arn", "aws_kms_key.main.arn"),
    "an attribute that does not exist": ("outputs.tf", "aws_kms_key.this.arn", "aws_kms_key.this.arm"),
    "a read-only attribute": ("key.tf", "  deletion_window", '  arn = "x"\n  deletion_window'),
    "a word where a number belongs": ("rotation.tf", "= 30\n", '= "soon"\n'),
    "an unknown resource": ("key.tf", '"aws_kms_alias"', '"aws_kms_allias"'),
    "an open brace": ("secrets.tf", "lifecycle {", "lifecycle"),
    "a resource twice": ("outputs.tf", 'output "secret_arns"', 'resource "aws_kms_alias" "this" {\n  target_key_id = "x"\n}\n\noutput "secret_arns"'),
    "a value in a write-only argument's version": (
        "secrets.tf",
        'resource "aws_secretsmanager_secret_policy"',
        'resource "aws_secretsmanager_secret_version" "x" {\n  secret_id = "x"\n  secret_string_wo = "x"\n'
        '  secret_string_wo_version = "one"\n}\n\nresource "aws_secretsmanager_secret_policy"',
    ),
}  # fmt: skip


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_broken_edit_is_caught(terraform_run: Run, mutation: str) -> None:
    """The schema is not a formality: each of these mistakes makes ``terraform validate`` fail."""
    name, before, after = MUTATIONS[mutation]
    files = _files(plan(), frozenset({"orders-db"}))
    path = f"migration/prod/{name}"
    assert before in files[path], "the mutation no longer fits the template"
    if not (terraform_run.place / "initialised").exists():
        terraform_run.folder(files)  # what is broken is no way to begin
    outcome = terraform_run.validated({**files, path: files[path].replace(before, after, 1)})
    assert outcome.code != 0, outcome.out


PAGE = Path(__file__).resolve().parents[1] / "docs" / "artefacts.md"
WITH_VALUE = PAGE.read_text().partition("```hcl\n")[2].partition("```")[0]
"""What the page tells those who want Terraform to store a value after all."""


def test_a_value_through_a_write_only_argument_leaves_no_trace(terraform_run: Run) -> None:
    """For who wants Terraform to store a value after all; and the old way shows that the search would find one."""
    places: dict[str, list[Path]] = {}
    ways = {
        "write-only": WITH_VALUE,
        "old": WITH_VALUE.replace("_wo ", " ")
        .replace("  secret_string_wo_version = 1\n", "")
        .replace("  ephemeral = true\n", ""),
    }
    for way, text in ways.items():
        folder = terraform_run.folder(_files(plan()))
        (folder / "value.tf").write_text(text)
        (folder / "terraform.tfvars.json").write_text(json.dumps(GIVEN))
        arguments = ("-no-color", f"-var=value={SENTINEL}")
        planned = terraform_run.terraform.run(folder, "plan", "-out=plan.tfplan", *arguments)
        assert planned.code == 0, planned.out
        applied = terraform_run.terraform.run(folder, "apply", "-auto-approve", *arguments)
        assert applied.code == 0, applied.out
        shown = terraform_run.terraform.run(folder, "show", "-json", "plan.tfplan")
        (folder / "plan.json").write_text(shown.out)
        (folder / "log").write_text(planned.out + applied.out)
        files = [p for p in folder.rglob("*") if p.is_file() and ".terraform" not in p.relative_to(folder).parts[:1]]
        places[way] = [p for p in files if SENTINEL.encode() in p.read_bytes()]
    assert places["write-only"] == []
    assert {p.name for p in places["old"]} >= {"terraform.tfstate", "plan.json"}


def test_the_wrong_account_is_refused_by_the_provider() -> None:
    files = _files(plan(token()))
    assert f'allowed_account_ids = ["{ACCOUNT}"]' in files["migration/prod/versions.tf"]
