"""Renews an OAuth 2.0 access token by its refresh token (RFC 6749, section 6); both are kept in AWS Secrets Manager.

The secret is a JSON object:
    token_url                   required: the authorization server's token endpoint; https
    refresh_token               required; replaced when the server answers with a new one
    client_id, client_secret    sent by HTTP Basic authentication when there is a client_secret, else client_id in the body
    scope                       sent when present
    access_token, expires_in    written: what the server answers
    revocation_url              where a refresh token that was replaced is revoked (RFC 7009) when the next rotation begins
    introspection_url           where testSecret asks whether the access token is active (RFC 7662); without it nothing is asked

A server that replaces refresh tokens makes the old one worthless when it answers (RFC 9700, section 4.14): should the function die between
that answer and the call that stores it, the grant is lost and somebody has to log in again. Choose a schedule shorter than the lifetime
of the access token only when clients read the secret anew each time.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from issued_credential import Document, steps
from rotation_steps import RotationError, run_step

TIMEOUT_SECONDS = 10
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def handler(event: Mapping[str, str], context: object) -> None:
    """Do one step of one rotation. Raises ``RotationError`` when it could not be done."""
    run_step(steps(OAuth()), event)


class OAuth:
    """An authorization server, as RFC 6749 describes one."""

    def issue(self, current: Document, token: str) -> Document:
        """The answer of the token endpoint: access token, lifetime and, when there is one, the new refresh token."""
        form = {"grant_type": "refresh_token", "refresh_token": _text(current, "refresh_token")}
        if current.get("scope"):
            form["scope"] = _text(current, "scope")
        answer = _post(current, "token_url", form)
        kept = {key: answer[key] for key in ("access_token", "refresh_token", "expires_in", "scope") if answer.get(key)}
        if "access_token" not in kept:
            raise RotationError("the token endpoint's answer has no access_token")
        return kept

    def check(self, document: Document) -> bool:
        """Whether the server calls the access token active; true when nobody can be asked."""
        if not document.get("introspection_url") or not document.get("access_token"):
            return bool(_text(document, "refresh_token"))
        return _post(document, "introspection_url", {"token": _text(document, "access_token")}).get("active") is True

    def revoke(self, document: Document) -> None:
        """Revokes the access token of ``document``: its refresh token may be the current one's too."""
        if document.get("revocation_url") and document.get("access_token"):
            form = {"token": _text(document, "access_token"), "token_type_hint": "access_token"}
            _post(document, "revocation_url", form)


def _text(document: Document, key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not value:
        raise RotationError(f"the key {key!r} is absent, or is no text")
    return value


def _post(document: Document, where: str, form: Mapping[str, str]) -> dict[str, Any]:
    """The JSON object that the endpoint answers with; an empty one when it answers with nothing."""
    url = _text(document, where)
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise RotationError(f"the key {where!r} is no https URL")
    fields, headers = dict(form), {"Accept": "application/json"}
    if document.get("client_secret"):
        pair = ":".join(urllib.parse.quote(_text(document, key), safe="") for key in ("client_id", "client_secret"))
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    elif document.get("client_id"):
        fields["client_id"] = _text(document, "client_id")
    request = urllib.request.Request(url, urllib.parse.urlencode(fields).encode(), headers, method="POST")
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT_SECONDS) as answer:
            text = answer.read(1_000_000)
        found = json.loads(text) if text.strip() else {}
        failure = "" if isinstance(found, dict) else "the answer is no JSON object"
    except urllib.error.HTTPError as error:
        failure = f"HTTP status {error.code}"
    except (OSError, ValueError) as error:
        failure = type(error).__name__
    if failure:
        raise RotationError(f"{where}: {failure}")
    return dict(found)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would take the credentials to another address."""

    def redirect_request(self, *_: Any) -> None:
        return None
