"""The flow of a scan: discover → languages → link → detect → judge. Everything between the stages happens here."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from hardcode_hunter import discover, firstpass, judge, ruleset
from hardcode_hunter.config import Settings
from hardcode_hunter.errors import UsageError
from hardcode_hunter.model import RuleSummary, Scan

if TYPE_CHECKING:
    from hardcode_hunter.model import Candidate, Extraction, Finding, Plaintext, Reference, Source
    from hardcode_hunter.plugins import Hits, Language
    from hardcode_hunter.trusted import Trusted

HOLE = "\0"  # an interpolated part, in the value of a template literal
Progress = Callable[[int], None]
PASSING = (".json", ".template", ".tf", ".tfvars", ".yaml", ".yml")
"""Suffixes of the languages that have ``passes_on``: for other files without a hit no language is loaded."""
SOLE = {".py": "python", ".pyi": "python", ".pyw": "python"}
"""Suffixes that one language alone claims → its module: for these files the other languages are not loaded."""
BUDGET = 25_000
"""Literals near a hit that are judged in one file: some four seconds of work and 200 MiB."""
UNSEEN = " \t\u200b\u200c\u200d\u2060\ufeff"
"""What a file's name may end in without anybody seeing it."""
COMMENT = b"hardcode-hunter:"
"""What a comment of ours begins with: a file that has one is kept, so that one that hushes nothing can be told."""


@dataclass(slots=True)
class Reading:
    """What one process read: candidates with their values, by file. It stays in this process."""

    walk: discover.Walk
    rules: ruleset.RuleSet
    key: bytes = field(
        default_factory=lambda: os.urandom(32), repr=False
    )  # of the findings' digests; lives as long as the run
    candidates: list[Candidate] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    sources: dict[str, Source] = field(default_factory=dict)  # of the files that have candidates, or a comment of ours
    names: list[str] = field(default_factory=list)  # of all files that were looked at


@dataclass(frozen=True, slots=True)
class Found:
    """All findings, whatever their confidence, the sources of the files that they stand in or that have a comment of ours, and all names."""

    findings: tuple[Finding, ...]
    sources: Mapping[str, Source]
    names: Iterable[str]
    hushed: tuple[Finding, ...] = ()  # by comments, where only who read the file could tell


def languages() -> Mapping[str, Language]:
    """All languages, by name."""
    from hardcode_hunter.plugins import Language, load

    return load("languages", Language)


def language_of(path: str, data: bytes, known: Iterable[Language] | None = None) -> Language | None:
    """The language that claims ``path``, asking the content where more than one does; ``None`` when none does."""
    name = path.rpartition("/")[2].rstrip(UNSEEN)
    if known is None and (sole := SOLE.get(name[name.rfind(".") :])):
        from hardcode_hunter.plugins import Language, load_one

        language: Language = load_one("languages", sole, Language)
        return language
    claims = _claiming(name) if known is None else _claims(name, known)
    return next((lang for lang in claims if lang.recognises is None or lang.recognises(path, data)), None)


@lru_cache(maxsize=8192)
def _claiming(name: str) -> tuple[Language, ...]:
    return _claims(name, languages().values())


def _claims(name: str, known: Iterable[Language]) -> tuple[Language, ...]:
    """The languages that claim a file of that name, the first choice first."""
    lower = name.lower()
    found = [
        lang
        for lang in known
        if name in lang.filenames
        or lower.endswith(lang.suffixes)
        or any(fnmatchcase(lower, pattern) for pattern in lang.patterns)
    ]
    return tuple(sorted(found, key=lambda lang: (-lang.priority, lang.name)))


def passes_on(path: str, data: bytes) -> bool:
    """Whether a file without a hit may still give a value to a name that other files use."""
    return path.endswith(PASSING) and any(
        path.endswith(lang.suffixes) and lang.passes_on(path, data) for lang in languages().values() if lang.passes_on
    )


def read(
    feed: discover.Feed, rules: ruleset.RuleSet, progress: Progress | None = None, key: bytes | None = None
) -> Reading:
    """Reads the files of ``feed`` and yields what their languages make of them, around the first pass's hits."""
    reading = Reading(feed.walk, rules) if key is None else Reading(feed.walk, rules, key)
    for name in feed.names():
        if progress:
            progress(reading.walk.files)
        reading.names.append(name)
        data = feed.read(name, keep_binary=name.endswith((".py", ".pyw")))
        hits = firstpass.hits(data, rules) if data else ()
        read_it = bool(hits) or (data is not None and passes_on(name, data))
        if not data or not (read_it or COMMENT in data):
            continue
        _take(reading, feed.fallback, name, data, hits if read_it else None)
    _follow(reading, feed)
    return reading


