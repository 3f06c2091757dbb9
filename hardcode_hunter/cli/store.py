"""``hardcode-hunter store``: delivers the values that ``apply --offline`` kept."""

from __future__ import annotations

from pathlib import Path

import click

from hardcode_hunter import discover, execution, ledger, planfile
from hardcode_hunter.cli import _screen


@click.command()
@click.argument("path", default=".", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--account", default="", help="Confirms the AWS account that values are stored in.")
def store(path: Path, account: str) -> int:
    """Store the values that `apply --offline` kept outside the repository, read them back, and destroy the local copy.

    Exit status: 0 all delivered, 1 something waits, 2 error.
    """
    root = discover.project_root([path])
    plan = planfile.load(root / planfile.PLAN_FILE)
    with ledger.hold(root) as held:
        deliveries = execution.deliver_kept(plan, held, account, _screen.confirmation(), _screen.steps())
    _screen.show_deliveries(deliveries)
    for delivery in deliveries:
        if not delivery.done:
            _screen.say(f"  waits: {delivery.name}: {delivery.message}")
    if not deliveries:
        _screen.say("Nothing waits to be stored.")
    return int(any(not d.done for d in deliveries))
