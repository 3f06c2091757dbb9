"""Whether the roles that need a secret may read it: their policies, the secret's and its key's, read from AWS and evaluated.

Nothing is simulated in AWS: ``iam:SimulatePrincipalPolicy`` doesn't take resource-based policies into account for roles (its API
reference), and those of a secret and its key are what decides here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hardcode_hunter.model import Home, Plan, Reader, Secret
from hardcode_hunter.store.connection import Connection, StoreError
from hardcode_hunter.store.policies import Answer, Policy, Request, Verdict, decide
from hardcode_hunter.store.shelves import parameter_name

_PRINCIPAL = re.compile(r"arn:[a-z-]+:iam::(?P<account>\d{12}):(?P<kind>role|user)/(?:.*/)?(?P<name>[^/]+)\Z")
_ABSENT = frozenset({"NoSuchEntity", "NoSuchEntityException"})


@dataclass(frozen=True, slots=True)
class _Principal:
    """A role or user with everything that its account says about it."""

    arn: str
    policies: tuple[Policy, ...] = ()
    boundary: Policy | None = None
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Thing:
    """A secret or parameter as far as reading it goes: ``key`` is the KMS key's ARN, empty for the one that AWS manages."""

    arn: str
    service: str
    policy: Policy | None = None
    key: str = ""
    key_policy: Policy | None = None
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def owner(self) -> str:
        return self.arn.split(":")[4]

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]


def readers(plan: Plan, environment: str, connection: Connection, actions: Sequence[str]) -> tuple[Reader, ...]:
    """One row for each secret of the environment and each role or user that the plan says reads it, by ARN.

    ``actions`` are the calls of the code on a secret in Secrets Manager. Raises nothing: what can't be told is in the row.
    """
    rows: list[Reader] = []
    known: dict[str, _Principal | None] = {}
    for secret in plan.secrets:
        arns = sorted({c.role for c in secret.consumers if c.role.startswith("arn:")})
        if secret.environment != environment or secret.home not in _THINGS or not arns:
            continue
        try:
            thing = _THINGS[secret.home](plan.secret_name(secret), connection)
        except StoreError as error:
            rows += [Reader(secret.id, arn, None, str(error)) for arn in arns]
            continue
        if thing is None:
            continue  # that it is absent is told elsewhere
        rows += [_row(secret, arn, thing, actions, connection, known) for arn in arns]
    return tuple(rows)


def _row(
    secret: Secret,
    arn: str,
    thing: _Thing,
    actions: Sequence[str],
    connection: Connection,
    known: dict[str, _Principal | None],
) -> Reader:
    try:
        if arn not in known:
            known[arn] = _principal(arn, connection, thing.owner)
        principal = known[arn]
    except StoreError as error:
        if error.code in _ABSENT:
            return Reader(secret.id, arn, False, "there is no such role or user")
        return Reader(secret.id, arn, None, str(error))
    if principal is None:
        why = f"it is in another account than {thing.owner}, where your credentials can't look; verify there"
        return Reader(secret.id, arn, None, why)
    verdicts = [_reading(principal, thing, action) for action in _calls(thing, actions)]
    if thing.key:
        verdicts.append(_decrypting(principal, thing))
    worst = min(verdicts, key=lambda verdict: verdict.answer)
    allowed = {Answer.YES: True, Answer.NO: False, Answer.MAYBE: None}[worst.answer]
    return Reader(secret.id, arn, allowed, worst.why)


def _calls(thing: _Thing, actions: Sequence[str]) -> Sequence[str]:
    return ("ssm:GetParameter",) if thing.service == "ssm" else actions


# ---------------------------------------------------------------- the calls


def _request(principal: _Principal, thing: _Thing, action: str, resource: str, more: Mapping[str, str]) -> Request:
    account, kind = principal.arn.split(":")[4], principal.arn.split(":")[5].partition("/")[0]
    context = {
        "aws:principalarn": principal.arn,
        "aws:principalaccount": account,
        "aws:principaltype": {"role": "AssumedRole", "user": "User"}[kind],
        "aws:principalisawsservice": "false",
        "aws:requestedregion": thing.region,
        "aws:securetransport": "true",
        "aws:resourceaccount": thing.owner,
        **{f"aws:principaltag/{key.lower()}": value for key, value in principal.tags},
        **more,
    }
    if kind == "user":
        context["aws:username"] = principal.arn.rpartition("/")[2]
    return Request(principal.arn, action, resource, context, ("aws:principaltag/", "kms:encryptioncontext:"))


def _reading(principal: _Principal, thing: _Thing, action: str) -> Verdict:
    prefix = "ssm:resourcetag/" if thing.service == "ssm" else "secretsmanager:resourcetag/"
    tags = {f"{start}{key.lower()}": value for key, value in thing.tags for start in ("aws:resourcetag/", prefix)}
    own = {"secretsmanager:versionstage": "AWSCURRENT"} if thing.service == "secretsmanager" else {}
    more = {"aws:viaawsservice": "false", **tags, **own}
    request = _request(principal, thing, action, thing.arn, more)
    return decide(request, principal.policies, thing.policy, owner=thing.owner, boundary=principal.boundary)


