"""How far a migration has come: what the store holds, what is left in the tree, what stands in the way of a rotation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Observation:
    """One secret as the store has it. ``keys`` are the JSON keys (one empty key for plain text); ``error`` says why it can't be told."""

    secret: str
    name: str
    exists: bool = False
    keys: frozenset[str] = frozenset()
    version: str = ""
    rotating: bool = False
    error: str = ""

    @property
    def stored(self) -> bool:
        """Whether it has a value."""
        return bool(self.version) and not self.error


@dataclass(frozen=True, slots=True)
class Reader:
    """Whether a role or user may read a secret, by the policies in force; ``allowed`` is ``None`` when that can't be told, and ``why`` says why."""

    secret: str
    role: str
    allowed: bool | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Copy:
    """A moved value that stands somewhere else, told without showing it. ``counts`` is false for what may be there by chance."""

    path: str
    line: int
    secret: str
    key: str
    encoding: str
    counts: bool = True

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: holds '{self.secret}.{self.key}' ({self.encoding})"


@dataclass(frozen=True, slots=True)
class Exposure:
    """A moved value in the history of the repository: in how many commits a file was written with it, from which to which (abbreviated ids).

    ``remote`` when the first of them is on a remote that this repository knows. Rewriting history does not un-leak it.
    """

    path: str  # empty: in a commit's message
    secret: str
    key: str
    commits: int
    first: str
    last: str
    remote: bool

    def __str__(self) -> str:
        place = self.path or "a commit message"
        where = "on a remote" if self.remote else "on no known remote"
        count = f"{self.commits} commit" + ("" if self.commits == 1 else "s")
        return f"{place}: held '{self.secret}.{self.key}' in {count}, first {self.first}, last {self.last}, {where}"


@dataclass(frozen=True, slots=True)
class Left:
    """One thing that is left to do, or that could not be checked. ``code``: copy, unmigrated, question, not-stored, lacks-field,
    not-readable, no-role, exposed; unreadable, unreachable. ``path`` and ``line`` are empty and 0 where it has no place in the tree."""

    code: str
    path: str
    line: int
    secret: str
    what: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.what}" if place else self.what


@dataclass(frozen=True, slots=True)
class Verification:
    """``left`` has to be done; ``listed`` may be chance; ``unknown`` could not be checked; ``exposed`` secrets are never rotated: what
    leaked of them stays open until it is renewed where it was issued and that is recorded. ``history`` is told when it was searched."""

    left: tuple[Left, ...] = ()
    listed: tuple[Copy, ...] = ()
    unknown: tuple[Left, ...] = ()
    exposed: tuple[str, ...] = ()
    history: tuple[Exposure, ...] = ()
    files: int = 0

    @property
    def complete(self) -> bool:
        """Nothing is left, and nothing remained unchecked."""
        return not self.left and not self.unknown


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a secret can't be rotated yet, and where that stands. ``code``: no-rotation, question, holds-value, shared-login,
    reads-at-start, breaks-string, not-stored, not-deployed, unknown."""

    secret: str
    path: str
    line: int
    code: str
    why: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.secret}: {self.why}"
