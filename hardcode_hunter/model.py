"""The vocabulary: every value that travels between two stages is defined here, and nothing else is.

Positions are byte offsets into the file as it lies on disk; lines and columns count from 1, columns in bytes.
Paths are POSIX, relative to the scanned root. No value here holds a syntax-tree node, and only
:class:`Candidate` holds plaintext: it never leaves the process that read the file.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

MASK = "********"


class Plaintext:
    """A credential's value. Every way of printing it shows :data:`MASK`; :meth:`reveal` is the only door.

    Not a dataclass, because ``dataclasses.asdict`` would print it; pickling is refused, so that it cannot cross
    into another process.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself. Each call is a line that a reviewer can search for."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plaintext) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Plaintext, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a plaintext value may not be pickled")

    def __len__(self) -> int:
        return len(self._value)


class Confidence(enum.IntEnum):
    """How sure a finding is: ``--min-confidence`` compares these."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def label(self) -> str:
        return self.name.lower()


class Verdict(enum.StrEnum):
    """What to do about a finding. A ``test-value`` alone does not fail a gate."""

    MIGRATE = "migrate"
    REPORT = "report"
    TEST_VALUE = "test-value"


class Severity(enum.StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Kind(enum.StrEnum):
    """What sort of credential it is; decides how it is stored and whether it can be rotated."""

    DATABASE = "database-credential"
    APPLICATION = "application-credential"
    OAUTH = "oauth-token"
    API_KEY = "api-key"
    SIGNING_KEY = "signing-key"
    ENCRYPTION_KEY = "encryption-key"
    PRIVATE_KEY = "private-key"
    AWS_KEY = "aws-key"
    CONNECTION_URL = "connection-url"


class Position(enum.StrEnum):
    """What the literal is to the code around it."""

    ASSIGNMENT = "assignment"  # NAME = "…", self.name = "…", obj["name"] = "…"
    ARGUMENT = "argument"  # f(name="…") or f("…")
    DEFAULT = "default"  # def f(name="…")
    ENV_DEFAULT = "env-default"  # os.environ.get("X", "…")
    ITEM = "item"  # {"name": "…"}
    COMPARISON = "comparison"  # name == "…"
    CLASS_FIELD = "class-field"  # dataclass, NamedTuple, Enum or model field
    ELEMENT = "element"  # a member of a tuple or list
    RETURN = "return"
    PROPERTY = "property"  # a resource's property, a YAML or JSON key, an HCL attribute
    PARAMETER_DEFAULT = "parameter-default"  # CloudFormation parameter or Terraform variable
    TEXT = "text"  # found in a line of text, a comment or a docstring


class Evaluated(enum.StrEnum):
    """When the literal's expression runs: at each call, or once when the module is imported or the stack deployed."""

    CALL = "call"
    IMPORT = "import"
    DEPLOY = "deploy"


class LiteralType(enum.StrEnum):
    """The run-time type that a rewrite must keep."""

    STR = "str"
    BYTES = "bytes"
    INT = "int"
    TEMPLATE = "template"  # has interpolated parts; the value is its literal text with each hole as \x00
    TEXT = "text"  # not a literal of a language at all


class Shape(enum.StrEnum):
    """How the credential sits in the literal."""

    WHOLE = "whole"
    URL = "url"  # scheme://user:password@host
    DSN = "dsn"  # libpq: key=value key=value
    ODBC = "odbc"  # KEY=value;KEY=value
    BEARER = "bearer"  # "Bearer <token>", "Token <token>"
    BASIC = "basic"  # "Basic " + base64(user:password)
    EMBEDDED = "embedded"  # inside prose, INI, YAML or JSON text: reported, not rewritten


class Tier(enum.StrEnum):
    """How safe an edit is: ``safe`` is applied, ``review`` only when asked for."""

    SAFE = "safe"
    REVIEW = "review"


class Home(enum.StrEnum):
    """Where a credential moves to."""

    SECRETS_MANAGER = "secretsmanager"
    PARAMETER_STORE = "parameter-store"
    MANAGED = "managed-password"
    ROLE = "role"


