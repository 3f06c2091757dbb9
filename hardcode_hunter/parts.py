"""One unit of a large tree — a file, or the Terraform files of one folder — from its bytes to findings, without the rest of the tree.

What links a unit with others is told beside the findings as names: :mod:`hardcode_hunter.sweep` reads linked units once more, together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from hardcode_hunter import discover, firstpass, pipeline, screen
from hardcode_hunter.model import Candidate, Confidence, Extraction, Finding, Source
from hardcode_hunter.ruleset import RuleSet

SCREENED = {"python": "python", "json": "json", "yaml": "yaml"}
"""Languages whose files are screened before they are parsed, and how their text is read for that."""
TOGETHER = (".tf", ".tfvars", ".tf.json", ".tfvars.json")
"""Suffixes of files that are one unit with their kind in the same folder: a module's variables stand in files of their own."""
_LAST = re.compile(r"\w+\Z")
Parsed = tuple[Source, Extraction]


@dataclass(frozen=True, slots=True)
class Part:
    """What one unit holds. ``findings`` have no value in them; all else is names."""

    names: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    commented: tuple[str, ...] = ()  # files with a comment of ours
    languages: tuple[tuple[str, str], ...] = ()  # of the files with candidates or a comment: path -> language
    defines: frozenset[str] = frozenset()  # under which other units can refer to a value
    settings: frozenset[str] = frozenset()  # first names of those, where the file may be a module of settings
    targets: frozenset[str] = frozenset()  # names of other units that it refers to
    leads: frozenset[str] = frozenset()  # those of the targets that end in a secret's place
    uses: frozenset[str] = frozenset()  # it was not parsed: names that it hands on where a rule looks

    @property
    def idle(self) -> bool:
        """Nothing of it is needed any more."""
        return not (self.findings or self.commented or self.defines or self.targets or self.uses)


@dataclass(slots=True)
class Inspector:
    """Inspects units. ``walk`` counts what was looked at, as a feed counts it."""

    rules: RuleSet
    key: bytes = field(repr=False)
    read: Callable[[str], bytes | None]
    walk: discover.Walk
    least: Confidence = Confidence.LOW
    fallback: str = ""

    def part(self, names: Sequence[str], *, forced: bool = False) -> Part:
        """Findings and links of one unit; ``forced`` parses what the screen would turn away."""
        parsed: list[Parsed] = []
        commented: list[str] = []
        uses: set[str] = set()
        for name in names:
            data = self.read(name)
            if not data:
                continue
            if pipeline.COMMENT in data:
                commented.append(name)
            if (found := self.parsed(name, data, uses, forced=forced or name in commented)) is not None:
                parsed.append(found)
        candidates = [c for _, e in parsed for c in e.candidates]
        references = [r for _, e in parsed for r in e.references]
        self.walk.problems += [p for _, e in parsed for p in e.problems]
        own = {c.defines for c in candidates if c.defines}
        paths = {source.path for source, _ in parsed}
        return Part(
            tuple(names),
            self.findings(parsed),
            tuple(commented),
            tuple((s.path, s.language) for s, e in parsed if e.candidates or s.path in commented),
            frozenset(own),
            frozenset(_settings(candidates)),
            frozenset(r.target for r in references if r.target and not _inside(r.target, own, paths)),
            self.leads(parsed),
            frozenset(uses) if not parsed else frozenset(),
        )

    def leads(self, parsed: Sequence[Parsed]) -> frozenset[str]:
        """What some files refer to in others that none of them defines, where a secret goes."""
        references = [r for source, e in parsed if source.language == "python" for r in e.references]
        if not references:
            return frozenset()
        from hardcode_hunter import leads

        return leads.followed([c for _, e in parsed for c in e.candidates], references, self.rules)

    def parsed(
        self, name: str, data: bytes, uses: set[str], *, forced: bool, words: Collection[bytes] = ()
    ) -> Parsed | None:
        """The candidates of one file; ``None`` when it can have no finding. ``words`` are looked at like those of the rules."""
        claims = pipeline.SOLE.get(name[name.rfind(".") :])
        language = None
        if claims is None:
            language = pipeline.language_of(name, data)
            claims = language.name if language else ""
        kind = SCREENED.get(claims)
        if kind and not forced:
            verdict = screen.of(self.rules, self.least).judge(data, kind)
            uses |= verdict.uses
            if not verdict.worth:
                return None
        hits = firstpass.hits(data, self.rules)
        if words:
            from hardcode_hunter import leads

            hits = leads.hits(data, words, hits) or hits
        if not (hits or forced or pipeline.passes_on(name, data)):
            return None
        language = (
            language
            or pipeline.language_of(name, data)
            or (pipeline.languages().get(self.fallback) if self.fallback else None)
        )
        if language is None:
            self.walk.skipped["no language"] += bool(hits)
            return None
        source = Source(name, data, language.name)
        return source, pipeline.extract(language, source, hits)

    def findings(self, parsed: Sequence[Parsed]) -> tuple[Finding, ...]:
        """What the rules find in some files, linked with each other, and with excerpts of those that can be reported."""
        candidates = [c for _, e in parsed for c in e.candidates]
        if not candidates:
            return ()
        from hardcode_hunter import detect, excerpt, link

        found = detect.detect(link.link(candidates, [r for _, e in parsed for r in e.references]), self.rules, self.key)
        shown = [f for f in found if f.confidence >= self.least]
        made = {f.id: f for f in excerpt.with_excerpts(shown, found, {s.path: s for s, _ in parsed}, candidates)}
        return tuple(made.get(f.id, f) for f in found)


def _inside(target: str, own: Collection[str], paths: Collection[str]) -> bool:
    left, mark, _ = target.partition("::")
    return left in paths if mark else target in own


def _settings(candidates: Sequence[Candidate]) -> Iterable[str]:
    if not candidates:
        return ()
    from hardcode_hunter import link

    return link.settings(candidates)


def last_name(defined: str) -> str:
    """``shop/settings.py::Config.DB_PASSWORD`` → ``DB_PASSWORD``: how other files can call it."""
    match = _LAST.search(defined.rstrip("]\"'"))
    return match.group() if match else ""
