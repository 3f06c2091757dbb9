"""The data source that reads a secret, and the expression for one of its keys."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from hardcode_hunter.languages.terraform.modules import Modules, identifier
from hardcode_hunter.languages.units import Hurdle
from hardcode_hunter.model import Access, Home

ENVIRONMENT = "deployment_environment"
"""The variable that tells environments apart, when a secret has a name in each."""

_NAME = re.compile(r"[A-Za-z0-9/_+=.@:-]+")


@dataclass(frozen=True, slots=True)
class DataSource:
    """``block`` is appended once per directory when it ``exists`` not yet; ``variable`` as well, when the name depends on the environment."""

    expression: str
    block: str
    exists: bool
    variable: str = ""


def data_source(modules: Modules, folder: str, access: Access) -> DataSource | Hurdle:
    """How code in ``folder`` reads ``access``."""
    if access.home in (Home.ROLE, Home.MANAGED):
        return DataSource("", "", True)
    names = dict(access.templates) or {access.environment: access.name}
    if not all(_NAME.fullmatch(n) for n in (*names.values(), access.name)):
        return Hurdle("name", "the secret's name has a character that it may not have")
    variable, value = "", json.dumps(access.name)
    if len({*names.values(), access.name}) > 1:
        rows = ", ".join(f"{json.dumps(env)} = {json.dumps(name)}" for env, name in sorted(names.items()))
        value = f"{{ {rows} }}[var.{ENVIRONMENT}]"
        variable = "" if modules.variable(folder, ENVIRONMENT) else _variable(access.environment)
    if access.home is Home.PARAMETER_STORE:
        kind, argument, read = "aws_ssm_parameter", "name", "value"
    else:
        kind, argument, read = "aws_secretsmanager_secret_version", "secret_id", "secret_string"
    name, exists = modules.data_source(folder, kind, argument, identifier(access.secret), value)
    expression = f"data.{kind}.{name}.{read}"
    if access.home is Home.SECRETS_MANAGER and access.form == "json":
        expression = f"jsondecode({expression})[{json.dumps(access.key)}]"
    return DataSource(expression, f'data "{kind}" "{name}" {{\n  {argument} = {value}\n}}\n', exists, variable)


def _variable(default: str) -> str:
    return f'variable "{ENVIRONMENT}" {{\n  description = "Which environment\'s secrets are read"\n  type        = string\n  default     = {json.dumps(default)}\n}}\n'
