"""The commands of ``ROLL-OUT.md`` for other regions and accounts: keys for copies, and policies of readers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hardcode_hunter.generate import elsewhere, names
from hardcode_hunter.generate.parameters import Parameter, environment_variable, people, replica_key_parameter
from hardcode_hunter.generate.quoting import shell_word
from hardcode_hunter.generate.wanted import Stack


def aws_options(stack: Stack, region: str = "") -> str:
    """The options that each AWS command of the environment needs; in ``region`` instead of the environment's own."""
    environment = stack.environment
    where = region or environment.region
    options = f" --region {shell_word(where)}" if where else ""
    return options + (f" --profile {shell_word(environment.profile)}" if environment.profile else "")


def given(parameter: str) -> str:
    """A parameter override whose value the shell refuses to leave out."""
    return f'"{parameter}=${{{environment_variable(parameter)}:?}}"'


def _key_arn(stack: Stack, region: str = "") -> str:
    alias = shell_word(stack.alias)
    return f"aws kms describe-key --key-id {alias} --query KeyMetadata.Arn --output text{aws_options(stack, region)}"


def copies(stack: Stack) -> str:
    """CloudFormation: the key in each other region, and where its ARN goes; empty without copies."""
    commands = []
    overrides = " \\\n    ".join(given(p.name) for p in people())
    for region in stack.copied_to:
        deploy = (
            f"aws cloudformation deploy \\\n  --stack-name {shell_word(_name(stack, 'copies'))} \\\n"
            f"  --template-file {shell_word(elsewhere.copies_path(stack))} \\\n  --capabilities CAPABILITY_IAM"
            f"{aws_options(stack, region)} \\\n  --parameter-overrides {overrides}"
        )
        variable = environment_variable(replica_key_parameter(region))
        commands.append(f'{deploy}\nexport {variable}="$({_key_arn(stack, region)})"')
    return "\n\n".join(commands)


def _name(stack: Stack, what: str) -> str:
    name = f"{stack.slug}-{what}"
    return name if name[0].isalpha() else f"s-{name}"


def readers(stack: Stack, infrastructure: str) -> list[Mapping[str, str]]:
    """For each account with readers: its number and the commands that somebody with rights there runs."""
    write = _template if infrastructure == "cloudformation" else _module
    return [{"account": account, "commands": write(stack, account)} for account in stack.foreign_accounts]


def _values(stack: Stack, account: str) -> Iterable[tuple[Parameter, str]]:
    """Each parameter of the other account's deployment, with the command that looks its value up in this one."""
    secrets = {f"SecretArn{names.logical_id(item.id)}": item for item in stack.items}
    regions = {replica_key_parameter(region): region for region in stack.copied_to}
    for parameter in elsewhere.reader_parameters(stack, account):
        item = secrets.get(parameter.name)
        if item is not None:
            find = f"aws secretsmanager describe-secret --secret-id {shell_word(item.name)} --query ARN --output text"
            yield parameter, find + aws_options(stack)
        else:
            yield parameter, _key_arn(stack, regions.get(parameter.name, ""))


def _profile(account: str) -> str:
    return f'"${{PROFILE_{account}:?a profile of that account}}"'


def _template(stack: Stack, account: str) -> str:
    region = f" --region {shell_word(stack.environment.region)}" if stack.environment.region else ""
    overrides = " \\\n    ".join(f'"{p.name}=$({command})"' for p, command in _values(stack, account))
    return (
        f"aws cloudformation deploy \\\n  --stack-name {shell_word(_name(stack, 'readers'))} \\\n"
        f"  --template-file {shell_word(elsewhere.readers_path(stack, account, 'cloudformation'))} \\\n"
        f"  --capabilities CAPABILITY_IAM{region} --profile {_profile(account)} \\\n  --parameter-overrides {overrides}"
    )


def _module(stack: Stack, account: str) -> str:
    folder = elsewhere.readers_path(stack, account, "terraform").rpartition("/")[0]
    run = f"AWS_PROFILE={_profile(account)} terraform -chdir={shell_word(folder)}"
    rows = []
    for parameter, command in _values(stack, account):
        many = parameter.type == "CommaDelimitedList"
        value = f'[\\"$({command})\\"]' if many else f"$({command})"
        rows.append(f'-var="{elsewhere.variable_name(stack, account, parameter)}={value}"')
    variables = " \\\n  ".join(["-out=readers.tfplan", *rows])
    return f"{run} init\n{run} plan {variables}\n{run} apply readers.tfplan"
