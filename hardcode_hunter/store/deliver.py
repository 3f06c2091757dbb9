"""Puts each live value where the plan wants it, reads it back by version, and never writes over a value that is there."""

from __future__ import annotations

import enum
import hashlib
import hmac
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from hardcode_hunter.model import Home, Plan, Secret
from hardcode_hunter.model import Order as PlanOrder
from hardcode_hunter.store.connection import EXISTS, Connection, Identity, StoreError
from hardcode_hunter.store.content import LIMIT, Content, Difference, Values, compare, compose, equal, missing
from hardcode_hunter.store.shelves import SHELVES, Held, Order, ParameterStore, Shelf, parameter_name

READINGS = 5
"""How often a value that was just written is looked for: 0.2, 0.4, 0.8, 1.6 seconds apart."""


class Outcome(enum.StrEnum):
    """What became of one secret's value."""

    STORED = "stored"  # written now, read back and found equal
    SAME = "same"  # it was there already, equal
    SUPERSEDED = "superseded"  # stored by an earlier run, and changed since: rotated
    MISSING = "missing"  # the secret isn't there yet: the stack has to be deployed
    CONFLICT = "conflict"  # there is another value: a person has to decide
    BLOCKED = "blocked"  # the plan has an open question about it
    INCOMPLETE = "incomplete"  # a live value can't be found any more
    FAILED = "failed"  # an API call failed: run again
    NOTHING = "nothing"  # a managed password or a role: no value to store


@dataclass(frozen=True, slots=True)
class Delivery:
    """The outcome for one secret, and in ``message`` what to do about it. ``version`` is the VersionId or the parameter's version."""

    secret: str
    name: str
    home: Home
    outcome: Outcome
    message: str = ""
    arn: str = ""
    version: str = ""

    @property
    def done(self) -> bool:
        """Whether the store has the value, so that the code may be changed."""
        return self.outcome in (Outcome.STORED, Outcome.SAME, Outcome.SUPERSEDED, Outcome.NOTHING)


def deliver(
    plan: Plan,
    environment: str,
    values: Values,
    connection: Connection,
    identity: Identity,
    *,
    salt: bytes,
    recorded: Mapping[str, str] | None = None,
    key: str = "",
    record: Callable[[Delivery], None] = lambda delivery: None,
) -> tuple[Delivery, ...]:
    """Brings the values of one environment's secrets to the store: one outcome per secret, in the plan's order, none of them silent.

    Order ``shell-first`` fills secrets that a stack has made, order ``adopt`` also makes those that don't exist and that the plan doesn't
    name as existing; parameters are always made here, since CloudFormation can't make a SecureString. ``salt`` is random and kept
    with the plan's state: the request token is made of it and of names, never of the value, because it becomes the version's public id.
    ``recorded`` is the version that an earlier run stored, by secret; ``key`` the KMS key for parameters. ``record`` is called with each
    finished delivery before the next secret is looked at. A call that failed leaves a state that the next run completes.
    """
    results = []
    for secret in plan.secrets:
        if secret.environment != environment:
            continue
        delivery = _deliver(plan, secret, values, connection, identity, salt, (recorded or {}).get(secret.id, ""), key)
        if delivery.outcome in (Outcome.STORED, Outcome.SAME):
            record(delivery)
        results.append(delivery)
    return tuple(results)


Ended = tuple[Outcome, str, Held | None]


def _deliver(
    plan: Plan,
    secret: Secret,
    values: Values,
    connection: Connection,
    identity: Identity,
    salt: bytes,
    recorded: str,
    key: str,
) -> Delivery:
    name = plan.secret_name(secret)
    shelf = SHELVES.get(secret.home)
    ended = _hindered(secret, values)
    if isinstance(shelf, ParameterStore):
        name = parameter_name(name)
    if ended is None and shelf is not None:
        content = compose(secret, values)
        create = not secret.existing and (plan.order is PlanOrder.ADOPT or isinstance(shelf, ParameterStore))
        order = _order(plan, secret, name, content, identity, salt, create, key)
        try:
            ended = _bring(connection, shelf, order, content, recorded)
        except StoreError as error:
            ended = Outcome.FAILED, str(error), None
        if ended is None:
            ended = Outcome.MISSING, _absent(secret, name, identity), None
    outcome, message, held = ended or (Outcome.NOTHING, f"no value to store: its home is {secret.home.value}", None)
    return Delivery(
        secret.id, name, secret.home, outcome, message, held.arn if held else "", held.version if held else ""
    )


