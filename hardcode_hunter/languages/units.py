"""Replacements that stand or fall together, and what can stand in their way. Shared by the rewriters of infrastructure code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from hardcode_hunter.model import Change, Edit, Replacement, Rewrite, Skip, Source, Tier, content_hash
from hardcode_hunter.plugins import Rewriting

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Hurdle:
    """Why a place is not simply rewritten. With ``tier`` review it can be, when a person asks for it."""

    code: str
    why: str
    tier: Tier | None = None


@dataclass(slots=True)
class Unit(Generic[A]):
    """``actions`` are what the replacements do, each with the path of its file."""

    replacements: list[Replacement]
    actions: list[tuple[str, A]] = field(default_factory=list)
    hurdle: Hurdle | None = None  # why it is not done
    review: Hurdle | None = None  # why a person must ask for it

    @property
    def tier(self) -> Tier:
        return Tier.REVIEW if self.review or any(r.tier is Tier.REVIEW for r in self.replacements) else Tier.SAFE

    def fail(self, hurdle: Hurdle) -> None:
        self.hurdle = self.hurdle or hurdle

    def meet(self, hurdle: Hurdle | None) -> None:
        """Takes what stands at one place: a hurdle without a tier fails the unit, one with a tier asks for review."""
        if hurdle is not None and hurdle.tier is None:
            self.fail(hurdle)
        elif hurdle is not None:
            self.review = self.review or hurdle

    def admit(self, rewriting: Rewriting) -> None:
        """Fails a unit that needs a person's word which was not given."""
        if self.hurdle is None and self.tier is Tier.REVIEW and Tier.REVIEW.value not in rewriting.tiers:
            reason = self.review or Hurdle("review", "the plan says that a person must ask for it")
            self.fail(Hurdle(reason.code, f"{reason.why} (it can be rewritten all the same: apply the review tier)"))


def rewrites(
    sources: Mapping[str, Source],
    units: Iterable[Unit[Any]],
    edits: Mapping[str, list[Edit]],
    replacements: Sequence[Replacement],
) -> dict[str, Rewrite]:
    """A :class:`Rewrite` for each path that a replacement names or an edit touches."""
    skips: dict[str, list[Skip]] = defaultdict(list)
    for unit in units:
        if unit.hurdle is not None:
            for row in unit.replacements:
                skips[row.path].append(
                    Skip(row.finding, row.path, row.line, unit.hurdle.code, unit.hurdle.why, row.rule)
                )
    result = {}
    for path in sorted({r.path for r in replacements} | set(edits)):
        rows = edits.get(path, [])
        change = Change(path, content_hash(sources[path].data), tuple(rows)) if rows else None
        result[path] = Rewrite(change, tuple(sorted(skips[path], key=lambda s: (s.line, s.finding))))
    return result
