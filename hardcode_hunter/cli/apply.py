"""``hardcode-hunter apply``: takes the plan as far as it can go, and says what waits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from hardcode_hunter import config, discover, execution, ledger, migration, pullrequest
from hardcode_hunter.cli import _screen
from hardcode_hunter.cli._seal import complain
from hardcode_hunter.cli.scan import progress, report_problems
from hardcode_hunter.generate import Deployment, generate
from hardcode_hunter.model import Tier


@click.command()
@click.argument("path", default=".", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--dry-run", is_flag=True, help="Print the diff; touch nothing, store nothing.")
@click.option(
    "--offline",
    is_flag=True,
    help="Rewrite and generate now; keep the values, outside the repository, until `store` delivers them.",
)
@click.option("--account", default="", help="Confirms the AWS account that values are stored in.")
@click.option("--review", is_flag=True, help="Apply the edits of tier `review` too.")
@click.option(
    "--branch",
    default="",
    metavar="NAME",
    help="Commit on this branch, one commit for each secret, and write the pull request's text; nothing is pushed.",
)
@click.option("--isolated", is_flag=True, help="Ignore all configuration files.")
def apply(path: Path, dry_run: bool, offline: bool, account: str, review: bool, branch: str, isolated: bool) -> int:
    """Carry out migration/plan.yaml below PATH: infrastructure, then values into the store, then the code.

    It stops where a person has to act (a deployment, a question), says so, and goes on from there when it is called again.
    Exit status: 0 done, 1 something waits, 2 error.
    """
    root = discover.project_root([path])
    tiers = frozenset({Tier.SAFE.value, Tier.REVIEW.value} if review else {Tier.SAFE.value})
    settings = config.load(root, isolated=isolated)
    if dry_run:
        with ledger.hold_existing(root) as known:
            tree = migration.open_tree(root, settings, known, progress())
            rotating = known.rotating if known else frozenset()
        return max(2 * report_problems(tree.scan), _dry_run(tree, tiers, rotating))
    told = _screen.steps()
    with ledger.hold(root) as held:
        tree = migration.open_tree(root, settings, held, progress())
        incomplete = report_problems(tree.scan)
        order = execution.Order(tiers, offline=offline, account=account, branch=branch)
        outcomes = execution.apply(tree, held, order, _screen.confirmation(), told)
    _screen.end_steps(told)
    _screen.show_deliveries(outcomes.deliveries)
    for name in outcomes.written:
        _screen.say(f"  wrote {name}")
    for commit in outcomes.commits:
        _screen.say(f"  committed {commit.id[:12]} {commit.subject}")
    if outcomes.skips:
        _screen.say(f"Left in the code ({_screen.reasons(outcomes.skips)}):")
        _screen.show_skips(outcomes.skips)
    if outcomes.unmet:
        _screen.say(f"Add to the project's dependencies: {', '.join(outcomes.unmet)}")
    _waits(outcomes.waiting, outcomes.deploy)
    for failure in outcomes.failures:
        complain(f"error: {failure}")
    if not outcomes.waiting and not outcomes.failures:
        rest = (
            "`hardcode-hunter store` when AWS can be reached, then deploy"
            if offline
            else "deploy the code, then `hardcode-hunter verify`"
        )
        todo = (
            f"open a pull request for '{branch}' with {pullrequest.PATH} as its text"
            if branch
            else "review the changes, commit them"
        )
        _screen.say(f"Nothing is left to apply. Next: {todo}, {rest}.")
    return max(2 * incomplete, int(bool(outcomes.waiting)), *(failure.exit_code for failure in outcomes.failures))


def _dry_run(tree: migration.Tree, tiers: frozenset[str], rotating: frozenset[str]) -> int:
    preview = migration.rewrite(tree, tree.plan, tiers)
    hidden = migration.secret_values(migration.live_values(tree))
    _screen.show_changes(tree, (*preview.changes, *generate(tree.plan, enable_rotation=rotating)), hidden)
    _screen.show_skips((*tree.plan.skips, *preview.skips))
    return int(bool(preview.changes))


def _waits(waiting: Sequence[str], deploy: Sequence[Deployment]) -> None:
    for line in waiting:
        _screen.say(f"  waits: {line}")
    for deployment in deploy:
        _screen.say()
        _screen.say(
            f"Deploy the empty secrets of {deployment.environment}, then call `hardcode-hunter apply` again (see migration/ROLL-OUT.md):"
        )
        _screen.say()
        for line in deployment.shell.splitlines():
            _screen.say(f"    {line}")
        for name, meaning in deployment.required.items():
            _screen.say(f"    # {name}: {meaning}")
