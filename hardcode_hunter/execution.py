"""Carries a plan out, and takes it back. Calls the stages in the one order that can't lose a value.

Infrastructure first (an empty shell), then each live value into the store and read back, then the code: a file is touched only for
secrets whose value the store has, or that the escrow keeps when there is no store to reach.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hardcode_hunter import apply as applying
from hardcode_hunter import migration, pullrequest
from hardcode_hunter import undo as undoing
from hardcode_hunter.branch import Branch, Commit
from hardcode_hunter.errors import HardcodeHunterError, Refused, UsageError
from hardcode_hunter.generate import Deployment, deployments, generate, key_alias
from hardcode_hunter.ledger import Ledger
from hardcode_hunter.migration import Preview, Tree, Values
from hardcode_hunter.model import Change, Environment, Home, Plan, Secret, Skip
from hardcode_hunter.store import (
    Connection,
    Delivery,
    Identity,
    Outcome,
    connect,
    deliver,
    fetch,
    identify,
    missing,
    require_account,
    schedule_deletion,
)

STORED = (Home.SECRETS_MANAGER, Home.PARAMETER_STORE)
Confirm = Callable[[Identity, bool], bool]
"""Shows whose account it is; whether to go on. The flag says that the account was named beforehand."""
Told = Callable[[str], None]
"""Is called with what a long step is doing."""


def untold(text: str) -> None:
    """For callers that nobody watches."""


@dataclass(frozen=True, slots=True)
class Order:
    """How ``apply`` is to run. ``tiers`` are those of the edits that may be made."""

    tiers: frozenset[str]
    offline: bool = False
    account: str = ""
    branch: str = ""  # of the commits, when there are to be any


@dataclass(slots=True)
class Outcomes:
    """What ``apply`` did and what waits. ``deliveries`` are empty when it ran offline; ``plan`` has the replacements that were tried;
    ``failures`` say why an environment's store could not be used."""

    plan: Plan
    written: list[str] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    skips: tuple[Skip, ...] = ()
    unmet: tuple[str, ...] = ()
    waiting: list[str] = field(default_factory=list)
    deploy: list[Deployment] = field(default_factory=list)
    infrastructure: tuple[Change, ...] = ()
    commits: tuple[Commit, ...] = ()
    failures: list[HardcodeHunterError] = field(default_factory=list)


def apply(tree: Tree, ledger: Ledger, order: Order, confirm: Confirm, told: Told = untold) -> Outcomes:
    """Takes the plan as far as it can go. Called again after each thing that waited, it goes on from there."""
    outcomes = Outcomes(tree.plan)
    open_plan = replace(tree.plan, secrets=tuple(s for s in tree.plan.secrets if not s.blocked))
    for secret in tree.plan.secrets:
        outcomes.waiting += [f"secret '{secret.id}': {q.ask}" for q in secret.blocked]
    values = migration.live_values(tree)
    branch = pullrequest.begin(tree, ledger, order.branch) if order.branch else None
    if open_plan.secrets:
        told("writing the infrastructure")
        outcomes.infrastructure = generate(tree.plan, enable_rotation=ledger.rotating)
    outcomes.written += _write(tree, outcomes.infrastructure, ledger, values)
    if branch and outcomes.infrastructure:
        pullrequest.commit_infrastructure(branch, tree, outcomes.infrastructure)
    if order.offline:
        moving = {r.secret for r in tree.plan.replacements} & {s.id for s in open_plan.secrets}
        ledger.escrow.put({key: value for key, value in values.items() if key[0] in moving})
        ready = {s.id for s in open_plan.secrets}
    else:
        kept = ledger.escrow.values()
        ready = _deliver(
            open_plan, _pending(open_plan, ledger), {**kept, **values}, ledger, outcomes, order, confirm, told
        )
        ledger.escrow.forget([d.secret for d in outcomes.deliveries if d.done])
    outcomes.plan = replace(tree.plan, replacements=tuple(r for r in tree.plan.replacements if r.secret in ready))
    told("rewriting")
    preview = migration.rewrite(tree, outcomes.plan, order.tiers)
    outcomes.skips = _still_skipped(outcomes.plan, preview)
    outcomes.unmet = preview.unmet
    if branch is None:
        outcomes.written += _write(tree, preview.changes, ledger, values)
        return outcomes
    _write_and_commit(tree, ledger, preview, values, order, outcomes, branch)
    outcomes.commits = tuple(branch.commits)
    return outcomes


