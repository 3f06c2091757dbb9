"""Interruptions on demand: the N-th call that changes a file kills the process, or fails as a full or broken disk does.

The calls are those of :mod:`os` through which the package changes files. A write is cut in half before the process is killed, so that
torn files would show.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
COMPLETE, IN_WORDS, BROKEN, NOT_REACHED = 0, 1, 3, 4

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


def fails_at(step: int, code: int, action: Callable[[], object], words: Callable[[BaseException], bool]) -> bool:
    """Runs ``action`` in a child whose call number ``step`` fails. False when it ended before that many calls.

    It has to end by itself or in an error of which ``words`` approves.
    """
    child = os.fork()
    if child == 0:
        outcome = BROKEN
        try:
            with interrupted(step, failing(code)) as count:
                try:
                    action()
                    outcome = COMPLETE if count[0] >= step else NOT_REACHED
                except Exception as error:
                    outcome = IN_WORDS if words(error) else BROKEN
        finally:
            os._exit(outcome)
    status = os.waitpid(child, 0)[1]
    assert os.waitstatus_to_exitcode(status) != BROKEN, f"an error without the right words at step {step}"
    return os.waitstatus_to_exitcode(status) != NOT_REACHED


def steps_of(action: Callable[[], object]) -> int:
    """The number of calls that ``action`` makes when nothing interrupts it."""
    with interrupted(0, kill) as count:
        action()
    return count[0]
