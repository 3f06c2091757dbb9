"""Joins what is defined with what is used, over the whole tree, so that each candidate knows where its value ends up.

A reference's ``target`` is a candidate's ``defines``: ``path::NAME`` within one Python file, ``dotted.module::NAME`` from another
one, ``*::NAME`` for a setting whose module the code doesn't name, ``path#Parameters/X`` in CloudFormation, ``dir#var.x`` in Terraform.
A reference that ``defines`` a name passes the value on. Nothing here changes what a finding is: ``link`` only adds sinks.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hardcode_hunter.model import Candidate, Reference, Sink

DEPTH = 8
"""Names through which a value is followed."""
MOST = 200
"""Sinks of one candidate beyond which no more are collected."""

_CUT = re.compile(r"[.\[]")
_SETTINGS_FILE = re.compile(r"settings?|config\w*|conf|constants?|consts?|defaults?|secrets?|env\w*|credentials?", re.I)
_SETTINGS_CLASS = re.compile(r"config|settings?|constants|defaults|environment|secrets|credentials|^env$", re.I)
_FIRST_NAME = re.compile(r"[A-Z][A-Z0-9_]*")


def link(candidates: Iterable[Candidate], references: Iterable[Reference]) -> tuple[Candidate, ...]:
    """The candidates in their order, each with the sinks that its value reaches added."""
    rows = tuple(candidates)
    uses = Uses(rows, references)
    return tuple(_linked(candidate, uses) for candidate in rows)


def _linked(candidate: Candidate, uses: Uses) -> Candidate:
    if not candidate.defines:
        return candidate
    known = set(candidate.sinks)
    sinks = [sink for sink in uses.sinks(candidate.defines) if sink not in known]
    return candidate.reaching(*sinks) if sinks else candidate


@dataclass(frozen=True, slots=True)
class _Step:
    """A name that has the value, and the names it came through."""

    name: str
    via: tuple[str, ...] = ()


class Uses:
    """References by the definition they lead to."""

    def __init__(self, candidates: Sequence[Candidate], references: Iterable[Reference]) -> None:
        rows = tuple(references)
        self._modules = _Modules(d for d in (*(c.defines for c in candidates), *(r.defines for r in rows)) if d)
        self._by_setting = settings(candidates)
        self._by_name: defaultdict[str, list[Reference]] = defaultdict(list)
        for reference in rows:
            for name in self._resolve(reference):
                self._by_name[name].append(reference)

    def sinks(self, name: str) -> list[Sink]:
        """Where the value of ``name`` ends up, nearest first."""
        found: dict[Sink, None] = {}
        seen = {name}
        steps = [_Step(name)]
        for _ in range(DEPTH):
            following: list[_Step] = []
            for step in steps:
                for reference, rest in self._users(step.name):
                    via = tuple(dict.fromkeys((*step.via, *_words(reference))))
                    if reference.callee or reference.resource:
                        found.setdefault(_sink(reference, rest, via))
                    passed = reference.defines + rest
                    if reference.defines and passed not in seen:
                        seen.add(passed)
                        following.append(_Step(passed, via))
            steps = following
            if len(found) >= MOST:
                break
        return list(found)[:MOST]

    def _users(self, name: str) -> Iterator[tuple[Reference, str]]:
        """References to ``name`` or to a whole that it is a part of, with the path of the part: in Python any, in Terraform a module's outputs."""
        start = name.find("::") + 2
        output = name.find("#output.") + len("#output")
        cuts = _cuts(name[start:]) if start > 1 else ()
        wholes = [start + cut for cut in cuts] or ([output] if output >= len("#output") else [])
        for at in (*wholes, len(name)):
            for reference in self._by_name.get(name[:at], ()):
                yield reference, name[at:]

    def open(self, reference: Reference) -> bool:
        """Whether it refers to a name of another module that no file here defines."""
        left, mark, _ = reference.target.partition("::")
        return bool(mark) and not self._modules.is_path(left) and not any(True for _ in self._resolve(reference))

    def _resolve(self, reference: Reference) -> Iterable[str]:
        target = reference.target
        left, mark, name = target.partition("::")
        if not mark or self._modules.is_path(left):
            return (target,)
        if left == "*":
            first = _CUT.split(name, maxsplit=1)[0]
            return (found + name[len(first) :] for found in self._by_setting.get(first, ()))
        return self._modules.find(left, name, reference.path)


