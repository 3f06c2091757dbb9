"""The matrix of plans that every back end must serve, and texts that want to become syntax."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hardcode_hunter.model import Consumer, Environment, Home, Order, Plan, RotationChoice, Secret
from tests.generating import (
    ACCOUNT,
    PROD,
    REGION,
    ROLE,
    ROTATION,
    database,
    everything,
    plan,
    token,
)


def _cells() -> Iterator[tuple[str, Plan]]:
    """Counts × orders × rotation × homes × known and unknown roles, as far as the cells differ."""
    for order in Order:
        for count in (1, 2):
            for rotates in (False, True):
                for known in (False, True):
                    rows = [_cell_secret(f"db-{chr(97 + n)}", rotates, known) for n in range(count)]
                    yield (
                        f"{order.value}-{count}-{'rotates' if rotates else 'static'}-{'known' if known else 'unknown'}",
                        plan(*rows, order=order),
                    )
        yield f"{order.value}-every-home", plan(*everything(), order=order)
        yield f"{order.value}-no-account", plan(*everything(), order=order, environments=(Environment("prod"),))
    for home in Home:
        yield f"only-{home.value}", plan(token("one", home=home))
    yield (
        "adopted-by-arn",
        plan(database(existing=f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:old/orders-AbCdEf")),
    )
    yield "adopted-by-name", plan(database(existing="old/orders"))
    yield (
        "shared-logical-role",
        plan(*(database(f"db-{c}", consumers=(Consumer("a.py", 1, "f", role="AppRole"),)) for c in "ab")),
    )
    yield "other-account", plan(token(consumers=(Consumer("a.py", 1, "f", role="arn:aws:iam::999999999999:role/app"),)))
    copied = replace(PROD, replicas=("eu-west-1", "us-east-1"))
    away = Consumer("a.py", 1, "f", role="arn:aws:iam::999999999999:role/app")
    yield "copies-and-another-account", plan(database(consumers=(away,)), token(), environments=(copied,))
    hosted = database(engine="oracle", rotation=RotationChoice("hosted-oracle-single-user"))
    yield "function-of-awss", plan(hosted, token(), environments=(copied,))
    yield "two-functions", plan(hosted, database("stock-db"))
    yield "user", plan(token(consumers=(Consumer("a.py", 1, "f", role=f"arn:aws:iam::{ACCOUNT}:user/ci"),)))


def _cell_secret(id: str, rotates: bool, known: bool) -> Secret:
    role = f"{ROLE}app/{id}" if known else "unknown"
    choice = RotationChoice(ROTATION) if rotates else RotationChoice("none", "it is not wanted")
    return database(id, rotation=choice, consumers=(Consumer("shop/db.py", 12, "connect", role=role),))


CELLS = dict(_cells())


HOSTILE = [
    "${aws_secret}", "%{ if true }x%{ endif }", "$${x}", "{{resolve:ssm:/x}}", "!Ref Key", "*anchor", "&anchor", "yes", "null", "0o17", "1e3",
    "2001-01-01", "a: b", "- a", "# no comment", '"', "'", "\\", "\\u0041", "a\nb: c", "a\r\nb", "\t", "\x00", "\x1b[31m", "\x85", "\u2028", "\ufeff",
    "\U0001f600", "</script>", "EOF", "<<EOT", "`id`", "$(id)", "; rm -rf /", "```\n# x", "|", "a|b", "]}", "🔑" * 3, "{{ x }}", "{% x %}", "~", "=", "?",
]  # fmt: skip
