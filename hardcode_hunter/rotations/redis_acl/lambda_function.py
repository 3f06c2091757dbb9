"""Rotates the password of one user of a Redis or Valkey server (6 or newer) that is kept in AWS Secrets Manager.

A user may have several passwords. During and after a rotation it has two, the new one and the one before: a client that still holds the
one before is not refused until the next rotation. The server is sent hashes, so that no log of commands can hold a password.

The secret is a JSON object:
    password, host              required, text or number
    username                    ``default`` when absent
    port                        6379 when absent
    nodes                       further nodes that know the user, a list of "host:port": users are not replicated by the server
    engine                      when present, it has to name Redis or Valkey
    ssl                         true: TLS or nothing; false: no TLS; absent: TLS when the server offers it. With TLS the
                                certificate and the host name are always verified, never skipped after a failure.
    masterarn                   ARN of a secret of the same form whose user may run ACL SETUSER and ACL SAVE (or CONFIG
                                REWRITE), when the user itself may not

Environment, beside what ``rotation_steps`` reads: DATABASE_CA_FILE (PEM, trusted instead of the runtime's authorities).

ElastiCache and MemoryDB change users by their own API: see the rotation elasticache-user.

To try it against any server and an emulated Secrets Manager: install boto3 and requirements.txt, point SECRETS_MANAGER_ENDPOINT at the
emulation, and call ``handler({"Step": step, "SecretId": arn, "ClientRequestToken": token}, None)`` for createSecret, setSecret,
testSecret and finishSecret; rotation is enabled on ``arn``, and ``token`` is a version of it that is labelled AWSPENDING and has no value.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from redis import Redis
from redis.exceptions import NoPermissionError, ResponseError
from redis_login import (
    Login,
    class_of,
    create_password,
    finish,
    log_in,
    login_of,
    previous_login,
    same_login,
)
from rotation_steps import RotationError, SecretsManager, Version, read, read_current, read_pending, run_step

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


def handler(event: Mapping[str, str], context: object) -> None:
    """Do one step of one rotation. Raises :class:`RotationError` when it could not be done."""
    run_step(STEPS, event)


def create_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Store a new password under ``token``, unless an earlier delivery did."""
    current = read_current(client, arn)
    list(nodes(login_of(current)))
    create_password(client, arn, token, current)


def set_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Make every node accept the pending password beside the current one, and no other."""
    current = login_of(read_current(client, arn))
    pending = same_login(read_pending(client, arn, token), current)
    for node in nodes(current):
        _set(client, arn, node, replace(node, password=pending.password))


def _set(client: SecretsManager, arn: str, current: Login, pending: Login) -> None:
    known = log_in(pending)
    done = known is not None
    if known is None:
        previous = previous_login(client, arn, current)
        known = log_in(current) or (log_in(replace(current, password=previous.password)) if previous else None)
    if known is None:
        tried = "the passwords in AWSPENDING, AWSCURRENT and AWSPREVIOUS"
        raise RotationError(f"the server at {current.host} refuses {tried}; store one that works as AWSCURRENT")
    acting = known
    if current.version.document.get(
        "masterarn"
    ):  # only now: else who may write this secret could have any user changed
        known.close()
        acting = _master(client, current)
    with acting:
        if not done:
            digests = [hashlib.sha256(p.encode()).hexdigest() for p in (current.password, pending.password)]
            command(acting, "ACL SETUSER", current.username, "resetpass", *(f"#{digest}" for digest in digests))
        save(acting)


def test_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Log in with the pending password, at every node.

    When rotation is configured without rotating at once, the service calls this step alone, on a version that may have
    no value: then the current password is tried, which proves the way to the server, and nothing is changed.
    """
    for node in nodes(login_of(read_current(client, arn))):
        pending = read(client, arn, "AWSPENDING", token)
        at = None if pending is None else same_login(pending, login_of(read_current(client, arn)))
        connection = log_in(node if at is None else replace(node, password=at.password))
        if connection is None:
            raise RotationError(f"the server at {node.host} refuses the password")
        connection.close()


def finish_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Move AWSCURRENT to ``token``, and take AWSPENDING off."""
    finish(client, arn, token, login_of(read_current(client, arn)))


STEPS = {
    "createSecret": create_secret,
    "setSecret": set_secret,
    "testSecret": test_secret,
    "finishSecret": finish_secret,
}


def nodes(login: Login) -> Iterator[Login]:
    """The login at each node that knows the user."""
    yield login
    listed = login.version.document.get("nodes") or []
    for entry in listed if isinstance(listed, list) else [listed]:
        host, _, port = str(entry).rpartition(":")
        if not host:
            raise RotationError("the key 'nodes' in AWSCURRENT is no list of \"host:port\"")
        yield replace(login, host=host, port=Version("", "nodes", {"port": port}).port(0))


def _master(client: SecretsManager, current: Login) -> Redis:
    """A connection as the login in the secret that ``masterarn`` names, which has to belong to the same server."""
    version = read(client, current.version.text("masterarn"), "AWSCURRENT")
    if version is None:
        raise RotationError("the master secret has no value")
    master = login_of(Version(version.id, "the master secret", version.document))
    if master.host != login_of(current.version).host:
        raise RotationError("the master secret names another host than this secret")
    connection = log_in(replace(current, username=master.username, password=master.password, tls=master.tls))
    if connection is None:
        raise RotationError(f"the server at {current.host} refuses the login in the master secret")
    return connection


def command(connection: Any, name: str, *arguments: str) -> None:
    """One command; an error tells its class."""
    try:
        connection.execute_command(*name.split(" "), *arguments)
        return
    except Exception as error:
        failure = class_of(error)
    raise RotationError(f"{name} failed: {failure}")


def save(connection: Any) -> None:
    """Have the server write its users down, where it has a file to write them to."""
    failure = ""
    for name in ("ACL SAVE", "CONFIG REWRITE"):
        try:
            connection.execute_command(*name.split(" "))
            return
        except NoPermissionError as error:
            failure = f"{name} failed: {class_of(error)}"
        except ResponseError:
            logger.info("%s: the server has no such file", name)
        except Exception as error:
            failure = f"{name} failed: {class_of(error)}"
            break
    if failure:
        raise RotationError(f"{failure}; a restart of the server would bring the old passwords back")
    logger.warning("the server keeps its users in memory only: a restart brings the old passwords back")
