"""Rotations of Redis and Valkey users: servers of one's own by ACL, ElastiCache's by its API."""

from __future__ import annotations

from hardcode_hunter.plugins import Rotation
from hardcode_hunter.rotations.postgresql import EXCLUDE_CHARACTERS, IAM_ACTIONS

PARTS = ("rotation_steps.py", "redis_login.py")
REQUIREMENTS = ("redis==8.1.0",)

REDIS_ACL = Rotation(
    name="redis-acl",
    title="gives the Redis user a new password beside the one before; no client is ever refused",
    engines=("redis", "valkey"),
    users="single",
    directory="redis_acl",
    parts=PARTS,
    handler="lambda_function.handler",
    required_keys=("password", "host"),
    iam_actions=IAM_ACTIONS,
    exclude_characters=EXCLUDE_CHARACTERS,
    requirements=REQUIREMENTS,
)

ELASTICACHE_USER = Rotation(
    name="elasticache-user",
    title="gives the ElastiCache user a new password beside the one before; no client is ever refused",
    engines=("redis", "valkey"),
    users="managed",
    directory="elasticache_user",
    parts=PARTS,
    handler="lambda_function.handler",
    required_keys=("username", "password", "host", "user_id"),
    iam_actions=(*IAM_ACTIONS, "elasticache:DescribeUsers", "elasticache:ModifyUser"),
    exclude_characters=EXCLUDE_CHARACTERS,
    requirements=REQUIREMENTS,
)
