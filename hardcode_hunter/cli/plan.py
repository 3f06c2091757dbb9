"""``hardcode-hunter plan``: what would become of the findings, as a diff and a file to edit."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

from hardcode_hunter import config, discover, ledger, migration, planfile
from hardcode_hunter import plan as planning
from hardcode_hunter.cli import _screen
from hardcode_hunter.cli.scan import progress, report_problems
from hardcode_hunter.errors import UsageError
from hardcode_hunter.formats._summary import plural
from hardcode_hunter.generate import generate


@click.command()
@click.argument("path", default=".", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--environment",
    default="",
    help="The environment that the values in the code belong to. Default: told from paths, else production.",
)
@click.option(
    "--application", default="", help="Name of the application, part of secrets' names. Default: the directory's name."
)
@click.option("--account", default="", help="AWS account of the environment.")
@click.option("--region", default="", help="AWS region of the environment.")
@click.option("--profile", default="", help="AWS profile of the environment.")
@click.option(
    "--order",
    type=click.Choice(["", "shell-first", "adopt"]),
    default="",
    help="Who creates secrets: the stack (default), or they exist.",
)
@click.option("--retriever", default="", help="How rewritten Python fetches secrets: helper (default), boto3 …")
@click.option(
    "--infrastructure",
    type=click.Choice(["", "cloudformation", "terraform"]),
    default="",
    help="What to generate. Default: what the tree has.",
)
@click.option(
    "--adopt",
    multiple=True,
    metavar="SECRET=NAME",
    help="An existing secret (name or ARN) that holds the values of this one; compared in memory.",
)
@click.option(
    "--consumers",
    multiple=True,
    metavar="DIR",
    help="Checkout of another application that uses the same credentials; recorded, repeatable.",
)
@click.option("--no-diff", is_flag=True, help="Don't print the diff.")
@click.option("--isolated", is_flag=True, help="Ignore all configuration files.")
def plan(
    path: Path,
    environment: str,
    application: str,
    account: str,
    region: str,
    profile: str,
    order: str,
    retriever: str,
    infrastructure: str,
    adopt: tuple[str, ...],
    consumers: tuple[str, ...],
    no_diff: bool,
    isolated: bool,
) -> int:
    """Group the findings below PATH into secrets, write migration/plan.yaml, and show what would change.

    Run it again after editing the plan or the code: edits of the plan are kept. Exit status: 0 nothing to do, 1 changes pending, 2 error.
    """
    if application and not re.fullmatch(r"[A-Za-z0-9/_+=.@-]{1,128}", application):
        raise UsageError(
            "--application: it is part of secrets' names and a tag: 1 to 128 letters, digits and /_+=.@- only"
        )
    root = discover.project_root([path])
    settings = config.load(root, isolated=isolated)
    trees = tuple(os.path.relpath(Path(other).resolve(), root.resolve()) for other in consumers)
    wish = planning.Wish(application, environment, account, region, profile, order, retriever, infrastructure, trees)
    pairs = [_pair(text) for text in adopt]
    with ledger.hold_existing(root) as held:
        tree = migration.make(root, [path], settings, wish, held, progress())
    if not tree.scan.files:
        raise UsageError(f"no file to scan in {path}; give a directory that has some")
    incomplete = report_problems(tree.scan)
    for secret, name in pairs:
        who = migration.adopt_existing(tree, secret, name)
        _screen.say(f"{secret} is served by {name} in {who}; compared in memory, nothing was written there.")
    preview = migration.preview(tree)
    generate(tree.plan)  # what can't be deployed is refused now, not when it is applied
    planfile.save(root, tree.plan)
    if not no_diff:
        _screen.show_changes(tree, preview.changes, migration.secret_values(migration.live_values(tree)))
        _screen.say()
    _screen.show_plan(tree.plan)
    _screen.show_skips(tree.plan.skips)
    _screen.say()
    asked = sum(len(s.blocked) for s in tree.plan.secrets)
    left = len({(r.path, r.span) for r in tree.plan.replacements})
    _screen.say(
        f"{plural(len(tree.plan.secrets), 'secret')}, {plural(left, 'literal')} to move, {plural(asked, 'open question')}. Written: {planfile.PLAN_FILE}"
    )
    if not left and not asked:
        _screen.say("Nothing to migrate.")
    else:
        _screen.say("Next: review it, edit what should be otherwise, then `hardcode-hunter apply`.")
    return 2 if incomplete else int(bool(left or asked))


def _pair(text: str) -> tuple[str, str]:
    secret, equals, name = text.partition("=")
    if not equals or not secret or not name:
        raise UsageError(f"--adopt: '{text}' is no SECRET=NAME; write it as in 'postgres=production/shop/db'")
    return secret, name
