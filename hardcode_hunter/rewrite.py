"""Replacements become changes: each language rewrites its own files; generated modules and dependencies come beside them.

Pure: nothing is read or written here.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace

from hardcode_hunter import handlers
from hardcode_hunter.languages.python import dependencies, roots, timing
from hardcode_hunter.model import (
    Change,
    Consumer,
    Edit,
    Evaluated,
    Home,
    Replacement,
    Rewrite,
    Secret,
    Skip,
    Source,
    Span,
    content_hash,
)
from hardcode_hunter.plugins import Language, Retriever, Rewriting, load

PYTHON = "python"
HANDLER = re.compile(rb"^def \w+\(\s*event\b[^)]*\bcontext\b", re.M)
DEPENDENCY_FILES = dependencies.FILES
Placement = roots.Placement


def place(sources: Mapping[str, Source], replacements: Iterable[Replacement]) -> Placement:
    """Where the generated modules go that Python files among ``replacements`` import, and under which names.

    ``sources`` are all Python files of the tree, with findings or not, and its ``pyproject.toml`` files.
    """
    return roots.place(sources, {row.path for row in replacements if row.path.endswith((".py", ".pyw"))})


def rewrite(
    sources: Mapping[str, Source],
    replacements: Sequence[Replacement],
    rewriting: Rewriting,
    languages: Mapping[str, Language],
    helper_files: Mapping[str, Sequence[str]] | None = None,
    handled: handlers.Handling = handlers.NONE,
) -> tuple[tuple[Change, ...], tuple[Skip, ...], tuple[str, ...]]:
    """Changes, skips, and the distributions that no dependency file of the project could be given.

    ``sources`` holds the files of the replacements, all files of languages that rewrite whole trees, the project's dependency files
    (:data:`~hardcode_hunter.languages.python.dependencies.FILES`) and generated modules of an earlier run.
    ``helper_files`` is :attr:`Placement.files`; ``handled`` the look-ups of functions' variables, which are changed together with their
    templates or not at all. Every replacement is in a change or in a skip.
    """
    made = _together(sources, replacements, rewriting, languages, handled)
    changes = {path: result.change for path, result in made.items() if result.change}
    skips = [skip for result in made.values() for skip in result.skips]
    needing = {path: result.requirements for path, result in made.items() if result.change and result.requirements}
    changes |= {change.path: change for change in _generated(sources, needing, rewriting, helper_files or {})}
    additions = dependencies.add(sources, needing)
    changes |= {change.path: change for change in additions.changes}
    order = sorted(skips, key=lambda s: (s.path, s.line, s.finding))
    return tuple(changes[path] for path in sorted(changes)), tuple(order), additions.unmet


def _together(
    sources: Mapping[str, Source],
    replacements: Sequence[Replacement],
    rewriting: Rewriting,
    languages: Mapping[str, Language],
    handled: handlers.Handling,
) -> Mapping[str, Rewrite]:
    """What the languages make of it, when a function's code and its template go together."""
    while True:
        context = replace(rewriting, handlers=handled.why)
        made = _made(sources, (*replacements, *handled.replacements), context, languages)
        failed = handlers.failed(made, handled)
        if not failed:
            return handlers.joined(made)
        handled = handled.without(failed)


def _made(
    sources: Mapping[str, Source],
    replacements: Sequence[Replacement],
    rewriting: Rewriting,
    languages: Mapping[str, Language],
) -> Mapping[str, Rewrite]:
    made: dict[str, Rewrite] = {}
    for name, rows in _by_language(sources, replacements, languages).items():
        language = languages.get(name)
        if name != PYTHON:
            made |= _rewritten(language, sources, rows, rewriting)
            continue
        ways = {row.path: retriever(sources, row.path, rewriting) for row in rows}
        for way in {w.name: w for w in ways.values()}.values():
            same = [row for row in rows if ways[row.path].name == way.name]
            made |= _rewritten(language, sources, same, replace(rewriting, retriever=way))
    return made


