"""The commands against an AWS account in this process: adoption, other trees, what people record, and what an interrupted run leaves."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hardcode_hunter import planfile
from tests.gate import Ran, Repository, Run
from tests.store_fixtures import ACCOUNT, REGION, aws_in_process, client

pytest_plugins = ("tests.gate_fixtures",)

PASSWORD, OTHER = "hunter-orders-2019", "hunter-rotated-2021"
CODE = f'import psycopg2\n\n\ndef connect():\n    return psycopg2.connect(host="db.internal", port=5432, dbname="shop", user="shop_app", password="{PASSWORD}")\n'
TOKEN = "import os\n\nMAIL_PASSWORD = os.environ.get('MAIL_PASSWORD', 'hunter-mail-2020')\n"
PLACE = ("--environment", "production", "--account", ACCOUNT, "--region", REGION)
ROLE = f"arn:aws:iam::{ACCOUNT}:role/shop"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with aws_in_process(monkeypatch, home):
        yield


def tree(tmp_path: Path, name: str, files: dict[str, str]) -> Repository:
    repository = Repository(tmp_path / name)
    repository.commit(files)
    return repository


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    return tree(tmp_path, "shop", {"db.py": CODE})


def plan_of(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((root / planfile.PLAN_FILE).read_text())
    return found


def edit(root: Path, change: Any) -> None:
    document = plan_of(root)
    change(document)
    (root / planfile.PLAN_FILE).write_text(yaml.safe_dump(document, sort_keys=False))


def planned(run: Run, root: Path, *more: str) -> str:
    """Plans with order adopt; the id of the one secret."""
    ran = run("plan", ".", "--no-diff", "--order", "adopt", "--application", root.name, *PLACE, *more, cwd=root)
    assert ran.status == 1, ran.err

    def roles(document: dict[str, Any]) -> None:
        for secret in document["secrets"].values():
            for consumer in secret["consumers"]:
                consumer["role"] = ROLE

    edit(root, roles)
    return str(next(iter(plan_of(root)["secrets"])))


def applied(run: Run, root: Path) -> Ran:
    ran = run("apply", "--account", ACCOUNT, "--review", cwd=root)
    assert ran.status == 0, ran.out + ran.err
    return ran


def reader() -> None:
    """The role that the plans name, with the right to read."""
    manager = client("iam")
    manager.create_role(RoleName="shop", AssumeRolePolicyDocument="{}")
    allow = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    manager.put_role_policy(RoleName="shop", PolicyName="read", PolicyDocument=policy)


# ---------------------------------------------------------------- adoption

BODY = {"user": "shop_app", "pass": PASSWORD, "hostname": "db.internal", "port": 5432, "database": "shop"}


def test_an_existing_secret_under_another_name_and_with_other_keys_is_adopted(run: Run, shop: Repository) -> None:
    arn = client().create_secret(Name="legacy/orders", SecretString=json.dumps(BODY))["ARN"]
    secret = planned(run, shop.root)
    ran = run("plan", ".", "--no-diff", *PLACE, "--adopt", f"{secret}=legacy/orders", cwd=shop.root)
    assert ran.status == 1, ran.err
    row = plan_of(shop.root)["secrets"][secret]
    assert row["existing"] == arn
    assert set(row["fields"]) == {"user", "pass", "hostname", "port", "database"}
    assert (row["rotation"]["name"], "needs the keys username" in row["rotation"]["why"]) == ("none", True)
    written = (shop.root / planfile.PLAN_FILE).read_text() + ran.out + ran.err
    assert PASSWORD not in written
    again = run("plan", ".", "--no-diff", cwd=shop.root)
    assert again.status == 1
    assert plan_of(shop.root)["secrets"][secret]["fields"].keys() == row["fields"].keys(), "planning again keeps it"
    versions = len(client().list_secret_version_ids(SecretId=arn)["Versions"])
    applied(run, shop.root)
    assert 'get_secret("' in (shop.root / "db.py").read_text()
    assert '"pass"' in (shop.root / "db.py").read_text()
    assert len(client().list_secret_version_ids(SecretId=arn)["Versions"]) == versions, "nothing was written there"
    assert [s["Name"] for s in client().list_secrets()["SecretList"]] == ["legacy/orders"]


@pytest.mark.parametrize(
    ("adopt", "words"),
    [
        ("{secret}=legacy/wrong", "doesn't hold"),
        ("{secret}=legacy/absent", "there is no legacy/absent"),
        ("nothing=legacy/wrong", "no secret is called 'nothing'"),
        ("legacy/wrong", "is no SECRET=NAME"),
    ],
)
def test_what_can_not_be_adopted_changes_no_plan(run: Run, shop: Repository, adopt: str, words: str) -> None:
    client().create_secret(Name="legacy/wrong", SecretString=json.dumps({**BODY, "pass": OTHER, "password": OTHER}))
    secret = planned(run, shop.root)
    before = (shop.root / planfile.PLAN_FILE).read_bytes()
    ran = run("plan", ".", "--no-diff", "--adopt", adopt.format(secret=secret), cwd=shop.root)
    assert ran.status in (1, 2)
    assert words in ran.err
    assert (shop.root / planfile.PLAN_FILE).read_bytes() == before
    assert OTHER not in ran.out + ran.err and PASSWORD not in ran.out + ran.err


def test_another_account_than_the_plan_names_is_not_compared_with(run: Run, shop: Repository) -> None:
    client().create_secret(Name="legacy/orders", SecretString=json.dumps(BODY))
    secret = planned(run, shop.root)
    ran = run("plan", ".", "--account", "999999999999", "--adopt", f"{secret}=legacy/orders", cwd=shop.root)
    assert ran.status == 1
    assert "999999999999" in ran.err


# ---------------------------------------------------------------- other trees


def migrated(run: Run, root: Path) -> str:
    secret = planned(run, root)
    applied(run, root)
    assert run("status", "--deployed", secret, "all", cwd=root).status == 0
    return secret


def test_another_tree_that_holds_the_value_is_in_the_way_until_it_is_migrated(
    run: Run, shop: Repository, tmp_path: Path
) -> None:
    reader()
    other = tree(tmp_path, "reports", {"app.py": CODE, "notes.md": f"# old: {PASSWORD}\n"})
    secret = migrated(run, shop.root)
    assert run("verify", cwd=shop.root).status == 0
    refused = run("rotate", secret, "--consumers", "../reports", cwd=shop.root)
    assert refused.status == 1
    assert "../reports/app.py:5" in refused.out and "../reports/notes.md:1" in refused.out
    left = run("verify", "--consumers", "../reports", cwd=shop.root)
    assert left.status == 1
    assert "../reports/app.py:5" in left.out and "../reports/notes.md:1" in left.out
    (other.root / "notes.md").unlink()
    theirs = planned(run, other.root)
    assert run("plan", ".", "--no-diff", "--adopt", f"{theirs}=production/shop/{secret}", cwd=other.root).status == 1
    applied(run, other.root)
    waiting = run("rotate", secret, "--consumers", "../reports", cwd=shop.root)
    assert waiting.status == 1
    assert f"`hardcode-hunter status ../reports --deployed {theirs} app.py:" in waiting.out
    assert run("status", "../reports", "--deployed", theirs, "all", cwd=shop.root).status == 0
    done = run("rotate", secret, "--consumers", "../reports", cwd=shop.root)
    assert done.status == 0, done.out
    assert PASSWORD not in "".join(r.out + r.err for r in (refused, left, waiting, done))


def test_trees_named_in_the_plan_are_looked_at_unasked(run: Run, shop: Repository, tmp_path: Path) -> None:
    reader()
    tree(tmp_path, "reports", {"app.py": CODE})
    secret = migrated(run, shop.root)
    assert run("plan", ".", "--no-diff", "--consumers", "../reports", cwd=shop.root).status == 0
    assert plan_of(shop.root)["trees"] == ["../reports"]
    assert run("plan", ".", "--no-diff", cwd=shop.root).status == 0
    assert plan_of(shop.root)["trees"] == ["../reports"], "planning again keeps it"
    assert "../reports/app.py:5" in run("verify", cwd=shop.root).out
    assert "../reports/app.py:5" in run("rotate", secret, cwd=shop.root).out


def test_a_secret_of_its_own_for_the_same_login_would_be_left_behind(
    run: Run, shop: Repository, tmp_path: Path
) -> None:
    reader()
    other = tree(tmp_path, "reports", {"app.py": CODE})
    secret = migrated(run, shop.root)
    migrated(run, other.root)
    refused = run("rotate", secret, "--consumers", "../reports", cwd=shop.root)
    assert refused.status == 1
    assert "holds the same login and would keep the old password" in refused.out


@pytest.mark.parametrize("where", ["../nowhere", ".", "sub", ".."])
def test_what_is_no_other_tree_is_an_error(run: Run, shop: Repository, where: str) -> None:
    (shop.root / "sub").mkdir()
    migrated(run, shop.root)
    ran = run("verify", "--consumers", where, cwd=shop.root)
    assert ran.status == 2
    assert "--consumers" in ran.err


def test_a_hushed_literal_and_a_breakable_string_are_in_the_way(run: Run, shop: Repository) -> None:
    secret = migrated(run, shop.root)
    (shop.root / "old.py").write_text(
        f'import psycopg2\n\nconnection = psycopg2.connect(user="x", password="{PASSWORD}")  # hardcode-hunter: ignore\n'
    )
    ran = run("rotate", secret, cwd=shop.root)
    assert ran.status == 1
    assert "old.py:3" in ran.out


# ---------------------------------------------------------------- what people record


def test_an_exposed_token_is_left_until_its_renewal_is_recorded(run: Run, tmp_path: Path) -> None:
    reader()
    mail = tree(tmp_path, "mail", {"mail.py": TOKEN})
    secret = planned(run, mail.root)
    applied(run, mail.root)
    left = json.loads(run("verify", "--output", "json", cwd=mail.root).out)
    assert (left["complete"], left["exposed"], [x["code"] for x in left["left"]]) == (False, [secret], ["exposed"])
    assert run("status", "--revoked", secret, cwd=mail.root).status == 2
    assert run("status", "--because", "x", cwd=mail.root).status == 2
    assert "--revoked" in run("status", "--deployed", secret, "all", cwd=mail.root).out
    assert run("status", "--revoked", secret, "--because", "renewed by the provider", cwd=mail.root).status == 0
    done = json.loads(run("verify", "--output", "json", cwd=mail.root).out)
    assert (done["complete"], done["exposed"]) == (True, [])
    assert "renewed" in run("status", cwd=mail.root).out


def test_what_rotates_is_not_recorded_as_revoked(run: Run, shop: Repository) -> None:
    secret = migrated(run, shop.root)
    ran = run("status", "--revoked", secret, "--because", "x", cwd=shop.root)
    assert (ran.status, f"`hardcode-hunter rotate {secret}`" in ran.err) == (2, True)
    assert run("status", "--revoked", "nothing", "--because", "x", cwd=shop.root).status == 2


def test_force_needs_a_reason_and_the_plan_records_it(run: Run, shop: Repository) -> None:
    secret = planned(run, shop.root)
    applied(run, shop.root)
    before = plan_of(shop.root)
    assert run("rotate", secret, cwd=shop.root).status == 1
    assert plan_of(shop.root) == before, "a refusal writes nothing"
    assert run("rotate", secret, "--force", cwd=shop.root).status == 2
    assert run("rotate", secret, "--force", "--because", "  ", cwd=shop.root).status == 2
    forced = run("rotate", secret, "--force", "--because", "the window is tonight", cwd=shop.root)
    assert forced.status == 0
    assert "forced past:" in forced.out
    after = plan_of(shop.root)
    assert after.pop("forced") == [f"{secret}: the window is tonight"]
    assert before.pop("forced") == []
    assert after == before, "nothing else of the plan changes"
    assert "the window is tonight" in (shop.root / "migration/ROLL-OUT.md").read_text()


# ---------------------------------------------------------------- readers


def test_verify_names_a_role_that_may_not_read(run: Run, shop: Repository) -> None:
    migrated(run, shop.root)
    ran = run("verify", cwd=shop.root)
    assert ran.status == 1
    assert f"db.py:5: {ROLE} may not read production/shop/" in ran.out
    reader()
    assert run("verify", cwd=shop.root).status == 0
    edit(shop.root, lambda d: [c.update(role="unknown") for s in d["secrets"].values() for c in s["consumers"]])
    unknown = run("verify", cwd=shop.root)
    assert unknown.status == 1
    assert "say under 'role'" in unknown.out


# ---------------------------------------------------------------- the way back


def test_secrets_are_deleted_only_when_asked_and_only_ours(run: Run, shop: Repository) -> None:
    secret = migrated(run, shop.root)
    name = f"production/shop/{secret}"
    ran = run("undo", cwd=shop.root)
    assert (shop.root / "db.py").read_text() == CODE
    assert "--recovery-window-in-days 30" in ran.out
    assert "DeletedDate" not in client().describe_secret(SecretId=name)
    refused = run("undo", "--delete-secrets", "--account", "999999999999", cwd=shop.root)
    assert refused.status == 1
    assert run("undo", "--delete-secrets", "--dry-run", cwd=shop.root).status == 2
    done = run("undo", "--delete-secrets", "--account", ACCOUNT, cwd=shop.root)
    assert done.status == 0, done.err
    assert "is deleted in 30 days" in done.out
    assert "DeletedDate" in client().describe_secret(SecretId=name)
    assert "scheduled for deletion already" in run("undo", "--delete-secrets", "--account", ACCOUNT, cwd=shop.root).out


def test_a_secret_that_was_changed_since_is_not_deleted(run: Run, shop: Repository) -> None:
    secret = migrated(run, shop.root)
    client().put_secret_value(SecretId=f"production/shop/{secret}", SecretString=json.dumps({"password": OTHER}))
    done = run("undo", "--delete-secrets", "--account", ACCOUNT, cwd=shop.root)
    assert done.status == 0
    assert "its value was changed since" in done.out
    assert "DeletedDate" not in client().describe_secret(SecretId=f"production/shop/{secret}")


def test_discarding_what_undo_needs_spares_what_waits_for_the_store(run: Run, shop: Repository, tmp_path: Path) -> None:
    secret = planned(run, shop.root)
    assert run("apply", "--offline", "--review", cwd=shop.root).status == 0
    ran = run("undo", "--discard", cwd=shop.root)
    assert "of 1 change" in ran.out or "changes" in ran.out
    kept = [p.name for p in (tmp_path / "state").rglob("*") if p.name.startswith(("kept-", "value-"))]
    assert kept and all(name.startswith("value-") for name in kept)
    undone = run("undo", cwd=shop.root)
    assert undone.status == 1
    assert "put it back with git" in undone.err
    assert run("store", "--account", ACCOUNT, cwd=shop.root).status == 0
    held = json.loads(client().get_secret_value(SecretId=f"production/shop/{secret}")["SecretString"])
    assert held["password"] == PASSWORD
    assert not list((tmp_path / "state").rglob("value-*"))


def test_a_rotated_secret_stands_in_the_way_of_undo(run: Run, shop: Repository) -> None:
    secret = migrated(run, shop.root)
    switched = run("rotate", secret, cwd=shop.root)
    assert switched.status == 0, switched.out
    assert "`hardcode-hunter undo --discard` destroys it" in switched.out
    refused = run("undo", cwd=shop.root)
    assert refused.status == 1
    assert "a password that no longer works" in refused.err
    assert run("undo", "--database-reset", cwd=shop.root).status == 0
    assert (shop.root / "db.py").read_text() == CODE


# ---------------------------------------------------------------- interrupted

PAIR = base64.b64encode(f"shop_app:{PASSWORD}".encode()).decode()
WHOLE = f'import requests\n\n\ndef get():\n    return requests.get("https://api.example.com", headers={{"Authorization": "Basic {PAIR}"}})\n'
PART = f'import os\n\nimport requests\n\n\ndef get():\n    return requests.get("https://api.example.com", auth=(os.environ["U"], "{PASSWORD}"))\n'


def test_a_half_rewritten_secret_is_completed_from_what_is_stored(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first file took the user name with it; what is left in the second must still be told to be the same secret."""
    from hardcode_hunter import apply as applying

    shop = tree(tmp_path, "shop", {"a.py": WHOLE, "b.py": PART})
    secret = planned(run, shop.root)
    real = applying._write

    def until_b(root: Path, task: Any, *more: Any) -> None:
        if task.change.path == "b.py":
            raise KeyboardInterrupt
        real(root, task, *more)

    monkeypatch.setattr(applying, "_write", until_b)
    assert run("apply", "--account", ACCOUNT, cwd=shop.root).status == 130
    monkeypatch.setattr(applying, "_write", real)
    assert PAIR not in (shop.root / "a.py").read_text()
    assert PASSWORD in (shop.root / "b.py").read_text()
    applied(run, shop.root)
    assert PASSWORD not in (shop.root / "b.py").read_text()
    assert len(client().list_secret_version_ids(SecretId=f"production/shop/{secret}")["Versions"]) == 1


def test_an_offline_apply_is_completed_online(run: Run, shop: Repository, tmp_path: Path) -> None:
    secret = planned(run, shop.root)
    assert run("apply", "--offline", "--review", cwd=shop.root).status == 0
    rewritten = (shop.root / "db.py").read_text()
    online = applied(run, shop.root)
    assert f"production/shop/{secret}: stored" in online.out
    assert (shop.root / "db.py").read_text() == rewritten
    assert not list((tmp_path / "state").rglob("value-*")), "the local copy is destroyed"
    held = json.loads(client().get_secret_value(SecretId=f"production/shop/{secret}")["SecretString"])
    assert held == {"engine": "postgres", "host": "db.internal", "port": 5432, "dbname": "shop", "username": "shop_app", "password": PASSWORD}  # fmt: skip
    assert applied(run, shop.root).out.count("wrote") == 0
