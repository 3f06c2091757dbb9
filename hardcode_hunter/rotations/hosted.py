"""Rotations whose functions AWS itself keeps and CloudFormation deploys (``HostedRotationLambda``, transform AWS::SecretsManager-2024-09-16).

They are an option for engines that no function of ours serves. None of them is tested here, for there is no such server to test it on;
what is known to be wrong with them stands in the AWS samples' issues (aws-samples/aws-secrets-manager-rotation-lambdas).
Types: AWS CloudFormation Template Reference, "HostedRotationLambda".
"""

from __future__ import annotations

from hardcode_hunter.plugins import Rotation
from hardcode_hunter.rotations.postgresql import EXCLUDE_CHARACTERS


def _rotation(engine: str, aliases: tuple[str, ...], kind: str, alternating: bool) -> Rotation:
    users = "alternating" if alternating else "single"
    what = "gives two logins a new password in turn" if alternating else "changes the login's own password"
    return Rotation(
        name=f"hosted-{engine}-{users}-user{'s' if alternating else ''}",
        title=f"AWS's own function for {kind}: {what}",
        engines=(engine, *aliases),
        users=f"hosted {users}",
        directory="",
        handler="",
        required_keys=("engine", "host", "username", "password", *(("masterarn",) if alternating else ())),
        iam_actions=(),
        exclude_characters=EXCLUDE_CHARACTERS,
        hosted=f"{kind}{'Multi' if alternating else 'Single'}User",
    )


ORACLE_SINGLE_USER = _rotation("oracle", ("oracle-ee", "oracle-se2", "custom-oracle-ee"), "Oracle", False)
ORACLE_ALTERNATING_USERS = _rotation("oracle", ("oracle-ee", "oracle-se2", "custom-oracle-ee"), "Oracle", True)
SQLSERVER_SINGLE_USER = _rotation(
    "sqlserver", ("sqlserver-ee", "sqlserver-se", "sqlserver-ex", "sqlserver-web", "mssql"), "SQLServer", False
)
SQLSERVER_ALTERNATING_USERS = _rotation(
    "sqlserver", ("sqlserver-ee", "sqlserver-se", "sqlserver-ex", "sqlserver-web", "mssql"), "SQLServer", True
)
DB2_SINGLE_USER = _rotation("db2", ("db2-se", "db2-ae"), "Db2", False)
DB2_ALTERNATING_USERS = _rotation("db2", ("db2-se", "db2-ae"), "Db2", True)
REDSHIFT_SINGLE_USER = _rotation("redshift", (), "Redshift", False)
REDSHIFT_ALTERNATING_USERS = _rotation("redshift", (), "Redshift", True)
MONGODB_SINGLE_USER = _rotation("mongodb", ("mongo", "docdb"), "MongoDB", False)
MONGODB_ALTERNATING_USERS = _rotation("mongodb", ("mongo", "docdb"), "MongoDB", True)