def _decrypting(principal: _Principal, thing: _Thing) -> Verdict:
    """``kms:Decrypt``, which the service calls in the reader's name."""
    named = "secretarn" if thing.service == "secretsmanager" else "parameter_arn"
    more = {
        "aws:viaawsservice": "true",
        "kms:viaservice": f"{thing.service}.{thing.region}.amazonaws.com{'.cn' if thing.region.startswith('cn-') else ''}",
        "kms:calleraccount": principal.arn.split(":")[4],
        f"kms:encryptioncontext:{named}": thing.arn,
    }
    request = _request(principal, thing, "kms:Decrypt", thing.key, more)
    owner = thing.key.split(":")[4]
    found = decide(request, principal.policies, thing.key_policy, owner=owner, boundary=principal.boundary, key=True)
    return Verdict(found.answer, found.why.replace("on it", f"on its key {thing.key}"))


# ---------------------------------------------------------------- what AWS says


def _secret(name: str, connection: Connection) -> _Thing | None:
    try:
        found = connection.call("secretsmanager", "describe_secret", name, SecretId=name)
    except StoreError as error:
        if error.code == "ResourceNotFoundException":
            return None
        raise
    policy = connection.call("secretsmanager", "get_resource_policy", name, SecretId=name).get("ResourcePolicy")
    tags = tuple((str(t["Key"]), str(t["Value"])) for t in found.get("Tags") or ())
    key, key_policy = _key(str(found.get("KmsKeyId") or ""), name, connection)
    return _Thing(str(found["ARN"]), "secretsmanager", _document(policy), key, key_policy, tags)


def _parameter(name: str, connection: Connection) -> _Thing | None:
    whole = parameter_name(name)
    wanted = [{"Key": "Name", "Option": "Equals", "Values": [whole]}]
    rows = connection.call("ssm", "describe_parameters", whole, ParameterFilters=wanted).get("Parameters") or ()
    if not rows:
        return None
    arn = str(rows[0].get("ARN") or "")
    if not arn:
        answer = connection.call("ssm", "get_parameter", whole, Name=whole, WithDecryption=False)
        arn = str((answer.get("Parameter") or {}).get("ARN", ""))
    key, key_policy = _key(str(rows[0].get("KeyId") or ""), whole, connection)
    return _Thing(arn, "ssm", None, key, key_policy)


_THINGS = {Home.SECRETS_MANAGER: _secret, Home.PARAMETER_STORE: _parameter}


def _key(id: str, name: str, connection: Connection) -> tuple[str, Policy | None]:
    """ARN and policy of the key; nothing for one that AWS manages, with which everyone in the account reads through the service."""
    if not id or id in ("alias/aws/secretsmanager", "alias/aws/ssm"):
        return "", None
    found = connection.call("kms", "describe_key", name, KeyId=id).get("KeyMetadata") or {}
    if found.get("KeyManager") == "AWS":
        return "", None
    answer = connection.call("kms", "get_key_policy", name, KeyId=str(found["Arn"]), PolicyName="default")
    return str(found["Arn"]), _document(answer.get("Policy"))


def _principal(arn: str, connection: Connection, account: str) -> _Principal | None:
    """The role or user; ``None`` for one of another account. Raises ``StoreError``."""
    match = _PRINCIPAL.match(arn)
    if match is None or match["account"] != account:
        return None
    kind, name = match["kind"], match["name"]
    named = {"RoleName" if kind == "role" else "UserName": name}
    found = connection.call("iam", f"get_{kind}", arn, **named)[kind.capitalize()]
    boundary = (found.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
    policies = [*_inline(kind, named, arn, connection), *_attached(kind, named, arn, connection)]
    if kind == "user":
        for group in _pages(connection, "list_groups_for_user", "Groups", arn, **named):
            of = {"GroupName": str(group["GroupName"])}
            policies += [*_inline("group", of, arn, connection), *_attached("group", of, arn, connection)]
    tags = tuple((str(t["Key"]), str(t["Value"])) for t in found.get("Tags") or ())
    return _Principal(arn, tuple(policies), _managed(str(boundary), arn, connection) if boundary else None, tags)


def _inline(kind: str, named: Mapping[str, str], arn: str, connection: Connection) -> Iterator[Policy]:
    for name in _pages(connection, f"list_{kind}_policies", "PolicyNames", arn, **named):
        answer = connection.call("iam", f"get_{kind}_policy", arn, PolicyName=str(name), **named)
        yield _document(answer.get("PolicyDocument")) or {}


def _attached(kind: str, named: Mapping[str, str], arn: str, connection: Connection) -> Iterator[Policy]:
    for row in _pages(connection, f"list_attached_{kind}_policies", "AttachedPolicies", arn, **named):
        yield _managed(str(row["PolicyArn"]), arn, connection)


def _managed(policy: str, arn: str, connection: Connection) -> Policy:
    version = connection.call("iam", "get_policy", arn, PolicyArn=policy)["Policy"]["DefaultVersionId"]
    answer = connection.call("iam", "get_policy_version", arn, PolicyArn=policy, VersionId=str(version))
    return _document(answer["PolicyVersion"].get("Document")) or {}


def _pages(connection: Connection, operation: str, rows: str, name: str, **arguments: str) -> Iterator[Any]:
    marker: dict[str, str] = {}
    while True:
        answer = connection.call("iam", operation, name, **arguments, **marker)
        yield from answer.get(rows) or ()
        if not answer.get("IsTruncated"):
            return
        marker = {"Marker": str(answer["Marker"])}


def _document(text: Any) -> Policy | None:
    """A policy, which IAM's client has parsed already and the other services' have not."""
    if isinstance(text, str) and text:
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise StoreError("a policy", "reading it", "UnreadableAnswer")
        return found
    return text if isinstance(text, Mapping) else None
