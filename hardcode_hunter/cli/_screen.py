"""What the commands of the migration say, and how they ask."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence

import click

from hardcode_hunter.diff import masked_diff
from hardcode_hunter.execution import Confirm, Told, untold
from hardcode_hunter.formats._summary import printable
from hardcode_hunter.migration import Tree
from hardcode_hunter.model import Change, Plaintext, Plan, Secret, Skip, Span
from hardcode_hunter.store import Delivery, Identity


def say(text: str = "") -> None:
    """One line of the result, whatever stands in it escaped."""
    click.echo(printable(text))


def confirmation(said: str = "The values go to", asked: str = "Store them there?") -> Confirm:
    """Says whose account it is, and asks when nobody named it. Without a terminal nobody can answer, so the answer is no."""

    def confirm(who: Identity, named: bool) -> bool:
        say(f"{said} {who}.")
        return named or (sys.stdin.isatty() and click.confirm(asked, err=True))

    return confirm


def steps() -> Told:
    """Shows on a terminal's stderr what a long step is doing; nothing in a pipe, and nothing in CI."""
    if not sys.stderr.isatty() or os.environ.get("CI"):
        return untold

    def show(text: str) -> None:
        click.echo(f"\r\033[K{printable(text)} …\r", nl=False, err=True)

    return show


def end_steps(told: Told) -> None:
    """Takes the last step's line away again."""
    if told is not untold:
        click.echo("\r\033[K", nl=False, err=True)


def show_changes(tree: Tree, changes: Iterable[Change], values: Iterable[Plaintext]) -> None:
    """Edits as a diff with credentials masked; created files by name and size."""
    spans: dict[str, list[Span]] = {}
    for finding in (*tree.scan.findings, *tree.scan.suppressed):
        spans.setdefault(finding.path, []).append(finding.span)
    hidden = list(values)
    for change in sorted(changes, key=lambda c: (c.before is None, c.path)):
        if change.before is None:
            click.echo(f"new file {printable(change.path)} ({len(change.result(b''))} bytes)")
            continue
        data = (
            tree.reading.sources[change.path].data
            if change.path in tree.reading.sources
            else (tree.root / change.path).read_bytes()
        )
        for line in masked_diff(change, data, spans.get(change.path, []), hidden).splitlines():
            click.echo(printable(line.expandtabs(4)))


def show_plan(plan: Plan) -> None:
    """One block per secret: name, home, fields by place, rotation, open questions."""
    for secret in plan.secrets:
        say(f"{secret.id}  →  {plan.secret_name(secret)}  [{secret.kind}, {secret.home}]")
        for line in _secret_lines(secret):
            say(f"    {line}")
    if plan.skips:
        say(f"Left in the code ({reasons(plan.skips)}):")


def _secret_lines(secret: Secret) -> Iterable[str]:
    for f in secret.fields:
        places = ", ".join(f"{o.path}:{o.line}{'' if o.finding else ' (stays in the code)'}" for o in f.origins)
        yield f"{f.key}: {places or f.constant}"
    yield f"rotation: {secret.rotation.name}" + (f" ({secret.rotation.why})" if secret.rotation.why else "")
    for question in secret.blocked:
        yield f"QUESTION {question.id}: {question.ask}"


def reasons(skips: Sequence[Skip]) -> str:
    """``3 report-only, 1 test-value``"""
    return ", ".join(f"{count} {code}" for code, count in Counter(s.code for s in skips).most_common())


def show_skips(skips: Sequence[Skip]) -> None:
    for skip in skips:
        say(f"  {skip.path}:{skip.line} {skip.code}: {skip.why}")


def show_deliveries(deliveries: Iterable[Delivery]) -> None:
    """What the store has now; what is not there is told with the things that wait."""
    for d in deliveries:
        if d.done:
            say(f"  {d.name}: {d.outcome}{f' ({d.message})' if d.message else ''}")