def _write_and_commit(
    tree: Tree, ledger: Ledger, preview: Preview, values: Values, order: Order, outcomes: Outcomes, branch: Branch
) -> None:
    """The code on the disk and then on the branch, with the pull request's text beside it."""
    for change in preview.changes:
        if change.before is not None:
            branch.committable(change.path, pullrequest.original(tree, change))
    moved = pullrequest.stages(tree, outcomes.plan, preview.changes, order.tiers)
    outcomes.written += _write(tree, preview.changes, ledger, values)
    pullrequest.commit_code(branch, tree.plan, moved)
    pullrequest.commit_rest(branch, tree, ledger)
    page = pullrequest.text(branch, tree, ledger, outcomes.skips, migration.secret_values(values))
    outcomes.written += applying.write_changes(
        tree.root, [page], ledger.journal, ledger.escrow, overwrite={pullrequest.PATH}
    ).written


def _still_skipped(plan: Plan, preview: Preview) -> tuple[Skip, ...]:
    """The plan's skips but for those that are applied now, and what the rewriters skip."""
    tried = {r.finding for r in plan.replacements}
    rows = [*(s for s in plan.skips if s.finding not in tried), *preview.skips]
    return tuple(sorted(rows, key=lambda s: (s.path, s.line, s.finding)))


def _pending(plan: Plan, ledger: Ledger) -> list[Secret]:
    """Secrets that still have code to rewrite, or whose value no run has stored yet."""
    busy = {r.secret for r in plan.replacements}
    stored = ledger.happened("stored")
    return [s for s in plan.secrets if s.id in busy or (s.home in STORED and s.id not in stored)]


def _write(tree: Tree, changes: Sequence[Change], ledger: Ledger, values: Values) -> list[str]:
    hidden = migration.secret_values(values)
    return list(applying.write_changes(tree.root, changes, ledger.journal, ledger.escrow, hidden=hidden).written)


def _deliver(
    plan: Plan,
    pending: Sequence[Secret],
    values: Values,
    ledger: Ledger,
    outcomes: Outcomes,
    order: Order,
    confirm: Confirm,
    told: Told,
) -> set[str]:
    """Stores what is pending; the answer are the secrets whose code may be changed now."""
    ready = {s.id for s in plan.secrets} - {s.id for s in pending}
    for environment in plan.environments:
        members = tuple(s for s in pending if s.environment == environment.name)
        if not members:
            continue
        deployment = [
            d for d in deployments(plan, enable_rotation=ledger.rotating) if d.environment == environment.name
        ]
        try:
            deliveries = store(
                replace(plan, secrets=members), environment, values, ledger, order.account, confirm, told
            )
        except HardcodeHunterError as error:
            if order.branch:
                raise
            outcomes.failures.append(error)
            if plan.order.value == "shell-first" and not ledger.happened("stored"):
                outcomes.deploy += deployment
            continue
        outcomes.deliveries += deliveries
        ready |= {d.secret for d in deliveries if d.done}
        outcomes.waiting += [f"{d.name}: {d.message}" for d in deliveries if not d.done]
        if any(d.outcome is Outcome.MISSING for d in deliveries):
            outcomes.deploy += deployment
    return ready


