"""A migration as a pull request: one commit for the infrastructure, one for each secret, and the text that goes with them.

Each commit's code is what the rewriters make of the secrets up to that one, so that every commit is a program that runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from hardcode_hunter import branch as branches
from hardcode_hunter import codeowners, discover, migration, planfile
from hardcode_hunter.branch import Branch
from hardcode_hunter.encodings import difference
from hardcode_hunter.generate import deployments
from hardcode_hunter.generate.quoting import markdown_code, markdown_text, one_line
from hardcode_hunter.generate.rollout import PATH as ROLL_OUT
from hardcode_hunter.ledger import Ledger
from hardcode_hunter.migration import Tree
from hardcode_hunter.model import Change, Plaintext, Plan, Secret, Skip
from hardcode_hunter.verify import STORED

PATH = "migration/PULL-REQUEST.md"
LONGEST = 60_000
"""Characters of the diff: GitHub takes 65,536 for a pull request's text."""


def begin(tree: Tree, ledger: Ledger, name: str) -> Branch:
    """The branch, made and checked out; where it began is recorded. Raises ``UsageError`` or ``Refused``."""
    known = {m.details.get("name"): m.details.get("base", "") for m in ledger.journal.milestones if m.event == "branch"}
    found = branches.start(tree.root, name, known.get(name, ""))
    ledger.journal.note("", "branch", name=name, base=found.base)
    return found


# ---------------------------------------------------------------- commits


def commit_infrastructure(branch: Branch, tree: Tree, changes: Sequence[Change]) -> None:
    """The generated files and the plan that they come from."""
    walk = discover.Walk(tree.root)
    plan = discover.read(walk, planfile.PLAN_FILE)
    contents = {change.path: change.result(b"") for change in changes if change.before is None}
    body = f"Written by hardcode-hunter from {planfile.PLAN_FILE}; {ROLL_OUT} says how to deploy it.\nNo file holds a value.\n"
    subject = f"Infrastructure for the secrets of {one_line(tree.plan.application)}"
    branch.commit(subject, body, contents | ({planfile.PLAN_FILE: plan} if plan is not None else {}))


def stages(
    tree: Tree, plan: Plan, changes: Sequence[Change], tiers: frozenset[str]
) -> list[tuple[Secret, Mapping[str, bytes]]]:
    """By secret, the content of every file that ``changes`` write once this secret and those before it have moved."""
    ids = sorted({r.secret for r in plan.replacements})
    found: list[tuple[Secret, Mapping[str, bytes]]] = []
    for number, id in enumerate(ids, 1):
        part = changes
        if number < len(ids):
            rows = tuple(r for r in plan.replacements if r.secret in ids[:number])
            part = migration.rewrite(tree, replace(plan, replacements=rows), tiers).changes
        found.append((plan.secret(id), {c.path: c.result(original(tree, c)) for c in part}))
    return found


def original(tree: Tree, change: Change) -> bytes:
    """What the file holds before the change; call it before anything is written."""
    if change.before is None:
        return b""
    if change.path in tree.reading.sources:
        return tree.reading.sources[change.path].data
    return (tree.root / change.path).read_bytes()


def commit_code(branch: Branch, plan: Plan, moved: Sequence[tuple[Secret, Mapping[str, bytes]]]) -> None:
    """One commit for each secret whose code was rewritten."""
    for secret, contents in moved:
        places = sorted({f"{o.path}:{o.line} ({f.key})" for f in secret.fields for o in f.origins if o.finding})
        rows = "".join(f"- {one_line(place)}\n" for place in places)
        body = f"Read from {one_line(plan.secret_name(secret))} ({secret.home}) instead of the code:\n\n{rows}"
        branch.commit(f"Move {one_line(secret.id)} out of the code", body, contents)


def commit_rest(branch: Branch, tree: Tree, ledger: Ledger) -> None:
    """What a run that was interrupted had written and not committed."""
    walk = discover.Walk(tree.root)
    contents: dict[str, bytes] = {}
    for path in ledger.journal.paths():
        data = (
            discover.read(walk, path, keep_binary=True) if path != PATH and os.path.lexists(tree.root / path) else None
        )
        if data is not None and ledger.journal.is_after(ledger.journal.standing(path)[-1], data):
            contents[path] = data
    branch.commit("Rest of an interrupted migration", "Written by hardcode-hunter.\n", contents)


# ---------------------------------------------------------------- the text