class Order(enum.StrEnum):
    """Who creates the secret: the stack (then ``store`` fills it), or it exists and the stack attaches to it."""

    SHELL_FIRST = "shell-first"
    ADOPT = "adopt"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Half-open byte range ``[start, end)``."""

    start: int
    end: int

    def __contains__(self, offset: object) -> bool:
        return isinstance(offset, int) and self.start <= offset < self.end

    def overlaps(self, other: Span) -> bool:
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Source:
    """One file as read: ``data`` is what lies on disk, byte for byte."""

    path: str
    data: bytes
    language: str = ""

    def line_of(self, offset: int) -> int:
        """The line (from 1) on which byte ``offset`` stands; lines end at LF, or at CR not followed by LF."""
        return _newlines(self.data, offset) + 1

    def column_of(self, offset: int) -> int:
        """The column (from 1, in bytes) of byte ``offset``."""
        start = max(self.data.rfind(b"\n", 0, offset), self.data.rfind(b"\r", 0, offset)) + 1
        return offset - start + 1


def _newlines(data: bytes, end: int) -> int:
    cr = data.count(b"\r", 0, end)
    both = data.count(b"\r\n", 0, end) if cr else 0
    # a CR right before `end` whose LF lies beyond it still belongs to the pair
    return data.count(b"\n", 0, end) + cr - both - (1 if cr and data[end - 1 : end + 1] == b"\r\n" else 0)


@dataclass(frozen=True, slots=True)
class Sink:
    """Where a value ends up: a library call's parameter (``callee``) or a resource's property (``resource``)."""

    callee: str = ""
    resource: str = ""
    parameter: str = ""
    path: str = ""
    line: int = 0
    evaluated: Evaluated = Evaluated.CALL
    scope: str = ""  # the call or resource at `path`, so that siblings that reach the same one can be joined
    via: str = ""  # the path it travelled, in words: "Ref DbPassword", "var.db_password, module.db"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A literal in a source file with where it stands. The narrow waist: rules see nothing else.

    ``span`` is the literal as written, quotes and prefix included. ``symbol`` is the structural path
    (``Settings.DATABASES.default.PASSWORD``, ``Resources/Db/Properties/MasterUserPassword``) and ``ordinal`` counts
    equal symbols in the file from 0: both survive moved lines. ``scope`` names the call, mapping, block or namespace that the
    literal shares with its siblings (``call@120``, ``dict@88``, ``class Config``, ``module``).
    ``defines`` is the name under which other code can refer to the value; ``link`` joins it to references.
    """

    path: str
    language: str
    span: Span
    line: int
    end_line: int
    column: int
    value: Plaintext
    literal: LiteralType
    position: Position
    name: str
    symbol: str
    ordinal: int = 0
    callee: str = ""
    parameter: str = ""  # keyword name, or "#2" for the third positional argument
    resource: str = ""
    scope: str = "module"
    evaluated: Evaluated = Evaluated.IMPORT
    defines: str = ""
    sinks: tuple[Sink, ...] = ()
    note: str = ""  # what a language knows that blocks or shapes a rewrite: "decorator", "class body use", "generated"

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.path, self.symbol, self.ordinal)

    def reaching(self, *sinks: Sink) -> Candidate:
        """The same candidate with these sinks added."""
        return replace(self, sinks=self.sinks + sinks)


