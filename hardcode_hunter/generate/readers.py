"""Who reads a secret: roles that are known by their ARN, and inputs for those that only a person knows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hardcode_hunter.errors import UsageError
from hardcode_hunter.model import Consumer, Evaluated, Secret

_IAM_ARN = re.compile(
    r"arn:[a-z-]+:iam::(?P<account>[0-9]{12}):(?P<kind>role|user)/(?P<path>[\w+=,.@/-]*/)?(?P<name>[\w+=,.@-]{1,64})\Z",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Principal:
    """A role or user that is known by its ARN."""

    arn: str
    account: str
    kind: str  # role | user
    name: str


@dataclass(frozen=True, slots=True)
class RoleInput:
    """A required input: the names of roles that only a person knows. ``of`` is a logical id, or empty when nothing is known."""

    id: str
    secret: str  # id of the secret, empty when several secrets share the input
    of: str
    description: str
    kind: str = ""  # one of ``KINDS``


def readers(where: str, secret: Secret) -> tuple[tuple[Principal, ...], tuple[RoleInput, ...]]:
    principals: dict[str, Principal] = {}
    waiting: dict[tuple[str, str], list[Consumer]] = {}
    for consumer in secret.consumers:
        if not consumer.role.startswith("arn:"):
            known = consumer.role not in ("", "unknown")
            key = (consumer.role, "") if known else ("", kind(consumer))
            waiting.setdefault(key, []).append(consumer)
            continue
        match = _IAM_ARN.match(consumer.role)
        if not match:
            raise UsageError(
                f"{where}: the consumer at {consumer.path}:{consumer.line} has a role that is no ARN of an IAM role or user"
            )
        principals[consumer.role] = Principal(consumer.role, match["account"], match["kind"], match["name"])
    if not secret.consumers:
        waiting["", ""] = []
    inputs = tuple(_input(secret, *key, consumers) for key, consumers in sorted(waiting.items()))
    return tuple(principals[arn] for arn in sorted(principals)), inputs


KINDS = {
    "lambda": "the execution role of the Lambda function",
    "ecs-task": "the task role, with which the application in the container calls",
    "ecs-execution": "the task execution role, with which the agent reads ValueFrom once, before the container starts",
    "eks": "the role of the pod identity association of the pod's service account",
    "ec2": "the role of the instance profile",
    "ci": "the role that the pipeline assumes by OIDC",
}
"""Which of the roles of a runtime reads a secret (Amazon ECS Developer Guide, "Task IAM role" and "Task execution IAM role"; Amazon EKS
User Guide, "Pod Identity"; EC2 User Guide, "IAM roles"; IAM User Guide, "OIDC federation")."""


def kind(consumer: Consumer) -> str:
    """One of ``KINDS``, or empty where the runtime isn't known. What a container's definition reads is read by the agent."""
    if consumer.runtime == "ecs":
        return "ecs-execution" if consumer.reads is Evaluated.DEPLOY else "ecs-task"
    return consumer.runtime if consumer.runtime in KINDS else ""


def _input(secret: Secret, of: str, kind: str, consumers: Sequence[Consumer]) -> RoleInput:
    if of == "deployer":
        text = "Names (no ARNs) of the roles that deploy what reads secrets at deployment."
        return RoleInput(f"role {of}", "", of, text)
    if of:
        return RoleInput(
            f"role {of}", "", of, f"Names (no ARNs) of the roles that '{of}' stands for in the code that reads secrets."
        )
    places = [f"{c.path}:{c.line}" for c in consumers]
    more = f" and {len(places) - 3} more" if len(places) > 3 else ""
    read_by = f" Read by {', '.join(places[:3])}{more}." if places else ""
    hint = f" That is {KINDS[kind]}." if kind else ""
    text = f"Names (no ARNs) of the roles that read '{secret.id}'.{hint}{read_by}"
    return RoleInput(f"unknown {secret.id} {kind}".rstrip(), secret.component, "", text, kind)
