"""The page of a migration: each secret, how far it has come, what would become of the code, and what stands in the way of a rotation.

It is made of values that hold no plaintext, and of diffs that were masked where the files were read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hardcode_hunter.formats._html import Content, Markup, code, element, listing, page, prose, section, table
from hardcode_hunter.formats._map import consumer_map
from hardcode_hunter.formats._summary import plural
from hardcode_hunter.formats.html import body, head, numbers
from hardcode_hunter.model import Evaluated, Exposure, Finding, Home, Plan, Scan, Secret, Tier
from hardcode_hunter.status import Row

STEPS = ("found", "stored", "code rewritten", "deployed", "rotated")


@dataclass(frozen=True, slots=True)
class Report:
    """What the page tells. ``diffs`` are masked, by path; ``exposures`` are ``None`` when the history was not searched; ``planned`` tells
    whether ``plan`` is written down, or was only made for this page; ``stale`` says why one that is written down is not shown."""

    scan: Scan
    plan: Plan
    rows: tuple[Row, ...] = ()
    diffs: Mapping[str, str] = field(default_factory=dict)
    exposures: tuple[Exposure, ...] | None = None
    planned: bool = True
    stale: str = ""
    commit: str = ""


def render(report: Report) -> str:
    """The whole page."""
    at = element("p", ["Commit ", code(report.commit), "."], class_="dim") if report.commit else Markup()
    return page(
        f"Credentials of {report.scan.root.name}", *head(report.scan), at, *_migration(report), *body(report.scan)
    )


def _migration(report: Report) -> tuple[Content, ...]:
    plan = report.plan
    rows = {row.secret: row for row in report.rows}
    note = element("p", prose(_state(report)), class_="dim") if not report.planned else Markup()
    return (
        _strip(plan, rows),
        numbers(report.scan),
        section(
            "Secrets",
            note,
            _secrets(plan, rows),
            [_detail(report, plan, secret, rows.get(secret.id)) for secret in plan.secrets],
        ),
        section("Before they can rotate", [_readiness(plan, secret, rows.get(secret.id)) for secret in plan.secrets]),
        section("Order of work", _order(plan)),
        section("In the git history", _history(report.exposures)),
        section("Left where they are", _skips(plan)),
    )


def _state(report: Report) -> str:
    """Why this is a proposal and not the plan."""
    if report.stale:
        return f"The plan that is written down does not fit the tree any more ({report.stale}): this is what `hardcode-hunter plan` would make of it."
    return "Nothing is written down yet: this is what `hardcode-hunter plan` would propose."


# ---------------------------------------------------------------- how far


def _reached(row: Row | None) -> tuple[bool, ...]:
    """Which of :data:`STEPS` a secret has behind it."""
    if row is None:
        return (True, False, False, False, False)
    done, _, all_ = row.deployed.partition(" of ")
    return (
        True,
        row.stored in ("yes", "not needed"),
        row.rewritten >= row.found,
        bool(all_) and done == all_,
        row.rotated in ("on", "renewed"),
    )


def _strip(plan: Plan, rows: Mapping[str, Row]) -> Markup:
    """The number that counts, and how many secrets have each step behind them."""
    reached = [_reached(rows.get(secret.id)) for secret in plan.secrets]
    open_ = sum(not steps[-1] for steps in reached)
    big = element(
        "li",
        element("b", str(open_)),
        "not yet rotated" if open_ != 1 else "secret not yet rotated",
        class_="first" if open_ else "first done",
    )
    steps = [
        element("li", element("b", f"{sum(r[n] for r in reached)} of {len(reached)}"), name)
        for n, name in enumerate(STEPS)
        if n
    ]
    return element("ul", big, steps, class_="numbers")


def _progress(row: Row | None) -> Markup:
    reached = _reached(row)
    now = next((n for n, done in enumerate(reached) if not done), len(reached))
    return element(
        "ul",
        [
            element("li", name, class_="done" if reached[n] else "now" if n == now else "")
            for n, name in enumerate(STEPS)
        ],
        class_="strip",
    )


def _secrets(plan: Plan, rows: Mapping[str, Row]) -> Markup:
    cells = []
    for secret in plan.secrets:
        row = rows.get(secret.id)
        places = {(o.path, o.line) for f in secret.fields for o in f.origins if o.finding}
        cells.append(
            (
                element("a", secret.id, href=f"#secret-{_anchor(secret)}"),
                code(plan.secret_name(secret)),
                secret.kind.value,
                secret.environment,
                str(len(places)),
                str(len(secret.consumers)),
                secret.rotation.name,
                prose(row.next if row else "`hardcode-hunter plan`"),
            )
        )
    return table(
        ("Secret", "Name in the store", "Kind", "Environment", "Places", "Consumers", "Rotation", "Next"),
        cells,
        "secrets",
    )


def _anchor(secret: Secret) -> str:
    return "".join(c if c.isalnum() else "-" for c in secret.id)


# ---------------------------------------------------------------- one secret


def _detail(report: Report, plan: Plan, secret: Secret, row: Row | None) -> Markup:
    findings = {f.id: f for f in (*report.scan.findings, *report.scan.suppressed)}
    own = [findings[o.finding] for f in secret.fields for o in f.origins if o.finding in findings]
    paths = sorted({o.path for f in secret.fields for o in f.origins})
    keys = [[code(f.key), ": ", _places(f.origins, f.constant)] for f in secret.fields]
    diffs = [_diff(path, report.diffs.get(path, "")) for path in paths]
    return element(
        "details",
        element("summary", [element("b", secret.id), f" in {secret.home.value}: {secret.why or secret.kind.value}"]),
        _progress(row),
        element("h3", "Keys"),
        listing(keys),
        element("h3", "Who holds it, who reads it"),
        consumer_map(secret, _sinks(own)),
        *([element("h3", "Before and after"), *diffs] if any(diffs) else []),
        _tiers(plan, secret),
        id=f"secret-{_anchor(secret)}",
    )


def _places(origins: Iterable[object], constant: object) -> str:
    found = [f"{getattr(o, 'path', '')}:{getattr(o, 'line', 0)}" for o in origins]
    return ", ".join(dict.fromkeys(found)) or f"{constant} (constant)"


def _sinks(findings: Iterable[Finding]) -> list[str]:
    found = (f"{s.resource}.{s.parameter}" if s.resource else s.callee for f in findings for s in f.sinks)
    return [name for name in dict.fromkeys(found) if name]


def _diff(path: str, text: str) -> Markup:
    if not text:
        return Markup()
    kinds = {"+": "add", "-": "del"}
    lines = [element("span", line + "\n", class_=kinds.get(line[:1], "")) for line in text.splitlines()]
    return element("details", element("summary", code(path)), element("pre", lines))


def _tiers(plan: Plan, secret: Secret) -> Markup:
    rows = [r for r in plan.replacements if r.secret == secret.id]
    review = [r for r in rows if r.tier is Tier.REVIEW]
    told: list[Content] = (
        [prose(f"{plural(len(rows) - len(review), 'edit')} safe to make: `apply` does")]
        if len(rows) > len(review)
        else []
    )
    told += [
        [code(f"{r.path}:{r.line}"), f" only when asked for (--review){f': {r.note}' if r.note else ''}"]
        for r in review
    ]
    return listing(told) if told else Markup()


# ---------------------------------------------------------------- rotation


def _readiness(plan: Plan, secret: Secret, row: Row | None) -> Markup:
    return element(
        "div",
        element("h3", secret.id),
        element(
            "ul", [element("li", text, class_=colour) for colour, text in checks(plan, secret, row)], class_="checks"
        ),
    )


def checks(plan: Plan, secret: Secret, row: Row | None) -> list[tuple[str, Content]]:
    """What a rotation needs, each with good, warn or bad and the place that decided it."""
    found: list[tuple[str, Content]] = []
    if secret.home in (Home.ROLE, Home.MANAGED):
        return [("good", f"no rotation of ours: {secret.why or secret.home.value}")]
    if secret.rotation.name == "none":
        found.append(("warn", f"nothing rotates it by itself: {secret.rotation.why or 'renew it where it was issued'}"))
    else:
        found.append(("good", f"{secret.rotation.name}, {secret.rotation.schedule}"))
    found += [("bad", f"an open question: {q.ask}") for q in secret.blocked]
    if row is not None and row.stored not in ("yes", "not needed"):
        found.append(
            (
                "bad",
                "its value is not in the store yet"
                if row.stored == "no"
                else prose("its value waits for `hardcode-hunter store`"),
            )
        )
    left = {r.path: r.line for r in plan.replacements if r.secret == secret.id}
    found += [("bad", [code(f"{path}:{line}"), " still holds the value"]) for path, line in sorted(left.items())]
    for consumer in secret.consumers:
        place = code(f"{consumer.path}:{consumer.line}")
        if consumer.reads is Evaluated.IMPORT:
            how = consumer.restart or "restart it after each rotation"
            found.append(("good" if consumer.restart else "warn", [place, f" reads it when it starts: {how}"]))
        else:
            found.append(("good", [place, " reads it at each call"]))
        if consumer.role == "unknown":
            found.append(("warn", [place, ": the role it runs as is not known; the deployment asks for it"]))
    return found


def _order(plan: Plan) -> Content:
    first = (
        "deploy the empty secrets, their keys and policies"
        if plan.order.value == "shell-first"
        else "attach the stack to the secrets that exist"
    )
    steps = (
        f"`hardcode-hunter apply`: writes the infrastructure; {first} (see `migration/ROLL-OUT.md`)",
        "`hardcode-hunter apply` again: stores each live value, reads it back, and only then rewrites the code",
        "review, commit and deploy the code; `hardcode-hunter status --deployed SECRET CONSUMER` records it",
        "`hardcode-hunter verify`: what is left, copies and history included",
        "`hardcode-hunter rotate SECRET`: a value that was in a repository is known until it is rotated",
    )
    return element("ol", [element("li", prose(step)) for step in steps])


def _history(exposures: Sequence[Exposure] | None) -> Content:
    if exposures is None:
        return element(
            "p",
            prose(
                "Not searched: `hardcode-hunter report --history` does. Whatever it says, a value that was committed is known until it is rotated."
            ),
        )
    if not exposures:
        return element(
            "p", "No value that is in the code now, and is long enough to be told from chance, stands in a commit."
        )
    rows = [
        (
            e.secret,
            e.key,
            code(e.path or "a commit message"),
            str(e.commits),
            code(e.first),
            code(e.last),
            "yes" if e.remote else "no",
        )
        for e in exposures
    ]
    advice = "Rewriting history does not un-leak a value: rotate it first. Whether the history is rewritten after that is a matter of tidiness."
    return (
        table(("Secret", "Key", "File", "Commits", "First", "Last", "On a remote"), rows, "exposures"),
        element("p", advice),
    )


def _skips(plan: Plan) -> Content:
    if not plan.skips:
        return ()
    return table(
        ("Place", "Rule", "Reason", "Why"),
        [(code(f"{s.path}:{s.line}"), code(s.rule), s.code, s.why) for s in plan.skips],
        "skips",
    )
