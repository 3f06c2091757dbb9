"""Names that stand beside their value: ``name: X`` with ``value: y`` on the next line."""

from __future__ import annotations

import re

from hardcode_hunter.languages.nodes import Mapping, Node, Scalar

NAMES = (
    "Name",
    "name",
    "Key",
    "key",
    "OptionName",
    "ParameterKey",
    "Field",
    "variable",
    "env_name",
    "EnvironmentVariable",
)
VALUES = ("Value", "value", "ParameterValue", "StringValue", "default")
TYPES = ("Type", "type")
FETCHED = frozenset(["PARAMETER_STORE", "SECRETS_MANAGER"])
"""Types of a variable whose value only says where the service finds it (AWS CodeBuild API, EnvironmentVariable)."""
_NUMERIC = re.compile(r"port|pass|pwd|pin\b|pin$|secret|token|key|code|account|user", re.I)


def paired(node: Mapping) -> tuple[Scalar, Node] | None:
    """The scalar that names the value, and the value, of a mapping that is such a pair."""
    name: Scalar | None = None
    value: Node | None = None
    for key, child in node.pairs:
        if not isinstance(key, Scalar):
            continue
        if key.value in TYPES and isinstance(child, Scalar) and child.value in FETCHED:
            return None
        if (
            key.value in NAMES
            and isinstance(child, Scalar)
            and not child.tag.startswith("!")
            and child.value
            and name is None
        ):
            name = child
        elif key.value in VALUES and value is None:
            value = child
    return (name, value) if name is not None and value is not None and len(node.pairs) <= 6 else None


def numeric_candidate(name: str) -> bool:
    """Whether a number under this name can be a credential or part of one."""
    return bool(_NUMERIC.search(name))
