"""The vocabulary: every value that travels between two stages is defined here, and nothing else is.

Positions are byte offsets into the file as it lies on disk; lines and columns count from 1, columns in bytes.
Paths are POSIX, relative to the scanned root. No value here holds a syntax-tree node, and only
:class:`Candidate` holds plaintext: it never leaves the process that read the file.
"""

from hardcode_hunter.model.findings import (
    Change,
    Edit,
    Excerpt,
    Field,
    Finding,
    Remark,
    Rewrite,
    RuleSummary,
    Scan,
    Skip,
)
from hardcode_hunter.model.identity import Span, content_hash, fingerprint
from hardcode_hunter.model.plaintext import MASK, Plaintext
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
from hardcode_hunter.model.progress import Copy, Exposure, Left, Observation, Obstacle, Verification
from hardcode_hunter.model.source import Candidate, Extraction, Problem, Reference, Sink, Source
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
