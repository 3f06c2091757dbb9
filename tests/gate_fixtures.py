"""Runs the command line in this process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from hardcode_hunter import cli
from tests.gate import Ran, Repository, Run

CLEARED = (
    "NO_COLOR",
    "FORCE_COLOR",
    "CI",
    "PRE_COMMIT_FROM_REF",
    "PRE_COMMIT_TO_REF",
    "GITHUB_BASE_REF",
    "CI_MERGE_REQUEST_DIFF_BASE_SHA",
    "CI_DEFAULT_BRANCH",
    "GIT_INDEX_FILE",
    "HARDCODE_HUNTER_BASELINE_KEY",
)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where rules are compiled to: once for all tests, and not at home."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], cache: Path) -> Run:
    """``run("scan", "x.py", cwd=folder)``: as a person calls it, but in this process."""
    monkeypatch.setenv("XDG_CACHE_HOME", os.fspath(cache))
    for name in CLEARED:
        monkeypatch.delenv(name, raising=False)

    def call(*words: str | Path, cwd: Path) -> Ran:
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["hardcode-hunter", *map(os.fspath, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capfd.readouterr()
        return Ran(end.value.code if isinstance(end.value.code, int) else 1, out, err)

    return call


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")