@dataclass(frozen=True, slots=True)
class Reference:
    """A use of a name: variable, settings import, template parameter, module input.

    ``target`` is in the form of :attr:`Candidate.defines`. When a reference only passes a value on to
    another name (``x = settings.Y``, a module input), that name is in ``defines``.
    """

    path: str
    language: str
    span: Span
    line: int
    target: str
    callee: str = ""
    parameter: str = ""
    resource: str = ""
    symbol: str = ""
    scope: str = ""
    evaluated: Evaluated = Evaluated.CALL
    defines: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that could not be read or parsed. ``fatal`` ones make the run incomplete (exit 2)."""

    path: str
    line: int
    message: str
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a language found in one source."""

    candidates: tuple[Candidate, ...] = ()
    references: tuple[Reference, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """One part of a credential, by where it stands in the code: ``role`` is its key in the secret.

    ``part`` is set when it is only a part of the literal (the password of a URL); ``digest`` groups equal values.
    """

    role: str
    path: str
    span: Span
    line: int
    symbol: str
    ordinal: int
    digest: str
    part: str = ""
    literal: LiteralType = LiteralType.STR


@dataclass(frozen=True, slots=True)
class Finding:
    """A candidate that a rule matched. Holds no plaintext: ``digest`` is a keyed hash whose key lives for one run."""

    id: str
    rule: str
    title: str
    kind: Kind
    severity: Severity
    confidence: Confidence
    verdict: Verdict
    reason: str
    path: str
    language: str
    span: Span
    line: int
    end_line: int
    column: int
    symbol: str
    ordinal: int
    name: str
    role: str
    shape: Shape
    literal: LiteralType
    position: Position
    digest: str
    length: int
    evaluated: Evaluated = Evaluated.IMPORT
    callee: str = ""
    parameter: str = ""
    resource: str = ""
    scope: str = "module"
    engine: str = ""
    home: Home = Home.SECRETS_MANAGER
    rotation: str = "none"
    sinks: tuple[Sink, ...] = ()
    fields: tuple[Field, ...] = ()
    note: str = ""
    suppressed: str = ""  # by what: "ours", "detect-secrets", "baseline" …; empty when it stands


@dataclass(frozen=True, slots=True)
class Skip:
    """A finding that will not be rewritten: ``code`` for machines, ``why`` for the person who must act."""

    finding: str
    path: str
    line: int
    code: str
    why: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """One splice. ``finding`` is empty for edits that only serve others (an import line)."""

    span: Span
    text: bytes
    tier: Tier = Tier.SAFE
    finding: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One file before and after: a rewritten source and a generated file are the same type.

    ``before`` is :func:`content_hash` of what the edits were made for; ``None`` means the file is created.
    """

    path: str
    before: str | None
    edits: tuple[Edit, ...]

    def result(self, data: bytes) -> bytes:
        """``data`` with all edits applied. Raises ``ValueError`` when edits overlap or reach beyond the file."""
        out, at = [], 0
        for edit in sorted(self.edits, key=lambda e: (e.span.start, e.span.end)):
            if edit.span.start < at or edit.span.end > len(data):
                raise ValueError(f"{self.path}: edits overlap or lie outside the file")
            out += [data[at : edit.span.start], edit.text]
            at = edit.span.end
        return b"".join([*out, data[at:]])

    @classmethod
    def creation(cls, path: str, text: bytes) -> Change:
        return cls(path, None, (Edit(Span(0, 0), text),))


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What a language's rewriter made of the replacements for one file: all of them are in ``change`` or in ``skips``."""

    change: Change | None = None
    skips: tuple[Skip, ...] = ()
    requirements: tuple[str, ...] = ()  # distributions that the rewritten file imports


# ---------------------------------------------------------------- the plan


@dataclass(frozen=True, slots=True)
class Environment:
    """Account, region, profile, name template and tags of one deployment.

    ``name_template`` may hold ``{environment}``, ``{application}`` and ``{secret}``.
    """

    name: str
    account: str = ""
    region: str = ""
    profile: str = ""
    name_template: str = "{environment}/{application}/{secret}"
    tags: Mapping[str, str] = field(default_factory=dict)

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
    fields: tuple[str, ...] = ()


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
class Plan:
    """Data that a person can review and edit; no plaintext in it. ``files`` maps a path to :func:`content_hash`."""

    application: str
    order: Order
    retriever: str
    infrastructure: str  # cloudformation | terraform
    environments: tuple[Environment, ...]
    secrets: tuple[Secret, ...]
    replacements: tuple[Replacement, ...]
    skips: tuple[Skip, ...]
    files: Mapping[str, str]
    forced: tuple[str, ...] = ()  # reasons given to `rotate --force`

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


# ---------------------------------------------------------------- identity


def fingerprint(path: str, symbol: str, ordinal: int) -> str:
    """16 hex digits that name a place, made of path, symbol path and ordinal: no trace of the value, no line number."""
    return hashlib.sha256(f"{path}\0{symbol}\0{ordinal}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


def content_hash(data: bytes, spans: Sequence[Span] = ()) -> str:
    """SHA-256 of ``data`` with each of ``spans`` replaced by one NUL, so that the hash proves nothing about a value there."""
    digest, at = hashlib.sha256(), 0
    for span in sorted(spans):
        if span.start < at:
            continue
        digest.update(data[at : span.start] + b"\0")
        at = span.end
    digest.update(data[at:])
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Scan:
    """The outcome of ``scan``: what was found, what was hushed, what could not be looked at, and what was walked."""

    root: Path
    findings: tuple[Finding, ...]
    suppressed: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()
    files: int = 0
    bytes: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)  # reason -> number of files not looked at
    rules: int = 0
    seconds: float = 0.0
