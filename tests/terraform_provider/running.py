"""pytest fixtures over Terraform: name this module in ``pytest_plugins``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.terraform_provider.runner import Absent, Outcome, Terraform, terraform


@dataclass
class Run:
    """Terraform with a place for folders: each call works in a new one."""

    terraform: Terraform
    place: Path
    folders: int = 0

    def folder(self, files: Mapping[str, str]) -> Path:
        """A new folder with the root module that ``files`` (by path in the repository) hold, initialised."""
        self.folders += 1
        target = self.place / str(self.folders)
        for path, text in files.items():
            if path.startswith("migration/prod/"):
                to = target / path.removeprefix("migration/prod/")
                to.parent.mkdir(parents=True, exist_ok=True)
                to.write_text(text)
        done = self.terraform.init(target)
        assert done.code == 0, done.out
        return target

    def validated(self, files: Mapping[str, str]) -> Outcome:
        """What ``terraform validate`` says."""
        folder = self.folder(files)
        outcome = self.terraform.run(folder, "validate", "-no-color")
        shutil.rmtree(folder)
        return outcome

    def applied(self, files: Mapping[str, str], variables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """The state after ``terraform apply``: attributes by address."""
        folder = self.folder(files)
        outcome = self.apply(folder, variables)
        assert outcome.code == 0, outcome.out
        return self.terraform.state(folder)

    def apply(self, folder: Path, variables: Mapping[str, Any]) -> Outcome:
        (folder / "terraform.tfvars.json").write_text(json.dumps(variables))
        for package in folder.glob("rotation/*/requirements.txt"):
            # the package that the roll-out page has a person build
            (folder / "rotation" / f"{package.parent.name}.zip").write_bytes(b"PK\5\6" + bytes(18))
        return self.terraform.run(folder, "apply", "-auto-approve", "-no-color")


@pytest.fixture(scope="session")
def terraform_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Terraform beside the AWS provider's schema. Skips, with the reason, when a part is absent."""
    try:
        return Run(terraform(tmp_path_factory.mktemp("terraform")), tmp_path_factory.mktemp("modules"))
    except Absent as absent:
        pytest.skip(f"ABSENT: {absent}")
