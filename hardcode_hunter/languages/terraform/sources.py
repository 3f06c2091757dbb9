"""How a configuration reads a secret: a data source, whose value the state keeps, or an ephemeral resource, which only some places take."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hardcode_hunter.languages.terraform import syntax
from hardcode_hunter.languages.terraform.modules import Modules, identifier
from hardcode_hunter.languages.terraform.routes import Landing, Route
from hardcode_hunter.languages.units import Hurdle
from hardcode_hunter.model import Access, Home, Tier

ENVIRONMENT = "deployment_environment"
"""The variable that tells environments apart, when a secret has a name in each."""
EPHEMERAL = (1, 10)
"""The first Terraform with ephemeral resources; the AWS provider has this one since 5.80 at the latest."""
EPHEMERAL_PROVIDER = (5, 80)
STATE = "# Terraform keeps what is read here in its state: protect the state as the secret itself."

_NAME = re.compile(r"[A-Za-z0-9/_+=.@:-]+")
_LEAST = re.compile(r"(?:^|,)\s*(?:>=|~>|=)?\s*v?(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Reading:
    """``block`` is appended once per directory when it ``exists`` not yet; ``variable`` as well, when the name depends on the environment.

    ``address`` is what the block declares, with its ``arguments`` as expressions, for configurations that are written in JSON.
    """

    expression: str
    block: str
    exists: bool
    variable: str = ""
    address: tuple[str, ...] = ()
    arguments: Mapping[str, str] = field(default_factory=dict)


def reading(modules: Modules, folder: str, access: Access, to: Route) -> Reading | Hurdle:
    """How code in ``folder`` reads ``access`` for all the places that the value goes to."""
    if access.home in (Home.ROLE, Home.MANAGED):
        return Reading("", "", True)
    named = _named(modules, folder, access)
    if isinstance(named, Hurdle):
        return named
    value, variable = named
    if access.home is Home.PARAMETER_STORE:
        kind, argument, read = "aws_ssm_parameter", "name", "value"
    else:
        kind, argument, read = "aws_secretsmanager_secret_version", "secret_id", "secret_string"
    block = "ephemeral" if access.home is Home.SECRETS_MANAGER and takes_ephemeral(modules, folder, to) else "data"
    provider = next(iter(to.providers)) if len(to.providers) == 1 else ""
    name, exists = modules.reader(
        folder, block, kind, {argument: value, "provider": provider}, identifier(access.secret)
    )
    expression = f"{block}.{kind}.{name}.{read}"
    if access.home is Home.SECRETS_MANAGER and access.form == "json":
        expression = f"jsondecode({expression})[{json.dumps(access.key)}]"
    head = f"{STATE}\n" if block == "data" else ""
    first = f"  provider = {provider}\n\n" if provider else ""
    text = f'{head}{block} "{kind}" "{name}" {{\n{first}  {argument} = {value}\n}}\n'
    arguments = {argument: value} | ({"provider": provider} if provider else {})
    return Reading(expression, text, exists, variable, (block, kind, name), arguments)


def value_from(modules: Modules, folder: str, access: Access, to: Route) -> Reading | Hurdle:
    """What ECS takes as ``valueFrom``, as the inside of a quoted template: the ARN of the secret's field, or the parameter's name."""
    named = _named(modules, folder, access)
    if isinstance(named, Hurdle):
        return named
    value, variable = named
    suffix = f":{access.key}::" if access.form == "json" and access.home is Home.SECRETS_MANAGER else ""
    plain = json.loads(value) if value.startswith('"') else ""
    if plain and (access.home is Home.PARAMETER_STORE or plain.startswith("arn:")):
        return Reading(plain + suffix, "", True)
    if access.home is Home.PARAMETER_STORE:
        return Hurdle("environments", "the parameter has another name in each environment: write valueFrom by hand")
    read = _arn(modules, folder, access, to, value, variable)
    return replace(read, expression=f"${{{read.expression}}}{suffix}")


def arn(modules: Modules, folder: str, access: Access, to: Route) -> Reading | Hurdle:
    """The expression for the secret's ARN."""
    named = _named(modules, folder, access)
    if isinstance(named, Hurdle):
        return named
    value, variable = named
    if value.startswith('"arn:'):
        return Reading(value, "", True)
    return _arn(modules, folder, access, to, value, variable)


