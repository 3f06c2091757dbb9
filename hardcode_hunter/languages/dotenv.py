"""Environment files: ``NAME=value`` lines. Reported, not rewritten."""

from __future__ import annotations

from hardcode_hunter.languages.shell import lines_of
from hardcode_hunter.model import Extraction, Source
from hardcode_hunter.plugins import Hits, Language


def candidates(source: Source, hits: Hits = None) -> Extraction:
    """The value of each line, without its quotes."""
    return lines_of(source, hits)


DOTENV = Language(
    name="dotenv",
    title="Environment file",
    candidates=candidates,
    suffixes=(
        ".env",
        ".env.local",
        ".env.example",
        ".env.sample",
        ".env.dev",
        ".env.development",
        ".env.prod",
        ".env.production",
        ".env.test",
        ".env.staging",
        ".envrc",
        ".flaskenv",
        ".env.dist",
        ".env.default",
        ".env.defaults",
    ),
    priority=5,
)
