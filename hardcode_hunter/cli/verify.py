"""``hardcode-hunter verify``: what is left of a migration."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import click

from hardcode_hunter import completion, config, discover, ledger, migration
from hardcode_hunter.cli import _screen
from hardcode_hunter.cli.scan import progress, report_problems
from hardcode_hunter.formats._summary import plural
from hardcode_hunter.model import Verification


@click.command()
@click.argument("path", default=".", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--history", is_flag=True, help="Search every commit too: first and last, how many, and whether a remote has it."
)
@click.option(
    "--consumers",
    multiple=True,
    metavar="DIR",
    help="Checkout of another application that uses the same credentials, beside those in the plan; repeatable.",
)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="How to print.")
@click.option("--isolated", is_flag=True, help="Ignore all configuration files.")
def verify(path: Path, history: bool, consumers: tuple[str, ...], output: str, isolated: bool) -> int:
    """Search all files for copies of migrated values, in every encoding, and check that the store has what the code reads.

    Exit status: 0 complete, 1 work left, 2 something could not be checked.
    """
    root = discover.project_root([path])
    others = [str(Path(other).resolve()) for other in consumers]
    told = _screen.steps()
    with ledger.hold(root) as held:
        tree = migration.open_tree(root, config.load(root, isolated=isolated), held, progress())
        incomplete = report_problems(tree.scan)
        result = completion.verify(tree, held, history=history, others=others, told=told)
    _screen.end_steps(told)
    if output == "json":
        click.echo(json.dumps(_row(result), indent=2))
    else:
        _show(result)
    return 2 if incomplete or result.unknown else int(bool(result.left))


def _row(result: Verification) -> dict[str, object]:
    left = [{"code": x.code, "path": x.path, "line": x.line, "secret": x.secret, "what": x.what} for x in result.left]
    listed = [
        {"path": c.path, "line": c.line, "secret": c.secret, "key": c.key, "encoding": c.encoding}
        for c in result.listed
    ]
    history = [
        {
            "path": e.path,
            "secret": e.secret,
            "key": e.key,
            "commits": e.commits,
            "first": e.first,
            "last": e.last,
            "remote": e.remote,
        }
        for e in result.history
    ]
    rest = {
        "history": history,
        "unknown": [str(one) for one in result.unknown],
        "exposed": list(result.exposed),
        "files": result.files,
    }
    return {"version": 1, "complete": result.complete, "left": left, "listed": listed, **rest}


def _show(result: Verification) -> None:
    for one in result.left:
        _screen.say(str(one))
    for what, times in Counter(str(one) for one in result.unknown).items():
        _screen.say(f"could not be checked: {what}" + (f" ({times} secrets)" if times > 1 else ""))
    if result.listed:
        _screen.say(f"{plural(len(result.listed), 'place')} hold a value that is too common to tell (not counted):")
        for copy in result.listed[:20]:
            _screen.say(f"  {copy}")
    for place in result.history:
        _screen.say(str(place))
    if result.history:
        _screen.say(
            "Rewriting history does not un-leak a value: whoever has a copy keeps it. Rotate or renew it first."
        )
    verdict = "Complete: nothing is left" if result.complete else f"{plural(len(result.left), 'thing')} left to do"
    _screen.say(f"{verdict}. {plural(result.files, 'file')} searched.")
