"""Powertools for AWS Lambda: for functions that have it anyway. Its cache lives as long as the execution environment.

Read as text and parsed per read: with ``transform="json"`` callers would share one mutable dictionary.
"""

from __future__ import annotations

from collections.abc import Sequence

from hardcode_hunter.model import Access
from hardcode_hunter.plugins import Retriever
from hardcode_hunter.retrievers import _inline
from hardcode_hunter.retrievers.helper import expression, fresh

SECRET = "    text = parameters.get_secret(name, max_age=300, force_fetch=fresh)\n"
PARAMETER = (
    '    path = "/" + name.lstrip("/")\n'
    "    text = parameters.get_parameter(path, decrypt=True, max_age=300, force_fetch=fresh)\n"
)


def definition(accesses: Sequence[Access], function: str) -> str:
    """A function over Powertools' ``parameters``."""
    return _inline.function(accesses, function, "secret, field=None, fresh=False", SECRET, PARAMETER)


POWERTOOLS = Retriever(
    name="powertools",
    title="Powertools for AWS Lambda (chosen by itself for a handler whose project lists it)",
    expression=expression,
    fresh=fresh,
    function="get_secret",
    definition=definition,
    definition_imports=("aws_lambda_powertools.utilities:parameters", "json", "os"),
    requirements=("aws-lambda-powertools",),
)