def _follow(reading: Reading, feed: discover.Feed) -> None:
    """Reads the files once more that give a value to what others hand to a secret's place, whatever it is called there."""
    if not any(reference.language == "python" for reference in reading.references):
        return
    from hardcode_hunter import leads
    from hardcode_hunter.model import Source

    seen: set[str] = set()
    for _ in range(leads.ROUNDS):
        targets = leads.followed(reading.candidates, reading.references, reading.rules) - seen
        if not targets:
            return
        seen |= targets
        for path, words in leads.files(targets, reading.names).items():
            again = copy(feed)
            again.walk = discover.Walk(feed.walk.root)  # it was counted before
            data = again.read(path, keep_binary=True)
            hits = leads.hits(data, words, firstpass.hits(data, reading.rules)) if data else ()
            if not data or not hits:
                continue
            language = language_of(path, data)
            assert language is not None
            source = Source(path, data, language.name)
            found = extract(language, source, hits)
            reading.candidates[:] = [*(c for c in reading.candidates if c.path != path), *found.candidates]
            reading.references[:] = [*(r for r in reading.references if r.path != path), *found.references]
            if found.candidates:
                reading.sources[path] = source


def _take(reading: Reading, fallback: str, name: str, data: bytes, hits: Hits) -> None:
    """Adds what one file yields; without ``hits`` only its comments count."""
    from hardcode_hunter.model import Extraction, Source

    language = language_of(name, data) or (languages().get(fallback) if fallback else None)
    if language is None:
        reading.walk.skipped["no language"] += bool(hits)
        return
    source = Source(name, data, language.name)
    extraction = extract(language, source, hits) if hits is not None else Extraction()
    reading.walk.problems += extraction.problems
    reading.references += extraction.references
    if extraction.candidates or COMMENT in data:
        reading.candidates += extraction.candidates
        reading.sources[name] = source


def extract(language: Language, source: Source, hits: Hits) -> Extraction:
    """The language's candidates; when it fails on a file, that is a problem and the text rules take over."""
    try:
        return _within_budget(source, language.candidates(source, hits))
    except (RecursionError, MemoryError, ValueError) as error:
        from hardcode_hunter.model import Extraction, Problem

        text = languages()["text"].candidates(source, hits)
        problem = Problem(
            source.path, 0, f"could not be parsed as {language.title} ({type(error).__name__}); text rules were used"
        )
        return _within_budget(source, Extraction(text.candidates, text.references, (*text.problems, problem)))


def _within_budget(source: Source, found: Extraction) -> Extraction:
    """The first literals of a file, and a problem that says where the rest begins, when there are more than can be judged in seconds."""
    if len(found.candidates) <= BUDGET:
        return found
    from hardcode_hunter.model import Problem

    first = found.candidates[BUDGET]
    problem = Problem(
        source.path,
        first.line,
        f"{len(found.candidates)} literals could be credentials, more than the {BUDGET} that one file may have: those from"
        f" column {first.column} of this line on were not judged; split the file, or exclude it",
    )
    return replace(found, candidates=found.candidates[:BUDGET], problems=(*found.problems, problem))


