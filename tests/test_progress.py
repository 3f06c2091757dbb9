"""Long steps show what they are doing on a terminal, and say nothing in a pipe or in CI."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.embedded.environment import clean_environment
from tests.gate import ROOT, Repository

CODE = 'import psycopg2\n\n\ndef connect():\n    return psycopg2.connect(host="db", user="shop", password="hunter-orders-2019")\n'
STEPS = {"scan": "files …", "apply": "rewriting …", "verify": "searching"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A planned tree of more than two hundred files."""
    folder = tmp_path_factory.mktemp("progress")
    files = {"db.py": CODE, **{f"docs/{number}.txt": "nothing\n" for number in range(250)}}
    repository = Repository(folder / "shop")
    repository.commit(files)
    assert on_pipe(repository.root, "plan", "--no-diff").returncode == 1
    return repository.root


def command(root: Path, *words: str, **more: str) -> tuple[list[str], dict[str, str]]:
    places = {name: str(root.parent / name.lower()) for name in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")}
    environment = clean_environment(
        {**places, "PYTHONPATH": str(ROOT), "AWS_EC2_METADATA_DISABLED": "true", "CI": "", **more}
    )
    return [sys.executable, "-P", "-m", "hardcode_hunter", *words], environment


def on_pipe(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    arguments, environment = command(root, *words)
    return subprocess.run(arguments, cwd=root, env=environment, capture_output=True, text=True, check=False)


def on_terminal(root: Path, *words: str, **more: str) -> str:
    """What the command writes to a terminal that is its stderr."""
    ours, theirs = pty.openpty()
    arguments, environment = command(root, *words, **more)
    with subprocess.Popen(arguments, cwd=root, env=environment, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
        process.wait()
    os.close(ours)
    return shown.decode()


def words_of(step: str) -> tuple[str, ...]:
    return {"scan": ("scan", "."), "apply": ("apply", "--offline"), "verify": ("verify",)}[step]


@pytest.mark.parametrize("step", STEPS)
def test_a_terminal_shows_the_step(tree: Path, step: str) -> None:
    assert STEPS[step] in on_terminal(tree, *words_of(step))


@pytest.mark.parametrize("step", STEPS)
def test_neither_a_pipe_nor_ci_gets_it(tree: Path, step: str) -> None:
    assert "…" not in on_pipe(tree, *words_of(step)).stderr
    assert "…" not in on_terminal(tree, *words_of(step), CI="true")
