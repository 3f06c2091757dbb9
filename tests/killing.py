"""Interruptions on demand: the N-th call that changes a file kills the process, or fails as a full or broken disk does.

The calls are those of :mod:`os` through which the package changes files. A write is cut in half before the process is killed, so that
torn files would show.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CALLS = (
    "open",
    "write",
    "fsync",
    "rename",
    "link",
    "unlink",
    "mkdir",
    "rmdir",
    "fchmod",
    "fchown",
    "ftruncate",
    "setxattr",
)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
COMPLETE, BROKEN = 0, 3

Interruption = Callable[[str, Callable[..., Any], tuple[Any, ...]], None]


@contextmanager
def interrupted(step: int, happens: Interruption) -> Iterator[list[int]]:
    """Within the block, the call number ``step`` (from 1) is preceded by ``happens``. Yields the count so far, as a list of one."""
    count = [0]
    originals = {name: getattr(os, name) for name in CALLS if hasattr(os, name)}

    def wrap(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if name != "open" or args[1] & WRITES:
                count[0] += 1
                if count[0] == step:
                    happens(name, original, args)
            return original(*args, **kwargs)

        return wrapped

    try:
        for name, original in originals.items():
            setattr(os, name, wrap(name, original))
        yield count
    finally:
        for name, original in originals.items():
            setattr(os, name, original)


def kill(name: str, original: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """SIGKILL to this process; a write is half done by then."""
    if name == "write":
        original(args[0], bytes(args[1])[: len(args[1]) // 2])
    os.kill(os.getpid(), signal.SIGKILL)


def failing(code: int) -> Interruption:
    """The call raises ``OSError(code)``; a write is half done by then."""

    def fail(name: str, original: Callable[..., Any], args: tuple[Any, ...]) -> None:
        if name == "write":
            original(args[0], bytes(args[1])[: len(args[1]) // 2])
        raise OSError(code, os.strerror(code))

    return fail


def killed_at(step: int, action: Callable[[], object]) -> bool:
    """Runs ``action`` in a child that is killed before its call number ``step``. False when it ended before that many calls."""
    child = os.fork()
    if child == 0:
        outcome = BROKEN
        try:
            with interrupted(step, kill):
                action()
            outcome = COMPLETE
        finally:
            os._exit(outcome)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True
    assert status == COMPLETE, f"the child failed by itself at step {step}"
    return False


def fails_at(step: int, code: int, action: Callable[[], object]) -> tuple[bool, Exception | None]:
    """Runs ``action`` here with call number ``step`` failing. Whether it made that many calls, and the error in which it ended."""
    ended: Exception | None = None
    with interrupted(step, failing(code)) as count:
        try:
            action()
        except Exception as error:
            ended = error
    return count[0] >= step, ended


def steps_of(action: Callable[[], object]) -> int:
    """The number of calls that ``action`` makes when nothing interrupts it."""
    with interrupted(0, kill) as count:
        action()
    return count[0]


@contextmanager
def folder_in_memory(otherwise: Path) -> Iterator[Path]:
    """A directory on a file system in memory, where the system has one, else ``otherwise``.

    Hundreds of runs that each bring dozens of files to a disk would wait for that disk; what a kill leaves is the same on both.
    """
    if not os.access("/dev/shm", os.W_OK):
        yield otherwise
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)