def scan(
    paths: Sequence[Path],
    settings: Settings,
    root: Path | None = None,
    progress: Progress | None = None,
    *,
    feed: discover.Feed | None = None,
    gate: judge.Gate | None = None,
    key: bytes | None = None,
    trusted: Trusted | None = None,
    sweep: Callable[[ruleset.RuleSet, bytes], Found] | None = None,
) -> tuple[Scan, Reading]:
    """One scan of ``feed``, or else of what lies below ``paths``. Raises ``UsageError`` for paths that don't exist, and for rules and
    baselines that can't be used.

    Without a ``gate`` the baseline hushes only what a person has decided on: what it keeps for later is still to be migrated.
    ``sweep`` finds what there is another way, in bounded memory; then the reading holds neither candidates nor sources.
    """
    started, clock = time.time(), time.perf_counter()
    root = (root or discover.project_root(paths)).resolve()
    folders = tuple(Path(folder) for folder in settings.extra_rules)
    rules = ruleset.load(folders, builtin=settings.default_rules, least=settings.min_confidence)
    catalogue = _catalogue(rules, settings)
    feed = feed or discover.OnDisk(
        discover.Walk(root), paths, settings.left_out, settings.force_exclude, settings.respect_gitignore
    )
    if sweep is None:
        reading = read(feed, rules, progress, key)
        known = Found(_detected(reading), reading.sources, reading.names)
    else:
        reading = Reading(feed.walk, rules) if key is None else Reading(feed.walk, rules, key)
        known = sweep(rules, reading.key)
    judged = judge.judge(
        known.findings,
        known.sources,
        settings,
        feed,
        gate or judge.DECIDED,
        set(known.names),
        alone(rules, reading.key),
        trusted,
    )
    kept = judged.kept if sweep else _with_excerpts(judged.kept, known.findings, reading)
    result = Scan(
        root=root,
        findings=tuple(sorted(kept, key=_order)),
        suppressed=tuple(sorted((*judged.hushed, *known.hushed), key=_order)),
        problems=tuple(sorted(reading.walk.problems, key=lambda p: (p.path, p.line, p.message))),
        files=reading.walk.files,
        bytes=reading.walk.bytes,
        skipped=dict(sorted(reading.walk.skipped.items())),
        rules=len(catalogue),
        seconds=time.perf_counter() - clock,
        started=started,
        catalogue=catalogue,
        remarks=tuple(sorted(judged.remarks, key=lambda r: (r.path, r.line, r.message))),
        baseline=judged.baseline,
    )
    return result, reading


def _detected(reading: Reading) -> tuple[Finding, ...]:
    """All findings, whatever their confidence. Of a clean tree nothing more is loaded."""
    if not reading.candidates:
        return ()
    from hardcode_hunter import detect, link

    return detect.detect(link.link(reading.candidates, reading.references), reading.rules, reading.key)


def _with_excerpts(kept: Sequence[Finding], found: Sequence[Finding], reading: Reading) -> Sequence[Finding]:
    if not kept:
        return ()
    from hardcode_hunter import excerpt

    return excerpt.with_excerpts(kept, found, reading.sources, reading.candidates)


def alone(rules: ruleset.RuleSet, key: bytes) -> judge.Detect:
    """Finds what stands in one file, whatever the others hold."""

    def detect_in(path: str, data: bytes) -> tuple[Finding, ...]:
        hits = firstpass.hits(data, rules)
        language = language_of(path, data) if hits else None
        if language is None:
            return ()
        from hardcode_hunter import detect, link
        from hardcode_hunter.model import Source

        extraction = extract(language, Source(path, data, language.name), hits)
        return detect.detect(link.link(extraction.candidates, extraction.references), rules, key)

    return detect_in


def _order(finding: Finding) -> tuple[str, int, str]:
    return finding.path, finding.span.start, finding.rule


def _catalogue(rules: ruleset.RuleSet, settings: Settings) -> tuple[RuleSummary, ...]:
    """The rules that ``select`` and ``ignore`` leave, sorted by id. Raises ``UsageError`` for a name in either that no rule has."""
    known = sorted(rules.rules, key=lambda r: r.id)
    for pattern in (
        *settings.select,
        *settings.ignore,
        *(rule for row in settings.per_file_ignores.values() for rule in row),
    ):
        if not any(fnmatchcase(rule.id, pattern) for rule in known):
            import difflib

            near = difflib.get_close_matches(pattern, [rule.id for rule in known], 1)
            hint = f"did you mean '{near[0]}'?" if near else "`hardcode-hunter rules list` shows them all"
            raise UsageError(f"no rule is called '{pattern}'; {hint}")
    wanted = (rule for rule in known if judge.chosen(rule.id, settings))
    return tuple(
        RuleSummary(
            r.id,
            r.title,
            r.description,
            r.kind,
            r.severity,
            r.home,
            r.home_why,
            r.rotation,
            r.rotation_why,
            r.references,
        )
        for r in wanted
    )


def value(candidates: Mapping[str, Candidate], finding: str, shape: str, part: str) -> Plaintext | None:
    """The live value of one origin, read from the files: ``part`` is the role inside the literal, empty for all of it."""
    candidate = candidates.get(finding)
    if candidate is None:
        return None
    from hardcode_hunter import shapes
    from hardcode_hunter.model import LiteralType, Plaintext

    text = candidate.value.reveal()
    found = text if not part else next((p.value for p in shapes.parse(shape, text) if p.role == part), None)
    if found is None or (candidate.literal is LiteralType.TEMPLATE and HOLE in found):
        return None
    return Plaintext(found)
