"""``hardcode-hunter undo``: puts the tree back."""

from __future__ import annotations

from pathlib import Path

import click

from hardcode_hunter import discover, execution, ledger, planfile
from hardcode_hunter.cli import _screen
from hardcode_hunter.errors import UsageError
from hardcode_hunter.formats._summary import plural


@click.command()
@click.argument("path", default=".", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--leave", multiple=True, metavar="FILE", help="Leave this file as it is; repeatable.")
@click.option(
    "--database-reset", is_flag=True, help="The old password of a rotated secret has been set again in the service."
)
@click.option("--discard", is_flag=True, help="Destroy what undo needs instead: the migration stays.")
@click.option(
    "--delete-secrets",
    is_flag=True,
    help="Then schedule the secrets that were stored for deletion, with 30 days to restore them.",
)
@click.option("--account", default="", help="Confirms the AWS account in which secrets are deleted.")
@click.option("--dry-run", is_flag=True, help="Say what would be put back; touch nothing.")
def undo(
    path: Path,
    leave: tuple[str, ...],
    database_reset: bool,
    discard: bool,
    delete_secrets: bool,
    account: str,
    dry_run: bool,
) -> int:
    """Put every file that `apply` wrote below PATH back, byte for byte. Files edited since are refused and shown.

    Secrets in AWS are left: their names, and how to delete them, are printed; with --delete-secrets those that this migration stored, and
    nobody changed since, are scheduled for deletion.
    """
    root = discover.project_root([path])
    if delete_secrets and (discard or dry_run or leave):
        raise UsageError("--delete-secrets is for a tree that is put back completely; leave the other options out")
    with ledger.hold(root) as held:
        if discard:
            count = execution.forget(held)
            _screen.say(
                f"What undo needed is destroyed, of {plural(count, 'change')}. Values that wait for the store are kept."
            )
            return 0
        done = execution.undo(root, held, leave=leave, database_reset=database_reset, dry_run=dry_run)
        deleted = _delete(root, held, account) if delete_secrets else []
    restored, removed = ("would be restored:", "would be removed:") if dry_run else ("restored", "removed")
    for name in done.restored:
        _screen.say(f"  {restored} {name}")
    for name in done.removed:
        _screen.say(f"  {removed} {name}")
    for line in deleted if delete_secrets else done.left:
        _screen.say(f"  left: {line}" if not delete_secrets else f"  {line}")
    if not (done.restored or done.removed):
        _screen.say("Nothing was to be put back.")
    return 0


def _delete(root: Path, held: ledger.Ledger, account: str) -> list[str]:
    plan = planfile.load(root / planfile.PLAN_FILE)
    return execution.delete_secrets(plan, held, account, _screen.confirmation("Secrets are deleted in", "Delete them?"))
