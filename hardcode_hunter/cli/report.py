"""``hardcode-hunter report``: one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path

import click

from hardcode_hunter import completion, config, discover, history, ledger, migration, planfile
from hardcode_hunter import plan as planning
from hardcode_hunter import report as reporting
from hardcode_hunter.cli.scan import end_progress, progress, report_problems
from hardcode_hunter.config import Settings
from hardcode_hunter.diff import masked_diff
from hardcode_hunter.errors import HardcodeHunterError, StaleError, UsageError
from hardcode_hunter.images import Git
from hardcode_hunter.ledger import Ledger
from hardcode_hunter.migration import Tree
from hardcode_hunter.model import Exposure, Span
from hardcode_hunter.report import Report

FILE = "hardcode-hunter-report.html"


@click.command()
@click.argument("path", default=".", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--html",
    "file",
    default=FILE,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"Where to write it. Default: {FILE}.",
)
@click.option(
    "--history", "with_history", is_flag=True, help="Search the git history for the values that are in the code now."
)
@click.option("--isolated", is_flag=True, help="Ignore all configuration files.")
def report(path: Path, file: Path, with_history: bool, isolated: bool) -> int:
    """Write a page about the credentials below PATH, the secrets they become, and how far each has come.

    It needs no network, loads nothing, and holds no value. Exit status: 0 written, 2 error or incomplete.
    """
    root = discover.project_root([path]).resolve()
    settings = config.load(root, isolated=isolated)
    found = gather(root, path, settings, with_history=with_history)
    if not found.scan.files:
        raise UsageError(f"no file to scan in {path}; give a directory that has some")
    try:
        file.write_text(reporting.render(found), encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"--html: {file} cannot be written ({error.strerror}); give another place") from None
    click.echo(f"Wrote {file}")
    return 2 if report_problems(found.scan) else 0


def gather(root: Path, path: Path, settings: Settings, *, with_history: bool = False) -> Report:
    """Everything that the page tells. A plan that was written down is bound to the tree; without one, the plan that would be made is shown."""
    shown = progress()
    planned = (root / planfile.PLAN_FILE).exists()
    stale = ""
    with ledger.hold_existing(root) as held:
        try:
            tree = (
                migration.open_tree(root, settings, held, shown) if planned else _proposed(root, path, settings, held)
            )
        except StaleError as error:
            tree, planned, stale = _proposed(root, path, settings, held), False, str(error)
        diffs = _diffs(tree)
        rows = completion.status(tree, held, ask=False) if held and planned else ()
    end_progress(shown)
    commit = Git(root).ask("rev-parse", "--short=12", "HEAD") if (root / ".git").exists() else ""
    exposures = _exposures(tree) if with_history else None
    return Report(tree.scan, tree.plan, rows, diffs, exposures, planned, stale, commit)


def _proposed(root: Path, path: Path, settings: Settings, held: Ledger | None) -> Tree:
    return migration.make(root, [path], settings, planning.Wish(), held)


def _diffs(tree: Tree) -> dict[str, str]:
    """What would be changed, by path, with every known credential masked on both sides and in the context."""
    spans: dict[str, list[Span]] = {}
    for finding in (*tree.scan.findings, *tree.scan.suppressed):
        spans.setdefault(finding.path, []).append(finding.span)
    hidden = migration.secret_values(migration.live_values(tree))
    found = {}
    for change in migration.preview(tree).changes:
        if change.before is None:
            continue
        source = tree.reading.sources.get(change.path)
        data = source.data if source else (tree.root / change.path).read_bytes()
        found[change.path] = masked_diff(change, data, spans.get(change.path, []), hidden)
    return found


def _exposures(tree: Tree) -> tuple[Exposure, ...]:
    try:
        return history.exposures(tree.root, migration.live_values(tree))
    except HardcodeHunterError as error:
        raise UsageError(f"--history: {error}") from None
