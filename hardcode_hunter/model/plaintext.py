"""The value of a credential, which no way of printing shows."""

from __future__ import annotations

from typing import NoReturn

MASK = "********"


class Plaintext:
    """A credential's value. Every way of printing it shows :data:`MASK`; :meth:`reveal` is the only door.

    Not a dataclass, because ``dataclasses.asdict`` would print it; pickling is refused, so that it cannot cross
    into another process.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself. Each call is a line that a reviewer can search for."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plaintext) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Plaintext, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a plaintext value may not be pickled")

    def __len__(self) -> int:
        return len(self._value)
