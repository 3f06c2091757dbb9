"""The outcome of a scan, as formats get it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from hardcode_hunter.model.findings import Finding
    from hardcode_hunter.model.source import Problem
    from hardcode_hunter.model.words import Home, Kind, Severity


@dataclass(frozen=True, slots=True)
class RuleSummary:
    """What a report says of a rule, whether it found something or not."""

    id: str
    title: str
    description: str
    kind: Kind
    severity: Severity
    home: Home
    home_why: str
    rotation: str
    rotation_why: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Remark:
    """What is worth tidying up: a comment or a line of the baseline that hushes nothing, has expired or has moved.

    ``code``: unused-comment, comment-without-reason, unused-baseline, expired, moved, changed; not-obeyed (``--config-from``).
    """

    code: str
    path: str
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Scan:
    """The outcome of ``scan``: what was found, what was hushed, what could not be looked at, and what was walked."""

    root: Path
    findings: tuple[Finding, ...]
    suppressed: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()
    files: int = 0
    bytes: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)  # reason -> number of files not looked at
    rules: int = 0
    seconds: float = 0.0
    started: float = 0.0  # seconds since 1970, UTC
    catalogue: tuple[RuleSummary, ...] = ()  # all rules that were looked for
    remarks: tuple[Remark, ...] = ()
    baseline: str = ""  # path of the baseline that was applied
