"""Limits of the services that a plan must stay within, so that no template is written which AWS would refuse."""

from __future__ import annotations

import re

from hardcode_hunter.errors import UsageError
from hardcode_hunter.model import Environment, Home

_ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
_RATE = re.compile(r"rate\((\d{1,4}) (hour|hours|day|days)\)\Z")
_CRON = re.compile(r"cron\([A-Za-z0-9*?/,# -]{5,200}\)\Z")


_NAME = {
    Home.SECRETS_MANAGER: re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}\Z"),  # API Reference, CreateSecret: Name
    Home.MANAGED: re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}\Z"),
    Home.PARAMETER_STORE: re.compile(
        r"[A-Za-z0-9/_.-]{1,900}\Z"
    ),  # with its ARN's prefix 1,011 (API Reference, PutParameter: Name)
}
TAG_CHARACTERS = "letters, digits, spaces and _.:/=+-@"
"""What all of the services take (AWS General Reference, "Tag naming limits and requirements")."""


def check_application(application: str) -> None:
    """Raises ``UsageError`` when the application's name can't be the tag, and the part of names, that it becomes."""
    if not application.strip() or len(application) > 128:
        raise UsageError(
            "migration/plan.yaml: 'application' must have 1 to 128 characters: it becomes a tag and part of names"
        )


def check_name(where: str, home: Home, name: str) -> None:
    """Raises ``UsageError`` when no secret, or no parameter, can have ``name``."""
    if not _NAME[home].match(name):
        characters, most = ("/_.-", 900) if home is Home.PARAMETER_STORE else ("/_+=.@-", 512)
        raise UsageError(
            f"{where}: its name may hold letters, digits and {characters} only, at most {most} of them; change the application, the id or the name template"
        )
    parts = name.removeprefix("/").split("/")
    if any(not part.strip(".") for part in parts):
        raise UsageError(
            f"{where}: its name '{name}' has a part that is empty or all dots; change the application, the id or the name template"
        )
    if home is Home.PARAMETER_STORE and (len(parts) > 15 or parts[0].lower().startswith(("aws", "ssm"))):
        raise UsageError(
            f"{where}: the name of a parameter has at most 15 parts and doesn't begin with aws or ssm; change the name template"
        )


def check_tag(where: str, key: str, value: str) -> None:
    """Raises ``UsageError`` for a tag that a service would refuse."""
    if not 1 <= len(key) <= 128 or len(value) > 256 or key.lower().startswith("aws:"):
        raise UsageError(
            f"{where}: a tag key has 1 to 128 characters and does not begin with aws:, a tag value at most 256"
        )
    if "{{resolve:" in key + value:
        raise UsageError(f"{where}: a tag holds '{{{{resolve:', which CloudFormation would look up; remove it")
    if any(not (c.isalnum() or c in " _.:/=+-@") for c in key + value):
        raise UsageError(f"{where}: a tag may hold {TAG_CHARACTERS} only")


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
        twice = environment.replicas.count(region) > 1
        if not _REGION.fullmatch(region) or region == environment.region or twice:
            raise UsageError(f"{where}: 'replica-regions' must be other AWS regions, each once, such as eu-west-1")
    try:
        environment.secret_name("application", "secret")
    except (KeyError, IndexError, ValueError, AttributeError):
        known = "{environment}, {application} and {secret}"
        raise UsageError(f"{where}: 'name-template' may hold {known} and no other braces") from None
    for key, value in environment.tags.items():
        check_tag(where, key, value)


def check_schedule(where: str, schedule: str) -> None:
    """Secrets Manager takes rate() from 4 hours to 999 days, or cron() (User Guide, "Schedule expressions")."""
    rate = _RATE.match(schedule)
    hours = int(rate[1]) * (24 if rate[2].startswith("day") else 1) if rate else 0
    if not (_CRON.match(schedule) or 4 <= hours <= 999 * 24):
        raise UsageError(f"{where} schedule must be rate(4 hours) to rate(999 days), or cron(…)")