def _by_language(
    sources: Mapping[str, Source], replacements: Sequence[Replacement], languages: Mapping[str, Language]
) -> Mapping[str, list[Replacement]]:
    groups: dict[str, list[Replacement]] = {}
    for row in replacements:
        source = sources.get(row.path)
        groups.setdefault(source.language if source and source.language in languages else "", []).append(row)
    return dict(sorted(groups.items()))


def _is_powertools(sources: Mapping[str, Source], path: str, rewriting: Rewriting) -> bool:
    """Whether a file that would get the default retriever is a Lambda handler whose project lists Powertools already."""
    return (
        rewriting.retriever.name == "helper"
        and HANDLER.search(sources[path].data) is not None
        and dependencies.lists(sources, path, "aws-lambda-powertools")
    )


def retriever(sources: Mapping[str, Source], path: str, rewriting: Rewriting) -> Retriever:
    """How the Python file fetches secrets: as a person chose for it, by what its project has anyway, or as the plan says."""
    known: Mapping[str, Retriever] = load("retrievers", Retriever)
    chosen = rewriting.chosen.get(path, "")
    if chosen:
        return known[chosen]
    return known["powertools"] if _is_powertools(sources, path, rewriting) else rewriting.retriever


def _rewritten(
    language: Language | None, sources: Mapping[str, Source], rows: Sequence[Replacement], rewriting: Rewriting
) -> Mapping[str, Rewrite]:
    if language is not None and language.rewrite is not None:
        tree = {path: source for path, source in sources.items() if source.language == language.name}
        return language.rewrite(tree, rows, rewriting)
    why = (
        f"{language.title} files are not rewritten: move this value by hand"
        if language
        else "the file is gone or can't be read; plan again"
    )
    code = "no-rewriter" if language else "no-source"
    return {
        path: Rewrite(skips=tuple(Skip(r.finding, path, r.line, code, why, r.rule) for r in rows if r.path == path))
        for path in {r.path for r in rows}
    }


def _generated(
    sources: Mapping[str, Source],
    needing: Iterable[str],
    rewriting: Rewriting,
    helper_files: Mapping[str, Sequence[str]],
) -> list[Change]:
    """The retriever's module at each place where a rewritten file imports it: created, or brought up to date."""
    stored = [access for access in rewriting.access.values() if access.home is not Home.ROLE]
    texts: dict[str, bytes] = {}
    for user in needing:
        module = retriever(sources, user, rewriting).module
        if module is not None:
            texts |= dict.fromkeys(helper_files.get(user, ()), module(stored).encode())
    changes = []
    for path, text in sorted(texts.items()):
        present = sources.get(path)
        if present is None:
            changes.append(Change.creation(path, text))
        elif present.data != text:
            changes.append(Change(path, content_hash(present.data), (Edit(Span(0, len(present.data)), text),)))
    return changes


def as_read(secrets: Iterable[Secret], changes: Iterable[Change], sources: Mapping[str, Source]) -> tuple[Secret, ...]:
    """``secrets`` with consumers that read when the changed code reads: a constant or an engine can have moved into functions."""
    after = {
        c.path: c.result(sources[c.path].data)
        for c in changes
        if c.before is not None and c.path.endswith((".py", ".pyw")) and c.path in sources
    }

    imported: dict[str, Container[str]] = {}

    def timed(consumer: Consumer, component: str) -> Consumer:
        if consumer.reads is not Evaluated.IMPORT or consumer.path not in after:
            return consumer
        if consumer.path not in imported:
            imported[consumer.path] = timing.read_at_import(after[consumer.path])
        return consumer if component in imported[consumer.path] else replace(consumer, reads=Evaluated.CALL)

    return tuple(replace(s, consumers=tuple(timed(c, s.component) for c in s.consumers)) for s in secrets)
