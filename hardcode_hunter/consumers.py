"""Who reads a secret once its literals are gone, and which master passwords the database's own service could keep."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
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


class Places:
    """Who reads what, over one tree: each file is looked at once, however many secrets are in it."""

    def __init__(self, sources: Mapping[str, Source], languages: Mapping[str, Language]) -> None:
        self._sources, self._languages = sources, languages
        self._runners: dict[str, Mapping[str, tuple[str, str]]] = {}
        self._handlers: dict[str, bool] = {}

    def of(self, findings: Sequence[Finding]) -> tuple[Consumer, ...]:
        """The places that read what ``findings`` hold, each with its role as far as the code names it."""
        rows: dict[tuple[str, str], Consumer] = {}
        for finding in findings:
            deployed = finding.evaluated is Evaluated.DEPLOY
            runtime = finding.language if deployed else "lambda" if self._is_handler(finding.path) else "unknown"
            role = "deployer" if deployed else "unknown"
            for path, line, symbol in _readers(finding):
                consumer = Consumer(path, line, symbol, finding.evaluated, runtime, role)
                rows.setdefault((path, symbol), self._running(consumer, finding.language))
        return tuple(sorted(rows.values(), key=lambda c: (c.path, c.line, c.symbol)))

    def runners(self, path: str, language: str) -> Mapping[str, tuple[str, str]]:
        """What runs in a template, each with its runtime and its role."""
        if path not in self._runners:
            known = self._languages[language].runs_as if language in self._languages else None
            self._runners[path] = known(self._sources[path]) if known and path in self._sources else {}
        return self._runners[path]

    def _is_handler(self, path: str) -> bool:
        if path not in self._handlers:
            self._handlers[path] = path in self._sources and HANDLER.search(self._sources[path].data) is not None
        return self._handlers[path]

    def _running(self, consumer: Consumer, language: str) -> Consumer:
        """A container's variable becomes a secret that the agent reads with the task's execution role; other variables are set by whoever
        deploys."""
        if not ENVIRONMENT.search(consumer.symbol):
            return consumer
        runners = self.runners(consumer.path, language)
        join = "/" if consumer.symbol.startswith("Resources/") else "."
        thing = next((name for name in _beginnings(consumer.symbol, join) if name in runners), "")
        runtime, role = runners.get(thing, ("", ""))
        return replace(consumer, runtime=runtime, role=role) if runtime == "ecs" else consumer


def _beginnings(symbol: str, joins: str) -> Iterator[str]:
    """What stands before each of the joins in ``symbol``."""
    return (symbol[:at] for at, character in enumerate(symbol) if character in joins)


def by_functions(
    secrets: Sequence[Secret], by_code: frozenset[str], sources: Mapping[str, Source], languages: Mapping[str, Language]
) -> tuple[Secret, ...]:
    """``secrets`` with the consumers whose functions read the secret themselves, each under its own role, and not the template."""

    places = Places(sources, languages)

    def read(secret: Secret) -> Secret:
        moved = any(o.finding in by_code for f in secret.fields for o in f.origins)
        rows = [c for consumer in secret.consumers for c in _functions(consumer, sources, languages, places)]
        return replace(secret, consumers=tuple(dict.fromkeys(rows))) if moved else secret

    return tuple(map(read, secrets))


_VARIABLE = re.compile(r"[/.][Ee]nvironment[/.][Vv]ariables[/.]")


def _functions(
    consumer: Consumer, sources: Mapping[str, Source], languages: Mapping[str, Language], places: Places
) -> list[Consumer]:
    source = sources.get(consumer.path)
    language = languages.get(source.language) if source is not None and _VARIABLE.search(consumer.symbol) else None
    if source is None or language is None or language.runs_as is None:
        return [consumer]
    known = places.runners(consumer.path, source.language)
    shared = consumer.symbol.startswith("Globals/")
    running = {
        name: known[name]
        for name in (known if shared else _beginnings(consumer.symbol, "/."))
        if name in known and known[name][0] == "lambda"
    }
    made = [
        replace(
            consumer,
            runtime="lambda",
            role=running[name][1],
            reads=Evaluated.CALL,
            symbol=f"{name}: {consumer.symbol}" if shared else consumer.symbol,
        )
        for name in running
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
