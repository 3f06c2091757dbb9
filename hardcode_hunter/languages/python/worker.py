"""A process of its own for LibCST, which can die on hostile input without an exception, or not come back.

The parent talks to one child over its standard streams: a length, then a pickle. What is sent is file bytes and the plan's rows; what
comes back is a :class:`Rewrite`. A child that dies or is late is replaced, and only its file is skipped.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import pickle
import selectors
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import IO

from hardcode_hunter.languages.python.reasons import Unchanged
from hardcode_hunter.model import Replacement, Rewrite, Source
from hardcode_hunter.plugins import Rewriting

MEMORY = 2 << 30  # bytes of address space for the child
STACK = 256 << 20  # bytes of stack for LibCST's recursion; the recursion limit below fits into it
RECURSION = 12_000
TOO_DEEP = "too deep"
_HEADER = struct.Struct(">Q")
_BOOTSTRAP = "import json,sys; sys.path[:] = json.loads(sys.argv[1]); from hardcode_hunter.languages.python import worker; worker.serve()"


def seconds_for(size: int) -> float:
    """How long a file of ``size`` bytes may take: LibCST passes over it a dozen times, at some 100 kB a second each."""
    return 60.0 + size / 5_000


class Worker:
    """The child process, started on first use."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._owner = 0

    def rewrite(
        self,
        source: Source,
        replacements: Sequence[Replacement],
        rewriting: Rewriting,
        seconds: float,
        private: frozenset[str] = frozenset(),
    ) -> Rewrite:
        """The child's answer. Raises :class:`Unchanged` when it dies (``crashed``) or takes too long (``timed-out``)."""
        with self._lock:
            process = self._running()
            assert process.stdin is not None and process.stdout is not None
            try:
                _send(process.stdin, pickle.dumps((source, tuple(replacements), rewriting, private)))
                answer = _receive(process.stdout, seconds)
            except TimeoutError:
                self._stop()
                raise Unchanged("timed-out", seconds=round(seconds)) from None
            except (OSError, EOFError):
                self._stop()
                raise Unchanged("crashed", error="") from None
            result = pickle.loads(answer)  # made by our own child
        if result == TOO_DEEP:
            raise Unchanged("too-deep")
        if not isinstance(result, Rewrite):
            raise Unchanged("crashed", error=f" ({result})")
        return result

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None or self._owner != os.getpid():
            # -P keeps the working directory, which may be a scanned tree, off the child's module path
            command = [sys.executable, "-P", "-c", _BOOTSTRAP, json.dumps([p for p in sys.path if p])]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            self._owner = os.getpid()
            atexit.register(self._stop)
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        atexit.unregister(self._stop)
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()


WORKER = Worker()


def _send(stream: IO[bytes], payload: bytes) -> None:
    stream.write(_HEADER.pack(len(payload)) + payload)
    stream.flush()


def _receive(stream: IO[bytes], seconds: float) -> bytes:
    deadline = time.monotonic() + seconds
    (length,) = _HEADER.unpack(_exactly(stream, _HEADER.size, deadline))
    return _exactly(stream, length, deadline)


def _exactly(stream: IO[bytes], count: int, deadline: float) -> bytes:
    parts = []
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while count:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError
            part = os.read(stream.fileno(), min(count, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            count -= len(part)
    return b"".join(parts)


# ---------------------------------------------------------------- the child


def serve() -> None:
    """Answers requests until the parent closes the stream. Runs in the child."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing but answers may reach the parent
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.setrecursionlimit(RECURSION)
    threading.stack_size(STACK)
    thread = threading.Thread(target=_loop, args=(requests, answers))
    thread.start()
    thread.join()


def _loop(requests: IO[bytes], answers: IO[bytes]) -> None:
    from hardcode_hunter.languages.python.codemod import rewrite

    while True:
        header = requests.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return
        source, replacements, rewriting, private = pickle.loads(requests.read(_HEADER.unpack(header)[0]))
        try:
            answer = pickle.dumps(rewrite(source, replacements, rewriting, private))
        except (RecursionError, MemoryError):
            answer = pickle.dumps(TOO_DEEP)
        except Exception as error:  # its text could quote the source
            answer = pickle.dumps(type(error).__name__)
        _send(answers, answer)
