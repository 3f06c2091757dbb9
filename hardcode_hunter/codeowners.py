"""Who has to review a file, by the repository's CODEOWNERS.

GitHub: "About code owners": ``.github/``, the root, ``docs/``, the first that exists; the last pattern that matches decides. GitLab: "Code
Owners syntax": ``.gitlab/`` too, and in each section the last match, with the section's default owners where a line names none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hardcode_hunter import wholefile
from hardcode_hunter.errors import HardcodeHunterError

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
LIMIT = 3 << 20  # bytes: GitHub reads no larger one
_SECTION = re.compile(r"\^?\[(?P<name>[^\]]+)\](?:\[\d+\])?(?P<owners>.*)\Z")
_OWNER = re.compile(r"@{1,2}[\w./-]+\Z|[\w.+-]+@[\w.-]+\Z")


@dataclass(frozen=True, slots=True)
class Rule:
    """One line: a pattern and the owners of what it matches, none where it takes ownership away."""

    section: str
    pattern: str
    owners: tuple[str, ...]


def owners(root: Path, paths: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Owner → those of ``paths`` that are theirs, both sorted. Empty without a CODEOWNERS file that can be read."""
    rules = tuple(_rules(_text(root)))
    found: dict[str, list[str]] = {}
    for path in sorted(set(paths)):
        decided: dict[str, tuple[str, ...]] = {}
        for rule in rules:
            if matches(rule.pattern, path):
                decided[rule.section] = rule.owners
        for owner in sorted({owner for row in decided.values() for owner in row}):
            found.setdefault(owner, []).append(path)
    return {owner: tuple(rows) for owner, rows in sorted(found.items())}


def _text(root: Path) -> str:
    for place in PLACES:
        try:
            with wholefile.place(root, place) as where:
                found = wholefile.read(where) if where else None
        except HardcodeHunterError:
            continue  # a link or a directory is nobody's list of owners
        if found is not None and len(found.data) <= LIMIT:
            return found.data.decode("utf-8", "replace")
    return ""


def _rules(text: str) -> Iterator[Rule]:
    section, default = "", tuple[str, ...]()
    for line in text.splitlines():
        plain = re.split(r"(?<!\\)#", line, maxsplit=1)[0].strip()
        if not plain:
            continue
        head = _SECTION.match(plain)
        if head:
            section, default = head["name"].lower(), _named(head["owners"].split())
            continue
        pattern, *rest = re.split(r"(?<!\\)\s+", plain)
        yield Rule(section, pattern.replace("\\#", "#").replace("\\ ", " "), _named(rest) or default)


def _named(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(word for word in words if _OWNER.match(word))


def matches(pattern: str, path: str) -> bool:
    """Whether ``pattern`` covers the file ``path``, as in a ``.gitignore`` without negation; ``docs/*`` takes files of ``docs`` alone."""
    parts = [part for part in pattern.strip("/").split("/") if part]
    anchored = pattern.startswith("/") or len(parts) > 1
    if not parts:
        return pattern == "/" or pattern == ""
    below = [] if parts[-1] == "*" and not pattern.endswith("/") and len(parts) > 1 else ["**"]
    words = ([] if anchored else ["**"]) + parts
    names = path.split("/")
    if pattern.endswith("/"):
        return _covers((*words, "*", "**"), tuple(names))
    return _covers(tuple(words), tuple(names)) or bool(below and _covers((*words, "*", *below), tuple(names)))


def _covers(words: tuple[str, ...], names: tuple[str, ...]) -> bool:
    """Segment by segment; ``**`` is any number of them. Each pair is asked once, so that no pattern takes long."""

    @cache
    def at(i: int, j: int) -> bool:
        if i == len(words):
            return j == len(names)
        if words[i] == "**":
            return at(i + 1, j) or (j < len(names) and at(i, j + 1))
        return j < len(names) and _fits(words[i], names[j]) and at(i + 1, j + 1)

    return at(0, 0)


def _fits(pattern: str, name: str) -> bool:
    """``*`` and ``?`` within one segment, by going back to the last star alone."""
    p = n = 0
    star, mark = -1, 0
    while n < len(name):
        if p < len(pattern) and pattern[p] == "*":
            star, mark, p = p, n, p + 1
        elif p < len(pattern) and pattern[p] in ("?", name[n]):
            p, n = p + 1, n + 1
        elif star >= 0:
            p, mark = star + 1, mark + 1
            n = mark
        else:
            return False
    return all(c == "*" for c in pattern[p:])
