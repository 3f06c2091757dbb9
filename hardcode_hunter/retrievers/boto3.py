"""For a single script: the look-up stands in the file itself, and each read is one API call."""

from __future__ import annotations

from collections.abc import Sequence

from hardcode_hunter.model import Access, Home
from hardcode_hunter.plugins import Retriever
from hardcode_hunter.retrievers.helper import default_environment, expression, names, quoted


def definition(accesses: Sequence[Access], function: str) -> str:
    """A function that reads one field, with the names of the secrets that this file reads."""
    stored = [a for a in accesses if a.home is not Home.ROLE]
    rows = "".join(
        f"        {quoted(secret)}: {{"
        + ", ".join(f"{quoted(environment)}: {quoted(name)}" for environment, name in row.items())
        + "},\n"
        for secret, row in names(stored).items()
    )
    return (
        f"def {function}(secret, field=None):\n"
        f'    """Read a field of a secret of AWS, or its whole text without one. SECRETS_ENVIRONMENT says of which environment."""\n'
        f'    override = os.environ.get("SECRET_ID_" + secret.upper().replace("-", "_"))\n'
        f'    name = override or {{\n{rows}    }}[secret][os.environ.get("SECRETS_ENVIRONMENT", {quoted(default_environment(stored))})]\n'
        f"{_fetches(stored)}"
        f"    if field is None:\n"
        f"        return text\n"
        f"    value = json.loads(text)[field]\n"
        f"    return value if isinstance(value, str) else json.dumps(value)\n"
    )


_SECRET = 'boto3.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]'
_PARAMETER = 'boto3.client("ssm").get_parameter(Name="/" + name.lstrip("/"), WithDecryption=True)["Parameter"]["Value"]'


def _fetches(accesses: Sequence[Access]) -> str:
    """The lines that set ``text``, from the one home of these secrets or from both."""
    parameters = sorted({a.secret for a in accesses if a.home is Home.PARAMETER_STORE})
    if not parameters:
        return f"    text = {_SECRET}\n"
    if all(access.home is Home.PARAMETER_STORE for access in accesses):
        return f"    text = {_PARAMETER}\n"
    known = "".join(f"{quoted(name)}, " for name in parameters).rstrip(" ")
    return f"    if secret in ({known}):\n        text = {_PARAMETER}\n    else:\n        text = {_SECRET}\n"


BOTO3 = Retriever(
    name="boto3",
    title="boto3 inline, one API call per read (for single scripts)",
    expression=expression,
    function="get_secret",
    definition=definition,
    definition_imports=("boto3", "json", "os"),
    requirements=("boto3",),
)
