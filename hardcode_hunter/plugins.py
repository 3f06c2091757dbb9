"""The extension points. A plug-in is a value: a module defines one typed constant, and adding one is adding one file."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from hardcode_hunter.model import Access, Extraction, Replacement, Rewrite, Scan, Source

Hits = Sequence[int] | None
"""Byte offsets (ascending) that the first pass marked, or ``None`` for "everything"."""


@dataclass(frozen=True, slots=True)
class Language:
    """One kind of source file.

    ``candidates(source, hits)`` must equal ``candidates(source, None)`` kept where :func:`near` holds.
    ``recognises(path, data)`` decides among languages that claim the same suffix; the highest ``priority`` that
    recognises the file wins. ``rewrite`` is ``None`` for languages that are only reported. It is called once for all files: it gets
    *every* file of the language below the root, with findings or not (a variable's uses stand in other files than its value), and answers
    with a :class:`Rewrite` for each file that a replacement names or an edit touches. ``passes_on`` tells whether a file in which the
    first pass found nothing can still give a value to a name that other files use. ``runs_as`` maps the symbol of each thing in a file
    that runs (a function, a task) to its runtime and role, as :class:`~hardcode_hunter.model.Consumer` has them. ``functions`` are those
    of all files, and which of the replacements reach a variable of one.
    """

    name: str
    title: str
    candidates: Callable[[Source, Hits], Extraction]
    suffixes: tuple[str, ...] = ()
    filenames: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()  # globs over the lower-case file name
    recognises: Callable[[str, bytes], bool] | None = None
    rewrite: Callable[[Mapping[str, Source], Sequence[Replacement], Rewriting], Mapping[str, Rewrite]] | None = None
    passes_on: Callable[[str, bytes], bool] | None = None
    runs_as: Callable[[Source], Mapping[str, tuple[str, str]]] | None = None
    functions: (
        Callable[[Mapping[str, Source], Sequence[Replacement]], tuple[Sequence[Function], Sequence[Handed]]] | None
    ) = None
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a template: the code that gets the environment ``variables``.

    ``runtime`` and ``handler`` are as written (``python3.12``, ``app.handler``) and may be empty; ``folder`` is where its code lies in the
    tree, ``None`` when the template doesn't say. ``inline`` code stands in the template itself.
    """

    path: str
    symbol: str
    runtime: str = ""
    handler: str = ""
    folder: str | None = None
    inline: bool = False
    variables: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Handed:
    """A credential that a function gets as the whole value of a variable: ``finding`` is the replacement's."""

    finding: str
    function: Function
    variable: str


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What a rewriter needs beside the source: the way to each secret, the retriever, and which tiers may be applied."""

    access: Mapping[tuple[str, str], Access]  # (secret id, key) -> access
    retriever: Retriever
    helper_modules: Mapping[
        str, str
    ]  # path of a Python file -> dotted name under which it imports the generated module
    tiers: frozenset[str] = frozenset({"safe"})
    chosen: Mapping[str, str] = field(
        default_factory=dict
    )  # path of a Python file -> retriever, where it is not the plan's
    handlers: Mapping[str, str] = field(default_factory=dict)
    """Finding in a function's variable -> why the function's code can't read the secret itself; empty when its rewrite is part of the plan"""


@dataclass(frozen=True, slots=True)
class Retriever:
    """How rewritten Python fetches a secret.

    ``expression(access, function)`` is a Python expression of type ``str``; ``function`` is the name that is free in the file and bound to
    :attr:`function`. ``fresh`` is the same for a read that must not come from a cache (``None``: nothing is cached). ``module`` renders the generated module (``None`` when nothing is generated);
    ``definition`` renders source to be placed after the imports of the rewritten file instead. ``function_async`` is what
    coroutines await instead of :attr:`function`. ``retry`` and ``retry_async`` are functions of the generated module that are given the
    secret, the exceptions of a refusal and the call, and repeat the call once after a rotation.
    """

    name: str
    title: str
    expression: Callable[[Access, str], str]
    function: str
    fresh: Callable[[Access, str], str] | None = None
    function_async: str = ""
    retry: str = ""
    retry_async: str = ""
    module_name: str = ""
    module: Callable[[Sequence[Access]], str] | None = None
    definition: Callable[[Sequence[Access], str], str] | None = None
    definition_imports: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    iam_actions: tuple[str, ...] = ("secretsmanager:GetSecretValue",)


@dataclass(frozen=True, slots=True)
class Format:
    """One way to print a scan. ``render`` returns the whole text; it is given no plaintext, so it can print none.

    ``styled`` ones have ANSI colours in it, which the command line takes out unless it prints to a terminal.
    """

    name: str
    title: str
    render: Callable[[Scan], str]
    styled: bool = False


@dataclass(frozen=True, slots=True)
class Rotation:
    """A rotation Lambda that is emitted verbatim.

    ``directory`` lies beside the module in ``rotations/``; ``handler`` is ``file.function``; ``requirements`` are pinned, pure-Python
    distributions that the deployment package carries. ``required_keys`` must be in the secret's JSON. ``parts`` are files of
    ``rotations/parts`` that the package holds too; ``supplied`` are files that a person writes.
    ``hosted`` is the type of a function that AWS keeps: then there is no directory, and nothing of ours is deployed.
    """

    name: str
    title: str
    engines: tuple[str, ...]
    users: str  # "single" | "alternating"
    directory: str
    handler: str
    required_keys: tuple[str, ...]
    iam_actions: tuple[str, ...]
    exclude_characters: str = ""
    requirements: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    supplied: tuple[str, ...] = ()
    hosted: str = ""


T = TypeVar("T")


def near(extent_start: int, extent_end: int, hits: Hits) -> bool:
    """Whether a candidate whose name or call starts at ``extent_start`` and whose literal ends at ``extent_end`` is marked."""
    if hits is None:
        return True
    from bisect import bisect_left

    at = bisect_left(hits, extent_start)
    return at < len(hits) and hits[at] <= extent_end


@cache
def load(package: str, kind: type[T]) -> Mapping[str, T]:
    """All constants of type ``kind`` in the modules of ``hardcode_hunter.<package>``, by name, sorted."""
    home = importlib.import_module(f"hardcode_hunter.{package}")
    found: dict[str, T] = {}
    for info in sorted(pkgutil.iter_modules(home.__path__), key=lambda m: m.name):
        module = importlib.import_module(f"{home.__name__}.{info.name}")
        for value in vars(module).values():
            if isinstance(value, kind):
                found[value.name] = value  # type: ignore[attr-defined]
    return dict(sorted(found.items()))


@cache
def load_one(package: str, module: str, kind: type[T]) -> T:
    """The constant of type ``kind`` in ``hardcode_hunter.<package>.<module>``, and no other module of the package is loaded."""
    found = vars(importlib.import_module(f"hardcode_hunter.{package}.{module}")).values()
    return next(value for value in found if isinstance(value, kind))
