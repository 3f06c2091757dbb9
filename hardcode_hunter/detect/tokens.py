"""What a token is worth: the text that a rule's value pattern matched, without where it stands."""

from __future__ import annotations

import re

from hardcode_hunter import filters
from hardcode_hunter.detect.documented import documented
from hardcode_hunter.filters import HOLE
from hardcode_hunter.model import Confidence
from hardcode_hunter.ruleset import Rule, Value

WRONG = "but its checksum or structure is wrong"
_TEST_MODE = re.compile(r"(?:[A-Za-z]{2,8}[_-])?[A-Za-z]{2,8}[_-](?:test|sandbox)[_-]", re.I)
"""A prefix by which a provider marks keys of its test mode: these are real keys."""


def dull(text: str) -> bool:
    """No token for certain: filled in later, a row of neighbours, a placeholder, or of so few characters that nobody generated it."""
    few = len(text) >= 16 and len(set(text[4:].lower())) < 6
    return few or HOLE in text or filters.sequential(text) or filters.placeholder(text)


def genuine(pattern: Value, text: str) -> bool:
    """Whether it has the checksum or structure that its provider gives to all of its tokens; true where the pattern names none."""
    if not pattern.check:
        return True
    from hardcode_hunter import checksums

    return checksums.CHECKS[pattern.check](text)


def confidence(rule: Rule, pattern: Value, text: str, *, deployed: bool) -> Confidence | None:
    """How sure it is a live token; ``None`` when its provider can't have made it, and the pattern says that such a one counts for nothing."""
    found = min(rule.confidence, _named(pattern.confidence, rule.confidence))
    if documented(text) or filters.test_value(_TEST_MODE.sub("", text, count=1)):
        found = min(found, Confidence.MEDIUM if deployed else Confidence.LOW)
    if genuine(pattern, text):
        return found
    return None if pattern.wrong == "drop" else min(found, _named(pattern.wrong, Confidence.MEDIUM))


def _named(label: str, default: Confidence) -> Confidence:
    return Confidence[label.upper()] if label else default


def said(rule: Rule, pattern: Value, text: str) -> str:
    """``looks like a GitHub token``, and what its checksum or structure tells."""
    article = "an" if rule.title[:1].lower() in "aeiou" and not rule.title.startswith("U") else "a"
    words = f"looks like {article} {rule.title}"
    if not pattern.check:
        return words
    from hardcode_hunter import checksums

    if not genuine(pattern, text):
        return f"{words}, {WRONG}"
    told = checksums.says(pattern.check, text)
    return f"{words} {told}" if told else words
