"""The parts that every retriever has in common whose look-up stands in the rewritten file itself."""

from __future__ import annotations

from collections.abc import Sequence

from hardcode_hunter.literals import quoted
from hardcode_hunter.model import Access, Home
from hardcode_hunter.retrievers.helper import default_environment, names


def function(accesses: Sequence[Access], name: str, parameters: str, secret: str, parameter: str) -> str:
    """A function that reads one field of the secrets that this file reads.

    ``secret`` and ``parameter`` are the lines (indented by four) that set ``text`` from ``name``, for either home.
    """
    stored = [a for a in accesses if a.home is not Home.ROLE]
    rows = "".join(f"        {quoted(key)}: {{{_row(row)}}},\n" for key, row in names(stored).items())
    environment = f'os.environ.get("SECRETS_ENVIRONMENT", {quoted(default_environment(stored))})'
    return (
        f"def {name}({parameters}):\n"
        f'    """Read a field of a secret of AWS, or its whole text without one. SECRETS_ENVIRONMENT says of which environment."""\n'
        f'    override = os.environ.get("SECRET_ID_" + secret.upper().replace("-", "_"))\n'
        f"    name = override or {{\n{rows}    }}[secret][{environment}]\n"
        f"{_either(stored, secret, parameter)}"
        f"    if field is None:\n"
        f"        return text\n"
        f"    value = json.loads(text)[field]\n"
        f"    return value if isinstance(value, str) else json.dumps(value)\n"
    )


def _row(row: dict[str, str]) -> str:
    return ", ".join(f"{quoted(environment)}: {quoted(name)}" for environment, name in row.items())


def _either(accesses: Sequence[Access], secret: str, parameter: str) -> str:
    """The lines for the one home of these secrets, or for both."""
    parameters = sorted({a.secret for a in accesses if a.home is Home.PARAMETER_STORE})
    if not parameters:
        return secret
    if all(access.home is Home.PARAMETER_STORE for access in accesses):
        return parameter
    known = "".join(f"{quoted(name)}, " for name in parameters).rstrip(" ")
    return f"    if secret in ({known}):\n{_deeper(parameter)}    else:\n{_deeper(secret)}"


def _deeper(lines: str) -> str:
    return "".join(f"    {line}" for line in lines.splitlines(keepends=True))
