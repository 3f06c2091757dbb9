"""``migration/plan.yaml``: the plan as a file that a person reads and edits. It holds no value of any credential."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from hardcode_hunter import wholefile
from hardcode_hunter.edited import Table
from hardcode_hunter.errors import UsageError
from hardcode_hunter.model import (
    Consumer,
    Environment,
    Evaluated,
    Home,
    Kind,
    LiteralType,
    Order,
    Origin,
    Plan,
    Position,
    Question,
    Replacement,
    RotationChoice,
    Seal,
    Secret,
    SecretField,
    Shape,
    Skip,
    Span,
    Tier,
)

PLAN_FILE = "migration/plan.yaml"
_TEMPORARY = f"{wholefile.TEMPORARY}plan"
VERSION = 1
HEAD = """\
# Made by `hardcode-hunter plan`. No credential's value is in this file.
# Yours to edit: names of secrets, which origin belongs to which field of which secret (move its line), home, environment, rotation,
# roles and runtimes of consumers, `retriever` for one of them, other trees that use the same credentials, answers to questions.
# `hardcode-hunter plan` keeps your edits, matched by `finding`.
"""


def dump(plan: Plan) -> str:
    """The plan as YAML. The same plan gives the same bytes."""
    tiers = {r.finding: r.tier for r in plan.replacements}
    document = {
        "version": VERSION,
        "application": plan.application,
        "order": plan.order.value,
        "retriever": plan.retriever,
        "infrastructure": plan.infrastructure,
        "environments": {e.name: _dump_environment(e) for e in plan.environments},
        "secrets": {s.id: _dump_secret(s, tiers) for s in plan.secrets},
        "skips": [
            {"finding": s.finding, "at": f"{s.path}:{s.line}", "rule": s.rule, "code": s.code, "why": s.why}
            for s in plan.skips
        ],
        "files": {
            path: {"hash": seal.hash, "without": list(seal.without)} for path, seal in sorted(plan.files.items())
        },
        "trees": list(plan.trees),
        "forced": list(plan.forced),
    }
    return HEAD + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=140)


def save(root: Path, plan: Plan) -> None:
    """Writes the plan below ``root``, whole or not at all and through no link. Raises ``Refused`` or what the disk says."""
    data = dump(plan).encode("utf-8")
    try:
        with wholefile.place(root, PLAN_FILE, create=True) as where:
            assert where is not None
            old = wholefile.read(where)
            if old is None:
                wholefile.create(where, _TEMPORARY, data, wholefile.new_mode())
            elif old.data != data:
                wholefile.replace(where, _TEMPORARY, data, old)
    except OSError as error:
        raise wholefile.failed(PLAN_FILE, error) from None


def _dump_environment(environment: Environment) -> dict[str, Any]:
    return {
        "account": environment.account,
        "region": environment.region,
        "profile": environment.profile,
        "name-template": environment.name_template,
        "tags": dict(environment.tags),
        **({"permissions-boundary": environment.boundary} if environment.boundary else {}),
        **({"replica-regions": list(environment.replicas)} if environment.replicas else {}),
    }


def _dump_secret(secret: Secret, tiers: Mapping[str, Tier]) -> dict[str, Any]:
    return {
        "kind": secret.kind.value,
        "home": secret.home.value,
        "environment": secret.environment,
        "engine": secret.engine,
        "form": secret.form,
        "existing": secret.existing,
        "managed-resource": secret.managed_resource,
        "why": secret.why,
        "rotation": {"name": secret.rotation.name, "schedule": secret.rotation.schedule, "why": secret.rotation.why},
        "fields": {f.key: _dump_field(f, tiers) for f in secret.fields},
        "consumers": [_dump_consumer(c) for c in secret.consumers],
        "questions": [
            {"id": q.id, "ask": q.ask, "choices": list(q.choices), "answer": q.answer} for q in secret.questions
        ],
    }


def _dump_field(field: SecretField, tiers: Mapping[str, Tier]) -> Any:
    if field.constant is not None:
        return {"constant": field.constant}
    return [_dump_origin(o, tiers) for o in field.origins]


def _dump_origin(origin: Origin, tiers: Mapping[str, Tier]) -> dict[str, Any]:
    row: dict[str, Any] = {"at": f"{origin.path}:{origin.line}", "symbol": origin.symbol}
    if origin.ordinal:
        row["ordinal"] = origin.ordinal
    if origin.part:
        row["part"] = origin.part
    if origin.shape is not Shape.WHOLE:
        row["shape"] = origin.shape.value
    if origin.finding:
        row |= {"finding": origin.finding, "rewrite": tiers.get(origin.finding, Tier.SAFE).value}
    return row


def _dump_consumer(consumer: Consumer) -> dict[str, Any]:
    return {
        "at": f"{consumer.path}:{consumer.line}",
        "symbol": consumer.symbol,
        "reads": consumer.reads.value,
        "runtime": consumer.runtime,
        "role": consumer.role,
        "restart": consumer.restart,
        **({"retriever": consumer.retriever} if consumer.retriever else {}),
    }


# ---------------------------------------------------------------- reading


TOP = (
    "version",
    "application",
    "order",
    "retriever",
    "infrastructure",
    "environments",
    "secrets",
    "skips",
    "files",
    "trees",
    "forced",
)
ENVIRONMENT = ("account", "region", "profile", "name-template", "tags", "permissions-boundary", "replica-regions")
SECRET = (
    "kind",
    "home",
    "environment",
    "engine",
    "form",
    "existing",
    "managed-resource",
    "why",
    "rotation",
    "fields",
    "consumers",
    "questions",
)
ORIGIN = ("at", "symbol", "ordinal", "part", "shape", "finding", "rewrite")
CONSUMER = ("at", "symbol", "reads", "runtime", "role", "restart", "retriever")


class _Twice(yaml.MarkedYAMLError):
    """A key that stands twice in one mapping: YAML readers would keep the last, and a secret would be lost."""


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else None
            if name in seen:
                raise _Twice(problem_mark=key.start_mark)
            if name:
                seen.add(name)
        return super().construct_mapping(node, deep)


def load(path: Path) -> Plan:
    """The plan in ``path``. Raises ``UsageError`` naming file and key when it is absent or malformed."""
    with wholefile.place(path.parent.parent, f"{path.parent.name}/{path.name}") as where:
        found = wholefile.read(where) if where else None
    if found is None:
        raise UsageError(f"{path}: no plan yet; run `hardcode-hunter plan` first")
    try:
        raw = yaml.load(found.data, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        what = "a key stands twice" if isinstance(error, _Twice) else "not valid YAML"
        raise UsageError(
            f"{path}: {what}{f' at line {mark.line + 1}' if mark else ''}; correct it, or remove it and plan afresh"
        ) from None
    top = Table(str(path), "", raw, TOP)
    if top.raw.get("version") != VERSION:
        raise UsageError(f"{path}: 'version' must be {VERSION}; remove it and plan afresh with this release")
    environments = tuple(
        _environment(name, top.table("environments").table(name, ENVIRONMENT)) for name in top.table("environments").raw
    )
    secrets, replacements = _secrets(top, {e.name for e in environments})
    return Plan(
        application=top.text("application"),
        order=top.choice("order", Order),
        retriever=top.text("retriever"),
        infrastructure=_infrastructure(top),
        environments=environments,
        secrets=secrets,
        replacements=replacements,
        skips=tuple(_skip(row) for row in top.rows("skips", ("finding", "at", "rule", "code", "why"))),
        files={path: _seal(top.table("files").table(path, ("hash", "without"))) for path in top.table("files").raw},
        forced=top.texts("forced"),
        trees=top.texts("trees"),
    )


def _seal(table: Table) -> Seal:
    return Seal(table.text("hash"), tuple(str(mark) for mark in table.raw.get("without") or ()))


def _infrastructure(top: Table) -> str:
    word = top.text("infrastructure")
    if word not in ("cloudformation", "terraform"):
        raise UsageError(f"{top.file}: 'infrastructure' is '{word}'; use cloudformation or terraform")
    return word


def _environment(name: str, table: Table) -> Environment:
    template = table.text("name-template", Environment("x").name_template)
    try:
        if not template.format(environment="e", application="a", secret="s"):
            raise ValueError
    except (KeyError, ValueError, IndexError, AttributeError, TypeError):
        raise UsageError(
            f"{table.file}: '{table.where}.name-template' may use {{environment}}, {{application}} and {{secret}} only"
        ) from None
    tags = {key: str(value) for key, value in table.table("tags").raw.items()}
    return Environment(name, table.text("account", ""), table.text("region", ""), table.text("profile", ""), template, tags,
                       table.text("permissions-boundary", ""), table.texts("replica-regions"))  # fmt: skip


def _skip(row: Table) -> Skip:
    path, line = row.place("at")
    return Skip(row.text("finding"), path, line, row.text("code"), row.text("why"), row.text("rule", ""))


def _secrets(top: Table, environments: set[str]) -> tuple[tuple[Secret, ...], tuple[Replacement, ...]]:
    secrets: list[Secret] = []
    replacements: list[Replacement] = []
    seen: dict[str, str] = {}
    for name in top.table("secrets").raw:
        table = top.table("secrets").table(name, SECRET)
        secret, own = _secret(name, table)
        if secret.environment not in environments:
            raise UsageError(
                f"{top.file}: '{table.where}.environment' names '{secret.environment}', which 'environments' doesn't have"
            )
        for item in own:
            if item.finding in seen:
                raise UsageError(
                    f"{top.file}: finding {item.finding} stands under both '{seen[item.finding]}' and '{name}'; keep one"
                )
            if item.shape is Shape.WHOLE:
                seen[item.finding] = name
        secrets.append(secret)
        replacements += own
    return tuple(secrets), tuple(replacements)


def _secret(name: str, table: Table) -> tuple[Secret, list[Replacement]]:
    fields, replacements = [], []
    for key, raw in table.table("fields").raw.items():
        if isinstance(raw, dict):
            fields.append(_constant(table, key, raw))
            continue
        rows = table.table("fields").rows(key, ORIGIN)
        origins = [(_origin(row), row.choice("rewrite", Tier, "safe")) for row in rows]
        fields.append(SecretField(key, tuple(origin for origin, _ in origins)))
        replacements += [_unbound(origin, tier, name, key) for origin, tier in origins if origin.finding]
    if not fields:
        raise UsageError(f"{table.file}: '{table.where}.fields' is empty; move an origin there or remove the secret")
    rotation = table.table("rotation", ("name", "schedule", "why"))
    form = table.text("form", "json")
    if form not in ("json", "text"):
        raise UsageError(f"{table.file}: '{table.where}.form' is '{form}'; use json or text")
    secret = Secret(
        id=name,
        kind=table.choice("kind", Kind),
        home=table.choice("home", Home),
        environment=table.text("environment"),
        fields=tuple(fields),
        why=table.text("why", ""),
        engine=table.text("engine", ""),
        form=form,
        rotation=RotationChoice(
            rotation.text("name", "none"),
            rotation.text("why", ""),
            rotation.text("schedule", RotationChoice().schedule),
        ),
        consumers=tuple(_consumer(row) for row in table.rows("consumers", CONSUMER)),
        questions=tuple(_question(row) for row in table.rows("questions", ("id", "ask", "choices", "answer"))),
        existing=table.text("existing", ""),
        managed_resource=table.text("managed-resource", ""),
    )
    return secret, replacements


def _constant(table: Table, key: str, raw: dict[str, Any]) -> SecretField:
    value = Table(table.file, f"{table.where}.fields.{key}", raw, ("constant",)).raw.get("constant")
    if key in ("password", "secret", "token") or not isinstance(value, (str, int)):
        raise UsageError(
            f"{table.file}: '{table.where}.fields.{key}' may not be a constant; credentials never stand in a plan"
        )
    return SecretField(key, (), value)


def _origin(row: Table) -> Origin:
    path, line = row.place("at")
    shape: Shape = row.choice("shape", Shape, "whole")
    origin = Origin(
        path, row.text("symbol"), row.number("ordinal"), row.text("part", ""), shape, row.text("finding", ""), line
    )
    if origin.finding not in ("", origin.fingerprint):
        raise UsageError(
            f"{row.file}: '{row.where}.finding' is not that of {origin.path}:{line}; move the whole row, or remove the file and plan afresh"
        )
    return origin


def _unbound(origin: Origin, tier: Tier, secret: str, key: str) -> Replacement:
    """A replacement as the file knows it; ``plan.bind`` adds what only the scanned source can tell."""
    return Replacement(
        finding=origin.finding,
        rule="",
        path=origin.path,
        line=origin.line,
        symbol=origin.symbol,
        ordinal=origin.ordinal,
        span=Span(0, 0),
        shape=origin.shape,
        literal=LiteralType.STR,
        position=Position.ASSIGNMENT,
        secret=secret,
        key=key,
        part=origin.part,
        tier=tier,
    )


def _consumer(row: Table) -> Consumer:
    path, line = row.place("at")
    reads = row.choice("reads", Evaluated, "call")
    return Consumer(
        path,
        line,
        row.text("symbol", ""),
        reads,
        row.text("runtime", "unknown"),
        row.text("role", "unknown"),
        row.text("restart", ""),
        row.text("retriever", ""),
    )


def _question(row: Table) -> Question:
    choices = tuple(str(c) for c in row.raw.get("choices") or ())
    question = Question(row.text("id"), row.text("ask"), choices, row.text("answer", ""))
    if question.answer and choices and question.answer not in choices:
        raise UsageError(f"{row.file}: '{row.where}.answer' is '{question.answer}'; use one of {', '.join(choices)}")
    return question


def answered(secret: Secret, answers: Mapping[str, str]) -> Secret:
    """The secret with earlier answers put back into its questions."""
    return replace(secret, questions=tuple(replace(q, answer=answers.get(q.id, q.answer)) for q in secret.questions))
