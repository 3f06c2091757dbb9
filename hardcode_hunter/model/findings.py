"""What was found, and what becomes of it: findings, skips and changes. No plaintext in any of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hardcode_hunter.model.identity import Span
from hardcode_hunter.model.words import (
    Confidence,
    Evaluated,
    Home,
    Kind,
    LiteralType,
    Position,
    Severity,
    Shape,
    Tier,
    Verdict,
)

if TYPE_CHECKING:
    from hardcode_hunter.model.source import Sink


@dataclass(frozen=True, slots=True)
class Field:
    """One part of a credential, by where it stands in the code: ``role`` is its key in the secret.

    ``part`` is set when it is only a part of the literal (the password of a URL); ``digest`` groups equal values.
    """

    role: str
    path: str
    span: Span
    line: int
    symbol: str
    ordinal: int
    digest: str
    part: str = ""
    literal: LiteralType = LiteralType.STR


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A source line in which every known credential is masked, made by who read the file: whoever prints a finding never opens it.

    The finding's mask stands at ``column`` (characters, from 0) and is ``width`` wide. ``line`` is its number in what a person sees.
    """

    text: str
    column: int
    width: int
    line: int


@dataclass(frozen=True, slots=True)
class Finding:
    """A candidate that a rule matched. Holds no plaintext: ``digest`` is a keyed hash whose key lives for one run."""

    id: str
    rule: str
    title: str
    kind: Kind
    severity: Severity
    confidence: Confidence
    verdict: Verdict
    reason: str
    path: str
    language: str
    span: Span
    line: int
    end_line: int
    column: int
    symbol: str
    ordinal: int
    name: str
    role: str
    shape: Shape
    literal: LiteralType
    position: Position
    digest: str
    length: int
    evaluated: Evaluated = Evaluated.IMPORT
    callee: str = ""
    parameter: str = ""
    resource: str = ""
    scope: str = "module"
    engine: str = ""
    home: Home = Home.SECRETS_MANAGER
    rotation: str = "none"
    sinks: tuple[Sink, ...] = ()
    fields: tuple[Field, ...] = ()
    note: str = ""
    suppressed: str = ""  # by what: "ours", "detect-secrets", "baseline" …; empty when it stands
    justification: str = ""  # the reason that was given for it
    excerpt: Excerpt | None = None
    within: str = ""  # the place that a person sees, where it is not the line: "cell 3, line 2" of a notebook
    first_commit: str = ""  # of a scan of the history: what brought it, and what wrote the file with it last
    last_commit: str = ""


@dataclass(frozen=True, slots=True)
class Skip:
    """A finding that will not be rewritten: ``code`` for machines, ``why`` for the person who must act."""

    finding: str
    path: str
    line: int
    code: str
    why: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """One splice. ``finding`` is empty for edits that only serve others (an import line)."""

    span: Span
    text: bytes
    tier: Tier = Tier.SAFE
    finding: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One file before and after: a rewritten source and a generated file are the same type.

    ``before`` is :func:`content_hash` of what the edits were made for; ``None`` means the file is created.
    """

    path: str
    before: str | None
    edits: tuple[Edit, ...]

    def result(self, data: bytes) -> bytes:
        """``data`` with all edits applied. Raises ``ValueError`` when edits overlap or reach beyond the file."""
        out, at = [], 0
        for edit in sorted(self.edits, key=lambda e: (e.span.start, e.span.end)):
            if edit.span.start < at or edit.span.end > len(data):
                raise ValueError(f"{self.path}: edits overlap or lie outside the file")
            out += [data[at : edit.span.start], edit.text]
            at = edit.span.end
        return b"".join([*out, data[at:]])

    @classmethod
    def creation(cls, path: str, text: bytes) -> Change:
        return cls(path, None, (Edit(Span(0, 0), text),))


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What a language's rewriter made of the replacements for one file: all of them are in ``change`` or in ``skips``."""

    change: Change | None = None
    skips: tuple[Skip, ...] = ()
    requirements: tuple[str, ...] = ()  # distributions that the rewritten file imports
