"""SQL: passwords of accounts. Reported, not rewritten."""

from __future__ import annotations

from hardcode_hunter.languages.shell import lines_of
from hardcode_hunter.model import Extraction, Source
from hardcode_hunter.plugins import Hits, Language


def candidates(source: Source, hits: Hits = None) -> Extraction:
    """``IDENTIFIED BY '…'``, ``PASSWORD '…'`` and values given to names."""
    return lines_of(source, hits, sql=True)


SQL = Language(name="sql", title="SQL", candidates=candidates, suffixes=(".sql", ".ddl", ".psql"), priority=5)
