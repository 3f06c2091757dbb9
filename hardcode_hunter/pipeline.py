"""The flow of a scan: discover → languages → link → detect → suppress. Everything between the stages happens here."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hardcode_hunter import detect, discover, firstpass, link, ruleset, shapes, suppress
from hardcode_hunter.config import Settings
from hardcode_hunter.errors import UsageError
from hardcode_hunter.model import (
    Candidate,
    Extraction,
    Finding,
    LiteralType,
    Plaintext,
    Problem,
    Reference,
    Scan,
    Source,
)
from hardcode_hunter.plugins import Hits, Language, load

HOLE = "\0"  # an interpolated part, in the value of a template literal
Progress = Callable[[int], None]


@dataclass(slots=True)
class Reading:
    """What one process read: candidates with their values, by file. It stays in this process."""

    walk: discover.Walk
    rules: ruleset.RuleSet
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)  # of the findings' digests; lives as long as the run
    candidates: list[Candidate] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    sources: dict[str, Source] = field(default_factory=dict)  # of the files that have candidates


def languages() -> Mapping[str, Language]:
    """All languages, by name."""
    return load("languages", Language)


def language_of(path: str, data: bytes, known: Iterable[Language] | None = None) -> Language | None:
    """The language that claims ``path``, asking the content where more than one does; ``None`` when none does."""
    name = path.rpartition("/")[2]
    claims = [lang for lang in (known or languages().values()) if _claims(lang, name.lower(), name)]
    claims.sort(key=lambda lang: (-lang.priority, lang.name))
    return next((lang for lang in claims if lang.recognises is None or lang.recognises(path, data)), None)


def _claims(language: Language, lower: str, name: str) -> bool:
    return name in language.filenames or lower.endswith(language.suffixes)


def read(root: Path, paths: Sequence[Path], settings: Settings, rules: ruleset.RuleSet, progress: Progress | None = None) -> Reading:
    """Reads the files below ``paths`` and yields what their languages make of them, around the first pass's hits."""
    reading = Reading(discover.Walk(root), rules)
    known = tuple(languages().values())
    for name in discover.files(root, paths, settings.exclude):
        if progress:
            progress(reading.walk.files)
        data = discover.read(reading.walk, name, keep_binary=name.endswith((".py", ".pyw")))
        hits = firstpass.hits(data, rules) if data else ()
        if not data or not hits:
            continue
        language = language_of(name, data, known)
        if language is None:
            reading.walk.skipped["no language"] += 1
            continue
        source = Source(name, data, language.name)
        extraction = extract(language, source, hits)
        reading.walk.problems += extraction.problems
        reading.references += extraction.references
        if extraction.candidates:
            reading.candidates += extraction.candidates
            reading.sources[name] = source
    return reading


def extract(language: Language, source: Source, hits: Hits) -> Extraction:
    """The language's candidates; when it fails on a file, that is a problem and the text rules take over."""
    try:
        return language.candidates(source, hits)
    except (RecursionError, MemoryError, ValueError) as error:
        text = languages()["text"].candidates(source, hits)
        problem = Problem(source.path, 0, f"could not be parsed as {language.title} ({type(error).__name__}); text rules were used")
        return Extraction(text.candidates, text.references, (*text.problems, problem))


def scan(paths: Sequence[Path], settings: Settings, root: Path | None = None, progress: Progress | None = None) -> tuple[Scan, Reading]:
    """One scan. Raises ``UsageError`` for paths that don't exist and for rules that can't be used."""
    started = time.perf_counter()
    root = (root or discover.project_root(paths)).resolve()
    rules = ruleset.load(tuple(Path(folder) for folder in settings.extra_rules))
    _known_rules(rules, (*settings.select, *settings.ignore))
    reading = read(root, paths, settings, rules, progress)
    found = _wanted(detect.detect(link.link(reading.candidates, reading.references), rules, reading.key), settings)
    kept, hushed = suppress.suppress(found, reading.sources) if settings.suppressions else (found, ())
    result = Scan(
        root=root,
        findings=tuple(sorted(kept, key=_order)),
        suppressed=tuple(sorted(hushed, key=_order)),
        problems=tuple(sorted(reading.walk.problems, key=lambda p: (p.path, p.line, p.message))),
        files=reading.walk.files,
        bytes=reading.walk.bytes,
        skipped=dict(sorted(reading.walk.skipped.items())),
        rules=len(rules.rules),
        seconds=time.perf_counter() - started,
    )
    return result, reading


def _order(finding: Finding) -> tuple[str, int, str]:
    return finding.path, finding.span.start, finding.rule


def _known_rules(rules: ruleset.RuleSet, names: Iterable[str]) -> None:
    known = {rule.id for rule in rules.rules}
    for name in names:
        if name not in known:
            raise UsageError(f"no rule is called '{name}'; `hardcode-hunter rules list` shows them all")


def _wanted(findings: Iterable[Finding], settings: Settings) -> tuple[Finding, ...]:
    return tuple(
        f
        for f in findings
        if f.confidence >= settings.min_confidence and (not settings.select or f.rule in settings.select) and f.rule not in settings.ignore
    )


def value(candidates: Mapping[str, Candidate], finding: str, shape: str, part: str) -> Plaintext | None:
    """The live value of one origin, read from the files: ``part`` is the role inside the literal, empty for all of it."""
    candidate = candidates.get(finding)
    if candidate is None:
        return None
    text = candidate.value.reveal()
    found = text if not part else next((p.value for p in shapes.parse(shape, text) if p.role == part), None)
    if found is None or (candidate.literal is LiteralType.TEMPLATE and HOLE in found):
        return None
    return Plaintext(found)
