"""The gate before rotation: switching it on changes the value at once, so nobody may hold the old one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from hardcode_hunter.interpolation import Interpolation
from hardcode_hunter.model import Consumer, Evaluated, Finding, Obstacle, Plan, Secret, Verdict, Verification
from hardcode_hunter.planfile import PLAN_FILE
from hardcode_hunter.plugins import Rotation

# resources whose own password the secret is: they are what rotation changes, they don't hold a copy of it
_OWNERS = re.compile(
    r"/(MasterUserPassword|AdminUserPassword|AuthToken)$"
    r"|\b(aws_db_instance|aws_rds_cluster|aws_docdb_cluster|aws_redshift_cluster|aws_elasticache_replication_group|aws_mq_broker)\.[\w-]+\."
    r"(password|master_password|auth_token|user\.password)$"
)


def gate(
    plan: Plan,
    secrets: Collection[str],
    findings: Sequence[Finding],
    verification: Verification,
    rotations: Mapping[str, Rotation],
    *,
    digests: Mapping[str, frozenset[str]] | None = None,
    deployed: Collection[tuple[str, str]] | None = None,
    recorded: Mapping[tuple[str, str], str] | None = None,
    strings: Mapping[str, Sequence[Interpolation]] | None = None,
) -> tuple[Obstacle, ...]:
    """All that stands in the way of rotating ``secrets`` (ids of the plan); empty when nothing does.

    ``findings`` are those of a scan of the tree as it is now. ``digests`` are the keyed hashes of each secret's values under that scan's key: by
    them a literal is known wherever it stands and however it is escaped. ``deployed`` are the pairs of secret and consumer
    (``path:symbol``) that somebody recorded as deployed; ``None`` when no record is kept. ``recorded`` is the command that records one,
    where it isn't this tree's. ``strings`` are the places where code puts a secret's value into a string as it is.
    """
    obstacles: list[Obstacle] = []
    for secret in plan.secrets:
        if secret.id not in secrets:
            continue
        rotation = rotations.get(secret.rotation.name)
        if rotation is None:
            why = secret.rotation.why or "the plan has no rotation for it"
            obstacles.append(Obstacle(secret.id, PLAN_FILE, 1, "no-rotation", why))
            continue
        obstacles += [
            Obstacle(secret.id, PLAN_FILE, 1, "question", f"waits for an answer: {q.ask}") for q in secret.blocked
        ]
        obstacles += _holders(secret, findings, verification, (digests or {}).get(secret.id, frozenset()))
        obstacles += _unstored(secret, verification)
        obstacles += _breaking(secret, rotation, (strings or {}).get(secret.id, ()))
        for consumer in secret.consumers:
            command = (recorded or {}).get((secret.id, consumer.name), "")
            obstacles += _consumer(secret, consumer, rotation, deployed, command)
    return tuple(dict.fromkeys(sorted(obstacles, key=lambda o: (o.secret, o.path, o.line, o.code))))


def _holders(
    secret: Secret, findings: Sequence[Finding], verification: Verification, digests: frozenset[str]
) -> Iterator[Obstacle]:
    """Every place that still holds the value, each line once."""
    origins = {origin.finding for f in secret.fields for origin in f.origins if origin.finding}
    told: set[tuple[str, int]] = set()
    for finding in findings:
        # a value in a test is its own affair unless it is strong enough to be searched for as a copy
        if finding.id in origins or (finding.digest in digests and finding.verdict is not Verdict.TEST_VALUE):
            told.add((finding.path, finding.line))
            why = f"{finding.symbol or finding.name} still holds the value"
            yield Obstacle(secret.id, finding.path, finding.line, "holds-value", why)
    for one in verification.left:
        if one.secret == secret.id and one.code == "copy" and (one.path, one.line) not in told:
            yield Obstacle(secret.id, one.path, one.line, "holds-value", one.what)


def _unstored(secret: Secret, verification: Verification) -> Iterator[Obstacle]:
    for one in verification.left:
        if one.secret == secret.id and one.code in ("not-stored", "lacks-field"):
            yield Obstacle(secret.id, PLAN_FILE, 1, "not-stored", one.what)
    for one in verification.unknown:
        if one.secret in ("", secret.id):
            yield Obstacle(
                secret.id, one.path or PLAN_FILE, one.line or 1, "unknown", f"could not be checked: {one.what}"
            )


def _breaking(secret: Secret, rotation: Rotation, strings: Sequence[Interpolation]) -> Iterator[Obstacle]:
    """Strings that a password made by this rotation can end too early."""
    for one in strings:
        characters = one.broken_by(rotation)
        if characters:
            why = (
                f"puts {one.name} as it is into {one.form.name}, which a random password with one of {characters} breaks: "
                f"{one.form.remedy}"
            )
            yield Obstacle(secret.id, one.path, one.line, "breaks-string", why)


def _consumer(
    secret: Secret,
    consumer: Consumer,
    rotation: Rotation,
    deployed: Collection[tuple[str, str]] | None,
    command: str,
) -> Iterator[Obstacle]:
    if (
        consumer.reads is not Evaluated.CALL
        and not consumer.restart
        and rotation.users != "alternating"
        and not _OWNERS.search(consumer.symbol)
    ):
        when = "when it is imported" if consumer.reads is Evaluated.IMPORT else "when it is deployed"
        why = (
            f"{consumer.symbol} reads the secret {when} and keeps it: read it at each use, "
            f"or say under 'restart' of this consumer in {PLAN_FILE} how it starts again on a new value"
        )
        yield Obstacle(secret.id, consumer.path, consumer.line, "reads-at-start", why)
    if deployed is not None and (secret.id, consumer.name) not in deployed:
        command = command or f"hardcode-hunter status --deployed {secret.id} {consumer.name}"
        why = f"isn't known to be deployed: `{command}` records it"
        yield Obstacle(secret.id, consumer.path, consumer.line, "not-deployed", why)
