"""The policies, as documents whose open parts are symbols that each back end knows how to write.

Who may do what (sources: AWS Secrets Manager User Guide, "Secret encryption and decryption" and "Permissions for rotation"; AWS KMS
Developer Guide, "Key policies"):

* administrators change policies and delete, and can decrypt nothing;
* deployers create and change, and use the key only for the validation that Secrets Manager performs when it is set on a secret;
* writers put values and read them back;
* readers decrypt their own secrets, through Secrets Manager or Parameter Store only.

Statements name the account and tell people apart by ``aws:PrincipalArn``: a policy that names a role which does not exist is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from hardcode_hunter.generate.names import region_id
from hardcode_hunter.generate.readers import Principal
from hardcode_hunter.generate.symbols import (
    ACCOUNT,
    ADMINISTRATORS,
    DEPLOYERS,
    PARTITION,
    REGION,
    ROOT,
    WRITERS,
    Document,
    Flat,
    Many,
    One,
    Text,
    When,
    decrypt,
    document,
    for_key,
    names,
    parameter_arn,
    parameter_names,
    secret_pattern,
    through,
)
from hardcode_hunter.generate.wanted import Function, Item, Stack
from hardcode_hunter.model import Home

ADMINISTER = (
    "kms:CancelKeyDeletion", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey", "kms:DisableKeyRotation", "kms:EnableKey",
    "kms:EnableKeyRotation", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListGrants", "kms:ListKeyPolicies",
    "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:RevokeGrant", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource",
    "kms:UpdateAlias", "kms:UpdateKeyDescription",
)  # fmt: skip
DEPLOY = (
    "kms:CreateAlias", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey", "kms:EnableKey", "kms:EnableKeyRotation",
    "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListKeyPolicies", "kms:ListResourceTags",
    "kms:PutKeyPolicy", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
)  # fmt: skip
CHANGE_SECRET = (
    "secretsmanager:CancelRotateSecret", "secretsmanager:DeleteResourcePolicy", "secretsmanager:PutResourcePolicy",
    "secretsmanager:RemoveRegionsFromReplication", "secretsmanager:ReplicateSecretToRegions", "secretsmanager:RestoreSecret",
    "secretsmanager:RotateSecret", "secretsmanager:StopReplicationToReplica", "secretsmanager:UpdateSecret",
)  # fmt: skip
NETWORK = (
    "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
)  # fmt: skip
PASSWORDS = "secretsmanager:GetRandomPassword"  # has no resource (Service Authorization Reference)


def _rotation_roles(stack: Stack) -> Text:
    return Text(("arn:", PARTITION, ":iam::", ACCOUNT, f":role{stack.rotation_path}*"))


# ---------------------------------------------------------------- the key


def key_policy(stack: Stack) -> Document:
    """Key policy of the environment. Every statement is for the account, so IAM policies must allow the action as well."""
    statements = [
        for_key("Administer", ADMINISTER, {"ArnLike": {"aws:PrincipalArn": Flat((ADMINISTRATORS, ROOT))}}),
        for_key("Deploy", DEPLOY, {"ArnLike": {"aws:PrincipalArn": DEPLOYERS}}),
    ]
    homes = {item.home for item in stack.items}
    if Home.SECRETS_MANAGER in homes:
        statements += _secrets_statements(stack)
    if stack.hosted:  # the roles of AWS's functions have no name known in advance: their IAM policies decide
        not_people = {"aws:PrincipalArn": Flat((ADMINISTRATORS, DEPLOYERS, ROOT))}
        named = {"kms:EncryptionContext:SecretARN": names(stack)}
        condition = {"ArnNotLike": not_people, "StringEquals": through("secretsmanager"), "StringLike": named}
        statements.append(for_key("WriteByHostedFunctions", ["kms:Decrypt", "kms:GenerateDataKey"], condition))
    if Home.PARAMETER_STORE in homes:
        statements += _parameter_statements(stack)
    return document(statements)


def _secrets_statements(stack: Stack, region: str = "") -> list[Document]:
    """What people and functions do with the key of ``region`` (the deployment's own when it is empty) through Secrets Manager."""
    via, named = through("secretsmanager", region), {"kms:EncryptionContext:SecretARN": names(stack, region)}
    validate = {**via, "kms:EncryptionContext:SecretVersionId": "RequestToValidateKeyAccess"}
    writing = Flat((WRITERS, _rotation_roles(stack)))
    return [
        for_key("ValidateForSecrets", ["kms:Decrypt", "kms:GenerateDataKey"],
                {"ArnLike": {"aws:PrincipalArn": DEPLOYERS}, "StringEquals": validate}),
        for_key("WriteSecrets", ["kms:Decrypt", "kms:GenerateDataKey"],
                {"ArnLike": {"aws:PrincipalArn": writing}, "StringEquals": via, "StringLike": named}),
        for_key("ReadSecrets", ["kms:Decrypt"],
                {"ArnNotLike": {"aws:PrincipalArn": Flat((ADMINISTRATORS, ROOT))}, "StringEquals": via, "StringLike": named}),
        *_read_from_elsewhere(stack, region),
    ]  # fmt: skip


def _read_from_elsewhere(stack: Stack, region: str) -> list[Document]:
    """The use of the key by readers in other accounts, by name, for the secrets that they read and no others (Secrets Manager User
    Guide, "Access secrets from a different account"; AWS KMS Developer Guide, "Allowing users in other accounts to use a KMS key")."""
    statements: list[Document] = []
    for account in stack.foreign_accounts:
        read = [item for item in stack.items if stack.foreign(item, account)]
        arns = sorted({p.arn for item in read for p in stack.foreign(item, account)})
        condition = {
            "ArnEquals": {"aws:PrincipalArn": arns},
            "StringEquals": {**through("secretsmanager", region), "kms:CallerAccount": account},
            "StringLike": {
                "kms:EncryptionContext:SecretARN": Flat(tuple(secret_pattern(i.name, region) for i in read))
            },
        }
        statements.append(for_key(f"ReadSecretsFrom{account}", ["kms:Decrypt"], condition, [_root_of(account)]))
    return statements


def _root_of(account: str) -> Text:
    return Text(("arn:", PARTITION, f":iam::{account}:root"))


def replica_key_policy(stack: Stack, region: str = "") -> Document:
    """Policy of the key that encrypts the copies in ``region``. Secrets Manager encrypts a copy with the rights of whoever changes the
    value (API Reference, "ReplicateSecretToRegions")."""
    copying: Document = {
        "ArnLike": {"aws:PrincipalArn": Flat((DEPLOYERS, WRITERS, _rotation_roles(stack)))},
        "StringEquals": through("secretsmanager", region),
        "StringLike": {"kms:EncryptionContext:SecretARN": names(stack, region)},
    }
    return document([
        for_key("Administer", ADMINISTER, {"ArnLike": {"aws:PrincipalArn": Flat((ADMINISTRATORS, ROOT))}}),
        for_key("Deploy", DEPLOY, {"ArnLike": {"aws:PrincipalArn": DEPLOYERS}}),
        for_key("CopySecrets", ["kms:Encrypt", "kms:GenerateDataKey"], copying),
        *_secrets_statements(stack, region),
    ])  # fmt: skip


def _parameter_statements(stack: Stack) -> list[Document]:
    via, named = through("ssm"), {"kms:EncryptionContext:PARAMETER_ARN": parameter_names(stack)}
    return [
        for_key("WriteParameters", ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
                 {"ArnLike": {"aws:PrincipalArn": WRITERS}, "StringEquals": via, "StringLike": named}),
        for_key("ReadParameters", ["kms:Decrypt"],
                 {"ArnNotLike": {"aws:PrincipalArn": Flat((ADMINISTRATORS, ROOT))}, "StringEquals": via, "StringLike": named}),
    ]  # fmt: skip


def operations_key_policy() -> Document:
    """Policy of the key for logs and alarms: AWS's services use it, so it is another key than the secrets' one.

    Sources: CloudWatch Logs User Guide, "Encrypt log data"; Amazon SNS Developer Guide, "Managing encryption keys".
    """
    logs = Text(("arn:", PARTITION, ":logs:", REGION, ":", ACCOUNT, ":log-group:*"))
    return document([
        for_key("Administer", ADMINISTER, {"ArnLike": {"aws:PrincipalArn": Flat((ADMINISTRATORS, ROOT))}}),
        for_key("Deploy", DEPLOY, {"ArnLike": {"aws:PrincipalArn": DEPLOYERS}}),
        _for_service("EncryptLogs", [Text(("logs.", REGION, ".", One("url-suffix")))],
                     ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
                     {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": logs}}),
        _for_service("EncryptAlarms", list(ALARMING), ["kms:Decrypt", "kms:GenerateDataKey*"],
                     {"StringEquals": {"aws:SourceAccount": ACCOUNT}}),
    ])  # fmt: skip


ALARMING = ("cloudwatch.amazonaws.com", "events.amazonaws.com")


def _for_service(sid: str, services: Sequence[object], actions: Sequence[str], condition: Document) -> Document:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": list(services)},
        "Action": list(actions),
        "Resource": "*",  # in a key policy: this key
        "Condition": condition,
    }


def topic_policy() -> Document:
    """Who may publish to the topic of alarms: the services that notice them, for this account."""
    statement = _for_service(
        "PublishAlarms", list(ALARMING), ["sns:Publish"], {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    )
    return document([{**statement, "Resource": One("topic")}])


def endpoint_policy() -> Document:
    """Who may use the endpoint to Secrets Manager: this account's own roles."""
    return document([
        {"Sid": "OwnAccount", "Effect": "Allow", "Principal": "*", "Action": "secretsmanager:*", "Resource": "*",
         "Condition": {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}},
    ])  # fmt: skip


# ---------------------------------------------------------------- a secret


def consumers(item: Item) -> tuple[str | Many, ...]:
    """ARNs (or patterns for them) of everyone who reads the secret."""
    return (*(p.arn for p in item.principals), *(Many("roles", i.id) for i in item.inputs))


def resource_policy(stack: Stack, item: Item) -> Document:
    """Denies to all but the named; grants nothing but to readers in other accounts. Administrators, deployers and the root user can always change it back."""
    rotation = (_rotation_roles(stack),) if stack.serves(item) else ()
    rotating = rotation if item.secret.rotation.name != "none" else ()
    hosted = _function_arn(stack.hosted_name(item)) if item in stack.hosted else None
    return document([
        _deny("ReadValue", ["secretsmanager:GetSecretValue"], (*consumers(item), WRITERS, *rotation), hosted),
        _deny("WriteValue", ["secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"], (WRITERS, *rotating), hosted),
        _deny("ChangeSecret", CHANGE_SECRET, (ADMINISTRATORS, DEPLOYERS, ROOT)),
        _deny("DeleteSecret", ["secretsmanager:DeleteSecret"], (ADMINISTRATORS, ROOT)),
        *(_read_from(item, account, stack.foreign(item, account)) for account in stack.foreign_accounts if stack.foreign(item, account)),
    ])  # fmt: skip


def _read_from(item: Item, account: str, readers: Sequence[Principal]) -> Document:
    """Lets ``readers`` of another account in, who need it here as well as in a policy of their own. The account stands as the
    principal and the readers in the condition, so that the policy doesn't fail on a role that is not there yet."""
    return {
        "Sid": f"ReadValueFrom{account}",
        "Effect": "Allow",
        "Principal": {"AWS": _root_of(account)},
        "Action": list(item.reads),
        "Resource": "*",  # in a resource policy: this secret
        "Condition": {"ArnEquals": {"aws:PrincipalArn": [reader.arn for reader in readers]}},
    }


def _function_arn(name: str) -> Text:
    return Text(("arn:", PARTITION, ":lambda:", REGION, ":", ACCOUNT, f":function:{name}"))


def _deny(
    sid: str, actions: Sequence[str], exempt: tuple[str | One | Text | Many, ...], function: Text | None = None
) -> Document:
    """Denies to all but ``exempt`` and, when it is given, the code of ``function``, whatever its role is called (AWS Lambda
    Developer Guide, "Working with lambda:SourceFunctionArn")."""
    return {
        "Sid": f"{sid}Denied",
        "Effect": "Deny",
        "Principal": "*",
        "Action": list(actions),
        "Resource": "*",  # in a resource policy: this secret
        "Condition": {
            "ArnNotLike": {
                "aws:PrincipalArn": Flat(exempt),
                **({"lambda:SourceFunctionArn": function} if function else {}),
            },
            "Bool": {"aws:PrincipalIsAWSService": "false"},
        },
    }


def consumer_policy(stack: Stack, item: Item) -> Document:
    """What a consumer's role needs: exactly the calls of the rewritten code, on this secret and its copies in other regions, and
    decryption for them."""
    parameter = item.home is Home.PARAMETER_STORE
    arn: One | Text = parameter_arn(item) if parameter else One("secret", item.id)
    copies = {region: One("replica", f"{region} {item.id}") for region in stack.replica_regions(item)}
    context = "PARAMETER_ARN" if parameter else "SecretARN"
    reading: Document = {
        "Sid": "ReadValue",
        "Effect": "Allow",
        "Action": list(item.reads),
        "Resource": Flat((arn, *copies.values())) if copies else arn,
    }
    use = decrypt("ssm" if parameter else "secretsmanager", context, arn, ["kms:Decrypt"], Many("keys", item.id))
    used_there = [
        {
            **decrypt("secretsmanager", context, copy, ["kms:Decrypt"], Many("replica-keys", region), region),
            "Sid": f"UseKeyIn{region_id(region)}",
        }
        for region, copy in copies.items()
    ]
    return document([reading, When(item.id, use) if item.home is Home.MANAGED else use, *used_there])


# ---------------------------------------------------------------- a rotation function


def assume_policy() -> Document:
    return document([{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}])


def rotation_policy(stack: Stack, function: Function) -> Document:
    """The execution role's policy: the function's own calls (its plug-in lists them), the keys, and its own log group."""
    actions = function.rotation.iam_actions
    own = [a for a in actions if a.startswith("secretsmanager:") and a != PASSWORDS]
    arns = Flat(tuple(One("secret", id) for id in function.secrets))
    statements: list[Document] = [{"Sid": "RotateSecrets", "Effect": "Allow", "Action": own, "Resource": arns}]
    users = [a for a in actions if a.startswith("elasticache:")]
    if users:
        named = [
            Text(("arn:", PARTITION, ":elasticache:", REGION, ":", ACCOUNT, f":user:{id}")) for id in function.users
        ]
        statements.append({"Sid": "ChangeUsers", "Effect": "Allow", "Action": users, "Resource": Flat(tuple(named))})
    anywhere = [a for a in actions if a not in own and a not in users]
    if anywhere:
        statements.append({"Sid": "CallsWithoutResource", "Effect": "Allow", "Action": anywhere, "Resource": "*"})
    statements += [
        decrypt(
            "secretsmanager",
            "SecretARN",
            arns,
            ["kms:Decrypt", "kms:GenerateDataKey"],
            Many("keys", " ".join(function.secrets)),
        ),
        *_copies(stack),
        *_masters(function),
        {
            "Sid": "WriteOwnLogs",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": One("logs", function.id),
        },
    ]
    return document(statements)


def _masters(function: Function) -> list[Document]:
    """Reading the secrets whose logins change the others': no more than that."""
    if not function.masters:
        return []
    arns = Flat(function.masters)
    reading: Document = {
        "Sid": "ReadMasters",
        "Effect": "Allow",
        "Action": ["secretsmanager:GetSecretValue"],
        "Resource": arns,
    }
    use = decrypt("secretsmanager", "SecretARN", arns, ["kms:Decrypt"], Many("master-keys", function.id))
    return [reading, {**use, "Sid": "UseMastersKeys"}]


def _copies(stack: Stack) -> list[Document]:
    """Encrypting the copies in other regions, which Secrets Manager does with the rights of whoever stores a new value."""
    statements: list[Document] = []
    for region in stack.copied_to:
        condition = {
            "StringEquals": {"kms:ViaService": through("secretsmanager", region)["kms:ViaService"]},
            "StringLike": {"kms:EncryptionContext:SecretARN": names(stack, region)},
        }
        statements.append({
            "Sid": f"CopyTo{region_id(region)}",
            "Effect": "Allow",
            "Action": ["kms:Encrypt", "kms:GenerateDataKey"],
            "Resource": Many("replica-keys", region),
            "Condition": condition,
        })  # fmt: skip
    return statements


def network_policy() -> Document:
    """Network interfaces of a function in a VPC; these actions are checked before the interface exists (Lambda Developer Guide)."""
    return document([{"Sid": "UseNetwork", "Effect": "Allow", "Action": list(NETWORK), "Resource": "*"}])


FAILURES: Document = {
    "source": ["aws.secretsmanager"],
    "detail-type": ["AWS Service Event via CloudTrail"],
    "detail": {
        "eventSource": ["secretsmanager.amazonaws.com"],
        "eventName": ["RotationAbandoned", "RotationFailed", "TestRotationFailed"],
    },
}
"""Events of rotations that failed (Secrets Manager User Guide, "CloudTrail entries"); they need a trail in the account."""
