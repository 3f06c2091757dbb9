"""Literal words found by Hyperscan, where its wheel is installed: the same offsets as plain search, many times faster over a large tree."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import stat
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Positions = dict[bytes, list[int]]


def available() -> bool:
    """Whether the wheel is installed for this platform."""
    return importlib.util.find_spec("hyperscan") is not None


def finder(words: Sequence[bytes], cache: Path | None = None) -> Callable[[bytes], Positions] | None:
    """A function from bytes to the offsets of each of the lower-case ``words`` in them, whatever their case; ``None`` when Hyperscan fails here.

    The compiled database is kept in ``cache``, owner-only, by words, version and machine.
    """
    try:
        import hyperscan

        database = _loaded(hyperscan, words, cache) or _compiled(hyperscan, words, cache)
    except (ImportError, OSError, ValueError):
        return None
    except Exception as error:  # hyperscan.error has no common stub; anything else is a bug of ours
        if type(error).__module__.partition(".")[0] not in ("hyperscan", "_hyperscan"):
            raise
        return None
    lengths = [len(word) for word in words]

    def find(data: bytes) -> Positions:
        found: Positions = {}

        def note(number: int, start: int, end: int, flags: int, context: Any) -> None:
            word = words[number]
            at = end - lengths[number]
            if word in found:
                found[word].append(at)
            else:
                found[word] = [at]

        database.scan(data, match_event_handler=note)
        return found

    return find


def _compiled(hyperscan: Any, words: Sequence[bytes], cache: Path | None) -> Any:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    expressions = [re.escape(word) for word in words]
    database.compile(
        expressions=expressions,
        ids=list(range(len(words))),
        elements=len(words),
        flags=[hyperscan.HS_FLAG_CASELESS] * len(words),
    )
    if cache is not None:
        _keep(cache, _name(hyperscan, words), hyperscan.dumpb(database))
    return database


def _name(hyperscan: Any, words: Sequence[bytes]) -> str:
    machine = "\0".join(os.uname()[3:]) if hasattr(os, "uname") else ""
    seed = "\0".join([hyperscan.__version__, machine]).encode() + b"\0".join(words)
    return f"words-{hashlib.sha256(seed).hexdigest()[:32]}.hs"


def _loaded(hyperscan: Any, words: Sequence[bytes], cache: Path | None) -> Any:
    if cache is None:
        return None
    path = cache / _name(hyperscan, words)
    try:
        about = path.stat()
        if about.st_uid != os.getuid() or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return None
        database = hyperscan.loadb(path.read_bytes(), hyperscan.HS_MODE_BLOCK)
        database.scratch = hyperscan.Scratch(database)
    except (OSError, AttributeError, hyperscan.error):
        return None
    return database


def _keep(cache: Path, name: str, data: bytes) -> None:
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=cache, prefix=".words-")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.replace(temporary, cache / name)
    except OSError:
        return
