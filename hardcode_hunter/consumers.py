"""Who reads a secret once its literals are gone, and which master passwords the database's own service could keep."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hardcode_hunter.model import Consumer, Evaluated, Finding, Secret, Source
from hardcode_hunter.plugins import Language

MANAGED = {
    # master passwords that the service can keep (ManageMasterUserPassword, manage_master_user_password, and what Redshift calls it)
    "AWS::RDS::DBInstance": "MasterUserPassword",
    "AWS::RDS::DBCluster": "MasterUserPassword",
    "AWS::DocDB::DBCluster": "MasterUserPassword",
    "AWS::Redshift::Cluster": "MasterUserPassword",
    "aws_db_instance": "password",
    "aws_rds_cluster": "master_password",
    "aws_docdb_cluster": "master_password",
    "aws_redshift_cluster": "master_password",
}
ENVIRONMENT = re.compile(r"[/.](?:Environment|container_definitions)[/.]")
HANDLER = re.compile(rb"^def \w*handler\w*\(\s*event\b[^)]*\bcontext\b", re.M)


def of(
    findings: Sequence[Finding], sources: Mapping[str, Source], languages: Mapping[str, Language]
) -> tuple[Consumer, ...]:
    """The places that read what ``findings`` hold, each with its role as far as the code names it."""
    rows: dict[tuple[str, str], Consumer] = {}
    runners: dict[str, Mapping[str, tuple[str, str]]] = {}
    for finding in findings:
        data = sources[finding.path].data if finding.path in sources else b""
        runtime = (
            finding.language
            if finding.evaluated is Evaluated.DEPLOY
            else "lambda"
            if HANDLER.search(data)
            else "unknown"
        )
        role = "deployer" if finding.evaluated is Evaluated.DEPLOY else "unknown"
        for path, line, symbol in _readers(finding):
            known = languages[finding.language].runs_as if finding.language in languages else None
            if known and path in sources and path not in runners:
                runners[path] = known(sources[path])
            consumer = Consumer(path, line, symbol, finding.evaluated, runtime, role)
            rows.setdefault((path, symbol), _running(consumer, runners.get(path, {})))
    return tuple(sorted(rows.values(), key=lambda c: (c.path, c.line, c.symbol)))


def _running(consumer: Consumer, runners: Mapping[str, tuple[str, str]]) -> Consumer:
    """A container's variable becomes a secret that the agent reads with the task's execution role; other variables are set by whoever deploys."""
    join = "/" if consumer.symbol.startswith("Resources/") else "."
    thing = next((name for name in runners if consumer.symbol.startswith(name + join)), "")
    runtime, role = runners.get(thing, ("", ""))
    return (
        replace(consumer, runtime=runtime, role=role)
        if runtime == "ecs" and ENVIRONMENT.search(consumer.symbol)
        else consumer
    )


def by_functions(
    secrets: Sequence[Secret], by_code: frozenset[str], sources: Mapping[str, Source], languages: Mapping[str, Language]
) -> tuple[Secret, ...]:
    """``secrets`` with the consumers whose functions read the secret themselves, each under its own role, and not the template."""

    def read(secret: Secret) -> Secret:
        moved = any(o.finding in by_code for f in secret.fields for o in f.origins)
        rows = [c for consumer in secret.consumers for c in _functions(consumer, sources, languages)]
        return replace(secret, consumers=tuple(dict.fromkeys(rows))) if moved else secret

    return tuple(map(read, secrets))


_VARIABLE = re.compile(r"[/.][Ee]nvironment[/.][Vv]ariables[/.]")


def _functions(consumer: Consumer, sources: Mapping[str, Source], languages: Mapping[str, Language]) -> list[Consumer]:
    source = sources.get(consumer.path)
    language = languages.get(source.language) if source is not None and _VARIABLE.search(consumer.symbol) else None
    if source is None or language is None or language.runs_as is None:
        return [consumer]
    running = {name: row for name, row in language.runs_as(source).items() if row[0] == "lambda"}
    shared = consumer.symbol.startswith("Globals/")
    names = [name for name in running if shared or re.match(re.escape(name) + r"[/.]", consumer.symbol)]
    made = [
        replace(
            consumer,
            runtime="lambda",
            role=running[name][1],
            reads=Evaluated.CALL,
            symbol=f"{name}: {consumer.symbol}" if shared else consumer.symbol,
        )
        for name in names
    ]
    return made or [consumer]


def _readers(finding: Finding) -> list[tuple[str, int, str]]:
    """Path, line and symbol of what reads the secret: the finding's place, or the properties that a template's parameter or variable feeds."""
    joins = {"cloudformation": "/Properties/", "terraform": "."}
    join = joins.get(finding.language, "") if finding.evaluated is Evaluated.DEPLOY and not finding.resource else ""
    fed = (
        [(s.path, s.line, f"{s.scope}{join}{s.parameter}") for s in finding.sinks if s.resource and s.scope]
        if join
        else []
    )
    return fed or [(finding.path, finding.line, finding.symbol)]


def managed(finding: Finding) -> str:
    """The database whose service could keep the master password itself: its place, or an empty text."""
    places = [
        (finding.path, finding.scope, finding.resource, finding.name),
        *((s.path, s.scope, s.resource, s.parameter) for s in finding.sinks),
    ]
    return next((f"{scope} in {path}" for path, scope, resource, name in places if MANAGED.get(resource) == name), "")
