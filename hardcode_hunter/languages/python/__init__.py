"""Python: candidates by :mod:`ast`, rewriting by LibCST, which only a rewrite loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hardcode_hunter.languages.python.candidates import candidates
from hardcode_hunter.model import Replacement, Rewrite, Source
from hardcode_hunter.plugins import Language, Rewriting


def _rewrite(
    sources: Mapping[str, Source], replacements: Sequence[Replacement], rewriting: Rewriting
) -> Mapping[str, Rewrite]:
    from hardcode_hunter.languages.python.rewrite import rewrite_tree

    return rewrite_tree(sources, replacements, rewriting)


PYTHON = Language(
    name="python", title="Python", candidates=candidates, suffixes=(".py", ".pyw", ".pyi"), rewrite=_rewrite
)
