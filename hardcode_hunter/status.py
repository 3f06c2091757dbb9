"""How far each secret has come, and the one thing that comes next."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from hardcode_hunter.journal import Journal
from hardcode_hunter.model import Finding, Home, Observation, Order, Plan, Secret

STORED = (Home.SECRETS_MANAGER, Home.PARAMETER_STORE)


@dataclass(frozen=True, slots=True)
class Row:
    """One secret. ``found`` counts its literals, ``rewritten`` those that are gone from the code."""

    secret: str
    name: str
    environment: str
    found: int
    stored: str  # "yes" | "no" | "kept here" | "not needed"
    rewritten: int
    deployed: str  # "2 of 3" | "not told"
    rotated: str  # "on" | "off" | "never" | "renewed": the old value is recorded as worthless
    next: str


def rows(
    plan: Plan,
    findings: Sequence[Finding],
    journal: Journal,
    waiting: Collection[str] = (),
    observations: Mapping[str, Observation] | None = None,
) -> tuple[Row, ...]:
    """One row for each secret, in the plan's order.

    ``findings`` are those of a scan of the tree as it is now, ``waiting`` the secrets whose values the escrow keeps for the store. Without
    ``observations`` (by secret) the journal tells what is stored.
    """
    present = {finding.id for finding in findings}
    return tuple(
        _row(plan, secret, present, journal, secret.id in waiting, (observations or {}).get(secret.id))
        for secret in plan.secrets
    )


def _row(
    plan: Plan, secret: Secret, present: set[str], journal: Journal, waiting: bool, seen: Observation | None
) -> Row:
    origins = {origin.finding for f in secret.fields for origin in f.origins if origin.finding}
    rewritten = len(origins - present)
    stored = _stored(secret, journal, waiting, seen)
    told = {m.details.get("consumer", "") for m in journal.deployments if m.secret == secret.id}
    names = {c.name for c in secret.consumers}
    deployed = f"{len(names & told)} of {len(names)}" if names & told else "not told"
    rotated = _rotated(secret, journal, seen)
    following = _next(plan, secret, stored, origins & present, bool(names - told), rotated, seen)
    return Row(
        secret.id,
        plan.secret_name(secret),
        secret.environment,
        len(origins),
        stored,
        rewritten,
        deployed,
        rotated,
        following,
    )


def _stored(secret: Secret, journal: Journal, waiting: bool, seen: Observation | None) -> str:
    if secret.home not in STORED:
        return "not needed"
    if waiting:
        return "kept here"
    if seen is not None and not seen.error:
        return "yes" if seen.stored else "no"
    return "yes" if journal.milestone(secret.id, "stored") else "no"


def _rotated(secret: Secret, journal: Journal, seen: Observation | None) -> str:
    if secret.rotation.name == "none":
        return "renewed" if journal.milestone(secret.id, "revoked") else "never"
    return "on" if journal.milestone(secret.id, "rotation-on") or (seen is not None and seen.rotating) else "off"


def _next(
    plan: Plan,
    secret: Secret,
    stored: str,
    remaining: set[str],
    undeployed: bool,
    rotated: str,
    seen: Observation | None,
) -> str:
    if secret.blocked:
        return f"answer in the plan: {secret.blocked[0].ask}"
    if stored == "kept here":
        return "deploy the stack, then `hardcode-hunter store`"
    if stored == "no":
        empty = plan.order is Order.ADOPT or secret.home is Home.PARAMETER_STORE or (seen is not None and seen.exists)
        return "`hardcode-hunter apply`" if empty else "deploy the stack, then `hardcode-hunter apply`"
    if remaining:
        skips = [skip for skip in plan.skips if skip.finding in remaining]
        by_hand = len({skip.finding for skip in skips}) == len(remaining)
        return (
            f"move it by hand: {skips[0].path}:{skips[0].line} ({skips[0].code})"
            if by_hand
            else "`hardcode-hunter apply`"
        )
    if rotated == "on":
        return "nothing"
    if undeployed:
        return "deploy the code, then `hardcode-hunter status --deployed`"
    if rotated == "off":
        return "`hardcode-hunter rotate`"
    if rotated == "renewed":
        return "nothing"
    why = f" ({secret.rotation.why})" if secret.rotation.why else ""
    return f"renew it where it was issued{why}, then `hardcode-hunter status --revoked {secret.id} --because …`"