def store(
    plan: Plan,
    environment: Environment,
    values: Values,
    ledger: Ledger,
    account: str,
    confirm: Confirm,
    told: Told = untold,
) -> tuple[Delivery, ...]:
    """Delivers one environment's values. Raises ``Refused`` for another account than was named, ``UsageError`` when nobody confirms."""
    if all(s.home not in STORED for s in plan.secrets):
        return tuple(
            Delivery(s.id, plan.secret_name(s), s.home, Outcome.NOTHING, "no value to store") for s in plan.secrets
        )
    connection = connect(environment)
    who = identify(connection)
    if not confirm(who, require_account(who, environment, account)):
        raise UsageError(f"nothing was stored: confirm {who} with --account {who.account}")

    def record(delivery: Delivery) -> None:
        place = {"account": who.account, "region": who.region, "home": delivery.home.value}
        told(f"{delivery.name}: {delivery.outcome}")
        ledger.journal.note(delivery.secret, "stored", name=delivery.name, version=delivery.version, arn=delivery.arn, **place)  # fmt: skip

    recorded = {secret: version for secret, version in ledger.versions.items() if version}
    return deliver(
        plan,
        environment.name,
        {**_rest(plan, environment.name, values, connection, recorded), **values},
        connection,
        who,
        salt=ledger.state.salt(),
        recorded=recorded,
        record=record,
        key=key_alias(plan.application, environment.name),
    )


def _rest(plan: Plan, environment: str, values: Values, connection: Connection, recorded: Mapping[str, str]) -> Values:
    """What an interrupted run has stored and taken out of the code already: of such a secret the code has some literals only."""
    partly = tuple(s for s in plan.secrets if s.id in recorded and s.home in STORED and missing(s, values))
    if not partly:
        return {}
    return fetch(replace(plan, secrets=partly), environment, connection, recorded)[0]


def deliver_kept(plan: Plan, ledger: Ledger, account: str, confirm: Confirm, told: Told = untold) -> list[Delivery]:
    """Delivers what ``apply --offline`` kept, and destroys what the store has."""
    values = ledger.escrow.values()
    waiting = {secret for secret, _ in values}
    deliveries: list[Delivery] = []
    for environment in plan.environments:
        members = tuple(s for s in plan.secrets if s.id in waiting and s.environment == environment.name)
        if members:
            deliveries += store(replace(plan, secrets=members), environment, values, ledger, account, confirm, told)
    ledger.escrow.forget([d.secret for d in deliveries if d.done])
    return deliveries


def undo(root: Path, ledger: Ledger, *, leave: Sequence[str], database_reset: bool, dry_run: bool) -> undoing.Undone:
    """Puts the tree back. Refused for secrets that are being rotated, unless a person has set the old password again."""
    return undoing.undo(
        root,
        ledger.journal,
        ledger.escrow,
        leave=leave,
        rotated=sorted(ledger.rotating),
        database_reset=database_reset,
        dry_run=dry_run,
    )


def delete_secrets(plan: Plan, ledger: Ledger, account: str, confirm: Confirm) -> list[str]:
    """Schedules the secrets that this migration stored, and nobody changed since, for deletion with a recovery window. What became of each.

    Raises ``Refused`` while changes of the tree still stand, or for another account than was named; ``UsageError`` when nobody confirms.
    """
    if ledger.journal.paths():
        raise Refused("the code still reads these secrets: undo everything first, then delete them")
    told: list[str] = []
    stored = {m.secret: m.details for m in ledger.journal.milestones if m.event == "stored"}
    for environment in plan.environments:
        members = [s for s in plan.secrets if s.environment == environment.name and s.id in stored and s.home in STORED]
        mine = [s for s in members if not s.existing]
        told += [f"{plan.secret_name(s)}: stays, because it was there before" for s in members if s.existing]
        if not mine:
            continue
        connection = connect(environment)
        who = identify(connection)
        if not confirm(who, require_account(who, environment, account)):
            raise UsageError(f"nothing was deleted: confirm {who} with --account {who.account}")
        for secret in mine:
            details = stored[secret.id]
            gone, words = schedule_deletion(
                details.get("name", ""), secret.home, details.get("version", ""), connection
            )
            told.append(words)
            if gone:
                ledger.journal.note(secret.id, "deleted", name=details.get("name", ""))
    return told


def forget(ledger: Ledger) -> int:
    """Destroys what ``undo`` would need: the tree stays as it is, for good. How many files could have been put back."""
    return undoing.discard(ledger.escrow)
