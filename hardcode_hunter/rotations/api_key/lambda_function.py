"""Rotates an API key or a token that a service issues, kept in AWS Secrets Manager.

What the service wants to be asked stands in ``provider.py``, a module that you write and put beside this one: the functions ``issue``,
``check`` and ``revoke`` of :class:`issued_credential.Provider`. For a service with an HTTP interface it can be as short as this::

    import json, urllib.request

    def _call(method, path, document):
        request = urllib.request.Request(f"https://api.example.com/keys{path}", method=method)
        request.add_header("Authorization", f"Bearer {document['api_key']}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def issue(current, token):
        made = _call("POST", f"?idempotency_key={token}", current)
        return {"api_key": made["key"], "key_id": made["id"]}

    def check(document):
        return _call("GET", "/self", document)["active"]

    def revoke(document):
        _call("DELETE", f"/{document['key_id']}", document)

The secret is a JSON object of any keys. During and after a rotation two credentials are alive, the new one and the one before; the one
before is revoked when the next rotation begins.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import cast

from issued_credential import Provider, steps
from rotation_steps import run_step


def handler(event: Mapping[str, str], context: object) -> None:
    """Do one step of one rotation. Raises ``RotationError`` when it could not be done."""
    run_step(steps(cast("Provider", importlib.import_module("provider"))), event)
