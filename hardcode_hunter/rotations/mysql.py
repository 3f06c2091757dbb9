"""Rotations of MySQL and MariaDB logins: RDS, Aurora, or a server of one's own."""

from __future__ import annotations

from hardcode_hunter.plugins import Rotation
from hardcode_hunter.rotations.postgresql import EXCLUDE_CHARACTERS, IAM_ACTIONS

ENGINES = ("mysql", "mariadb", "aurora-mysql", "aurora")
PARTS = ("rotation_steps.py", "mysql_login.py")
REQUIREMENTS = ("pymysql==1.2.4",)

MYSQL_SINGLE_USER = Rotation(
    name="mysql-single-user",
    title="changes the MySQL or MariaDB login's own password; a client that is refused reads the secret again and retries",
    engines=ENGINES,
    users="single",
    directory="mysql_single_user",
    parts=PARTS,
    handler="lambda_function.handler",
    required_keys=("username", "password", "host"),
    iam_actions=IAM_ACTIONS,
    exclude_characters=EXCLUDE_CHARACTERS,
    requirements=REQUIREMENTS,
)

MYSQL_ALTERNATING_USERS = Rotation(
    name="mysql-alternating-users",
    title="gives the MySQL or MariaDB login and its clone a new password in turn; no client is ever refused",
    engines=ENGINES,
    users="alternating",
    directory="mysql_alternating_users",
    parts=PARTS,
    handler="lambda_function.handler",
    required_keys=("username", "password", "host", "masterarn"),
    iam_actions=IAM_ACTIONS,
    exclude_characters=EXCLUDE_CHARACTERS,
    requirements=REQUIREMENTS,
)
