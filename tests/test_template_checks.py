"""Each check finds its seeded mistake, and nothing in a good template."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hardcode_hunter.integrations.policy_checks import SECRETS_MANAGER_ACTIONS
from hardcode_hunter.integrations.template_checks import CHECKS, violations
from tests.generating import parsed

SEEDS = sorted((Path(__file__).resolve().parents[1] / "fixtures" / "generate" / "checks").glob("*.yaml"))


@pytest.mark.parametrize("seed", [s for s in SEEDS if s.stem != "good"], ids=lambda s: s.stem)
def test_a_seeded_mistake_is_found_and_nothing_else(seed: Path) -> None:
    """The file's name is the check's id, with a number where one check has several seeds."""
    found = violations(parsed(seed.read_text()))
    assert {v.check for v in found} == {re.sub(r"-\d+$", "", seed.stem)}
    for violation in found:
        assert violation.message and not violation.message.endswith(".")
        assert "hunter-orders-2019" not in violation.message + violation.path


def test_a_good_template_has_no_violation() -> None:
    (good,) = (s for s in SEEDS if s.stem == "good")
    assert violations(parsed(good.read_text())) == ()


def test_every_check_has_a_seed() -> None:
    assert {c.id for c in CHECKS} == {re.sub(r"-\d+$", "", s.stem) for s in SEEDS} - {"good"}
    assert len({c.id for c in CHECKS}) == len(CHECKS) >= 15


@pytest.mark.parametrize(
    "template", [{}, {"Resources": None}, {"Resources": {"A": None}}, {"Resources": {"A": {"Type": "AWS::IAM::Role"}}}]
)
def test_half_a_template_is_no_reason_to_crash(template: dict[str, object]) -> None:
    assert violations(template) == ()


def test_the_known_actions_are_those_of_the_service() -> None:
    """Each operation of the API is an action of the same name."""
    import botocore.session

    operations = set(botocore.session.get_session().get_service_model("secretsmanager").operation_names)
    assert operations <= SECRETS_MANAGER_ACTIONS
