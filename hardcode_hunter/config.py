"""Settings of a scan: the command line over ``hardcode-hunter.toml`` or ``[tool.hardcode-hunter]`` in ``pyproject.toml``, over the defaults."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from hardcode_hunter.errors import UsageError
from hardcode_hunter.model import Confidence

FILES = ("hardcode-hunter.toml", "pyproject.toml")
"""Looked for in the project's root, in this order; the first that speaks of us is taken, the other is not read."""
BASELINE = "hardcode-hunter.baseline"
FAIL_ON = ("any", "medium", "high")


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``scan`` and everything after it obeys. Rules are named by id or by a glob over ids; ``extra_rules`` are folders.

    ``baseline`` is a path below the root; the default is used where it exists, any other one must. ``origin`` is the file that was read.
    """

    min_confidence: Confidence = Confidence.MEDIUM
    fail_on: str = "any"
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    respect_gitignore: bool = True
    extra_rules: tuple[str, ...] = ()
    default_rules: bool = True
    suppressions: bool = True
    require_reason: bool = False
    baseline: str = BASELINE
    origin: str = ""

    @property
    def left_out(self) -> tuple[str, ...]:
        """Globs of what is not looked at: what is excluded, and the baseline, whatever it is called."""
        return (*self.exclude, self.baseline)


KEYS = {each.name.replace("_", "-"): each.name for each in fields(Settings) if each.name != "origin"}
"""Spelling in a configuration file → attribute."""


Read = Callable[[Path], bytes | None]
"""The bytes of a file, ``None`` when there is none. Raises ``OSError``."""


def _on_disk(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def load(root: Path, *, isolated: bool = False, file: Path | None = None, read: Read = _on_disk) -> Settings:
    """The settings that ``file`` or else the files in ``root`` ask for. Raises ``UsageError`` naming file and key, with the nearest right spelling.

    ``read`` is where files come from, when it isn't the disk.
    """
    if isolated:
        return Settings()
    if file is not None:
        table = _table(file, Path.read_bytes if read is _on_disk else read, required=True)
        return _settings(file, {} if table is None else table)
    for name in FILES:
        if (table := _table(root / name, read)) is not None:
            return _settings(root / name, table)
    return Settings()


def _table(path: Path, read: Read, *, required: bool = False) -> Any:
    """Our table in a TOML file; ``None`` for a file that isn't there, and for a ``pyproject.toml`` that has none, broken or not: it is
    somebody else's then."""
    shared = path.name == FILES[1] and not required
    try:
        data = read(path)
    except OSError as error:
        if shared:
            return None
        raise _unreadable(path, error.strerror) from None
    if data is None:
        if not required:
            return None
        raise _unreadable(path, os.strerror(errno.ENOENT))
    if shared and b"hardcode-hunter" not in data:
        return None
    import tomllib  # 2 ms that a tree without a configuration doesn't pay before each commit

    try:
        document = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        if shared and b"tool.hardcode-hunter" not in data:
            return None
        raise UsageError(f"{path}: not valid TOML ({_where(error)}); correct it or use --isolated") from None
    if path.name != FILES[1]:
        return document
    tools = document.get("tool")
    return tools.get("hardcode-hunter") if isinstance(tools, dict) else None


def _unreadable(path: Path, why: str | None) -> UsageError:
    return UsageError(f"{path}: cannot be read ({why}); fix it or use --isolated")


def _where(error: Exception) -> str:
    """The place that a parser's message ends with, without the text that it may quote."""
    import re

    found = re.search(r"\(at (line \d+, column \d+)\)$", str(error))
    return f"{type(error).__name__}{f' at {found.group(1)}' if found else ''}"


def _settings(path: Path, table: Any) -> Settings:
    if not isinstance(table, dict):
        raise UsageError(f"{path}: 'tool.hardcode-hunter' must be a table")
    changes: dict[str, Any] = {}
    for key, value in table.items():
        if key not in KEYS:
            import difflib

            near = difflib.get_close_matches(key.replace("_", "-"), KEYS, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(sorted(KEYS))}"
            raise UsageError(f"{path}: unknown key '{key}'; {hint}")
        changes[KEYS[key]] = _value(path, key, value)
    return replace(Settings(origin=os.fspath(path)), **changes)


def _value(path: Path, key: str, value: Any) -> Any:
    default = getattr(Settings(), KEYS[key])
    if key == "min-confidence":
        return confidence(str(value), f"{path}: {key}")
    if key == "fail-on":
        return fail_on(value, f"{path}: {key}")
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise UsageError(f"{path}: '{key}' must be true or false")
        return value
    if isinstance(default, str):
        if not isinstance(value, str) or not value:
            raise UsageError(f"{path}: '{key}' must be a text")
        return value
    if key == "per-file-ignores":
        if not isinstance(value, dict):
            raise UsageError(f"{path}: '{key}' must be a table of globs, each with a list of rules")
        return {glob: _texts(path, f"{key}.{glob}", rules) for glob, rules in value.items()}
    found = _texts(path, key, value)
    return tuple(os.fspath(path.parent / folder) for folder in found) if key == "extra-rules" else found


def _texts(path: Path, key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise UsageError(f"{path}: '{key}' must be a list of strings")
    return tuple(value)


def confidence(word: str, where: str) -> Confidence:
    """The confidence that ``word`` names. Raises ``UsageError``."""
    try:
        return Confidence[word.upper()]
    except KeyError:
        raise UsageError(f"{where}: '{word}' is no confidence; use low, medium or high") from None


def fail_on(word: object, where: str) -> str:
    """``word`` as it is. Raises ``UsageError``."""
    if word not in FAIL_ON:
        raise UsageError(f"{where}: '{word}' can't be failed on; use {', '.join(FAIL_ON)}")
    return str(word)


def shown(settings: Settings) -> Iterator[str]:
    """The settings as lines of TOML, with a comment saying where they come from."""
    yield f"# from {settings.origin}" if settings.origin else "# the defaults"
    for key, name in KEYS.items():
        yield f"{key} = {_toml(getattr(settings, name))}"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Confidence):
        return f'"{value.label}"'
    if isinstance(value, str):
        import json

        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_toml(k)} = {_toml(v)}' for k, v in value.items())}}}"
    return f"[{', '.join(_toml(item) for item in value)}]"
