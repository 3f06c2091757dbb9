"""A YAML mapping that a person edits, read with complaints that name file and key."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from hardcode_hunter.errors import UsageError


class Table:
    """A mapping of the file with the way to it, so that every complaint can name file and key."""

    def __init__(self, file: str, where: str, raw: Any, keys: Sequence[str] = ()) -> None:
        self.file, self.where = file, where
        if not isinstance(raw, dict):
            raise UsageError(f"{file}: '{where or 'the document'}' must be a mapping")
        self.raw: dict[str, Any] = {str(k): v for k, v in raw.items()}
        for key in self.raw:
            if keys and key not in keys:
                near = difflib.get_close_matches(key, keys, 1)
                hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(keys)}"
                raise UsageError(f"{file}: unknown key '{self._path(key)}'; {hint}")

    def _path(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def text(self, key: str, default: str | None = None) -> str:
        value = self.raw.get(key, default)
        if value is None:
            raise UsageError(f"{self.file}: '{self._path(key)}' is missing")
        if isinstance(value, (dict, list)):
            raise UsageError(f"{self.file}: '{self._path(key)}' must be a text")
        return str(value)

    def choice(self, key: str, kind: type[Any], default: str | None = None) -> Any:
        word = self.text(key, default)
        try:
            return kind(word)
        except ValueError:
            raise UsageError(
                f"{self.file}: '{self._path(key)}' is '{word}'; use one of {', '.join(m.value for m in kind)}"
            ) from None

    def table(self, key: str, keys: Sequence[str] = ()) -> Table:
        return Table(self.file, self._path(key), self.raw.get(key, {}), keys)

    def rows(self, key: str, keys: Sequence[str]) -> list[Table]:
        value = self.raw.get(key) or []
        if not isinstance(value, list):
            raise UsageError(f"{self.file}: '{self._path(key)}' must be a list")
        return [Table(self.file, f"{self._path(key)}[{i}]", row, keys) for i, row in enumerate(value)]

    def place(self, key: str) -> tuple[str, int]:
        path, colon, line = self.text(key).rpartition(":")
        if not colon or not line.isdigit():
            raise UsageError(f"{self.file}: '{self._path(key)}' must read path:line")
        return path, int(line)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.raw.get(key) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise UsageError(f"{self.file}: '{self._path(key)}' must be a list of texts")
        return tuple(value)

    def number(self, key: str) -> int:
        value = self.raw.get(key, 0)
        if not isinstance(value, int):
            raise UsageError(f"{self.file}: '{self._path(key)}' must be a whole number")
        return value
