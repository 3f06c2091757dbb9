"""Which files give a value to a name that another file hands to a secret's place: ``connect(password=settings.PIER)``.

Nothing in ``PIER = "…"`` says that it is a credential, so neither the first pass nor the screen marks it. The use does: what it refers to
and no file that was read defines is a lead, and the file that has it is read a second time, around those names.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from hardcode_hunter import link
from hardcode_hunter.model import Candidate, Reference
from hardcode_hunter.ruleset import PUBLIC_ROLES, RuleSet

ROUNDS = 4
"""Files that a value may come through, each of which only names the next one."""
PYTHON = (".py", ".pyw")
_WORD = re.compile(r"[A-Za-z_]\w*")


def followed(candidates: Iterable[Candidate], references: Iterable[Reference], rules: RuleSet) -> frozenset[str]:
    """Targets in other Python modules (``shop.settings::PIER``, ``*::PIER``) that end in a secret's place and that nothing here defines."""
    rows = tuple(references)
    if not any("::" in row.target for row in rows):
        return frozenset()
    uses = link.Uses(tuple(candidates), rows)
    return frozenset(
        row.target
        for row in rows
        if row.language == "python"
        and uses.open(row)
        and (_secret(row.callee, row.parameter, rules) or _ends(uses, row, rules))
    )


def _ends(uses: link.Uses, row: Reference, rules: RuleSet) -> bool:
    return bool(row.defines) and any(_secret(s.callee, s.parameter, rules) for s in uses.sinks(row.defines))


def _secret(callee: str, parameter: str, rules: RuleSet) -> bool:
    found = rules.call(callee).get(parameter) if callee else None
    return found is not None and found[1] not in PUBLIC_ROLES


def files(targets: Iterable[str], names: Iterable[str]) -> Mapping[str, frozenset[bytes]]:
    """Which of the files ``names`` may define the ``targets``, by the end of the module's path, and the words to look for in each."""
    wanted = sorted(targets)
    if not wanted:
        return {}
    modules: defaultdict[str, list[tuple[str, list[str]]]] = defaultdict(list)
    settings: list[str] = []
    for path in names:
        if path.endswith(PYTHON) and (parts := link.module_parts(path)):
            modules[parts[-1]].append((path, parts))
            if link.is_settings(path):
                settings.append(path)
    found: defaultdict[str, set[bytes]] = defaultdict(set)
    for target in wanted:
        left, _, name = target.partition("::")
        words = {word.encode() for word in _WORD.findall(name)}
        for path in settings if left == "*" else _fitting(modules, left, name):
            found[path] |= words
    return {path: frozenset(words) for path, words in found.items()}


def _fitting(modules: Mapping[str, Sequence[tuple[str, list[str]]]], left: str, name: str) -> Iterable[str]:
    module = [part for part in left.split(".") if part]
    while name:  # `from shop import settings` may import a module as well as a name
        for path, parts in modules.get(module[-1], ()) if module else ():
            if parts[-len(module) :] == module:
                yield path
        head, dot, rest = name.partition(".")
        module, name = [*module, head], rest if dot else ""


def hits(data: bytes, words: Iterable[bytes], known: Sequence[int] = ()) -> tuple[int, ...]:
    """``known`` offsets and those of the ``words``, ascending; empty when no word is there."""
    found = {m.start() for word in words for m in re.finditer(rb"(?<!\w)" + re.escape(word) + rb"(?!\w)", data)}
    return tuple(sorted(found.union(known))) if found else ()


_FROM = re.compile(rb"^[ \t]*from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]{0,4000}\)|[^\r\n]{0,1000})", re.M)
_CONSTANT = re.compile(rb"[A-Z][A-Z0-9_]*")
_PASSED = re.compile(
    rb"^[ \t]*(?:self\.)?(\w{1,80})[ \t]*=[ \t]*(?:\w{1,80}\.){0,4}([A-Z][A-Z0-9_]*)[ \t]*(?:[\r\n#;]|\Z)", re.M
)


def imported(data: bytes, uses: Iterable[str], modules: Collection[str]) -> bool:
    """Whether one of the constants that a file ``uses`` seems to come from one of these modules (last names): only then is it parsed."""
    handed = {name.encode() for name in uses}
    constants = {name for name in handed if _CONSTANT.fullmatch(name)}
    constants |= {m.group(2) for m in _PASSED.finditer(data) if m.group(1) in handed}
    if not constants:
        return False
    listed = {
        name for m in _FROM.finditer(data) if _last(m.group(1)) in modules for name in re.findall(rb"\w+", m.group(2))
    }
    owners = (
        m.group(1)
        for name in constants
        for m in re.finditer(rb"(\w{1,80})[ \t]*\.[ \t]*" + re.escape(name) + rb"(?!\w)", data)
    )
    return not listed.isdisjoint(constants) or any(o in listed or _last(o) in modules for o in owners)


def _last(module: bytes) -> str:
    return module.rpartition(b".")[2].decode("ascii", "replace")
