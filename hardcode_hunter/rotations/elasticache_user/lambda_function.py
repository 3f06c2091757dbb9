"""Rotates the password of one ElastiCache user (Valkey or Redis OSS, role-based access control) that is kept in AWS Secrets Manager.

An ElastiCache user may have two passwords. During and after a rotation it has the new one and the one before: a client that still holds
the one before is not refused until the next rotation.

The secret is a JSON object:
    username, password, host    required, text or number
    user_id                     required: the id of the ElastiCache user, which differs from its name
    port                        6379 when absent
    ssl                         true: TLS or nothing; false: no TLS; absent: TLS when the server offers it. With TLS the
                                certificate and the host name are always verified, never skipped after a failure.

Environment, beside what ``rotation_steps`` reads: DATABASE_CA_FILE (PEM, trusted instead of the runtime's authorities), USER_IDS (ids of
the users that this function may change, separated by commas; absent: its role alone decides), WAIT_SECONDS (20).
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

from redis_login import Login, create_password, finish, log_in, login_of, same_login, try_login
from rotation_steps import RotationError, SecretsManager, read_current, read_pending, run_step

PAUSE_SECONDS = 1.0


class ElastiCache(Protocol):
    """The two operations that the execution role must allow."""

    def describe_users(self, *, UserId: str) -> Mapping[str, Any]: ...
    def modify_user(self, *, UserId: str, Passwords: list[str]) -> Mapping[str, Any]: ...


@cache
def elasticache() -> ElastiCache:
    """The client, made once per execution environment."""
    import boto3

    client: ElastiCache = boto3.client("elasticache")
    return client


def handler(event: Mapping[str, str], context: object) -> None:
    """Do one step of one rotation. Raises :class:`RotationError` when it could not be done."""
    run_step(STEPS, event)


def create_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Store a new password under ``token``, unless an earlier delivery did."""
    current = read_current(client, arn)
    user_id(login_of(current))
    create_password(client, arn, token, current)


def set_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Give the user the pending password beside the current one."""
    current = login_of(read_current(client, arn))
    pending = same_login(read_pending(client, arn, token), current)
    connection = log_in(pending)
    if connection is not None:
        connection.close()
        return
    user = user_id(current)
    if wait_until_active(user) != current.username:  # else who may write this secret could have any user changed
        raise RotationError("the user with the id in AWSCURRENT has another name than the secret says")
    elasticache().modify_user(UserId=user, Passwords=[current.password, pending.password])
    wait_until_active(user)


def test_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Log in with the pending password, or with the current one while the version has no value."""
    try_login(client, arn, token, login_of(read_current(client, arn)))


def finish_secret(client: SecretsManager, arn: str, token: str) -> None:
    """Move AWSCURRENT to ``token``, and take AWSPENDING off."""
    finish(client, arn, token, login_of(read_current(client, arn)))


STEPS = {
    "createSecret": create_secret,
    "setSecret": set_secret,
    "testSecret": test_secret,
    "finishSecret": finish_secret,
}


def user_id(login: Login) -> str:
    """The key ``user_id``, when this function serves that user."""
    found = login.version.text("user_id")
    allowed = [entry.strip() for entry in os.environ.get("USER_IDS", "").split(",") if entry.strip()]
    if allowed and found not in allowed:
        raise RotationError("the user_id in AWSCURRENT is none that this function serves")
    return found


def wait_until_active(user: str) -> str:
    """The user's name, once its last change has reached every node; an error when that takes too long."""
    deadline = time.monotonic() + float(os.environ.get("WAIT_SECONDS", "20"))
    while True:
        users = elasticache().describe_users(UserId=user)["Users"]
        if not users:
            raise RotationError("there is no ElastiCache user with the id in AWSCURRENT")
        if users[0]["Status"] == "active":
            return str(users[0]["UserName"])
        if time.monotonic() > deadline:
            raise RotationError("the user is still being modified; the step will be called again")
        time.sleep(PAUSE_SECONDS)
