"""What a shell proposes for values that only we know. Each is asked for when TAB is pressed, and loads what it needs then."""

from __future__ import annotations

from pathlib import Path

import click


def formats(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Names of formats; after a colon the shell completes the file."""
    from hardcode_hunter.plugins import Format, load

    return [name for name in load("formats", Format) if name.startswith(begun)]


def rules(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Ids of rules, the last of a list with commas."""
    from hardcode_hunter import config, discover, ruleset
    from hardcode_hunter.errors import HardcodeHunterError

    before, comma, last = begun.rpartition(",")
    try:
        extra = config.load(discover.project_root(())).extra_rules
        known = ruleset.load(tuple(Path(folder) for folder in extra)).rules
    except HardcodeHunterError:
        return []
    return [f"{before}{comma}{rule.id}" for rule in sorted(known, key=lambda r: r.id) if rule.id.startswith(last)]
