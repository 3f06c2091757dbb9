"""JSON schemas as their owners publish them, out of the copy of SchemaStore that the distribution ``schemastore`` ships.

Its own module would ask the network for what is older than a month, so the file that it keeps them in is read here.
"""

from __future__ import annotations

import json
import sqlite3
from functools import cache
from importlib.metadata import distribution
from typing import Any

import jsonschema

SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
"""OASIS SARIF 2.1.0 as it was approved; the errata of 2023 tightened it in wording only."""
GITHUB_ACTION = "https://json.schemastore.org/github-action.json"
GITLAB_CI = "https://gitlab.com/gitlab-org/gitlab/-/raw/master/app/assets/javascripts/editor/schema/ci.json"
PRE_COMMIT = "https://json.schemastore.org/pre-commit-config.json"


@cache
def official(url: str) -> dict[str, Any]:
    """The schema that was published at ``url``. Each row of the file is a pickled answer; only the JSON in it is read."""
    (place,) = [file for file in distribution("schemastore").files or () if file.name == "cache.sqlite"]
    database = sqlite3.connect(f"file:{place.locate()}?mode=ro&immutable=1", uri=True)
    try:
        answers = [bytes(row) for (row,) in database.execute("select value from responses")]
    finally:
        database.close()
    (answer,) = [row for row in answers if row.count(url.encode(), -400)]
    document, _ = json.JSONDecoder().raw_decode(answer[answer.index(b"{") :].decode("utf-8", "replace"))
    assert isinstance(document, dict)
    return document


def check(document: Any, url: str) -> None:
    """Raises ``ValidationError`` where ``document`` is not what the schema asks for."""
    schema = official(url)
    jsonschema.validators.validator_for(schema)(schema).validate(document)
