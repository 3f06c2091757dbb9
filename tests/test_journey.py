"""The main job works from end to end, and the test fails when any step of it is skipped."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.embedded.aws import EmbeddedAws
from tests.embedded.postgres import EmbeddedPostgres
from tests.journey import Journey

pytest_plugins = ("tests.embedded.fixtures",)

ALL_STEPS = [
    "check out",
    "run legacy",
    "scan",
    "plan",
    "edit plan",
    "apply: infrastructure",
    "deploy shell",
    "apply: values and code",
    "run migrated",
    "scan again",
    "renew",
    "run migrated",
    "verify",
    "switch rotation on",
    "rotate while running",
    "old password",
]


@pytest.fixture
def journey(tmp_path: Path, aws: EmbeddedAws, postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> Journey:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)  # restored afterwards: the emitted Lambda runs in this process
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("SECRETS_MANAGER_ENDPOINT", aws.endpoint_url)
    return Journey(tmp_path, aws, postgres)


def _source_files(tree: Path) -> dict[str, bytes]:
    names = subprocess.run(["git", "-C", str(tree), "ls-files", "-z"], capture_output=True, check=True).stdout.split(
        b"\0"
    )
    return {name.decode(): (tree / name.decode()).read_bytes() for name in names if name}


def test_a_legacy_application_moves_to_secrets_manager_and_its_database_password_rotates(journey: Journey) -> None:
    journey.check_out()
    original = _source_files(journey.tree)
    assert len(original) >= 15
    legacy = journey.run_legacy()

    assert journey.scan().status == 1
    assert journey.plan().status == 1
    journey.edit_plan()
    assert _source_files(journey.tree) == original, "planning touches no file of the application"

    first = journey.apply_infrastructure()
    assert first.status == 1
    assert "aws cloudformation deploy" in first.out
    assert _source_files(journey.tree) == original, "no existing file is touched before its value is in the store"
    journey.deploy_shell()
    second = journey.apply_code()
    assert second.status == 0, second.out
    assert _source_files(journey.tree) != original

    assert journey.run_migrated().differences(legacy) == []
    assert journey.scan_again().status == 0
    left = json.loads(journey.hunter("verify", "--output", "json").out)["left"]
    assert {one["code"] for one in left} == {"exposed"}, "all is done but what only its issuers can do"
    assert set(journey.renew()) == {one["secret"] for one in left}
    changed = [line.partition(":")[0] for line in journey.run_migrated().differences(legacy)]
    assert changed == ["manage.py fingerprint"], (
        "renewed values need no change of the code; one command prints a hash of one"
    )
    verified = journey.verify()
    assert verified.status == 0, verified.out

    refused = journey.hunter("rotate", journey.database_secret())
    assert refused.status == 1, "nobody said yet that the rewritten code is deployed"
    assert "shop/db.py:" in refused.out
    assert journey.hunter("status", "--deployed", journey.database_secret(), "all").status == 0
    assert journey.switch_rotation_on().status == 0
    before, after, front = journey.rotate_while_running()
    assert before == after
    assert (before[0], front[0]) == (200, 200), "the application went on without a restart"
    assert not journey.old_password_accepted()
    assert journey.steps == ALL_STEPS

    printed = "".join(ran.out + ran.err for ran in journey.ran)
    assert journey.credentials.mask(printed) == printed, "a command printed a value"


def test_rotation_is_refused_with_file_and_line_while_a_consumer_holds_the_value(journey: Journey) -> None:
    journey.check_out()
    journey.run_legacy()
    journey.plan()
    journey.edit_plan()
    journey.apply_infrastructure()
    journey.deploy_shell()
    assert journey.apply_code().status == 0
    journey.hunter("status", "--deployed", journey.database_secret(), "all")
    straggler = journey.tree / "jobs" / "export.py"
    password = journey.credentials.database_password.reveal()
    straggler.write_text(
        f'import psycopg2\n\n\ndef connect():\n    return psycopg2.connect(user="shop_app", password="{password}")\n'
    )
    refused = journey.hunter("rotate", journey.database_secret())
    assert refused.status == 1
    assert "jobs/export.py:5" in refused.out
    assert password not in refused.out + refused.err
    straggler.unlink()
    assert journey.hunter("rotate", journey.database_secret()).status == 0


def test_undo_puts_the_tree_back_and_an_offline_apply_delivers_later(journey: Journey) -> None:
    journey.check_out()
    original = _source_files(journey.tree)
    legacy = journey.run_legacy()
    journey.plan()
    journey.edit_plan()
    assert journey.hunter("apply", "--offline", "--review").status == 0
    migrated = _source_files(journey.tree)
    assert migrated != original
    assert journey.hunter("apply", "--offline", "--review").status == 0
    assert _source_files(journey.tree) == migrated, "a second apply changes nothing"
    journey.deploy_shell()
    assert journey.hunter("store", "--account", journey.aws.account).status == 0
    assert not list(Path(journey.environment["XDG_STATE_HOME"]).rglob("value-*")), "the local copy is destroyed"
    assert journey.run_migrated().differences(legacy) == []
    journey.renew()
    assert journey.hunter("verify").status == 0
    assert journey.hunter("undo").status == 0
    assert _source_files(journey.tree) == original
    assert journey.hunter("scan", ".").status == 1


def test_every_format_prints_the_findings_and_no_value(journey: Journey) -> None:
    journey.check_out()
    for form in ("full", "concise", "grouped", "json", "jsonl", "sarif"):
        ran = journey.hunter("scan", ".", "--output", form)
        assert ran.status == 1
        assert "shop/db.py" in ran.out
        assert journey.credentials.mask(ran.out + ran.err) == ran.out + ran.err
        if form in ("json", "sarif"):
            json.loads(ran.out)


def test_order_adopt_stores_first_and_the_stack_attaches_to_what_exists(journey: Journey) -> None:
    journey.check_out()
    legacy = journey.run_legacy()
    assert journey.plan("--order", "adopt").status == 1
    journey.edit_plan()
    applied = journey.apply_infrastructure()
    assert applied.status == 0, applied.out
    assert journey.run_migrated().differences(legacy) == []
    store = journey.aws.client("secretsmanager")
    before = {
        s["Name"]: (s["ARN"], store.get_secret_value(SecretId=s["ARN"])["VersionId"])
        for s in store.list_secrets()["SecretList"]
    }
    arns = {name.rpartition("/")[2]: arn for name, (arn, _) in before.items()}
    journey.deploy_shell(arns)
    after = {
        s["Name"]: (s["ARN"], store.get_secret_value(SecretId=s["ARN"])["VersionId"])
        for s in store.list_secrets()["SecretList"]
    }
    assert after == before, "nothing was created twice, replaced or overwritten"
    assert journey.hunter("apply", "--account", journey.aws.account, "--review").status == 0
    journey.renew()
    assert journey.hunter("verify").status == 0


def test_a_dry_run_shows_the_masked_diff_and_touches_nothing(journey: Journey) -> None:
    journey.check_out()
    journey.plan()
    before = {p: p.read_bytes() for p in journey.tree.rglob("*") if p.is_file()}
    ran = journey.hunter("apply", "--dry-run")
    assert ran.status == 1
    assert '+        password=get_secret("postgres", "password"),' in ran.out
    assert '+    return with_rotation("postgres", psycopg2.OperationalError, lambda: psycopg2.connect(' in ran.out
    assert journey.credentials.mask(ran.out) == ran.out
    assert {p: p.read_bytes() for p in journey.tree.rglob("*") if p.is_file()} == before
    assert not Path(journey.environment["XDG_STATE_HOME"]).exists(), "no state either"


def test_another_account_or_nobodys_yes_stores_nothing(journey: Journey) -> None:
    journey.check_out()
    journey.plan()
    journey.edit_plan()
    other = journey.hunter("apply", "--account", "999999999999")
    assert other.status != 0
    assert journey.aws.account in other.err + other.out
    assert journey.aws.client("secretsmanager").list_secrets()["SecretList"] == []
