"""Limits of the services that a plan must stay within, so that no template is written which AWS would refuse."""

from __future__ import annotations

import re

from hardcode_hunter.errors import UsageError
from hardcode_hunter.model import Environment

_ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
_RATE = re.compile(r"rate\((\d{1,4}) (hour|hours|day|days)\)\Z")
_CRON = re.compile(r"cron\([A-Za-z0-9*?/,# -]{5,200}\)\Z")


def check_environment(environment: Environment) -> None:
    """Raises ``UsageError``, naming the key, when the environment's name, account, region, name template or tags can't be deployed."""
    where = f"migration/plan.yaml: environment '{environment.name}'"
    if not _ENVIRONMENT.match(environment.name):
        raise UsageError(
            f"{where}: the name becomes a folder: letters, digits and ._- only, starting with a letter or digit"
        )
    if environment.account and not re.fullmatch(r"[0-9]{12}", environment.account):
        raise UsageError(f"{where}: 'account' must be 12 digits")
    if environment.region and not _REGION.fullmatch(environment.region):
        raise UsageError(f"{where}: 'region' is no AWS region, such as eu-central-1")
    if environment.boundary and not re.fullmatch(
        r"arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[\w+=,.@/-]+", environment.boundary
    ):
        raise UsageError(f"{where}: 'permissions-boundary' is no ARN of a policy")
    for region in environment.replicas:
        if not _REGION.fullmatch(region) or region == environment.region:
            raise UsageError(f"{where}: 'replica-regions' must be other AWS regions, such as eu-west-1")
    try:
        environment.secret_name("application", "secret")
    except (KeyError, IndexError, ValueError, AttributeError):
        known = "{environment}, {application} and {secret}"
        raise UsageError(f"{where}: 'name-template' may hold {known} and no other braces") from None
    for key, value in environment.tags.items():
        if not 1 <= len(key) <= 128 or len(value) > 256 or key.lower().startswith("aws:"):
            raise UsageError(
                f"{where}: a tag key has 1 to 128 characters and does not begin with aws:, a tag value at most 256"
            )
        if "{{resolve:" in key + value:
            raise UsageError(f"{where}: a tag holds '{{{{resolve:', which CloudFormation would look up; remove it")


def check_schedule(where: str, schedule: str) -> None:
    """Secrets Manager takes rate() from 4 hours to 999 days, or cron() (User Guide, "Schedule expressions")."""
    rate = _RATE.match(schedule)
    hours = int(rate[1]) * (24 if rate[2].startswith("day") else 1) if rate else 0
    if not (_CRON.match(schedule) or 4 <= hours <= 999 * 24):
        raise UsageError(f"{where} schedule must be rate(4 hours) to rate(999 days), or cron(…)")
