"""Where the results of a scan go: formats to stdout or to files, with colours where a terminal shows them."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardcode_hunter.errors import UsageError
from hardcode_hunter.plugins import Format, load

if TYPE_CHECKING:
    from hardcode_hunter.model import Scan

COLORS = ("auto", "always", "never")


@dataclass(frozen=True, slots=True)
class Target:
    """A format and the file it goes to; stdout without one."""

    form: Format
    file: Path | None = None


def targets(specs: Iterable[str]) -> tuple[Target, ...]:
    """``FORMAT[:FILE]``, each; ``-`` is stdout. Raises ``UsageError`` for an unknown format, and for two that would go to one place."""
    found: list[Target] = []
    for spec in specs:
        name, _, file = spec.partition(":")
        target = Target(_format(name), Path(file) if file not in ("", "-") else None)
        if any(t.file == target.file for t in found):
            raise UsageError(
                f"--output: two formats go to {file or 'stdout'}; give all but one a file of its own, as in {name}:FILE"
            )
        found.append(target)
    return tuple(found)


def _format(name: str) -> Format:
    """The format of that name: only its own module is loaded."""
    try:
        module = (
            importlib.import_module(f"hardcode_hunter.formats.{name.replace('-', '_')}")
            if name.replace("-", "").isalnum()
            else None
        )
    except ModuleNotFoundError:
        module = None
    for value in vars(module).values() if module else ():
        if isinstance(value, Format) and value.name == name:
            return value
    import difflib

    known = load("formats", Format)
    near = difflib.get_close_matches(name, known, 1)
    raise UsageError(
        f"--output: no format is called '{name}'; {f'did you mean {near[0]!r}?' if near else 'use one of ' + ', '.join(known)}"
    )


def write(result: Scan, where: Iterable[Target], color: str) -> None:
    """Renders ``result`` to each target. Raises ``UsageError`` for a file that can't be written."""
    for target in where:
        text = target.form.render(result)
        if target.file is not None:
            _to_file(target.file, click.unstyle(text) if target.form.styled else text)
        elif text:
            colored = colors(color) if target.form.styled else True  # a machine's format has no colours to take out
            click.echo(text, nl=False, color=colored)


def _to_file(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"--output: {file} cannot be written ({error.strerror}); give another place") from None


def colors(choice: str) -> bool:
    """Whether to colour stdout: as asked for; else by NO_COLOR (no-color.org), then FORCE_COLOR (force-color.org), then whether it is a terminal."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
