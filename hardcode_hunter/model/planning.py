"""The plan: secrets, their fields by origin, their consumers, and the replacements in code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hardcode_hunter.model.findings import Skip
from hardcode_hunter.model.identity import Span, fingerprint
from hardcode_hunter.model.words import Evaluated, Home, Kind, LiteralType, Order, Position, Shape, Tier


@dataclass(frozen=True, slots=True)
class Environment:
    """Account, region, profile, name template and tags of one deployment.

    ``name_template`` may hold ``{environment}``, ``{application}`` and ``{secret}``. ``boundary`` is the ARN of the permissions boundary
    that roles must have here; ``replicas`` are further regions that get a read-only copy of each secret.
    """

    name: str
    account: str = ""
    region: str = ""
    profile: str = ""
    name_template: str = "{environment}/{application}/{secret}"
    tags: Mapping[str, str] = field(default_factory=dict)
    boundary: str = ""
    replicas: tuple[str, ...] = ()

    def secret_name(self, application: str, secret: str) -> str:
        return self.name_template.format(environment=self.name, application=application, secret=secret)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the live value of a field stands in the code. ``line`` helps a reader; identity is path, symbol and ordinal.

    ``part`` and ``shape`` say which part of the literal it is; ``finding`` is set when the literal leaves the code.
    """

    path: str
    symbol: str
    ordinal: int = 0
    part: str = ""
    shape: Shape = Shape.WHOLE
    finding: str = ""
    line: int = 0

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.path, self.symbol, self.ordinal)


@dataclass(frozen=True, slots=True)
class SecretField:
    """One JSON key of a secret: its value stands at ``origins`` (all equal), or is the public ``constant``."""

    key: str
    origins: tuple[Origin, ...] = ()
    constant: str | int | None = None


@dataclass(frozen=True, slots=True)
class Consumer:
    """Code or a resource that reads a secret. ``role`` is a logical id, an ARN, or ``unknown``: a required parameter."""

    path: str
    line: int
    symbol: str
    reads: Evaluated = Evaluated.CALL
    runtime: str = "unknown"  # lambda | ecs | eks | ec2 | ci | unknown
    role: str = "unknown"
    restart: str = ""  # how it restarts on a new label, when it reads at start: said by a person
    retriever: str = ""  # how its file fetches secrets, where that is not the plan's way: said by a person
    fields: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """How the record of deployments names it."""
        return f"{self.path}:{self.symbol}"


@dataclass(frozen=True, slots=True)
class Replacement:
    """One finding's way into the secret's field. What ``rewrite`` gets, together with :class:`Access`."""

    finding: str
    rule: str
    path: str
    line: int
    symbol: str
    ordinal: int
    span: Span
    shape: Shape
    literal: LiteralType
    position: Position
    secret: str
    key: str
    part: str = ""
    evaluated: Evaluated = Evaluated.IMPORT
    tier: Tier = Tier.SAFE
    callee: str = ""
    parameter: str = ""
    resource: str = ""
    note: str = ""
    reaches: tuple[str, ...] = ()  # calls that the value gets to by way of names, dotted


@dataclass(frozen=True, slots=True)
class RotationChoice:
    """Which rotation serves a secret (``none`` with a reason is a choice too) and how often."""

    name: str = "none"
    why: str = ""
    schedule: str = "rate(30 days)"


@dataclass(frozen=True, slots=True)
class Question:
    """What only a person can decide. Without an answer its secret is left alone, and only its secret."""

    id: str
    ask: str
    choices: tuple[str, ...] = ()
    answer: str = ""

    def __str__(self) -> str:
        return self.ask


@dataclass(frozen=True, slots=True)
class Secret:
    """An entry in the store. ``form`` is ``json`` (fields) or ``text`` (one field, stored raw).

    ``id`` is unique in the plan: ``component``, or ``component@environment`` where one component lives in several environments.
    Code and secret names use ``component``.
    """

    id: str
    kind: Kind
    home: Home
    environment: str
    fields: tuple[SecretField, ...]
    why: str = ""
    engine: str = ""
    form: str = "json"
    rotation: RotationChoice = RotationChoice()
    consumers: tuple[Consumer, ...] = ()
    questions: tuple[Question, ...] = ()
    existing: str = ""  # name or ARN of a secret to adopt
    managed_resource: str = ""

    @property
    def component(self) -> str:
        return self.id.partition("@")[0]

    @property
    def blocked(self) -> tuple[Question, ...]:
        """The questions that are still open."""
        return tuple(q for q in self.questions if not q.answer)

    def key(self, name: str) -> SecretField | None:
        return next((f for f in self.fields if f.key == name), None)


@dataclass(frozen=True, slots=True)
class Seal:
    """By what a plan recognises a file: ``hash`` is :func:`content_hash` with the spans of the findings ``without`` left out."""

    hash: str
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Data that a person can review and edit; no plaintext in it. ``files`` holds the seal of each file that will be rewritten."""

    application: str
    order: Order
    retriever: str
    infrastructure: str  # cloudformation | terraform
    environments: tuple[Environment, ...]
    secrets: tuple[Secret, ...]
    replacements: tuple[Replacement, ...]
    skips: tuple[Skip, ...]
    files: Mapping[str, Seal]
    forced: tuple[str, ...] = ()  # reasons given to `rotate --force`
    trees: tuple[str, ...] = ()  # checkouts of other applications that use the same credentials, relative to this one

    def environment(self, name: str) -> Environment:
        return next(e for e in self.environments if e.name == name)

    def secret(self, id: str) -> Secret:
        return next(s for s in self.secrets if s.id == id)

    def secret_name(self, secret: Secret) -> str:
        """The name or ARN by which the store knows the secret in its environment."""
        return secret.existing or self.environment(secret.environment).secret_name(self.application, secret.component)


@dataclass(frozen=True, slots=True)
class Access:
    """How rewritten code and templates reach one secret."""

    secret: str  # component: what code calls the secret
    application: str
    name: str  # full name or ARN in its own environment
    environment: str
    templates: Mapping[str, str]  # environment name -> full secret name there
    home: Home
    form: str
    key: str
    rotates: bool = (
        False  # its rotation is on, or can be switched on: what reads it at call time must not see an old value
    )
