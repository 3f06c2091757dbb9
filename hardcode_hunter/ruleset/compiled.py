"""The compiled rule set on disk: JSON, owner-only, written whole or not at all, found by a key made of everything it was made from."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

KEPT = 8  # rule sets of older versions and other folders that stay


def key(folders: Iterable[Path], *also: str) -> str:
    """SHA-256 over the names and bytes of all rule files in ``folders``, in order, and over ``also`` (versions)."""
    digest = hashlib.sha256("\0".join(also).encode())
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".yaml", ".yml", ".json") and path.name != "compiled.json" and path.is_file():
                data = path.read_bytes()
                digest.update(
                    f"\0{path.relative_to(folder).as_posix()}\0{len(data)}\0".encode("utf-8", "surrogateescape") + data
                )
    return digest.hexdigest()


def folder() -> Path:
    """Where compiled rule sets are kept (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    home = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    return home / "hardcode-hunter"


def load(path: Path, wanted: str) -> Any:
    """What :func:`save` wrote under the same key; ``None`` when it is absent, broken, of another key or could be another user's work."""
    try:
        about = path.stat()
        if (
            hasattr(os, "getuid")
            and path.parent == folder()
            and (about.st_uid != os.getuid() or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
        ):
            return None
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return document.get("rules") if isinstance(document, dict) and document.get("key") == wanted else None


def document(wanted: str, rules: Any) -> bytes:
    """The bytes of a compiled rule set."""
    return json.dumps({"key": wanted, "rules": rules}, ensure_ascii=True, separators=(",", ":")).encode()


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
