"""The commands of a migration as a person calls them on a small tree: what is said, how often, and with which exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from hardcode_hunter import migration
from hardcode_hunter.model import Home, Origin, Plaintext, SecretField
from tests.gate import Repository, Run
from tests.store_fixtures import DATABASE

pytest_plugins = ("tests.gate_fixtures",)

KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
SETTINGS = """DB_HOST = "orders-db.internal"
DB_USER = "orders_app"
DB_PASSWORD = "hunter-orders-2019"
MAIL_PASSWORD = "hunter-mail-2020"
"""


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A committed legacy tree, and a machine that knows nothing of AWS."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in (
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_PROFILE",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ENDPOINT_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    repository = Repository(tmp_path / "shop")
    repository.commit({"settings.py": SETTINGS})
    return repository


@pytest.mark.parametrize(
    "words", [("apply",), ("apply", "--offline"), ("store",), ("status",), ("verify",), ("rotate", "db")], ids=" ".join
)
def test_without_a_plan_the_first_step_is_named(words: tuple[str, ...], run: Run, tree: Repository) -> None:
    ran = run(*words, cwd=tree.root)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.count("\n") == 1 and "run `hardcode-hunter plan` first" in ran.err
    assert not (tree.root / "migration").exists()


def test_what_stops_every_secret_is_said_once(run: Run, tree: Repository) -> None:
    assert run("plan", "--no-diff", cwd=tree.root).status == 1
    assert run("apply", "--offline", cwd=tree.root).status == 0
    ran = run("verify", cwd=tree.root)
    assert ran.status == 2
    lines = [line for line in ran.out.splitlines() if "region" in line]
    assert len(lines) == 1 and lines[0].endswith("(2 secrets)")


CLASSES = """class Config:
    DEBUG = False


class DevelopmentConfig(Config):
    MAIL_PASSWORD = "hunter-mail-dev-1"
    STRIPE_KEY = "hunter-stripe-dev-2"


class ProductionConfig(Config):
    MAIL_PASSWORD = "hunter-mail-prod-3"
"""


def test_a_configuration_class_for_each_environment_can_be_imported_in_all(
    run: Run, tree: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.git("rm", "-q", "settings.py")
    tree.commit({"config.py": CLASSES})
    assert run("plan", "--no-diff", cwd=tree.root).status == 1
    ran = run("apply", "--offline", cwd=tree.root)
    assert "config.py:7 one-environment" in ran.out
    store = tree.root.parent / "local.json"
    store.write_text(json.dumps({"mail": {"password": "hunter-mail-prod-3"}}))
    monkeypatch.setenv("SECRETS_LOCAL_FILE", str(store))
    program = "import config; print(config.ProductionConfig.MAIL_PASSWORD, config.DevelopmentConfig.STRIPE_KEY)"
    done = subprocess.run([sys.executable, "-c", program], cwd=tree.root, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["hunter-mail-prod-3", "hunter-stripe-dev-2"]


HANDLER = """import pymysql

DB_PASS = "hunter-orders-2019"


def lambda_handler(event, context):
    return pymysql.connect(host="orders.internal", user="orders", password=DB_PASS, database="orders")
"""
LOADER = """from flask import Flask

