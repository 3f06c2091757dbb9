"""Rewriting Python: a LibCST codemod behind gates and proofs, in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hardcode_hunter.languages.python import constants
from hardcode_hunter.languages.python.reasons import Unchanged, sentence
from hardcode_hunter.languages.python.worker import WORKER, seconds_for
from hardcode_hunter.model import Replacement, Rewrite, Skip, Source
from hardcode_hunter.plugins import Rewriting


def rewrite_tree(
    sources: Mapping[str, Source], replacements: Sequence[Replacement], rewriting: Rewriting
) -> Mapping[str, Rewrite]:
    """Path → what became of the file, for every file that a replacement names. ``sources`` are all Python files of the tree."""
    by_path: dict[str, list[Replacement]] = {}
    for row in replacements:
        by_path.setdefault(row.path, []).append(row)
    private = constants.private(sources, by_path)
    return {
        path: rewrite(sources[path], rows, _for(path, rows, rewriting), private.get(path, frozenset()))
        for path, rows in sorted(by_path.items())
    }


def _for(path: str, rows: Sequence[Replacement], rewriting: Rewriting) -> Rewriting:
    """What the rewrite of one file needs to know: all of it goes to another process."""
    access = {key: rewriting.access[key] for row in rows if (key := (row.secret, row.key)) in rewriting.access}
    modules = {path: rewriting.helper_modules[path]} if path in rewriting.helper_modules else {}
    return replace(rewriting, access=access, helper_modules=modules, chosen={}, handlers={})


def rewrite(
    source: Source,
    replacements: Sequence[Replacement],
    rewriting: Rewriting,
    private: frozenset[str] = frozenset(),
) -> Rewrite:
    """The proven change of ``source``; each replacement is in the change or in a skip with its reason.

    ``private`` are constants that nothing else in the tree mentions. What the parser can't survive is a skip as well: ``too-deep``,
    ``timed-out`` or ``crashed``.
    """
    if not replacements:
        return Rewrite()
    try:
        return WORKER.rewrite(source, replacements, rewriting, seconds_for(len(source.data)), private)
    except Unchanged as failure:
        why = sentence(failure.code, **failure.details)
        return Rewrite(
            skips=tuple(Skip(row.finding, source.path, row.line, failure.code, why, row.rule) for row in replacements)
        )
