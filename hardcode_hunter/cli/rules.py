"""``hardcode-hunter rules``: what is looked for, why, and whether every example still holds."""

from __future__ import annotations

from pathlib import Path

import click

from hardcode_hunter import config, discover, ruleset
from hardcode_hunter.errors import UsageError
from hardcode_hunter.model import Home
from hardcode_hunter.ruleset import Rule

PLANNED = "`hardcode-hunter plan` rewrites Python, CloudFormation and Terraform so that it is read {there}; elsewhere take it out by hand"
FIXES = {
    Home.SECRETS_MANAGER: PLANNED.format(there="from AWS Secrets Manager"),
    Home.PARAMETER_STORE: PLANNED.format(there="from the Parameter Store"),
    Home.MANAGED: "let the service make and keep the password; `hardcode-hunter plan` offers it",
    Home.ROLE: "let the program use the role that it runs with, which `hardcode-hunter plan` proposes, and delete the key",
}
FENCES = {"terraform": "hcl", "cloudformation": "yaml"}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def rules() -> None:
    """Show the rules, and check their examples."""


def _folders() -> tuple[Path, ...]:
    """The folders of the built-in rules and of the project's own."""
    settings = config.load(discover.project_root(()))
    return (ruleset.home(), *(Path(folder) for folder in settings.extra_rules))


@rules.command("list")
@click.option("--kind", help="Only rules of this kind of credential.")
def list_(kind: str | None) -> int:
    """One row per rule: id, kind, severity, what it matches, title."""
    found = [rule for rule in ruleset.load(_folders()[1:]).rules if kind in (None, rule.kind.value)]
    if not found:
        raise UsageError(f"no rule is of kind '{kind}'; `hardcode-hunter rules list` shows them all")
    width = max(len(rule.id) for rule in found)
    for rule in sorted(found, key=lambda r: (r.kind, r.id)):
        click.echo(
            f"{rule.id:{width}}  {rule.kind.value:22}  {rule.severity.value:8}  {_matches(rule):28}  {rule.title}"
        )
    click.echo(f"{len(found)} rules", err=True)
    return 0


def _matches(rule: Rule) -> str:
    counted = {
        "calls": rule.calls,
        "names": rule.names,
        "values": rule.values,
        "properties": rule.properties,
        "symbols": rule.symbols,
        "URLs": rule.schemes,
    }
    return ", ".join(
        f"{len(rows)} {what}" if what in ("calls", "properties") else what for what, rows in counted.items() if rows
    )


@rules.command("explain")
@click.argument("id")
def explain(id: str) -> int:
    """What a rule looks for, how to store and rotate it, and its examples."""
    found = {rule.id: rule for rule in ruleset.with_samples(_folders())}
    rule = found.get(id) or ruleset.load(_folders()[1:]).get(id)
    if rule is None:
        import difflib

        near = difflib.get_close_matches(id, found, 1)
        raise UsageError(
            f"no rule is called '{id}'; {f'did you mean {near[0]!r}?' if near else '`hardcode-hunter rules list` shows them all'}"
        )
    click.echo(page(rule))
    return 0


def page(rule: Rule, shown: int = 2) -> str:
    """The rule as Markdown: what it is, what it matches, where it goes, the first ``shown`` examples of each kind."""
    lines = [
        f"### {rule.id}",
        "",
        f"{rule.title[:1].upper()}{rule.title[1:]}: {rule.kind.value}, severity {rule.severity.value}, confidence up to {rule.confidence.label}.",
        "",
        rule.description,
        "",
    ]
    lines += [
        f"- **fix**: {FIXES[rule.home]}. Replace what others could read: whoever has a copy of the code has the value",
        f"- **store**: {rule.home.value}, {rule.home_why}",
        f"- **rotation**: {rule.rotation}, {rule.rotation_why}",
    ]
    lines += _matched(rule)
    lines += [f"- {link}" for link in rule.references]
    for title, samples in (("Found", rule.examples), ("Not found", rule.near_misses)):
        for sample in samples[:shown]:
            lines += [
                "",
                f"{title}:",
                "",
                f"```{FENCES.get(sample.language, sample.language)}",
                sample.written.strip("\n"),
                "```",
            ]
    return "\n".join(lines)


def _matched(rule: Rule) -> list[str]:
    lines = []
    for call in {c.documentation: c for c in reversed(rule.calls)}.values():
        same = [c.callee for c in rule.calls if c.documentation == call.documentation]
        roles = "; ".join(f"{role} {', '.join(parameters)}" for role, parameters in call.roles.items())
        lines.append(f"- calls [{', '.join(same[:4])}{' …' if len(same) > 4 else ''}]({call.documentation}): {roles}")
    rows = {
        "names that end in": rule.names,
        "paths that end in": rule.symbols,
        "values like": tuple(v.regex for v in rule.values),
        "URLs of": rule.schemes,
    }
    lines += [f"- {what} {', '.join(f'`{row}`' for row in found)}" for what, found in rows.items() if found]
    if rule.properties:
        shown = ", ".join(f"`{p}`" for p in rule.properties[:12])
        lines.append(
            f"- properties {shown}{f' and {len(rule.properties) - 12} more' if len(rule.properties) > 12 else ''}"
        )
    return lines


@rules.command("check")
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--cost", is_flag=True, help="Measure what each rule costs, the dearest first, instead.")
@click.option(
    "--over",
    multiple=True,
    metavar="PATH",
    type=click.Path(exists=True, path_type=Path),
    help="With --cost: the files to measure over. By default all examples.",
)
@click.option("--top", type=click.IntRange(min=1), metavar="N", help="With --cost: only the N dearest rules.")
def check(files: tuple[Path, ...], cost: bool, over: tuple[Path, ...], top: int | None) -> int:
    """Run every example and near miss (of FILES, or of all rules) through the path of a scan.

    Exit status: 0 all hold, 1 some don't, 2 a rule file can't be used.
    """
    from hardcode_hunter.cli._rulecheck import check as run

    if (over or top) and not cost:
        raise UsageError("--over and --top say what to measure; give --cost too")
    wanted = ruleset.with_samples(files or _folders())
    if cost:
        return _cost(wanted, files, over, top or 0)
    outcome = run(wanted, ruleset.with_files(files))
    for failure in outcome.failures:
        click.echo(f"{failure.rule}: {failure.kind}[{failure.number}]: {failure.what}")
    for language, number in sorted(outcome.skipped.items()):
        click.echo(f"warning: {number} examples not run: there is no language '{language}'", err=True)
    click.echo(f"{len(wanted)} rules, {outcome.checked} examples, {len(outcome.failures)} failures", err=True)
    if not outcome.checked:
        raise UsageError("no example was run; give files whose examples are in a language that is there")
    return int(bool(outcome.failures))


def _cost(wanted: tuple[Rule, ...], files: tuple[Path, ...], over: tuple[Path, ...], top: int) -> int:
    from hardcode_hunter.cli import _rulecost

    everything = wanted if over else ruleset.with_samples((ruleset.home(),))
    costs = _rulecost.measure(wanted, ruleset.with_files(files), _rulecost.corpus(over, everything))
    for row in _rulecost.table(costs, top):
        click.echo(row)
    click.echo(_rulecost.summary(costs), err=True)
    return 0
