"""The dynamic reference to a secret, the same text in every environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hardcode_hunter.languages.edits import Add
from hardcode_hunter.languages.nodes import Mapping as Tree
from hardcode_hunter.languages.units import Hurdle
from hardcode_hunter.model import Access, Home

ENVIRONMENT = "DeploymentEnvironment"
"""The template parameter that tells environments apart, when a secret has a name in each."""

_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]+|arn:[\w-]+:secretsmanager:[\w-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+")
_KEY = re.compile(r"[A-Za-z0-9_.@/+=-]+")


@dataclass(frozen=True, slots=True)
class Reference:
    """``text`` is the reference; with ``environments`` it is a text for ``Fn::Sub`` that uses :data:`ENVIRONMENT`, and so is ``name``.

    ``key`` is the field in the secret's JSON, empty when its value is one text.
    """

    text: str
    home: Home
    environments: tuple[str, ...] = ()
    default: str = ""
    secret: str = ""
    name: str = ""
    key: str = ""

    @property
    def logical_id(self) -> str:
        """The secret's name as a part of a logical id: ``orders-db`` → ``OrdersDb``."""
        return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", self.secret))

    def arn(self, root: Tree, json: bool) -> tuple[Any, list[Add]]:
        """The secret's ARN as a value, and the parameter that it needs: a template of another stack doesn't know it."""
        if self.name.startswith("arn:"):
            return ("str", self.name), []
        name = f"SecretArn{self.logical_id}"
        parameters = root.get("Parameters")
        known = isinstance(parameters, Tree) and parameters.get(name) is not None
        rows = [
            (("str", "Type"), ("str", "String")),
            (("str", "Description"), ("str", f"ARN of the secret {self.secret}")),
        ]
        value = ("map", [(("str", "Ref"), ("str", name))]) if json else ("!Ref", name)
        return value, [] if known else [Add("Parameters", name, ("map", rows))]

    def parameters(self) -> list[Add]:
        """The parameter that the reference needs, once per template."""
        if not self.environments:
            return []
        rows = [
            (("str", "Type"), ("str", "String")),
            (("str", "Default"), ("str", self.default)),
            (("str", "AllowedValues"), ("seq", [("str", name) for name in self.environments])),
        ]
        return [Add("Parameters", ENVIRONMENT, ("map", rows))]


def _pattern(names: Mapping[str, str]) -> str:
    """The text that names the secret in every environment when the environment's name is filled in, or an empty one."""
    for count in (-1, 1):
        patterns = {name.replace(env, f"${{{ENVIRONMENT}}}", count) for env, name in names.items() if env}
        if len(patterns) == 1 and ENVIRONMENT in (pattern := patterns.pop()):
            return pattern
    return ""


def reference(access: Access) -> Reference | Hurdle:
    """The reference to ``access``, or why there is none."""
    if access.home is Home.ROLE or access.home is Home.MANAGED:
        return Reference("", access.home)
    names = dict(access.templates) or {access.environment: access.name}
    distinct = set(names.values()) | {access.name}
    name = access.name
    environments: tuple[str, ...] = ()
    if len(distinct) > 1:
        pattern = _pattern(names)
        if not pattern:
            return Hurdle(
                "environments",
                "the secret's names in the environments differ in more than the environment's name: one text can't name them all",
            )
        name, environments = pattern, tuple(sorted(names))
    bare = name.replace(f"${{{ENVIRONMENT}}}", "x")
    if not _NAME.fullmatch(bare) or (access.form == "json" and not _KEY.fullmatch(access.key)):
        return Hurdle("name", "the secret's name or key has a character that a dynamic reference can't hold")
    if access.home is Home.PARAMETER_STORE:
        name = name if name.startswith("arn:") else "/" + name.lstrip("/")  # as it is stored
        text = f"{{{{resolve:ssm-secure:{name}}}}}"
    else:
        text = f"{{{{resolve:secretsmanager:{name}:SecretString{':' + access.key if access.form == 'json' else ''}}}}}"
    key = access.key if access.form == "json" else ""
    return Reference(text, access.home, environments, access.environment, access.secret, name, key)
