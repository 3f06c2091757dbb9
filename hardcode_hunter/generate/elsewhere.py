"""What has to stand in other regions and other accounts than the secrets: keys for copies, and policies of readers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hardcode_hunter.generate import names, policies, quoting
from hardcode_hunter.generate.expressions import Expressions
from hardcode_hunter.generate.intrinsics import Intrinsics, replica, tag_list
from hardcode_hunter.generate.parameters import KEY_ARN, SECRET_ARN, Parameter, body, people, replica_key_parameter
from hardcode_hunter.generate.quoting import Raw, Tag
from hardcode_hunter.generate.readers import Principal
from hardcode_hunter.generate.symbols import Many, One
from hardcode_hunter.generate.wanted import Item, Stack


def copies_path(stack: Stack) -> str:
    """The CloudFormation template that makes the key of the copies, in whichever region it is deployed."""
    return f"{stack.directory}/copies.yaml"


def readers_path(stack: Stack, account: str, infrastructure: str) -> str:
    """Template, or root module, for the readers in ``account``."""
    folder = f"{stack.directory}/readers-{account}"
    return f"{folder}.yaml" if infrastructure == "cloudformation" else f"{folder}/main.tf"


def files(stack: Stack, infrastructure: str) -> Mapping[str, str]:
    """The texts, by path; none where everything stands in one account and region."""
    found: dict[str, str] = {}
    if infrastructure == "cloudformation" and stack.copied_to:
        found[copies_path(stack)] = _copies(stack)
    for account in stack.foreign_accounts:
        write = _template if infrastructure == "cloudformation" else _module
        found[readers_path(stack, account, infrastructure)] = write(stack, account)
    return found


# ---------------------------------------------------------------- copies in other regions


def _copies(stack: Stack) -> str:
    values = {
        "regions": ", ".join(stack.copied_to),
        "description": f"Copies of the secrets of {stack.slug}",
        "parameters": [(p.name, body(p)) for p in people()],
        "policy": Intrinsics().write(policies.replica_key_policy(stack)),
        "alias": stack.alias,
        "tags": tag_list(stack.common_tags),
    }
    return quoting.render("cloudformation/copies.yaml.j2", values)


# ---------------------------------------------------------------- readers in other accounts


def _read(stack: Stack, account: str) -> Iterable[tuple[Item, Sequence[Principal]]]:
    return ((item, found) for item in stack.items if (found := stack.foreign(item, account)))


def reader_parameters(stack: Stack, account: str) -> tuple[Parameter, ...]:
    """What the deployment in ``account`` is told, for it can't look it up: ARNs of secrets and keys."""
    read = [item for item, _ in _read(stack, account)]
    text = "ARNs of the keys that encrypt these secrets."
    found = [
        Parameter(f"SecretArn{names.logical_id(i.id)}", f"ARN of the secret '{i.id}'.", pattern=SECRET_ARN)
        for i in read
    ]
    found.append(Parameter("KeyArns", text, "CommaDelimitedList", KEY_ARN))
    regions = stack.copied_to if any(stack.replica_regions(i) for i in read) else ()
    for region in regions:
        text = f"ARN of the key that encrypts the copies in {region}."
        found.append(Parameter(replica_key_parameter(region), text, pattern=KEY_ARN))
    return tuple(found)


class _Told(Intrinsics):
    """Everything of the other account is a parameter here."""

    def one(self, symbol: One) -> object:
        if symbol.name == "replica":
            region, _, id = symbol.of.partition(" ")
            return replica(Tag("!Ref", f"SecretArn{names.logical_id(id)}"), region)
        return Tag("!Ref", f"SecretArn{names.logical_id(symbol.of)}")

    def many(self, symbol: Many) -> object:
        if symbol.name == "replica-keys":
            return [Tag("!Ref", replica_key_parameter(symbol.of))]
        return Tag("!Ref", "KeyArns")


def _common(stack: Stack, item: Item) -> dict[str, object]:
    return {"policy_description": f"Reads the secret {item.id} of {stack.slug}"[:1000]}


def _template(stack: Stack, account: str) -> str:
    told = _Told()
    rows = [
        {
            **_common(stack, item),
            "id": names.logical_id(item.id),
            "consumer_policy": told.write(policies.consumer_policy(stack, item)),
            "attachments": {
                f"{kind.capitalize()}s": held
                for kind in ("role", "user")
                if (held := [p.name for p in readers if p.kind == kind])
            },
        }
        for item, readers in _read(stack, account)
    ]
    values = {
        "account": account,
        "slug": stack.slug,
        "description": f"Readers in {account} of secrets of {stack.slug}",
        "parameters": [(p.name, body(p)) for p in reader_parameters(stack, account)],
        "items": rows,
    }
    return quoting.render("cloudformation/readers.yaml.j2", values)


class _Given(Expressions):
    """Everything of the other account is a variable here."""

    def one(self, symbol: One) -> str:
        if symbol.name == "replica":
            region, _, id = symbol.of.partition(" ")
            return f'replace(var.secret_arn_{names.snake(id)}, ":${{local.region}}:", ":{region}:")'
        if symbol.name == "secret":
            return f"var.secret_arn_{names.snake(symbol.of)}"
        return super().one(symbol)

    def many(self, symbol: Many) -> str:
        return f"[var.replica_key_arn_{names.snake(symbol.of)}]" if symbol.name == "replica-keys" else "var.key_arns"


def variable_name(stack: Stack, account: str, parameter: Parameter) -> str:
    """The Terraform variable that says the same as ``parameter``."""
    for item, _ in _read(stack, account):
        if parameter.name == f"SecretArn{names.logical_id(item.id)}":
            return f"secret_arn_{names.snake(item.id)}"
    regions = {replica_key_parameter(r): f"replica_key_arn_{names.snake(r)}" for r in stack.copied_to}
    return regions.get(parameter.name, "key_arns")


def _module(stack: Stack, account: str) -> str:
    given = _Given()
    rows = [
        {
            **_common(stack, item),
            "id": names.snake(item.id),
            "policy_name": names.slug(f"{stack.slug}-read-{item.id}", 90) + "-",
            "tags": dict(sorted(stack.tags(item).items())),
            "consumer_policy": given.write(policies.consumer_policy(stack, item)),
            "attachments": {
                kind: held for kind in ("role", "user") if (held := [p.name for p in readers if p.kind == kind])
            },
        }
        for item, readers in _read(stack, account)
    ]
    region = {"region": stack.environment.region} if stack.environment.region else {}
    variables = [
        {
            "name": variable_name(stack, account, p),
            "body": {
                "description": p.description,
                "type": Raw("list(string)" if p.type == "CommaDelimitedList" else "string"),
                "nullable": False,
            },
        }
        for p in reader_parameters(stack, account)
    ]
    values = {
        "account": account,
        "slug": stack.slug,
        "provider": {**region, "allowed_account_ids": [account]},
        "variables": variables,
        "items": rows,
    }
    return quoting.aligned(quoting.render("terraform/readers.tf.j2", values))
