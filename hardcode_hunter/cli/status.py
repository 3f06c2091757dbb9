"""``hardcode-hunter status``: how far each secret has come."""

from __future__ import annotations

from pathlib import Path

import click

from hardcode_hunter import completion, config, discover, migration, planfile
from hardcode_hunter.cli import _screen
from hardcode_hunter.formats._summary import plural

HEAD = ("secret", "found", "stored", "rewritten", "deployed", "rotation", "next")


@click.command()
@click.argument("path", default=".", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--deployed", nargs=2, multiple=True, metavar="SECRET CONSUMER", help="Record that this consumer (path, path:symbol or all) runs its new code.")
@click.option("--ask", is_flag=True, help="Ask the store too; otherwise nothing goes over the network.")
@click.option("--isolated", is_flag=True, help="Ignore all configuration files.")
def status(path: Path, deployed: tuple[tuple[str, str], ...], ask: bool, isolated: bool) -> int:
    """One row per secret: found, stored, rewritten, deployed (when told), rotation; and what comes next."""
    root = discover.project_root([path])
    for secret, consumer in deployed:
        count = completion.record_deployed(root, planfile.load(root / planfile.PLAN_FILE), secret, consumer)
        _screen.say(f"{secret}: {plural(count, 'consumer')} recorded as deployed")
    tree = migration.open_tree(root, config.load(root, isolated=isolated))
    rows = completion.status(tree, ask=ask)
    table = [HEAD, *((r.secret, str(r.found), r.stored, str(r.rewritten), r.deployed, r.rotated, r.next) for r in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(HEAD))]
    for row in table:
        _screen.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0
