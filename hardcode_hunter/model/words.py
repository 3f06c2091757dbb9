"""Closed sets of words: how sure, what sort, where it stands, what to do."""

from __future__ import annotations

import enum


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
