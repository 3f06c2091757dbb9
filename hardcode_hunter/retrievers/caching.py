"""AWS's own cache, aws-secretsmanager-caching: built on the first read, because building it needs a region.

Its client also calls DescribeSecret. A fresh read goes past it: its ``refresh_secret_now`` waits for a random time first.
"""

from __future__ import annotations

from collections.abc import Sequence

from hardcode_hunter.model import Access
from hardcode_hunter.plugins import Retriever
from hardcode_hunter.retrievers import _inline
from hardcode_hunter.retrievers.boto3 import PARAMETER
from hardcode_hunter.retrievers.helper import expression, fresh


def definition(accesses: Sequence[Access], function: str) -> str:
    """A function whose cache hangs on it as an attribute, so that no other name is needed."""
    secret = (
        "    if fresh:\n"
        '        text = boto3.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]\n'
        "    else:\n"
        f'        if not hasattr({function}, "cache"):\n'
        "            config = aws_secretsmanager_caching.SecretCacheConfig(secret_refresh_interval=300)\n"
        '            client = boto3.client("secretsmanager")\n'
        f"            {function}.cache = aws_secretsmanager_caching.SecretCache(config=config, client=client)\n"
        f"        text = {function}.cache.get_secret_string(name)\n"
    )
    return _inline.function(accesses, function, "secret, field=None, fresh=False", secret, PARAMETER)


CACHING = Retriever(
    name="caching",
    title="aws-secretsmanager-caching, built on first use",
    expression=expression,
    fresh=fresh,
    function="get_secret",
    definition=definition,
    definition_imports=("aws_secretsmanager_caching", "boto3", "json", "os"),
    requirements=("aws-secretsmanager-caching", "boto3"),
    iam_actions=("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"),
)
