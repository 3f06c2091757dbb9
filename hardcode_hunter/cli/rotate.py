"""``hardcode-hunter rotate``: the second phase, behind its gate."""

from __future__ import annotations

from pathlib import Path

import click

from hardcode_hunter import completion, config, discover, ledger, migration
from hardcode_hunter.cli import _screen
from hardcode_hunter.cli.scan import progress
from hardcode_hunter.errors import UsageError


@click.command()
@click.argument("secrets", nargs=-1, required=True)
@click.option(
    "--path", default=".", type=click.Path(path_type=Path, exists=True, file_okay=False), help="The migrated tree."
)
@click.option("--force", is_flag=True, help="Switch on in spite of obstacles; needs --because.")
@click.option("--because", default="", help="The reason for --force; recorded in the plan.")
@click.option(
    "--consumers",
    multiple=True,
    metavar="DIR",
    help="Checkout of another application that uses the same credentials, beside those in the plan; repeatable.",
)
@click.option("--isolated", is_flag=True, help="Ignore all configuration files.")
def rotate(
    secrets: tuple[str, ...], path: Path, force: bool, because: str, consumers: tuple[str, ...], isolated: bool
) -> int:
    """Emit the infrastructure that switches rotation on for SECRETS, and print its deployment.

    Rotation changes the value at once. It is refused, naming file and line, while a known consumer still holds the old value, reads it only
    at start, or isn't recorded as deployed. Exit status: 0 switched on, 1 refused, 2 error.
    """
    if force and not because.strip():
        raise UsageError('--force needs --because "…": the reason is recorded in the plan')
    root = discover.project_root([path])
    others = [str(Path(other).resolve()) for other in consumers]
    told = _screen.steps()
    with ledger.hold(root) as held:
        tree = migration.open_tree(root, config.load(root, isolated=isolated), held, progress())
        result = completion.rotate(tree, held, secrets, force=because if force else "", others=others, told=told)
    _screen.end_steps(told)
    for obstacle in result.obstacles:
        _screen.say(f"{'forced past' if force else 'refused'}: {obstacle}")
    if result.obstacles and not force:
        return 1
    for name in result.written:
        _screen.say(f"  wrote {name}")
    for deployment in result.deployments:
        _screen.say()
        _screen.say(f"Deploy this to switch rotation on in {deployment.environment} (see migration/ROLL-OUT.md):")
        _screen.say()
        for line in deployment.rotation.splitlines():
            _screen.say(f"    {line}")
    _screen.say()
    _screen.say(
        "What undo would need is still kept outside the repository: once all of this stands, `hardcode-hunter undo --discard` destroys it."
    )
    return 0
