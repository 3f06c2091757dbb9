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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hardcode_hunter.generate.wanted import Function, Item, Stack
from hardcode_hunter.model import Home

Document = dict[str, object]


@dataclass(frozen=True, slots=True)
class One:
    """A string that only the deployment knows: ``account``, ``region``, ``partition``, ``key``, ``secret`` (of an id) …"""

    name: str
    of: str = ""


@dataclass(frozen=True, slots=True)
class Many:
    """A list of strings that only the deployment knows: ``administrators``, ``deployers``, ``writers``, ``roles`` (of an input), ``keys``."""

    name: str
    of: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A string put together of literal text and symbols."""

    parts: tuple[str | One, ...]


@dataclass(frozen=True, slots=True)
class When:
    """A statement that stands only when the input ``managed-key`` of a secret was given."""

    of: str
    statement: Document


@dataclass(frozen=True, slots=True)
class Flat:
    """One flat list of strings, symbols and whole lists."""

    parts: tuple[str | One | Text | Many, ...]


PARTITION, REGION, ACCOUNT = One("partition"), One("region"), One("account")
ADMINISTRATORS, DEPLOYERS, WRITERS = Many("administrators"), Many("deployers"), Many("writers")
ROOT = Text(("arn:", PARTITION, ":iam::", ACCOUNT, ":root"))

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


def _document(statements: Sequence[Document | When]) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _through(service: str) -> Document:
    return {"kms:ViaService": Text((f"{service}.", REGION, ".", One("url-suffix"))), "kms:CallerAccount": ACCOUNT}


def _rotation_roles(stack: Stack) -> Text:
    return Text(("arn:", PARTITION, ":iam::", ACCOUNT, f":role{stack.rotation_path}*"))


def _names(stack: Stack) -> Text:
    """All secrets of the environment by name: ``??????`` is what Secrets Manager adds to a name in its ARN."""
    return Text(("arn:", PARTITION, ":secretsmanager:", REGION, ":", ACCOUNT, f":secret:{stack.name_pattern}-??????"))


def _parameter_names(stack: Stack) -> Text:
    return Text(("arn:", PARTITION, ":ssm:", REGION, ":", ACCOUNT, f":parameter/{stack.name_pattern.lstrip('/')}"))


def parameter_arn(item: Item) -> Text:
    """A parameter's ARN has one slash whether or not its name begins with one (Systems Manager User Guide)."""
    return Text(("arn:", PARTITION, ":ssm:", REGION, ":", ACCOUNT, f":parameter/{item.name.lstrip('/')}"))


# ---------------------------------------------------------------- the key


def key_policy(stack: Stack) -> Document:
    """Key policy of the environment. Every statement is for the account, so IAM policies must allow the action as well."""
    statements = [
        _for_key("Administer", ADMINISTER, {"ArnLike": {"aws:PrincipalArn": Flat((ADMINISTRATORS, ROOT))}}),
        _for_key("Deploy", DEPLOY, {"ArnLike": {"aws:PrincipalArn": DEPLOYERS}}),
    ]
    homes = {item.home for item in stack.items}
    if Home.SECRETS_MANAGER in homes:
        statements += _secrets_statements(stack)
    if stack.hosted:  # the roles of AWS's functions have no name known in advance: their IAM policies decide
        not_people = {"aws:PrincipalArn": Flat((ADMINISTRATORS, DEPLOYERS, ROOT))}
        named = {"kms:EncryptionContext:SecretARN": _names(stack)}
        condition = {"ArnNotLike": not_people, "StringEquals": _through("secretsmanager"), "StringLike": named}
        statements.append(_for_key("WriteByHostedFunctions", ["kms:Decrypt", "kms:GenerateDataKey"], condition))
    if Home.PARAMETER_STORE in homes:
        statements += _parameter_statements(stack)
    return _document(statements)


def _for_key(sid: str, actions: Sequence[str], condition: Mapping[str, object]) -> Document:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": ROOT},
        "Action": list(actions),
        "Resource": "*",  # in a key policy: this key
        "Condition": dict(condition),
    }


def _secrets_statements(stack: Stack) -> list[Document]:
    through, named = _through("secretsmanager"), {"kms:EncryptionContext:SecretARN": _names(stack)}
    validate = {**through, "kms:EncryptionContext:SecretVersionId": "RequestToValidateKeyAccess"}
    writing = Flat((WRITERS, _rotation_roles(stack)))
    return [
        _for_key("ValidateForSecrets", ["kms:Decrypt", "kms:GenerateDataKey"],
                 {"ArnLike": {"aws:PrincipalArn": DEPLOYERS}, "StringEquals": validate}),
        _for_key("WriteSecrets", ["kms:Decrypt", "kms:GenerateDataKey"],
                 {"ArnLike": {"aws:PrincipalArn": writing}, "StringEquals": through, "StringLike": named}),
        _for_key("ReadSecrets", ["kms:Decrypt"],
                 {"ArnNotLike": {"aws:PrincipalArn": Flat((ADMINISTRATORS, ROOT))}, "StringEquals": through, "StringLike": named}),
    ]  # fmt: skip


