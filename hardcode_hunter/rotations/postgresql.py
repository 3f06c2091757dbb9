"""Rotations of PostgreSQL logins: RDS, Aurora, or a server of one's own."""

from __future__ import annotations

from hardcode_hunter.plugins import Rotation

ENGINES = ("postgres", "postgresql", "aurora-postgresql")
IAM_ACTIONS = (
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetRandomPassword",
    "secretsmanager:GetSecretValue",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecretVersionStage",
)
EXCLUDE_CHARACTERS = " %+~`#$&*()|[]{}:;<>?!'/@\"\\"
PARTS = ("rotation_steps.py", "postgresql_login.py")
REQUIREMENTS = (
    "asn1crypto==1.5.1",
    "pg8000==1.31.6",
    "python-dateutil==2.9.0.post0",
    "scramp==1.5.0",
    "six==1.17.0",
)

POSTGRESQL_SINGLE_USER = Rotation(
    name="postgresql-single-user",
    title="changes the PostgreSQL login's own password; a client that is refused reads the secret again and retries",
    engines=ENGINES,
    users="single",
    directory="postgresql_single_user",
    parts=PARTS,
    handler="lambda_function.handler",
    required_keys=("username", "password", "host"),
    iam_actions=IAM_ACTIONS,
    exclude_characters=EXCLUDE_CHARACTERS,
    requirements=REQUIREMENTS,
)

POSTGRESQL_ALTERNATING_USERS = Rotation(
    name="postgresql-alternating-users",
    title="gives the PostgreSQL login and its clone a new password in turn; no client is ever refused",
    engines=ENGINES,
    users="alternating",
    directory="postgresql_alternating_users",
    parts=PARTS,
    handler="lambda_function.handler",
    required_keys=("username", "password", "host", "masterarn"),
    iam_actions=IAM_ACTIONS,
    exclude_characters=EXCLUDE_CHARACTERS,
    requirements=REQUIREMENTS,
)
