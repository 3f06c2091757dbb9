"""Everything that can go wrong in a way a user can act on.

    HardcodeHunterError
    ├── UsageError      wrong flag, configuration, rule file or plan: says the file, the key, what to do
    ├── StaleError      a file or the plan changed since it was made
    └── Refused         a step that would do harm was not taken

A file that cannot be read or parsed is no error but a :class:`~hardcode_hunter.model.Problem`.
"""

from __future__ import annotations


class HardcodeHunterError(Exception):
    """Base class. The message is one sentence for the user and never holds a credential's value."""

    exit_code = 2


class UsageError(HardcodeHunterError):
    """What was asked for makes no sense; nothing was done."""


class StaleError(HardcodeHunterError):
    """Something changed since the plan was made; plan again."""


class Refused(HardcodeHunterError):
    """The step was not taken because it would do harm; the message names what stands in the way."""

    exit_code = 1