def _parameter_statements(stack: Stack) -> list[Document]:
    through, named = _through("ssm"), {"kms:EncryptionContext:PARAMETER_ARN": _parameter_names(stack)}
    return [
        _for_key("WriteParameters", ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
                 {"ArnLike": {"aws:PrincipalArn": WRITERS}, "StringEquals": through, "StringLike": named}),
        _for_key("ReadParameters", ["kms:Decrypt"],
                 {"ArnNotLike": {"aws:PrincipalArn": Flat((ADMINISTRATORS, ROOT))}, "StringEquals": through, "StringLike": named}),
    ]  # fmt: skip


def operations_key_policy() -> Document:
    """Policy of the key for logs and alarms: AWS's services use it, so it is another key than the secrets' one.

    Sources: CloudWatch Logs User Guide, "Encrypt log data"; Amazon SNS Developer Guide, "Managing encryption keys".
    """
    logs = Text(("arn:", PARTITION, ":logs:", REGION, ":", ACCOUNT, ":log-group:*"))
    return _document([
        _for_key("Administer", ADMINISTER, {"ArnLike": {"aws:PrincipalArn": Flat((ADMINISTRATORS, ROOT))}}),
        _for_key("Deploy", DEPLOY, {"ArnLike": {"aws:PrincipalArn": DEPLOYERS}}),
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
    return _document([{**statement, "Resource": One("topic")}])


def endpoint_policy() -> Document:
    """Who may use the endpoint to Secrets Manager: this account's own roles."""
    return _document([
        {"Sid": "OwnAccount", "Effect": "Allow", "Principal": "*", "Action": "secretsmanager:*", "Resource": "*",
         "Condition": {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}},
    ])  # fmt: skip


# ---------------------------------------------------------------- a secret


def consumers(item: Item) -> tuple[str | Many, ...]:
    """ARNs (or patterns for them) of everyone who reads the secret."""
    return (*(p.arn for p in item.principals), *(Many("roles", i.id) for i in item.inputs))


def resource_policy(stack: Stack, item: Item) -> Document:
    """Denies to all but the named; grants nothing. Administrators, deployers and the root user can always change it back."""
    rotation = (_rotation_roles(stack),) if stack.serves(item) else ()
    rotating = rotation if item.secret.rotation.name != "none" else ()
    hosted = _function_arn(stack.hosted_name(item)) if item in stack.hosted else None
    return _document([
        _deny("ReadValue", ["secretsmanager:GetSecretValue"], (*consumers(item), WRITERS, *rotation), hosted),
        _deny("WriteValue", ["secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"], (WRITERS, *rotating), hosted),
        _deny("ChangeSecret", CHANGE_SECRET, (ADMINISTRATORS, DEPLOYERS, ROOT)),
        _deny("DeleteSecret", ["secretsmanager:DeleteSecret"], (ADMINISTRATORS, ROOT)),
    ])  # fmt: skip


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
    """What a consumer's role needs: exactly the calls of the rewritten code, on this secret, and decryption for this secret."""
    parameter = item.home is Home.PARAMETER_STORE
    arn: One | Text = parameter_arn(item) if parameter else One("secret", item.id)
    context = "PARAMETER_ARN" if parameter else "SecretARN"
    reading: Document = {
        "Sid": "ReadValue",
        "Effect": "Allow",
        "Action": list(stack.read_actions[item.home]),
        "Resource": arn,
    }
    decrypt = _decrypt("ssm" if parameter else "secretsmanager", context, arn, ["kms:Decrypt"], item.id)
    return _document([reading, When(item.id, decrypt) if item.home is Home.MANAGED else decrypt])


def _decrypt(service: str, context: str, arn: One | Text | Flat, actions: Sequence[str], keys: str) -> Document:
    return {
        "Sid": "UseKey",
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": Many("keys", keys),
        "Condition": {
            "StringEquals": {
                "kms:ViaService": _through(service)["kms:ViaService"],
                f"kms:EncryptionContext:{context}": arn,
            }
        },
    }


# ---------------------------------------------------------------- a rotation function


def assume_policy() -> Document:
    return _document(
        [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    )


def rotation_policy(function: Function) -> Document:
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
        _decrypt(
            "secretsmanager", "SecretARN", arns, ["kms:Decrypt", "kms:GenerateDataKey"], " ".join(function.secrets)
        ),
        *_masters(function),
        {
            "Sid": "WriteOwnLogs",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": One("logs", function.id),
        },
    ]
    return _document(statements)


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
    decrypt = _decrypt("secretsmanager", "SecretARN", arns, ["kms:Decrypt"], "")
    return [reading, {**decrypt, "Sid": "UseMastersKeys", "Resource": Many("master-keys", function.id)}]


def network_policy() -> Document:
    """Network interfaces of a function in a VPC; these actions are checked before the interface exists (Lambda Developer Guide)."""
    return _document([{"Sid": "UseNetwork", "Effect": "Allow", "Action": list(NETWORK), "Resource": "*"}])


FAILURES: Document = {
    "source": ["aws.secretsmanager"],
    "detail-type": ["AWS Service Event via CloudTrail"],
    "detail": {
        "eventSource": ["secretsmanager.amazonaws.com"],
        "eventName": ["RotationAbandoned", "RotationFailed", "TestRotationFailed"],
    },
}
"""Events of rotations that failed (Secrets Manager User Guide, "CloudTrail entries"); they need a trail in the account."""
