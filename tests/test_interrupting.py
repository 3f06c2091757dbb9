"""A sample of :mod:`tests.interrupting`; ``HARDCODE_HUNTER_EVERY_POINT=1`` runs it at every call (an hour)."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from tests.embedded.aws import EmbeddedAws
from tests.interrupting import Shop, killed_after, killed_before, load_once, longest, shop, steps_of

pytest_plugins = ("tests.embedded.fixtures",)

SAMPLE = 1


@pytest.fixture(scope="module")
def made(aws_endpoint: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    load_once()
    with shop(aws_endpoint, tmp_path_factory.mktemp("interrupting")) as found:
        yield found


@pytest.mark.parametrize("verb", ["apply", "undo"])
def test_killed_before_a_call_no_value_is_lost_and_every_file_is_whole(made: Shop, verb: str) -> None:
    steps = range(1, steps_of(made, verb) + 1)
    assert len(steps) > 100
    if not os.environ.get("HARDCODE_HUNTER_EVERY_POINT"):
        steps = sorted(random.sample(steps, SAMPLE))  # others in each run
    for step in steps:
        assert killed_before(made, verb, step), f"call {step}"


def test_killed_at_a_random_moment_no_value_is_lost_and_every_file_is_whole(made: Shop) -> None:
    """``killed_after`` asserts it of each trial (``Trial.converge``)."""
    for _ in range(SAMPLE):
        moment = random.uniform(0, longest(made, "apply"))
        killed_after(made, "apply", moment)
