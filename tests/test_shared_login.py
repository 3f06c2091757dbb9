"""Two applications share one database user: rotation is refused until both read it from the store, then both work through it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hardcode_hunter import planfile
from tests.embedded.aws import EmbeddedAws
from tests.embedded.environment import clean_environment
from tests.embedded.postgres import EmbeddedPostgres
from tests.gate import Repository
from tests.journey import ROLE, ROOT, Journey, Ran

pytest_plugins = ("tests.embedded.fixtures",)

REPORT = """import os

import psycopg2


def connect():
    return psycopg2.connect(
        host=os.environ["SHOP_DB_HOST"],
        port=int(os.environ["SHOP_DB_PORT"]),
        dbname="{database}",
        user="{user}",
        password="{password}",
    )


if __name__ == "__main__":
    cursor = connect().cursor()
    cursor.execute("SELECT count(*) FROM products")
    print(cursor.fetchone()[0], "products")
"""


class Reports:
    """The second application: a script in a repository of its own."""

    def __init__(self, journey: Journey) -> None:
        self.journey, self.root = journey, journey.folder / "reports"
        c = journey.credentials
        text = REPORT.format(database=c.database, user=c.database_user, password=c.database_password.reveal())
        Repository(self.root).commit({"report.py": text, "requirements.txt": "psycopg2-binary\n"})

    def run(self) -> tuple[int, str]:
        """The script's exit status and output."""
        place = {"SHOP_DB_HOST": self.journey.postgres.host, "SHOP_DB_PORT": str(self.journey.postgres.port)}
        environment = clean_environment({**self.journey.environment, **place})
        done = subprocess.run(
            [sys.executable, "report.py"], cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout

    def hunter(self, *words: str) -> Ran:
        environment = clean_environment(self.journey.environment) | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-P", "-m", "hardcode_hunter", *words]
        done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, check=False)
        return Ran(words, done.returncode, done.stdout, done.stderr)

    def migrate(self, existing: str) -> str:
        """Moves the script onto the other application's secret; the id that it has here."""
        aws = self.journey.aws
        place = (
            "--application",
            "reports",
            "--environment",
            "production",
            "--account",
            aws.account,
            "--region",
            aws.region,
        )
        assert self.hunter("plan", ".", *place).status == 1
        file = self.root / planfile.PLAN_FILE
        document = yaml.safe_load(file.read_text())
        (secret,) = document["secrets"]
        for consumer in document["secrets"][secret]["consumers"]:
            consumer["role"] = f"arn:aws:iam::{aws.account}:role/{ROLE}"
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        adopted = self.hunter("plan", ".", "--adopt", f"{secret}={existing}")
        assert adopted.status == 1, adopted.err
        applied = self.hunter("apply", "--account", aws.account)
        assert applied.status == 0, applied.out + applied.err
        return str(secret)


@pytest.fixture
def journey(tmp_path: Path, aws: EmbeddedAws, postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> Journey:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("SECRETS_MANAGER_ENDPOINT", aws.endpoint_url)
    return Journey(tmp_path, aws, postgres)


def test_two_applications_share_one_login_and_both_work_through_its_rotation(journey: Journey) -> None:
    journey.check_out()
    journey.run_legacy()
    reports = Reports(journey)
    before = reports.run()
    assert before[0] == 0
    journey.plan("--consumers", os.path.join("..", "reports"))
    journey.edit_plan()
    journey.apply_infrastructure()
    journey.deploy_shell()
    assert journey.apply_code().status == 0
    secret = journey.database_secret()
    journey.hunter("status", "--deployed", secret, "all")

    refused = journey.hunter("rotate", secret)
    assert refused.status == 1, "the other application still holds the value"
    assert "../reports/report.py:12: " in refused.out
    left = json.loads(journey.hunter("verify", "--output", "json").out)["left"]
    assert ("../reports/report.py", 12) in {(one["path"], one["line"]) for one in left}

    theirs = reports.migrate(f"production/shop/{secret}")
    assert reports.run() == before, "the migrated script reads the same secret"
    waiting = journey.hunter("rotate", secret)
    assert waiting.status == 1, "nobody said yet that its new code is deployed"
    assert f"status ../reports --deployed {theirs} report.py:" in waiting.out
    assert reports.hunter("status", "--deployed", theirs, "all").status == 0

    assert journey.switch_rotation_on().status == 0
    answers = journey.rotate_while_running()
    assert {status for status, _ in answers} == {200}
    assert reports.run() == before, "the second application goes on, too"
    assert not journey.old_password_accepted()
    printed = "".join(ran.out + ran.err for ran in (*journey.ran, refused, waiting))
    assert journey.credentials.mask(printed) == printed
