"""Where a file's comments are. A comment counts only where it is one: the same words in a string are none."""

from __future__ import annotations

import io
import re
import tokenize
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hardcode_hunter.model import Source


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment, by the lines of the file; ``alone`` when nothing but it stands on its line."""

    line: int
    end_line: int
    text: str
    alone: bool


def comments(source: Source) -> Iterator[Comment]:
    """The comments of a file, by its language; of one that doesn't tokenize, line by line."""
    opener = _OPENERS.get(_kind(source))
    if opener is None:
        return
    if source.language == "notebook":
        yield from _notebook(source.data)
        return
    text = source.data.decode("utf-8", "replace")
    if source.language == "python":
        yield from _python(text)
    else:
        yield from _scanned(text.replace("\r\n", "\n").replace("\r", "\n"), opener)


def _python(text: str) -> Sequence[Comment]:
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline=None).readline):
            if token.type == tokenize.COMMENT:
                alone = not token.line[: token.start[1]].strip()
                found.append(Comment(token.start[0], token.start[0], token.string, alone))
    except (tokenize.TokenError, SyntaxError, IndentationError):
        return list(_scanned(text.replace("\r\n", "\n").replace("\r", "\n"), _OPENERS["#"]))
    return found


def _notebook(data: bytes) -> Iterator[Comment]:
    """Comments in cells, each line of which has a line of the file to itself, as notebooks are stored; else none counts there."""
    from hardcode_hunter.languages.notebook import shown

    ends = [match.end() for match in re.finditer(rb"\n", data)]
    for part in shown(data):
        if not part.source:
            continue
        rows = [bisect_right(ends, at) + 1 for at in part.lines()]
        shared = Counter(rows)
        for comment in _python(part.data.decode("utf-8", "replace").replace("\r", " ")):
            line = rows[comment.line - 1]
            if shared[line] == 1:
                yield Comment(line, line, comment.text, comment.alone)


_QUOTED = r""""(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'"""
_CLOSERS = {"/*": "*/", "<!--": "-->", "<#": "#>"}


def _opener(marks: str) -> re.Pattern[str]:
    """Quoted text, which is skipped, or a mark that begins a comment."""
    return re.compile(f"(?:{_QUOTED})|(?P<mark>{marks})")


_OPENERS = {
    "terraform": _opener(r"#|//|/\*"),
    "sql": _opener(r"--|/\*|#"),
    "markdown": _opener(r"<!--"),
    "ini": _opener(r"[#;]"),
    "text": _opener(r"#|//|/\*|--|<!--|;"),
    "#": _opener(r"#"),
    "//": _opener(r"//|/\*"),
    "batch": _opener(r"(?i:\brem\b)|::"),
    "powershell": _opener(r"<#|#"),
}
_HASH = frozenset(
    ["yaml", "cloudformation", "dotenv", "toml", "shell", "dockerfile", "properties", "python", "notebook"]
)
_SUFFIXES = {
    ".json": "",
    ".tfstate": "",
    ".webmanifest": "",
    ".jsonc": "//",
    ".json5": "//",
    "jenkinsfile": "//",
    ".bat": "batch",
    ".cmd": "batch",
    ".ps1": "powershell",
    ".psm1": "powershell",
    ".psd1": "powershell",
    ".tfbackend": "terraform",
}
"""How files with these ends are commented, whatever language reads them; in strict JSON there is no comment."""
_AFTER_BLANK = frozenset(["#", ";", "--", "//", "::"])
"""Marks that begin a comment only at a line's start or after a blank."""


def _kind(source: Source) -> str:
    lower = source.path.lower()
    ended = next((kind for suffix, kind in _SUFFIXES.items() if lower.endswith(suffix)), None)
    if ended is not None:
        return ended
    if source.language in _HASH:
        return "#"
    return source.language if source.language in _OPENERS else "text"


def _scanned(text: str, opener: re.Pattern[str]) -> Iterator[Comment]:
    """Comments of languages whose strings end on their line; quotes are skipped, so that their content is none."""
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        row = lines[number]
        mark = _opening(row, opener)
        if mark is None:
            number += 1
            continue
        at, last = mark.start(), number
        closer = _CLOSERS.get(mark.group("mark"), "")
        while closer and last + 1 < len(lines) and closer not in lines[last][at if last == number else 0 :]:
            last += 1
        yield Comment(number + 1, last + 1, "\n".join([row[at:], *lines[number + 1 : last + 1]]), not row[:at].strip())
        number = last + 1


def _opening(row: str, opener: re.Pattern[str]) -> re.Match[str] | None:
    """Where a comment begins on a line, outside quotes."""
    for mark in opener.finditer(row):
        inside = mark.group("mark") in _AFTER_BLANK and mark.start() and not row[mark.start() - 1].isspace()
        if mark.group("mark") and not inside:
            return mark
    return None
