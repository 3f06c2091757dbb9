"""checkov over what is generated: it has nothing to say but what is answered here. ``make checkov`` installs it and runs this."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardcode_hunter.model import Consumer
from tests.downloads import checkov
from tests.generating import PROD, everything, plan, texts, token

EXCEPTIONS = {
    "CKV2_AWS_57": "rotation is off until every consumer reads the secret, and a token that a vendor issues has none",
    "CKV_AWS_115": "reserved concurrency fails in accounts whose limit is 10; Secrets Manager calls a function once at a time per secret",
    "CKV_AWS_116": "Secrets Manager calls the function synchronously and tries again itself: a dead letter queue would stay empty",
    "CKV_AWS_173": "the function's variables hold an endpoint and a list of characters, nothing to keep secret",
    "CKV_AWS_272": "the package is built by whoever deploys it; signing it is that person's choice and needs their profile",
    "CKV_AWS_290": "the actions on network interfaces are checked before an interface exists (Lambda Developer Guide)",
    "CKV_AWS_355": "the actions on network interfaces are checked before an interface exists (Lambda Developer Guide)",
    "CKV_AWS_50": "tracing needs two more rights and says nothing that the log does not",
}
"""Findings that stand, with the reason."""


def _failed(folder: Path) -> dict[str, set[str]]:
    """Failed checks with the resources that failed, over both frameworks."""
    command = [str(checkov()), "-d", str(folder), "--skip-download", "--quiet", "--compact", "-o", "json"]
    frameworks = ["--framework", "cloudformation", "terraform"]
    done = subprocess.run([*command, *frameworks], capture_output=True, text=True, timeout=300, check=False)
    found: Any = json.loads(done.stdout)
    reports = found if isinstance(found, list) else [found]
    assert {r["check_type"] for r in reports} == {"cloudformation", "terraform"}
    assert all(r["summary"]["parsing_errors"] == 0 and r["summary"]["passed"] > 10 for r in reports)
    failed: dict[str, set[str]] = {}
    for report in reports:
        for check in report["results"]["failed_checks"]:
            failed.setdefault(check["check_id"], set()).add(check["resource"])
    return failed


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both back ends, both phases, one secret of every home, readers in another account and copies in another region."""
    if not checkov().exists():
        pytest.skip("ABSENT: checkov is not installed; 'make checkov' installs it in an environment of its own")
    folder = tmp_path_factory.mktemp("generated")
    for infrastructure in ("cloudformation", "terraform"):
        for phase, enabled in (("shell", frozenset[str]()), ("rotating", frozenset({"orders-db"}))):
            away = Consumer("a.py", 1, "f", role="arn:aws:iam::999999999999:role/app")
            secrets = (*everything(), token("stock-token", consumers=(away,)))
            copied = replace(PROD, replicas=("eu-west-1",))
            of = plan(*secrets, infrastructure=infrastructure, environments=(copied,))
            for path, text in texts(of, enabled).items():
                (folder / infrastructure / phase / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / infrastructure / phase / path).write_text(text)
    return folder


def test_nothing_is_found_but_what_is_answered(generated: Path) -> None:
    failed = _failed(generated)
    assert set(failed) == set(EXCEPTIONS), {check: failed.get(check) for check in set(failed) ^ set(EXCEPTIONS)}


def test_a_bad_edit_is_found(generated: Path, tmp_path: Path) -> None:
    for infrastructure, name, before, after in (
        ("cloudformation", "secrets.yaml", "EnableKeyRotation: true", "EnableKeyRotation: false"),
        ("terraform", "key.tf", "enable_key_rotation     = true", "enable_key_rotation     = false"),
    ):
        text = (generated / infrastructure / "shell" / "migration" / "prod" / name).read_text()
        assert before in text
        (tmp_path / infrastructure).mkdir()
        for file in (generated / infrastructure / "shell" / "migration" / "prod").glob("*.*"):
            (tmp_path / infrastructure / file.name).write_text(file.read_text())
        (tmp_path / infrastructure / name).write_text(text.replace(before, after))
    assert "CKV_AWS_7" in _failed(tmp_path)