def _hindered(secret: Secret, values: Values) -> Ended | None:
    """What is known without asking the store; ``None`` when it has to be asked."""
    shelf = SHELVES.get(secret.home)
    if shelf is None:
        return None
    if secret.blocked:
        return Outcome.BLOCKED, f"answer in the plan first: {secret.blocked[0].ask}", None
    if lacking := missing(secret, values):
        return (
            Outcome.INCOMPLETE,
            f"the live value of {_places(secret, lacking)} can't be read any more; plan again",
            None,
        )
    limit = LIMIT[shelf.service]
    if len(compose(secret, values).text.reveal().encode("utf-8", "surrogatepass")) > limit:
        return (
            Outcome.FAILED,
            f"its value is larger than {limit} bytes, which is what fits there; set another 'home'",
            None,
        )
    return None


def _bring(connection: Connection, shelf: Shelf, order: Order, content: Content, recorded: str) -> Ended | None:
    """The value into the secret, when it has none; ``None`` when the secret isn't there and isn't ours to create."""
    held = shelf.look(connection, order.name)
    if held is None and not order.create:
        return None
    if held is None or (held.content is None and not held.trouble):
        put = _put(connection, shelf, replace(order, create=held is None))
        if put is not None and put.version:
            return *_read_back(connection, shelf, order.name, content, put.version), put
        held = shelf.look(connection, order.name)  # somebody was faster
    if held is None:
        return Outcome.FAILED, "it can't be seen yet; run again", None
    return *_judge(connection, shelf, order.name, content, held, recorded), held


def _order(
    plan: Plan, secret: Secret, name: str, content: Content, identity: Identity, salt: bytes, create: bool, key: str
) -> Order:
    environment = plan.environment(secret.environment)
    ours = {
        "application": plan.application,
        "environment": environment.name,
        "managed-by": "hardcode-hunter",
        "secret": secret.id,
    }
    return Order(
        name=name,
        text=content.text,
        token=request_token(plan, secret, name, identity, salt),
        create=create,
        tags={**ours, **environment.tags},
        description=f"{secret.kind.value} of {plan.application}-{environment.name}",
        key=key,
    )


def request_token(plan: Plan, secret: Secret, name: str, identity: Identity, salt: bytes) -> str:
    """The same for every attempt to store this secret there, another for another secret or place; nothing of the value is in it."""
    findings = sorted({origin.fingerprint for field in secret.fields for origin in field.origins})
    parts = (plan.application, identity.account, identity.region, name, secret.id, *findings)
    digest = hmac.new(salt, "\0".join(parts).encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def _put(connection: Connection, shelf: Shelf, order: Order) -> Held | None:
    """The new version, or ``None`` when the store has a value by now."""
    try:
        return shelf.put(connection, order)
    except StoreError as error:
        if error.code in EXISTS:
            return None
        raise


def _read_back(connection: Connection, shelf: Shelf, name: str, content: Content, version: str) -> tuple[Outcome, str]:
    """Looks for the version until it is seen: a reading right after the writing may be stale."""
    for reading in range(READINGS):
        if reading:
            connection.pause(0.1 * 2**reading)
        found = shelf.read(connection, name, version)
        if found is not None:
            if equal(found, content.text):
                return Outcome.STORED, f"stored as version {version} and read back"
            return (
                Outcome.FAILED,
                f"version {version} reads back as something else than was written; nothing was changed in the code",
            )
    return Outcome.FAILED, f"version {version} was written but can't be read yet; run again"


def _judge(
    connection: Connection, shelf: Shelf, name: str, content: Content, held: Held, recorded: str
) -> tuple[Outcome, str]:
    """What a value that is there already means."""
    if held.trouble:
        return Outcome.CONFLICT, f"it {held.trouble}"
    if held.content is None:
        return Outcome.FAILED, "its value can't be seen yet; run again"
    difference = compare(content, held.content)
    if not difference:
        return Outcome.SAME, f"version {held.version} holds the same value already"
    if recorded and recorded != held.version:
        earlier = shelf.read(connection, name, recorded)
        if earlier is not None and not compare(content, earlier):
            return Outcome.SUPERSEDED, f"stored as version {recorded}, and changed since (now version {held.version})"
    return Outcome.CONFLICT, _conflict(difference)


def _conflict(difference: Difference) -> str:
    if difference.other == ("",):
        what = "it holds another value than the code"
    elif difference.other:
        what = f"it holds another value than the code for {', '.join(difference.other)}"
    else:
        what = f"it holds a value that lacks {', '.join(difference.lacking)}"
    return f"{what}, and is left as it is. Which is live? Put the live value there yourself, or name another secret under 'existing' in the plan"


def _absent(secret: Secret, name: str, identity: Identity) -> str:
    place = f"in account {identity.account}, {identity.region}"
    if secret.existing:
        return f"there is no {name} {place}, which the plan names as existing; correct 'existing' in the plan"
    return f"there is no {name} {place} yet: deploy the stack, then run again"


def _places(secret: Secret, keys: tuple[str, ...]) -> str:
    rows = []
    for key in keys:
        field = secret.key(key)
        origin = field.origins[0] if field and field.origins else None
        rows.append(f"'{key}' ({origin.path}:{origin.line})" if origin else f"'{key}'")
    return ", ".join(rows)
