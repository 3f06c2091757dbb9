"""What a process that holds credentials must not leave behind when something goes wrong in it: core dumps, tracebacks, raw control bytes."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

import click


@contextmanager
def sealed() -> Iterator[None]:
    """Within the block there is no core dump, and no way for an exception's text, which can quote a value, to be printed by the interpreter."""
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook
    sys.excepthook = _uncaught
    sys.unraisablehook = lambda raised: _uncaught(raised.exc_type, raised.exc_value, None)
    threading.excepthook = lambda raised: _uncaught(raised.exc_type, raised.exc_value, None)
    try:
        with _no_core():
            yield
    finally:
        sys.excepthook, sys.unraisablehook, threading.excepthook = hooks


@contextmanager
def _no_core() -> Iterator[None]:
    try:
        import resource

        before = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, before[1]))
    except (ImportError, ValueError, OSError):
        yield  # a system without that limit
        return
    try:
        yield
    finally:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CORE, before)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    complain(f"error: {kind.__name__}; this is a defect of hardcode-hunter, please report it")


def complain(text: str) -> None:
    """``text`` on stderr, line by line, with whatever control character a name brought along escaped. Lines after the first are indented, so
    that no name with a line feed passes for a message of ours."""
    from hardcode_hunter.formats._summary import printable

    for number, line in enumerate(text.split("\n")):
        click.echo(printable(f"{'  ' if number else ''}{line}".expandtabs(4)), err=True)