app = Flask(__name__)
app.config.from_object("defaults")
"""


def test_generated_rotation_functions_change_nothing_of_what_the_plan_has_shown(run: Run, tree: Repository) -> None:
    """They hold a function called `handler`, the name of the module here, and a framework reads modules by their names."""
    tree.git("rm", "-q", "settings.py")
    tree.commit({"handler.py": HANDLER, "app.py": LOADER})
    shown = run("plan", cwd=tree.root).out
    assert run("apply", "--offline", cwd=tree.root).status == 0
    assert (
        "def handler(" in (tree.root / "migration/production/rotation/mysql-single-user/lambda_function.py").read_text()
    )
    written = (tree.root / "handler.py").read_text().splitlines()
    assert {line[1:] for line in shown.splitlines() if line.startswith("+") and "get_secret(" in line} <= {*written}
    assert not [line for line in written if line.startswith("DB_PASS")], "read where it is used, as the plan has shown"


def test_a_dry_run_of_undo_speaks_of_what_would_be(run: Run, tree: Repository) -> None:
    run("plan", "--no-diff", cwd=tree.root)
    run("apply", "--offline", cwd=tree.root)
    migrated = (tree.root / "settings.py").read_text()
    ran = run("undo", "--dry-run", cwd=tree.root)
    assert "would be restored: settings.py\n" in ran.out and "would be removed: secret_store.py\n" in ran.out
    assert (tree.root / "settings.py").read_text() == migrated != SETTINGS


def test_code_that_is_not_rewritten_yet_can_not_be_deployed(run: Run, tree: Repository) -> None:
    """Else the gate of rotation would trust a record that is older than the code."""
    run("plan", "--no-diff", cwd=tree.root)
    early = run("status", "--deployed", "db", "all", cwd=tree.root)
    assert early.status == 2 and "'db' isn't rewritten yet at settings.py:3: `hardcode-hunter apply` first" in early.err
    run("apply", "--offline", cwd=tree.root)
    late = run("status", "--deployed", "db", "all", cwd=tree.root)
    assert late.status == 0 and "db: 1 consumer recorded as deployed" in late.out and "1 of 1" in late.out


def test_values_that_a_person_has_put_together_block_their_secret_alone(run: Run, tree: Repository) -> None:
    run("plan", "--no-diff", cwd=tree.root)
    path = tree.root / "migration/plan.yaml"
    document = yaml.safe_load(path.read_text())
    moved = document["secrets"].pop("mail")["fields"]["password"]
    document["secrets"]["db"]["fields"]["password"] += moved
    tree.commit({"jobs.py": 'API_TOKEN = "hunter-token-Zx91"\n'})
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    assert "differ: move all but one" in run("plan", "--no-diff", cwd=tree.root).out
    ran = run("apply", "--offline", cwd=tree.root)
    assert ran.status == 1, ran.err
    assert "hunter" not in (tree.root / "jobs.py").read_text()
    assert (tree.root / "settings.py").read_text() == SETTINGS
    kept = [p.read_text() for p in (tree.root.parent / "state").rglob("value-*")]
    assert kept and not [text for text in kept if '"db"' in text], "what waits for an answer is kept nowhere"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "NoCredentialsError); log in again"),
        ({"AWS_PROFILE": "harbour"}, "AWS_PROFILE names 'harbour'"),
        (
            {**KEYS, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
            "nothing answers there: see to the network, the region and AWS_ENDPOINT_URL",
        ),
        ({**KEYS, "AWS_ENDPOINT_URL": "nowhere"}, "AWS_ENDPOINT_URL or the region is no place that can be called"),
    ],
    ids=["no credentials", "no profile", "no endpoint", "no url"],
)
def test_without_aws_the_infrastructure_is_there_and_its_deployment_is_told(
    settings: dict[str, str], words: str, run: Run, tree: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1", **settings}.items():
        monkeypatch.setenv(name, value)
    run("plan", "--no-diff", "--account", "123456789012", "--region", "eu-central-1", cwd=tree.root)
    ran = run("apply", cwd=tree.root)
    assert ran.status == 2
    assert "aws cloudformation deploy" in ran.out and "wrote migration/production/secrets.yaml" in ran.out
    assert [line for line in ran.err.splitlines() if line.startswith("error:")] == [ran.err.splitlines()[-1]]
    assert words in ran.err.splitlines()[-1]
    assert (tree.root / "settings.py").read_text() == SETTINGS


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--application", "my shop"), "--application: it is part of secrets' names"),
        (("--application", "n" * 300), "--application: it is part of secrets' names"),
        (("--environment", "../x"), "environment '../x': the name becomes a folder"),
        (("--account", "12"), "'account' must be 12 digits"),
        (("--region", "the moon"), "'region' is no AWS region"),
        (("--retriever", "helpr"), "did you mean 'helper'"),
    ],
    ids=["blanks", "length", "folder", "account", "region", "retriever"],
)
def test_a_plan_that_could_not_be_deployed_is_not_written(
    words: tuple[str, ...], said: str, run: Run, tree: Repository
) -> None:
    ran = run("plan", "--no-diff", *words, cwd=tree.root)
    assert ran.status == 2 and said in ran.err
    assert not (tree.root / "migration/plan.yaml").exists()


def test_what_no_store_takes_is_a_question_before_anything_is_rewritten(run: Run, tree: Repository) -> None:
    code = "import smtplib\n\ns = smtplib.SMTP('h')\ns.login('shop', \"hunter-\\udfff-2019\")\n"
    tree.commit({"mail.py": code})
    assert "half of a surrogate pair" in run("plan", "--no-diff", cwd=tree.root).out
    assert run("apply", "--offline", cwd=tree.root).status == 1
    assert (tree.root / "mail.py").read_text() == code


@pytest.mark.parametrize("home, limit", [(Home.PARAMETER_STORE, 4096), (Home.SECRETS_MANAGER, 65536)])
def test_what_is_too_large_for_its_store_is_a_question(home: Home, limit: int) -> None:
    field = SecretField("password", (Origin("mail.py", "PASSWORD", line=3),))
    secret = replace(DATABASE, home=home, fields=(field,))
    assert migration.objection(secret, field, {Plaintext("k" * limit)}) is None
    found = migration.objection(secret, field, {Plaintext("k" * limit + "3")})
    assert found is not None and f"at mail.py:3 has more than the {limit} bytes" in found[1]
