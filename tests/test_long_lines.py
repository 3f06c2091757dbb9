"""Long lines and full files: every credential is found, or the file is reported with the place from which on it was not judged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hardcode_hunter import discover, parts, pipeline, ruleset

LINES = {
    "one.py": ("d = {", '"password_{i}": "tide-{i}x"', ", ", "}\n"),
    "calls.py": ("", 'connect(password="tide-{i}x")', ";", "\n"),
    "one.json": ("{", '"password_{i}": "tide-{i}x"', ", ", "}\n"),
    "one.yaml": ("{", "password_{i}: tide-{i}x", ", ", "}\n"),
    "one.tf": ("locals {\n  d = {", 'password_{i} = "tide-{i}x"', ", ", "}\n}\n"),
    "one.env": ("", "PASSWORD_{i}=tide-{i}x", " ", "\n"),
}
MANY = int(os.environ.get("HARDCODE_HUNTER_ON_ONE_LINE", "1500"))
"""Credentials on one line; the environment can ask for 100,000, which takes some minutes."""


def line(name: str, count: int) -> bytes:
    first, each, between, last = LINES[name]
    return (first + between.join(each.replace("{i}", str(i)) for i in range(count)) + last).encode()


def inspected(name: str, data: bytes) -> tuple[int, list[str]]:
    walk = discover.Walk(Path("/"))
    part = parts.Inspector(ruleset.load(), b"k", lambda _: data, walk).part((name,))
    return len({f.span for f in part.findings}), [p.message for p in walk.problems]


@pytest.mark.parametrize("name", LINES)
def test_every_credential_of_a_line_is_found_or_the_rest_is_reported(name: str) -> None:
    found, problems = inspected(name, line(name, MANY))
    assert found == MANY or (found >= pipeline.BUDGET and any("were not judged" in p for p in problems))


@pytest.mark.parametrize("name", LINES)
def test_a_file_beyond_its_budget_says_what_was_not_judged(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "BUDGET", 40)
    found, problems = inspected(name, line(name, 100))
    assert found == 40
    assert any("100 literals" in p and "were not judged" in p for p in problems)