def text(branch: Branch, tree: Tree, ledger: Ledger, skips: Sequence[Skip], hidden: Iterable[Plaintext]) -> Change:
    """The pull request's text, as a file. The diff shows no value; where the values to mask aren't known, it isn't shown."""
    paths = [path for path in branch.changed() if path != PATH]
    moved = [s for s in tree.plan.secrets if not s.blocked]
    lines = [
        f"# Move the credentials of {markdown_text(tree.plan.application)} into AWS",
        "",
        "Credentials that stood in the code move into AWS Secrets Manager; the code reads them at run time. Behaviour stays the same, and no file",
        "here holds a value.",
        "",
        "| secret | name in the store | stood at |",
        "|---|---|---|",
        *(_row(tree.plan, secret) for secret in moved),
        "",
        *_commits(branch),
        *_reviewers(tree, paths),
        *_order(tree.plan, ledger),
        *_left(skips),
        "## The way back",
        "",
        "Before it is merged: `hardcode-hunter undo` puts every file back as it was. Afterwards: revert the commits and deploy; the secrets may stay,",
        f"nothing reads them then. Once a password was rotated, the old one has to be set again first ({markdown_code(ROLL_OUT)}, The way back).",
        "",
        *_diff(branch, ledger, paths, tuple(hidden)),
    ]
    return Change.creation(PATH, "\n".join(lines).encode("utf-8", "backslashreplace"))


def _row(plan: Plan, secret: Secret) -> str:
    places = sorted({f"{o.path}:{o.line}" for f in secret.fields for o in f.origins if o.finding})
    shown = ", ".join(markdown_code(place) for place in places[:6]) + (
        f" and {len(places) - 6} more" if len(places) > 6 else ""
    )
    return f"| {markdown_code(secret.id)} | {markdown_code(plan.secret_name(secret))} | {shown} |"


def _commits(branch: Branch) -> list[str]:
    rows = [f"- {markdown_code(c.id[:12])} {markdown_text(c.subject)}" for c in branch.commits]
    return ["## Commits", "", "Each is a program that runs.", "", *rows, ""] if rows else []


def _reviewers(tree: Tree, paths: Sequence[str]) -> list[str]:
    found = codeowners.owners(tree.root, paths)
    if not found:
        return []
    rows = [
        f"- {owner}: {', '.join(markdown_code(p) for p in theirs[:6])}{' …' if len(theirs) > 6 else ''}"
        for owner, theirs in found.items()
    ]
    return ["## Reviewers", "", "By CODEOWNERS:", "", *rows, ""]


def _order(plan: Plan, ledger: Ledger) -> list[str]:
    stored = ledger.happened("stored")
    lines = [
        "## Order of roll-out",
        "",
        f"All commands are in {markdown_code(ROLL_OUT)}. Rotation comes last: it changes a value at once.",
        "",
    ]
    for number, one in enumerate(deployments(plan, enable_rotation=ledger.rotating), 1):
        members = [s for s in plan.secrets if s.environment == one.environment and s.home in STORED and not s.blocked]
        ready = all(s.id in stored for s in members)
        state = (
            "done: every value was stored and read back"
            if ready
            else "values are still to be stored, by `hardcode-hunter apply` or `store`"
        )
        lines.append(
            f"{number}. {markdown_code(one.environment)}: deploy the empty secrets and their policies, then the values ({state})."
        )
    lines += [
        f"{len(lines) - 3}. Merge and deploy this code; restart what reads once, at start. Record it: `hardcode-hunter status --deployed SECRET CONSUMER`.",
        f"{len(lines) - 2}. `hardcode-hunter verify` must say that nothing is left.",
        f"{len(lines) - 1}. `hardcode-hunter rotate SECRET` refuses while a known consumer still holds the old value.",
        "",
    ]
    return lines


def _left(skips: Sequence[Skip]) -> list[str]:
    rows = [f"- {markdown_code(f'{s.path}:{s.line}')} {markdown_text(f'{s.code}: {s.why}')}" for s in skips]
    return ["## Left in the code", "", *rows, ""] if rows else []


def _diff(branch: Branch, ledger: Ledger, paths: Sequence[str], known: Sequence[Plaintext]) -> list[str]:
    kept = [ledger.escrow.kept(number) for number in ledger.escrow.numbers()]
    masks = {value for one in kept if one for value in one.hidden} | set(known)
    covered = {one.path for one in kept if one}
    body, new, unshown = [], [], []
    for path in paths:
        before, after = branch.blob(path, branch.base), branch.blob(path)
        if before is None or after is None:
            new.append(path)
        elif path not in covered or not branches.is_text(before + after):
            unshown.append(path)
        else:
            body += [one_line(line.expandtabs(4)) for line in difference(path, before, after, masks).splitlines()]
    lines = ["## Diff", "", "Values are masked, on the changed lines and around them.", ""]
    while len("\n".join(body)) > LONGEST:
        body = [*body[: len(body) * 3 // 4], "… cut: the rest is in the commits"]
    fence = "`" * (max((len(run) for line in body for run in _ticks(line)), default=2) + 1)
    lines += [f"{fence}diff", *body, fence, ""] if body else []
    lines += [f"New: {', '.join(markdown_code(path) for path in new)}.", ""] if new else []
    return lines + ([f"Not shown: {', '.join(markdown_code(path) for path in unshown)}.", ""] if unshown else [])


def _ticks(line: str) -> list[str]:
    return ["`" * count for count in range(2, 200) if "`" * count in line]
