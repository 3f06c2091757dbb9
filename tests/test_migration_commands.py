"""The commands of a migration as a person calls them on a small tree: what is said, how often, and with which exit status."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gate import Repository, Run

pytest_plugins = ("tests.gate_fixtures",)

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


def test_what_stops_every_secret_is_said_once(run: Run, tree: Repository) -> None:
    assert run("plan", "--no-diff", cwd=tree.root).status == 1
    assert run("apply", "--offline", cwd=tree.root).status == 0
    ran = run("verify", cwd=tree.root)
    assert ran.status == 2
    lines = [line for line in ran.out.splitlines() if "region" in line]
    assert len(lines) == 1 and lines[0].endswith("(2 secrets)")
