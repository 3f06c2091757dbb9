"""The compiled rule set on disk: JSON, owner-only, written whole or not at all, found by a key made of everything it was made from.

Its first line says that key and the SHA-256 of the rest: what was cut short, edited or made of other rules is not read.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

KEPT = 8  # rule sets of older versions and other folders that stay


SOURCES = (".yaml", ".yml", ".json", ".py")  # suffixes of what a set is made of: rules, data, code


def digest(folders: Iterable[Path]) -> str:
    """SHA-256 over the names and bytes of all rule files, data and code in ``folders``, in order."""
    found = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in SOURCES and path.name != "compiled.json" and path.is_file():
                data = path.read_bytes()
                name = f"\0{path.relative_to(folder).as_posix()}\0{len(data)}\0"
                found.update(name.encode("utf-8", "surrogateescape") + data)
    return found.hexdigest()


def key(sources: str, *also: str) -> str:
    """The name of a set: SHA-256 over the digest of its sources and over ``also`` (versions)."""
    return hashlib.sha256("\0".join((sources, *also)).encode()).hexdigest()


def folder() -> Path:
    """Where compiled rule sets are kept (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    home = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    return home / "hardcode-hunter"


def load(path: Path, wanted: str) -> Any:
    """What :func:`save` wrote under the same key; ``None`` when it is absent, changed, of another key or could be another user's work."""
    try:
        about = path.stat()
        if (
            hasattr(os, "getuid")
            and path.parent == folder()
            and (about.st_uid != os.getuid() or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
        ):
            return None
        first, _, body = path.read_bytes().partition(b"\n")
        if first != _first_line(wanted, body):
            return None
        return json.loads(body)
    except (OSError, ValueError):
        return None


def _first_line(wanted: str, body: bytes) -> bytes:
    return json.dumps({"key": wanted, "sha256": hashlib.sha256(body).hexdigest()}).encode()


def document(wanted: str, rules: Any) -> bytes:
    """The bytes of a compiled rule set."""
    body = json.dumps(rules, ensure_ascii=True, separators=(",", ":")).encode()
    return _first_line(wanted, body) + b"\n" + body


def save(wanted: str, rules: Any) -> None:
    """Keeps a compiled rule set for the next run. A directory that can't be written costs time, not correctness: it is left alone."""
    import tempfile

    place = folder()
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place, prefix=".rules-")  # mode 0600
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(document(wanted, rules))
            os.replace(name, place / f"rules-{wanted[:32]}.cache")
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        stale = sorted(place.glob("rules-*.cache"), key=lambda p: p.stat().st_mtime, reverse=True)[KEPT:]
        for path in stale:
            path.unlink(missing_ok=True)
    except OSError:
        return
