"""Where a value goes from a place: on through locals, module inputs and outputs, to the arguments that use it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hardcode_hunter.languages.terraform import syntax
from hardcode_hunter.languages.terraform.hurdles import hurdle
from hardcode_hunter.languages.terraform.modules import Call, Modules
from hardcode_hunter.languages.terraform.uses import Spot, Use
from hardcode_hunter.languages.units import Hurdle

DEPTH = 8
"""Modules, locals and outputs that a value is followed through."""
_PROVIDER = re.compile(r"\baws\s*=\s*(aws\.\w+)")


@dataclass(frozen=True, slots=True)
class Landing:
    """An argument that a value reaches. ``provider`` is the alias under which its resource is managed; ``direct`` when nothing lies between."""

    path: str
    spot: Spot
    provider: str
    direct: bool


@dataclass(frozen=True, slots=True)
class Route:
    """Everything that a value reaches, and what stands in the way on it."""

    landings: tuple[Landing, ...] = ()
    hurdles: tuple[Hurdle, ...] = ()

    @property
    def providers(self) -> frozenset[str]:
        """The aliases of the AWS provider that manage what the value reaches."""
        return frozenset(x.provider for x in self.landings if x.spot.resource.startswith("aws_"))


def joined(routes: Iterable[Route]) -> Route:
    rows = list(routes)
    return Route(tuple(x for r in rows for x in r.landings), tuple(h for r in rows for h in r.hurdles))


def route(modules: Modules, path: str, spot: Spot) -> Route:
    """Where the value at ``spot`` ends up."""
    landings: list[Landing] = []
    hurdles: list[Hurdle] = []
    seen: set[tuple[str, tuple[str, ...], tuple[str, ...]]] = set()
    steps = [(path, spot, "", 0)]
    while steps:
        here, at, provider, depth = steps.pop(0)
        if (here, at.words, at.path) in seen or depth > DEPTH:
            continue
        seen.add((here, at.words, at.path))
        following = list(_following(modules, here, at, hurdles))
        if following or at.kind in ("locals", "module"):
            steps += [(use.path, use.spot, alias or provider, depth + 1) for use, alias in following]
            continue
        found = hurdle(at)
        if found is not None:
            hurdles.append(found)
        landings.append(Landing(here, at, _provider(modules, here, at) or provider, depth == 0))
    return Route(tuple(landings), tuple(hurdles))


def _following(modules: Modules, path: str, spot: Spot, hurdles: list[Hurdle]) -> Iterator[tuple[Use, str]]:
    """The uses of the name that ``spot`` gives the value to, each with the provider that a module call hands on."""
    folder = path.rpartition("/")[0]
    if not spot.path:
        return
    if spot.kind == "locals":
        yield from ((use, "") for use in modules.uses(folder, "local", spot.path[0]) if _holds(use, spot))
    elif spot.kind == "module":
        call = modules.call_at(path, spot.block)
        if call is None or call.target is None or call.target not in modules.folders:
            if re.search(r"user_?name|login|(?:^|_)user$", spot.path[0]):
                why = f"the module behind {spot.path[0]} is not in the tree, and a changed master user name replaces a database"
                hurdles.append(Hurdle("would-replace", why))
            return
        handed = _handed_on(modules, call)
        yield from ((use, handed) for use in modules.uses(call.target, "var", spot.path[0]) if _holds(use, spot))
    elif spot.kind == "output" and spot.path[0] == "value" and len(spot.words) > 1:
        for call in modules.callers(folder):
            for use in modules.uses(call.path.rpartition("/")[0], "module", call.name):
                if use.names[2:3] in ((spot.words[1],), ()):  # an index hides which output is meant
                    yield use, ""


def _holds(use: Use, spot: Spot) -> bool:
    """Whether the use takes what stands at ``spot``, or something that holds it: ``local.login.user`` is not ``local.login.password``."""
    return all(used == own for used, own in zip(use.names[2:], spot.path[1:], strict=False))


def _handed_on(modules: Modules, call: Call) -> str:
    """``providers = { aws = aws.west }`` → ``aws.west``."""
    given = call.inputs.get("providers")
    match = _PROVIDER.search(syntax.text(given, modules.data(call.path))) if given is not None else None
    return match.group(1) if match else ""


def _provider(modules: Modules, path: str, spot: Spot) -> str:
    body = syntax.body_of(spot.block) if spot.block is not None else None
    rows = {syntax.text(k, modules.data(path)): e for k, e in syntax.attributes(body)}
    return syntax.text(rows["provider"], modules.data(path)).strip('"') if "provider" in rows else ""
