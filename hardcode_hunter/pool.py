"""Processes that inspect units. The parent talks to each over its standard streams: a length, then a pickle.

What is sent is names of files; what comes back is findings, which hold no value, and counts. Each process is started anew, so that no
lock, thread or open file of the parent's is in it. One that dies takes nothing with it: its units are tried again, one at a time, and the
unit that kills a second one becomes a problem.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import pickle
import selectors
import struct
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from hardcode_hunter import discover, firstpass, ruleset
from hardcode_hunter.errors import HardcodeHunterError
from hardcode_hunter.model import Confidence
from hardcode_hunter.parts import Inspector, Part

UNITS = 48  # units that are sent at once: few enough that no process is left alone with a long rest
PATIENCE = 120.0  # seconds that one batch may take before its process is given up
_HEADER = struct.Struct(">Q")
_BOOTSTRAP = "import json,sys; sys.path[:] = json.loads(sys.argv[1]); from hardcode_hunter import pool; pool.serve()"
Unit = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """What a process needs to know, the same for all."""

    root: Path
    extra_rules: tuple[Path, ...] = ()
    builtin: bool = True
    key: bytes = field(default=b"", repr=False)
    least: Confidence = Confidence.LOW

    def inspector(self, feed: discover.OnDisk) -> Inspector:
        """An inspector that reads the files of ``feed`` and counts them in its walk."""
        rules = ruleset.load(self.extra_rules, builtin=self.builtin, least=self.least)
        firstpass.finder(rules).prepare()
        return Inspector(
            rules,
            self.key,
            lambda name: feed.read(name, keep_binary=name.endswith((".py", ".pyw"))),
            feed.walk,
            self.least,
        )


class Pool:
    """Inspects units in this process."""

    def __init__(self, order: Order, walk: discover.Walk) -> None:
        self.order, self.walk = order, walk

    def inspect(self, units: Iterable[Unit], *, forced: bool) -> Iterator[Part]:
        """The parts of ``units``, each once; what was looked at is counted in the walk, but for ``forced`` ones, which were counted before."""
        walk = discover.Walk(self.walk.root)
        inspector = self.order.inspector(discover.OnDisk(walk, ()))
        for unit in units:
            yield inspector.part(unit, forced=forced)
        _add(self.walk, walk, again=forced)

    def close(self) -> None:
        """Nothing is open."""


def _add(total: discover.Walk, walk: discover.Walk, *, again: bool) -> None:
    if not again:
        total.files += walk.files
        total.bytes += walk.bytes
        total.skipped.update(walk.skipped)
    total.problems += [p for p in walk.problems if not (again and p.fatal)]


@contextlib.contextmanager
def open_pool(order: Order, jobs: int, walk: discover.Walk) -> Iterator[Pool]:
    """A pool of ``jobs`` processes, or this one alone."""
    spare_collections()
    pool = Pool(order, walk) if jobs < 2 else Processes(order, walk, jobs)
    try:
        yield pool
    finally:
        pool.close()


@dataclass(slots=True)
class _Batch:
    units: list[Unit]
    alone: bool = False  # it killed a process: each unit for itself
    since: float = 0.0


class Processes(Pool):
    """Inspects units in ``jobs`` processes."""

    def __init__(self, order: Order, walk: discover.Walk, jobs: int) -> None:
        super().__init__(order, walk)
        self.jobs = jobs
        self._idle: list[subprocess.Popen[bytes]] = []
        self._all: set[subprocess.Popen[bytes]] = set()

    def inspect(self, units: Iterable[Unit], *, forced: bool) -> Iterator[Part]:
        waiting = iter(_batches(units))
        retried: deque[_Batch] = deque()
        with selectors.DefaultSelector() as selector:
            busy: dict[subprocess.Popen[bytes], _Batch] = {}
            while True:
                while len(busy) < self.jobs:
                    batch = retried.popleft() if retried else next(waiting, None)
                    if batch is None:
                        break
                    self._give(batch, forced, busy, selector, retried)
                if not busy and not retried:
                    return
                for process, batch in self._ready(selector, busy):
                    answer = self._answer(process)
                    selector.unregister(process.stdout)  # type: ignore[arg-type]
                    del busy[process]
                    if answer is None:
                        self._bury(process)
                        retried.extend(self._again(batch))
                    else:
                        self._idle.append(process)
                        parts, walk = answer
                        _add(self.walk, walk, again=forced)
                        yield from parts

    def _give(
        self,
        batch: _Batch,
        forced: bool,
        busy: dict[subprocess.Popen[bytes], _Batch],
        selector: selectors.BaseSelector,
        retried: deque[_Batch],
    ) -> None:
        process = self._idle.pop() if self._idle else self._start()
        assert process.stdin is not None and process.stdout is not None
        batch.since = time.monotonic()
        try:
            _send(process.stdin, (batch.units, forced))
        except OSError:
            self._bury(process)
            retried.extend(self._again(batch))
            return
        busy[process] = batch
        selector.register(process.stdout, selectors.EVENT_READ, process)

    def _ready(
        self, selector: selectors.BaseSelector, busy: dict[subprocess.Popen[bytes], _Batch]
    ) -> list[tuple[subprocess.Popen[bytes], _Batch]]:
        ready = [key.data for key, _ in selector.select(1.0)] if busy else []
        late = [p for p, batch in busy.items() if time.monotonic() - batch.since > PATIENCE and p not in ready]
        for process in late:
            process.kill()
        return [(p, busy[p]) for p in (*ready, *late)]

    def _again(self, batch: _Batch) -> list[_Batch]:
        """The units of a batch whose process died, one by one; the one that died alone is a problem."""
        if batch.alone:
            for name in batch.units[0]:
                self.walk.files += 1
                self.walk.unread(name, "its process ended or was late; look at the file by hand, or exclude it")
            return []
        return [_Batch([unit], alone=True) for unit in batch.units]

    def _start(self) -> subprocess.Popen[bytes]:
        # -P keeps the working directory, which may be the scanned tree, off the module path
        command = [sys.executable, "-P", "-c", _BOOTSTRAP, json.dumps([p for p in sys.path if p])]
        try:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        except OSError as error:
            raise HardcodeHunterError(f"no process can be started ({error.strerror}); use --jobs 1") from None
        self._all.add(process)
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            _send(process.stdin, self.order)
        return process

    def _answer(self, process: subprocess.Popen[bytes]) -> tuple[list[Part], discover.Walk] | None:
        assert process.stdout is not None
        try:
            answer = _receive(process.stdout)
        except (OSError, EOFError, pickle.UnpicklingError):
            return None
        return answer if isinstance(answer, tuple) else None

    def _bury(self, process: subprocess.Popen[bytes]) -> None:
        self._all.discard(process)
        process.kill()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
        process.wait()

    def close(self) -> None:
        for process in tuple(self._all):
            self._bury(process)
        self._idle.clear()


def _batches(units: Iterable[Unit]) -> Iterator[_Batch]:
    batch: list[Unit] = []
    for unit in units:
        batch.append(unit)
        if len(batch) >= UNITS:
            yield _Batch(batch)
            batch = []
    if batch:
        yield _Batch(batch)


def _send(stream: IO[bytes], what: object) -> None:
    data = pickle.dumps(what)
    stream.write(_HEADER.pack(len(data)) + data)
    stream.flush()


def _receive(stream: IO[bytes]) -> object:
    head = stream.read(_HEADER.size)
    if len(head) < _HEADER.size:
        raise EOFError
    (size,) = _HEADER.unpack(head)
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    answer: object = pickle.loads(data)  # made by our own child or parent
    return answer


def serve() -> None:
    """What a process runs: inspects what it is sent until its input ends."""
    _quiet()
    spare_collections()
    into, out = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing else may write into the answers
    order = _receive(into)
    assert isinstance(order, Order)
    walk = discover.Walk(order.root)
    inspector = order.inspector(discover.OnDisk(walk, ()))
    while True:
        try:
            work = _receive(into)
        except EOFError:
            return
        assert isinstance(work, tuple)
        units, forced = work
        walk.files, walk.bytes, walk.skipped, walk.problems = 0, 0, Counter(), []
        _send(out, ([inspector.part(unit, forced=forced) for unit in units], walk))


def spare_collections() -> None:
    """Looks for cycles a hundred times less often than usual: syntax trees have none, and each is gone before the next file is read."""
    gc.set_threshold(100_000, 20, 50)


def _quiet() -> None:
    """No core dump, and no traceback that could quote what a file holds."""
    sys.excepthook = lambda kind, error, trace: None
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
