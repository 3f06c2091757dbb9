"""Plain YAML: compose files, Kubernetes manifests, playbooks, pipelines. Reported, not rewritten."""

from __future__ import annotations

from hardcode_hunter.languages.gather import Found, Gather, as_text
from hardcode_hunter.model import Extraction, LiteralType, Position, Source
from hardcode_hunter.plugins import Hits, Language


def candidates(source: Source, hits: Hits = None) -> Extraction:
    """Texts under keys, ``name:``/``value:`` pairs, and what stands in scripts and JSON inside values."""
    from hardcode_hunter.languages import document, text
    from hardcode_hunter.languages.embedded import Embedded
    from hardcode_hunter.languages.nodes import Unparsable, comments, duplicates, yaml_documents

    gather = Gather(source, hits)
    try:
        roots = yaml_documents(source.data)
    except Unparsable as error:
        return as_text(source, hits, gather.lines.line(error.offset), f"could not be parsed as YAML: {error.why}")
    for key in duplicates(roots):
        gather.problem(key.start, "a key stands twice in one mapping; most readers take the last one")
    document.walk(gather, roots)
    for row in text.charts(source.data):
        value = row.value(source.data)
        gather.add(
            Found(row.start, row.end, value, row.name, row.name, row.extent, LiteralType.TEXT, Position.TEXT, "module")
        )
    Embedded(gather).comments(comments(roots, source.data))
    return gather.extraction()


YAML = Language(name="yaml", title="YAML", candidates=candidates, suffixes=(".yaml", ".yml"), priority=5)
