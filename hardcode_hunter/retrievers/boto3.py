"""For a single script: the look-up stands in the file itself, and each read is one API call."""

from __future__ import annotations

from collections.abc import Sequence

from hardcode_hunter.model import Access
from hardcode_hunter.plugins import Retriever
from hardcode_hunter.retrievers import _inline
from hardcode_hunter.retrievers.helper import expression

SECRET = '    text = boto3.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]\n'
PARAMETER = (
    '    answer = boto3.client("ssm").get_parameter(Name="/" + name.lstrip("/"), WithDecryption=True)\n'
    '    text = answer["Parameter"]["Value"]\n'
)


def definition(accesses: Sequence[Access], function: str) -> str:
    """A function of a few lines, without a cache."""
    return _inline.function(accesses, function, "secret, field=None", SECRET, PARAMETER)


BOTO3 = Retriever(
    name="boto3",
    title="boto3 inline, one API call per read (for single scripts)",
    expression=expression,
    function="get_secret",
    definition=definition,
    definition_imports=("boto3", "json", "os"),
    requirements=("boto3",),
)
