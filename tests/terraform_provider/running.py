"""pytest fixtures over Terraform: name this module in ``pytest_plugins``."""

from __future__ import annotations

import pytest

from tests.embedded import Absent
from tests.terraform_provider.runner import Run, terraform


@pytest.fixture(scope="session")
def terraform_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Terraform beside the AWS provider's schema. Skips, with the reason, when a part is absent."""
    try:
        return Run(terraform(tmp_path_factory.mktemp("terraform")), tmp_path_factory.mktemp("modules"))
    except Absent as absent:
        pytest.skip(f"ABSENT: {absent}")
