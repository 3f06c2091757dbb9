"""A child process that serves on a port of its own choosing and says which on the first line of its output."""

from __future__ import annotations

import contextlib
import json
import secrets
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from tests.embedded import NotReady

START_SECONDS = 60.0
STOP_SECONDS = 10.0
_LOG_LINES = 15


@contextlib.contextmanager
def serving_child(
    what: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    mask: Callable[[str], str] = str,
) -> Iterator[tuple[int, str]]:
    """Run ``command TOKEN`` and give its port and the token it answered with; stop it when the block ends.

    The child writes ``{"token": TOKEN, "port": N}`` as its first line and ends when its standard input is closed.
    Raises :class:`NotReady`, with the last lines of the child's log through ``mask``, when that line doesn't come.
    """
    token = secrets.token_hex(16)
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        process = subprocess.Popen(
            [*command, token],
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            yield _announced_port(what, process, token, log, mask), token
        finally:
            _stop(process)


def _announced_port(
    what: str, process: subprocess.Popen[str], token: str, log: IO[str], mask: Callable[[str], str]
) -> int:
    assert process.stdout is not None
    timer = threading.Timer(START_SECONDS, process.kill)
    timer.start()
    try:
        line = process.stdout.readline()
    finally:
        timer.cancel()
    try:
        said = json.loads(line)
        if said["token"] == token:
            return int(said["port"])
    except (ValueError, KeyError, TypeError):
        pass
    process.kill()
    process.wait()
    log.seek(0)
    tail = mask("".join(log.readlines()[-_LOG_LINES:]))
    raise NotReady(f"{what} did not say its port; it ended with status {process.returncode}. Its last words:\n{tail}")


def _stop(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None and process.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
