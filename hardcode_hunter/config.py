"""Settings of a scan: the command line over ``hardcode-hunter.toml`` or ``[tool.hardcode-hunter]`` in ``pyproject.toml``, over the defaults."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from hardcode_hunter.errors import UsageError
from hardcode_hunter.model import Confidence


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``scan`` and everything after it obeys. ``extra_rules`` extend the built-in rules."""

    min_confidence: Confidence = Confidence.MEDIUM
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    extra_rules: tuple[str, ...] = ()
    suppressions: bool = True


FILES = ("hardcode-hunter.toml", "pyproject.toml")


def load(root: Path, *, isolated: bool = False) -> Settings:
    """The settings that the files in ``root`` ask for. Raises ``UsageError`` naming file and key, with the nearest right spelling."""
    if isolated:
        return Settings()
    for name in FILES:
        path = root / name
        if not path.is_file():
            continue
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            if name == "pyproject.toml":
                continue  # somebody else's file: broken or not, it may not stop a scan
            raise UsageError(f"{path}: not valid TOML ({type(error).__name__}); correct it or use --isolated") from None
        table = document if name == FILES[0] else document.get("tool", {}).get("hardcode-hunter")
        if table is not None:
            return _settings(path, table)
    return Settings()


def _settings(path: Path, table: dict[str, Any]) -> Settings:
    known = {field.name.replace("_", "-"): field.name for field in fields(Settings)}
    changes: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(sorted(known))}"
            raise UsageError(f"{path}: unknown key '{key}'; {hint}")
        changes[known[key]] = _value(path, key, value)
    return replace(Settings(), **changes)


def _value(path: Path, key: str, value: Any) -> Any:
    if key == "min-confidence":
        return confidence(str(value), f"{path}: {key}")
    if key == "suppressions":
        if not isinstance(value, bool):
            raise UsageError(f"{path}: '{key}' must be true or false")
        return value
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"{path}: '{key}' must be a list of strings")
    return tuple(value)


def confidence(word: str, where: str) -> Confidence:
    """The confidence that ``word`` names. Raises ``UsageError``."""
    try:
        return Confidence[word.upper()]
    except KeyError:
        raise UsageError(f"{where}: '{word}' is no confidence; use low, medium or high") from None
