"""The vocabulary of the policies: documents whose open parts are symbols that each back end knows how to write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hardcode_hunter.generate.wanted import Item, Stack

Document = dict[str, object]


@dataclass(frozen=True, slots=True)
class One:
    """A string that only the deployment knows: ``account``, ``region``, ``partition``, ``secret`` (of an id), ``replica`` (its copy: of a
    region, a space and an id) …"""

    name: str
    of: str = ""


@dataclass(frozen=True, slots=True)
class Many:
    """A list of strings that only the deployment knows: ``administrators``, ``deployers``, ``writers``, ``roles`` (of an input), ``keys`` (of
    secrets), ``replica-keys`` (of a region)."""

    name: str
    of: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A string put together of literal text and symbols."""

    parts: tuple[str | One, ...]


@dataclass(frozen=True, slots=True)
class When:
    """A statement that stands only when the input ``managed-key`` of a secret was given."""

    of: str
    statement: Document


@dataclass(frozen=True, slots=True)
class Flat:
    """One flat list of strings, symbols and whole lists."""

    parts: tuple[str | One | Text | Many, ...]


PARTITION, REGION, ACCOUNT = One("partition"), One("region"), One("account")
ADMINISTRATORS, DEPLOYERS, WRITERS = Many("administrators"), Many("deployers"), Many("writers")
ROOT = Text(("arn:", PARTITION, ":iam::", ACCOUNT, ":root"))


def document(statements: Sequence[Document | When]) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def through(service: str, region: str = "") -> Document:
    """The conditions of a call that AWS's ``service`` makes for its caller, in ``region`` or in the deployment's own."""
    return {
        "kms:ViaService": Text((f"{service}.", region or REGION, ".", One("url-suffix"))),
        "kms:CallerAccount": ACCOUNT,
    }


def for_key(
    sid: str, actions: Sequence[str], condition: Mapping[str, object], accounts: Sequence[Text] = ()
) -> Document:
    """A statement of a key policy for the account, or for ``accounts`` by their root users' ARNs: their IAM policies must allow it too."""
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": list(accounts) or ROOT},
        "Action": list(actions),
        "Resource": "*",  # in a key policy: this key
        "Condition": dict(condition),
    }


def decrypt(
    service: str, context: str, arns: One | Text | Flat, actions: Sequence[str], keys: Many, region: str = ""
) -> Document:
    """The use of ``keys`` through ``service`` for what is encrypted in the ``context`` of ``arns``."""
    return {
        "Sid": "UseKey",
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": keys,
        "Condition": {
            "StringEquals": {
                "kms:ViaService": through(service, region)["kms:ViaService"],
                f"kms:EncryptionContext:{context}": arns,
            }
        },
    }


def names(stack: Stack, region: str = "") -> Text:
    """All secrets of the environment by name: ``??????`` is what Secrets Manager adds to a name in its ARN."""
    return secret_pattern(stack.name_pattern, region)


def secret_pattern(name: str, region: str = "") -> Text:
    """The ARN of the secret ``name`` before anybody knows its six random characters, in ``region`` or in the deployment's own."""
    return Text(("arn:", PARTITION, ":secretsmanager:", region or REGION, ":", ACCOUNT, f":secret:{name}-??????"))


def parameter_names(stack: Stack) -> Text:
    return Text(("arn:", PARTITION, ":ssm:", REGION, ":", ACCOUNT, f":parameter/{stack.name_pattern.lstrip('/')}"))


def parameter_arn(item: Item) -> Text:
    """A parameter's ARN has one slash whether or not its name begins with one (Systems Manager User Guide)."""
    return Text(("arn:", PARTITION, ":ssm:", REGION, ":", ACCOUNT, f":parameter/{item.name.lstrip('/')}"))
