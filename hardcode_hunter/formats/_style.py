"""Colours of text for people, as ANSI sequences (ECMA-48 SGR). Whoever writes to something else than a terminal takes them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardcode_hunter.model import Confidence, Verdict

if TYPE_CHECKING:
    from hardcode_hunter.model import Finding

_SGR = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}


def style(text: str, *names: str) -> str:
    """``text`` in those colours, and plain after it."""
    return f"\033[{';'.join(_SGR[name] for name in names)}m{text}\033[0m" if text else ""


def tag(finding: Finding) -> str:
    """``[migrate, high]`` in the colour of its weight."""
    colour = (
        "cyan"
        if finding.verdict is Verdict.TEST_VALUE
        else "red"
        if finding.confidence is Confidence.HIGH
        else "yellow"
    )
    return style(f"[{finding.verdict}, {finding.confidence.label}]", colour)
