"""The vocabulary: every value that travels between two stages is defined here, and nothing else is.

Positions are byte offsets into the file as it lies on disk; lines and columns count from 1, columns in bytes.
Paths are POSIX, relative to the scanned root. No value here holds a syntax-tree node, and only
:class:`Candidate` holds plaintext: it never leaves the process that read the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hardcode_hunter.model.findings import (
        Change,
        Edit,
        Excerpt,
        Field,
        Finding,
        Rewrite,
        Skip,
    )
    from hardcode_hunter.model.identity import (
        Span,
        content_hash,
        fingerprint,
    )
    from hardcode_hunter.model.plaintext import (
        MASK,
        Plaintext,
    )
    from hardcode_hunter.model.planning import (
        Access,
        Consumer,
        Environment,
        Origin,
        Plan,
        Question,
        Replacement,
        RotationChoice,
        Seal,
        Secret,
        SecretField,
    )
    from hardcode_hunter.model.progress import (
        Copy,
        Exposure,
        Left,
        Observation,
        Obstacle,
        Reader,
        Verification,
    )
    from hardcode_hunter.model.scan import (
        Remark,
        RuleSummary,
        Scan,
    )
    from hardcode_hunter.model.source import (
        Candidate,
        Extraction,
        Problem,
        Reference,
        Sink,
        Source,
    )
    from hardcode_hunter.model.words import (
        Confidence,
        Evaluated,
        Home,
        Kind,
        LiteralType,
        Order,
        Position,
        Severity,
        Shape,
        Tier,
        Verdict,
    )

_HOMES = {
    "findings": "Change Edit Excerpt Field Finding Rewrite Skip",
    "identity": "Span content_hash fingerprint",
    "plaintext": "MASK Plaintext",
    "planning": "Access Consumer Environment Origin Plan Question Replacement RotationChoice Seal Secret SecretField",
    "progress": "Copy Exposure Left Observation Obstacle Reader Verification",
    "scan": "Remark RuleSummary Scan",
    "source": "Candidate Extraction Problem Reference Sink Source",
    "words": "Confidence Evaluated Home Kind LiteralType Order Position Severity Shape Tier Verdict",
}
"""Module → its names. Each is loaded when a name of it is asked for: making classes takes time, and a clean scan needs few."""


def __getattr__(name: str) -> object:
    module = next((module for module, names in _HOMES.items() if name in names.split()), None)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    found: object = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    globals()[name] = found
    return found


__all__ = [
    "MASK",
    "Access",
    "Candidate",
    "Change",
    "Confidence",
    "Consumer",
    "Copy",
    "Edit",
    "Environment",
    "Evaluated",
    "Excerpt",
    "Exposure",
    "Extraction",
    "Field",
    "Finding",
    "Home",
    "Kind",
    "Left",
    "LiteralType",
    "Observation",
    "Obstacle",
    "Order",
    "Origin",
    "Plaintext",
    "Plan",
    "Position",
    "Problem",
    "Question",
    "Reader",
    "Reference",
    "Remark",
    "Replacement",
    "Rewrite",
    "RotationChoice",
    "RuleSummary",
    "Scan",
    "Seal",
    "Secret",
    "SecretField",
    "Severity",
    "Shape",
    "Sink",
    "Skip",
    "Source",
    "Span",
    "Tier",
    "Verdict",
    "Verification",
    "content_hash",
    "fingerprint",
]
