"""``hardcode-hunter status``: how far each secret has come."""

from __future__ import annotations

from pathlib import Path

import click

from hardcode_hunter import completion, config, discover, ledger, migration, planfile
from hardcode_hunter.cli import _screen
from hardcode_hunter.cli.scan import progress
from hardcode_hunter.errors import UsageError
from hardcode_hunter.formats._summary import plural

HEAD = ("secret", "found", "stored", "rewritten", "deployed", "rotation", "next")


@click.command()
@click.argument("path", default=".", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--deployed",
    nargs=2,
    multiple=True,
    metavar="SECRET CONSUMER",
    help="Record that this consumer (path, path:symbol or all) runs its new code.",
)
@click.option(
    "--revoked",
    multiple=True,
    metavar="SECRET",
    help="Record that the old value of this secret works nowhere any more; needs --because.",
)
@click.option("--because", default="", help="How the value was made worthless; recorded.")
@click.option("--ask", is_flag=True, help="Ask the store too; otherwise nothing goes over the network.")
@click.option("--isolated", is_flag=True, help="Ignore all configuration files.")
def status(
    path: Path, deployed: tuple[tuple[str, str], ...], revoked: tuple[str, ...], because: str, ask: bool, isolated: bool
) -> int:
    """One row per secret: found, stored, rewritten, deployed (when told), rotation; and what comes next."""
    root = discover.project_root([path])
    if because and not revoked:
        raise UsageError("--because gives the reason for --revoked SECRET; name the secret")
    told = _screen.steps()
    with ledger.hold(root) as held:
        plan = planfile.load(root / planfile.PLAN_FILE)
        tree = migration.open_tree(root, config.load(root, isolated=isolated), held, progress())
        for secret, consumer in deployed:
            count = completion.record_deployed(tree, held, secret, consumer)
            _screen.say(f"{secret}: {plural(count, 'consumer')} recorded as deployed")
        for secret in revoked:
            completion.record_revoked(plan, held, secret, because)
            _screen.say(f"{secret}: its old value is recorded as worthless ({because})")
        rows = completion.status(tree, held, ask=ask, told=told)
    _screen.end_steps(told)
    table = [HEAD, *((r.secret, str(r.found), r.stored, str(r.rewritten), r.deployed, r.rotated, r.next) for r in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(HEAD))]
    for row in table:
        _screen.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0