class _Modules:
    """Dotted module names → paths, matched by their last parts, and the names that each file defines."""

    def __init__(self, definitions: Iterable[str]) -> None:
        self._names: defaultdict[str, set[str]] = defaultdict(set)
        for definition in definitions:
            path, mark, name = definition.partition("::")
            if mark:
                self._names[path].update(name[:at] for at in (*_cuts(name), len(name)))
        self._paths: defaultdict[str, list[str]] = defaultdict(list)
        for path in sorted(self._names):
            self._paths[module_parts(path)[-1] if module_parts(path) else ""].append(path)

    def is_path(self, text: str) -> bool:
        return text in self._names or "/" in text or text.endswith((".py", ".pyw", ".pyi", ".ipynb"))

    def find(self, module: str, name: str, importer: str) -> list[str]:
        """The definition that ``name`` in ``module`` is, seen from the file ``importer``; none when several files fit equally well."""
        while name:
            fits = [path for path in self._fitting(module) if self._defines(path, name)]
            if fits:
                best = max(_shared(path, importer) for path in fits)
                nearest = [path for path in fits if _shared(path, importer) == best]
                return [f"{nearest[0]}::{name}"] if len(nearest) == 1 else []
            # `from shop import settings` may import a module as well as a name
            head, dot, name = name.partition(".")
            module = f"{module}.{head}" if dot else module
            name = name if dot else ""
        return []

    def _fitting(self, module: str) -> Iterator[str]:
        wanted = [part for part in module.split(".") if part]
        for path in self._paths.get(wanted[-1], ()) if wanted else ():
            parts = module_parts(path)
            if len(parts) >= len(wanted) and parts[-len(wanted) :] == wanted:
                yield path

    def _defines(self, path: str, name: str) -> bool:
        return any(name[:at] in self._names[path] for at in (*_cuts(name), len(name)))


def module_parts(path: str) -> list[str]:
    """``src/shop/settings.py`` → ``[src, shop, settings]``; a package's ``__init__.py`` is the package."""
    parts = path.rsplit(".", 1)[0].split("/")
    return parts[:-1] if parts[-1] == "__init__" else parts


def _shared(path: str, other: str) -> int:
    """How many folders two files share."""
    ours, theirs = path.split("/")[:-1], other.split("/")[:-1]
    return next((n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))


def settings(candidates: Iterable[Candidate]) -> dict[str, list[str]]:
    """Setting → the names that define it, where exactly one file does so in a module or class of settings."""
    found: defaultdict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for candidate in candidates:
        path, mark, name = candidate.defines.partition("::")
        if not mark or ":" in name:
            continue
        parts = _CUT.split(name)
        at = next((n for n, part in enumerate(parts) if _FIRST_NAME.fullmatch(part)), -1)
        if at >= 0 and is_settings(path, parts[:at]):
            setting = parts[at]
            end = len(".".join(parts[: at + 1]))
            found[setting][path].add(f"{path}::{name[:end]}")
    return {setting: sorted(next(iter(files.values()))) for setting, files in found.items() if len(files) == 1}


def is_settings(path: str, owners: Sequence[str] = ()) -> bool:
    """Whether what ``owners`` (classes, or ``app.config``; without them, the module) hold in this file are settings."""
    if owners:
        return bool(_SETTINGS_CLASS.search(owners[-1]))
    return any(_SETTINGS_FILE.fullmatch(word) for part in module_parts(path)[-2:] for word in re.split(r"[_\-.]", part))


def _cuts(name: str) -> list[int]:
    """Where each whole ends that a Python ``name`` is a part of; a function's variables (``f:x``) are no parts of the function."""
    return [m.start() for m in _CUT.finditer(name) if ":" not in name[m.start() :]]


def _sink(reference: Reference, rest: str, via: tuple[str, ...]) -> Sink:
    return Sink(
        callee=reference.callee,
        resource=reference.resource,
        parameter=_parameter(reference.parameter, rest),
        path=reference.path,
        line=reference.line,
        evaluated=reference.evaluated,
        scope=reference.scope,
        via=", ".join(via),
    )


def _parameter(parameter: str, rest: str) -> str:
    """``**`` with ``.password`` is ``password``; ``*`` with ``[2]`` is ``#2``; ``auth`` with ``[1]`` is ``auth[1]``."""
    if parameter == "**" and rest.startswith("."):
        return rest[1:]
    if parameter == "*" and (number := re.match(r"\[(\d+)\]", rest)):
        return f"#{number.group(1)}{rest[number.end() :]}"
    return parameter + rest


def _words(reference: Reference) -> tuple[str, ...]:
    """How a person would say which way a value went: ``Ref DbPassword``, ``var.db_password``, ``module.db``, ``Config.REDIS_URL``."""
    _, mark, name = reference.target.partition("#")
    if not mark:
        name = reference.target.partition("::")[2].replace(":", ".")
    elif name.startswith("Parameters/"):
        name = f"Ref {name.removeprefix('Parameters/')}"
    elif name.startswith("&"):
        name = "alias"
    module = re.match(r"module\.[^./]+", reference.symbol)
    return (name, module.group()) if module and mark else (name,)
