"""Plain JSON, with the comments and trailing commas that editors' settings have. Reported, not rewritten."""

from __future__ import annotations

import re

from hardcode_hunter.languages.gather import Gather, as_text
from hardcode_hunter.model import Extraction, Source
from hardcode_hunter.plugins import Hits, Language

_ARM = re.compile(rb"schema\.management\.azure\.com/schemas/[^\"]{0,60}(?:eploymentTemplate|eploymentParameters)")
"""An Azure Resource Manager template, in which ``"[parameters('x')]"`` is an expression and no text."""


def candidates(source: Source, hits: Hits = None) -> Extraction:
    """Texts under keys, ``name``/``value`` pairs, and what stands in scripts and JSON inside values."""
    from hardcode_hunter.languages import document
    from hardcode_hunter.languages.nodes import Unparsable, json_documents

    gather = Gather(source, hits)
    try:
        roots = json_documents(source.data)
    except Unparsable as error:
        return as_text(source, hits, gather.lines.line(error.offset), f"could not be parsed as JSON: {error.why}")
    if _ARM.search(source.data):
        roots = [document.without_expressions(root) for root in roots]
    document.walk(gather, roots)
    return gather.extraction()


JSON = Language(
    name="json",
    title="JSON",
    candidates=candidates,
    suffixes=(".json", ".jsonc", ".json5", ".tfstate", ".webmanifest"),
    priority=5,
)
