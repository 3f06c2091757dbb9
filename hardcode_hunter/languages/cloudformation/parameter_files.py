"""Parameter files: ``[{"ParameterKey": …, "ParameterValue": …}]`` and ``{"Parameters": {…}}``.

A file does not say which template it serves. Parameters are joined by name with the templates of the same folder, or of the
folder above when the file lies in one that is named after parameters or environments.
"""

from __future__ import annotations

import posixpath

from hardcode_hunter.languages.gather import Found, Gather
from hardcode_hunter.languages.nodes import Mapping, Node, Scalar, Sequence
from hardcode_hunter.model import LiteralType, Position

FOLDERS = frozenset(
    [
        "parameters",
        "params",
        "parameter",
        "config",
        "configs",
        "configuration",
        "env",
        "envs",
        "environment",
        "environments",
        "vars",
    ]
)


def folder_of(path: str) -> str:
    """The folder whose templates ``path`` belongs with."""
    folder = posixpath.dirname(path)
    return posixpath.dirname(folder) if posixpath.basename(folder).lower() in FOLDERS else folder


def nested(path: str, url: str, parameter: str) -> str:
    """The name under which a nested template's parameter is known: ``url`` is relative to the template at ``path``."""
    return f"{posixpath.normpath(posixpath.join(posixpath.dirname(path), url))}#Parameters/{parameter}"


def places(url: str) -> list[str]:
    """The paths that ``url`` can mean, from the template that names it: as written, or, for an address, each of its last parts."""
    if "://" not in url:
        return [url] if url and "${" not in url and not url.startswith("arn:") else []
    parts = url.partition("://")[2].partition("?")[0].split("/")[1:]
    whole = next((n for n, part in enumerate(reversed(parts)) if "${" in part), len(parts))
    tails = ["/".join(parts[len(parts) - n :]) for n in range(1, min(whole, 3) + 1)]
    return [f"{up}{tail}" for tail in tails for up in ("", "../") if tail]


def extract(gather: Gather, root: Node) -> None:
    for key, value in entries(root):
        if isinstance(value, Scalar) and value.tag in ("str", "int", "float", "timestamp"):
            gather.add(
                Found(
                    start=value.start,
                    end=value.end,
                    value=value.value,
                    name=key.value,
                    symbol=f"Parameters/{key.value}",
                    extent=min(key.start, value.start),
                    extent_end=key.end,
                    literal=LiteralType.INT if value.tag == "int" else LiteralType.STR,
                    position=Position.PARAMETER_DEFAULT,
                    scope="Parameters",
                    defines=f"{folder_of(gather.source.path)}#Parameters/{key.value}",
                    note="parameter file",
                    kept=True,
                )
            )


def entries(root: Node) -> list[tuple[Scalar, Node]]:
    """Key and value of each parameter that the file sets."""
    rows: list[tuple[Scalar, Node]] = []
    if isinstance(root, Sequence):
        for item in root.items:
            if isinstance(item, Mapping):
                key, value = item.get("ParameterKey"), item.get("ParameterValue")
                if isinstance(key, Scalar) and value is not None:
                    rows.append((key, value))
    elif isinstance(root, Mapping):
        section = root.get("Parameters")
        if isinstance(section, Sequence):
            return entries(section)
        if isinstance(section, Mapping):
            rows += [(k, v) for k, v in section.pairs if isinstance(k, Scalar)]
    return rows