def _arn(modules: Modules, folder: str, access: Access, to: Route, value: str, variable: str) -> Reading:
    provider = next(iter(to.providers)) if len(to.providers) == 1 else ""
    name, exists = modules.reader(
        folder, "data", "aws_secretsmanager_secret", {"name": value, "provider": provider}, identifier(access.secret)
    )
    first = f"  provider = {provider}\n\n" if provider else ""
    block = f'data "aws_secretsmanager_secret" "{name}" {{\n{first}  name = {value}\n}}\n'
    return Reading(f"data.aws_secretsmanager_secret.{name}.arn", block, exists, variable)


def _named(modules: Modules, folder: str, access: Access) -> tuple[str, str] | Hurdle:
    """The expression for the secret's name, and the variable that it needs, if that is not there."""
    names = {
        env: _stored(access, name) for env, name in (access.templates or {access.environment: access.name}).items()
    }
    own = _stored(access, access.name)
    if not all(_NAME.fullmatch(n) for n in (*names.values(), own)):
        return Hurdle("name", "the secret's name has a character that it may not have")
    variable, value = "", json.dumps(own)
    if len({*names.values(), own}) > 1:
        rows = ", ".join(f"{json.dumps(env)} = {json.dumps(name)}" for env, name in sorted(names.items()))
        value = f"{{ {rows} }}[var.{ENVIRONMENT}]"
        variable = "" if modules.variable(folder, ENVIRONMENT) else _variable(access.environment)
    return value, variable


def _stored(access: Access, name: str) -> str:
    """The name as the store has it: a parameter's begins with a slash."""
    return "/" + name.lstrip("/") if access.home is Home.PARAMETER_STORE and not name.startswith("arn:") else name


def several_providers(to: Route) -> Hurdle | None:
    """A secret is read through one provider: where it goes to several accounts or regions, a person must say which has it."""
    if len(to.providers) <= 1:
        return None
    return Hurdle(
        "several-providers",
        "its places are managed by several configurations of the AWS provider: see that the one without an alias can read the secret",
        Tier.REVIEW,
    )


def takes_ephemeral(modules: Modules, folder: str, to: Route) -> bool:
    """Whether every place takes a value that is never stored: a write-only argument, or a provider's, where the versions allow it."""
    return bool(to.landings) and all(
        _hidden(landing) or _of_a_provider(modules, folder, landing) for landing in to.landings
    )


def _hidden(landing: Landing) -> bool:
    """A write-only argument: who has one has a Terraform that knows ephemeral values."""
    return (
        landing.direct
        and landing.spot.kind == "resource"
        and landing.spot.attribute.endswith("_wo")
        and not landing.spot.text
    )


def _of_a_provider(modules: Modules, folder: str, landing: Landing) -> bool:
    if not landing.direct or landing.spot.kind != "provider":
        return False
    return (
        _least(modules, folder, "required_version") >= EPHEMERAL
        and _least(modules, folder, "aws") >= EPHEMERAL_PROVIDER
    )


def _least(modules: Modules, folder: str, wanted: str) -> tuple[int, int]:
    """The lowest version of Terraform, or of the AWS provider, that a directory's constraints admit; nothing known is the lowest of all."""
    found = (0, 0)
    for path, _, block in modules.blocks(folder, "terraform"):
        data = modules.data(path)
        body = syntax.body_of(block)
        texts = [syntax.attribute_text(body, "required_version", data)] if wanted == "required_version" else []
        for inner in syntax.blocks(body) if wanted == "aws" else ():
            if syntax.labels(inner, data)[:1] == ("required_providers",):
                rows = {syntax.text(k, data): syntax.text(e, data) for k, e in syntax.attributes(syntax.body_of(inner))}
                match = re.search(r'version"?\s*=\s*"([^"]*)"', rows.get("aws", ""))
                texts.append(match.group(1) if match else rows.get("aws", "").strip('"'))
        for text in texts:
            found = max([found, *((int(a), int(b)) for a, b in _LEAST.findall(text))])
    return found


def _variable(default: str) -> str:
    return f'variable "{ENVIRONMENT}" {{\n  description = "Which environment\'s secrets are read"\n  type        = string\n  default     = {json.dumps(default)}\n}}\n'
