"""Rotation of a credential that somebody else issues: an API key, a token. The issuer is asked for a new one; the old one lives on for
one rotation and is revoked when the next begins, so that no client is ever refused and no more than two are ever alive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from rotation_steps import (
    RotationError,
    SecretsManager,
    Step,
    Version,
    promote,
    put_pending,
    read,
    read_current,
    read_pending,
)

Document = Mapping[str, Any]


class Provider(Protocol):
    """What the issuer can be asked. A module with these three functions is one.

    An exception of any kind means that it was not done; only a :class:`RotationError`'s text is shown, so it must hold no value.
    """

    def issue(self, current: Document, token: str) -> Document:
        """A new credential: the keys of the secret that change. The current one stays valid.

        ``token`` is the same whenever this call is repeated: give it to an issuer that knows idempotency keys. Where none is known, a
        crash after this call and before its answer is stored leaves a credential at the issuer that nobody holds.
        """

    def check(self, document: Document) -> bool:
        """Whether the issuer accepts the credential in ``document``. Changes nothing."""

    def revoke(self, document: Document) -> None:
        """Makes the credential in ``document`` worthless. That it is so already is fine."""


def steps(provider: Provider) -> Mapping[str, Step]:
    """The four steps with ``provider``."""

    def create_secret(client: SecretsManager, arn: str, token: str) -> None:
        """Revoke the credential before the current one, ask for a new one and store it, unless an earlier delivery did."""
        current = read_current(client, arn)
        if read(client, arn, "AWSPENDING", token) is not None:
            return
        previous = _previous(client, arn)
        if previous is not None and previous.document != current.document:
            _ask("revoke", lambda: provider.revoke(previous.document))
        issued = _ask("issue", lambda: provider.issue(current.document, token))
        if not isinstance(issued, Mapping) or not issued or {**current.document, **issued} == dict(current.document):
            raise RotationError("the provider's issue() returned no new credential")
        put_pending(client, arn, token, {**current.document, **issued})

    def set_secret(client: SecretsManager, arn: str, token: str) -> None:
        """The issuer knows the new credential since it made it."""
        read_pending(client, arn, token)

    def test_secret(client: SecretsManager, arn: str, token: str) -> None:
        """Try the pending credential; while the version has no value, the current one."""
        version = read(client, arn, "AWSPENDING", token) or read_current(client, arn)
        if not _ask("check", lambda: provider.check(version.document)):
            raise RotationError(f"the issuer refuses the credential in {version.stage}")

    def finish_secret(client: SecretsManager, arn: str, token: str) -> None:
        """Move AWSCURRENT to ``token``, and take AWSPENDING off."""
        read_pending(client, arn, token)  # a version without a value must never become current
        promote(client, arn, token)

    return {
        "createSecret": create_secret,
        "setSecret": set_secret,
        "testSecret": test_secret,
        "finishSecret": finish_secret,
    }


def _previous(client: SecretsManager, arn: str) -> Version | None:
    try:
        return read(client, arn, "AWSPREVIOUS")
    except RotationError:
        return None  # whatever it holds, it is nothing that could be revoked


def _ask(what: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except RotationError as error:
        failure = str(error)
    except Exception as error:
        failure = type(error).__name__  # never its text, which may quote a request
    raise RotationError(f"the provider's {what}() failed: {failure}")
