"""The page that says how to roll the migration out: exact commands for each phase, who reads what, what is open, and the way back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from hardcode_hunter.generate import cloudformation, parameters, quoting, variables
from hardcode_hunter.generate.parameters import environment_variable
from hardcode_hunter.generate.quoting import shell_word
from hardcode_hunter.generate.rollout_elsewhere import aws_options, copies, given, readers
from hardcode_hunter.generate.wanted import Item, Shard, Stack
from hardcode_hunter.model import Consumer, Evaluated, Home, Plan, Secret
from hardcode_hunter.plugins import Rotation

PATH = "migration/ROLL-OUT.md"
ATTACHED = 10
"""Managed policies per role before a quota has to be raised (IAM and AWS STS quotas)."""


def page(plan: Plan, stacks: Sequence[Stack], sizes: Mapping[str, int]) -> str:
    """The Markdown text. ``sizes`` has the length of each template, by path."""
    values = {
        "application": plan.application,
        "infrastructure": {"cloudformation": "CloudFormation", "terraform": "Terraform"}[plan.infrastructure],
        "adopt": any(not i.declared and i.home is Home.SECRETS_MANAGER for s in stacks for i in s.items),
        "environments": [_environment(plan, stack, sizes) for stack in stacks],
        "forced": plan.forced,
    }
    return quoting.render("roll-out.md.j2", values)


def _environment(plan: Plan, stack: Stack, sizes: Mapping[str, int]) -> Mapping[str, object]:
    back_end = _CloudFormation(stack, sizes) if plan.infrastructure == "cloudformation" else _Terraform(stack)
    aws = aws_options(stack)
    stored = [i for i in stack.items if i.home is not Home.MANAGED]
    return {
        "name": stack.environment.name,
        "directory": stack.directory,
        "account": stack.environment.account or "not in the plan: check it before every command",
        "region": stack.environment.region or "not in the plan: the one that your profile has",
        "identity": f"aws sts get-caller-identity --query Account --output text{aws}",
        "inputs": back_end.inputs(),
        "inputs_kind": back_end.inputs_kind,
        "shell": back_end.deploy(),
        "store_first": bool(stored) and not any(i.declared for i in stack.items),
        "look_up": [] if plan.infrastructure == "cloudformation" else [
            f"{_look_up(stack, i)}  # {variables.arn_variable(i)}" for i in stack.items
            if i.home is Home.SECRETS_MANAGER and not i.declared and not i.arn
        ],
        "readers": readers(stack, plan.infrastructure),
        "adopted": [_reencrypt(stack, i, aws) for i in stack.items if not i.declared and i.home is Home.SECRETS_MANAGER],
        "store": _store(stack) if stored else "",
        "package": back_end.package() if stack.functions else "",
        "rotate": back_end.rotate() if stack.functions else "",
        "settings": back_end.settings() if stack.functions else [],
        "let_through": _rotate_command(stack),
        "first": [f"aws secretsmanager rotate-secret --secret-id {_id(stack, i)}{aws}" for i in stack.items if i.function],
        "confirm": [
            f"aws secretsmanager describe-secret --secret-id {_id(stack, i)} --query '[RotationEnabled, NextRotationDate, VersionIdsToStages]'{aws}"
            for i in stack.items if i.function
        ],
        "cancel": [f"aws secretsmanager cancel-rotate-secret --secret-id {_id(stack, i)}{aws}" for i in stack.items if i.function],
        "off": back_end.off() if stack.functions else "",
        "previous": [_previous(stack, i, aws) for i in stack.items if i.home is Home.SECRETS_MANAGER],
        "rows": [_row(stack, item) for item in stack.items],
        "consumers": [_consumer(item, c) for item in stack.items for c in item.secret.consumers],
        "managed": [_managed(item) for item in stack.items if item.home is Home.MANAGED],
        "roles": [_role(secret) for secret in stack.roles_instead],
        "questions": list(_questions(stack)),
        "rotating": stack.rotating,
    }  # fmt: skip


def _id(stack: Stack, item: Item) -> str:
    return shell_word(item.name)


def _store(stack: Stack) -> str:
    account = f" --account {stack.environment.account}" if stack.environment.account else ""
    return f"hardcode-hunter apply{account}"


def _look_up(stack: Stack, item: Item) -> str:
    return f"aws secretsmanager describe-secret --secret-id {_id(stack, item)} --query ARN --output text{aws_options(stack)}"


def _rotate_command(stack: Stack) -> str:
    ids = [i.secret.id for i in stack.items if i.secret.rotation.name != "none"]
    return " ".join(["hardcode-hunter rotate", *map(shell_word, ids)])


def _reencrypt(stack: Stack, item: Item, aws: str) -> str:
    return (
        f"aws secretsmanager update-secret --secret-id {_id(stack, item)} --kms-key-id {shell_word(stack.alias)}{aws}"
    )


def _previous(stack: Stack, item: Item, aws: str) -> str:
    find = f"aws secretsmanager list-secret-version-ids --secret-id {_id(stack, item)}{aws}"
    move = f"aws secretsmanager update-secret-version-stage --secret-id {_id(stack, item)} --version-stage AWSCURRENT"
    return f'{find}\n{move} --move-to-version-id "${{PREVIOUS:?}}" --remove-from-version-id "${{CURRENT:?}}"{aws}'


def _asked(stack: Stack, shard: Shard) -> Iterable[parameters.Parameter]:
    """Parameters that a person has to give: not the keys of copies, which the commands look up."""
    looked_up = {parameters.replica_key_parameter(region) for region in stack.copied_to}
    return (p for p in parameters.parameters(stack, shard) if p.required and p.name not in looked_up)


class _CloudFormation:
    inputs_kind = "sh"

    def __init__(self, stack: Stack, sizes: Mapping[str, int]) -> None:
        self.stack, self.sizes = stack, sizes

    def inputs(self) -> str:
        needed = {p.name: p for shard in self.stack.shards for p in _asked(self.stack, shard)}
        known = self._known()
        rows = []
        for parameter in needed.values():
            many = " Several are separated by commas." if parameter.type == "CommaDelimitedList" else ""
            value = known.get(parameter.name, "")
            rows.append(
                f"# {quoting.comment(parameter.description)}{many}\nexport {environment_variable(parameter.name)}={value}"
            )
        return "\n".join(rows)

    def _known(self) -> Mapping[str, str]:
        """The command that looks a value up, by its parameter, where one does."""
        items = (i for i in self.stack.items if i.home is Home.SECRETS_MANAGER)
        return {parameters.arn_parameter(i): f"$({_look_up(self.stack, i)})" for i in items}

    def _deploy(self, shard: Shard, overrides: Sequence[str]) -> str:
        path = cloudformation.path(self.stack, shard)
        hosted = " CAPABILITY_AUTO_EXPAND" if any(f.rotation.hosted for f in shard.functions) else ""
        lines = [
            "aws cloudformation deploy",
            f"--stack-name {shell_word(cloudformation.stack_name(self.stack, shard))}",
            f"--template-file {shell_word(path)}",
            f"--capabilities CAPABILITY_IAM{hosted}{aws_options(self.stack)}",
        ]
        if self.sizes.get(path, 0) > cloudformation.INLINE_LIMIT:
            lines.append('--s3-bucket "${TEMPLATE_BUCKET:?a bucket for templates above 51,200 bytes}"')
        if overrides:
            lines.append("--parameter-overrides " + " \\\n    ".join(overrides))
        return " \\\n  ".join(lines)

    def deploy(self) -> str:
        commands = [made] if (made := copies(self.stack)) else []
        for shard in self.stack.shards:
            needed = [p for p in parameters.parameters(self.stack, shard) if p.required]
            commands.append(self._deploy(shard, [given(p.name) for p in needed]))
        return "\n\n".join(commands)

    def package(self) -> str:
        done = []
        for shard in self.stack.shards:
            for function in shard.own_functions:
                key = environment_variable(parameters.code_parameter(function))
                name = function.rotation.name
                upload = (
                    f'aws s3 cp "$build/{name}.zip" "s3://${{ROTATION_CODE_BUCKET:?}}/${key}"{aws_options(self.stack)}'
                )
                digest = '$(sha256sum "$build/' + name + '.zip" | cut -c1-16)'
                done.append(
                    f'{_build(self.stack, function.rotation)}\nexport {key}="hardcode-hunter/{name}-{digest}.zip"\n{upload}'
                )
        return "\n\n".join(done)

    def rotate(self) -> str:
        commands = []
        for shard in self.stack.shards:
            if shard.functions:
                functions = shard.own_functions
                codes = [given(parameters.code_parameter(f)) for f in functions]
                codes = [given("RotationCodeBucket"), *codes] if functions else []
                commands.append(self._deploy(shard, ["EnableRotation=true", *codes]))
        return "\n\n".join(commands)

    def settings(self) -> list[Mapping[str, str]]:
        found = {p.name: p for shard in self.stack.shards for p in parameters.rotation_settings(self.stack, shard)}
        return [{"name": p.name, "means": p.description} for p in found.values()]

    def off(self) -> str:
        return "\n\n".join(
            self._deploy(shard, ["EnableRotation=false"]) for shard in self.stack.shards if shard.functions
        )


class _Terraform:
    inputs_kind = "hcl"

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def inputs(self) -> str:
        rows = []
        for variable in variables.variables(self.stack):
            if variable.required:
                empty = '[""]' if variable.type.startswith("list") else '""'
                rows.append(f"# {quoting.comment(variable.description)}\n{variable.name} = {empty}")
        return "\n".join(rows)

    def _run(self, plan: str, extra: str = "") -> str:
        profile = f"AWS_PROFILE={shell_word(self.stack.environment.profile)} " if self.stack.environment.profile else ""
        run = f"{profile}terraform -chdir={shell_word(self.stack.directory)}"
        return f"{run} plan -out={plan}.tfplan{extra}\n{run} apply {plan}.tfplan"

    def deploy(self) -> str:
        return f"terraform -chdir={shell_word(self.stack.directory)} init\n{self._run('shell')}"

    def package(self) -> str:
        done = []
        for rotation in (r for r in self.stack.rotations if not r.hosted):
            target = shell_word(f"{self.stack.directory}/rotation/{rotation.name}.zip")
            done.append(f'{_build(self.stack, rotation)}\ncp "$build/{rotation.name}.zip" {target}')
        return "\n\n".join(done)

    def rotate(self) -> str:
        return self._run("rotate", " -var=enable_rotation=true")

    def settings(self) -> list[Mapping[str, str]]:
        return [{"name": v.name, "means": v.description} for v in variables.rotation_settings(self.stack)]

    def off(self) -> str:
        return self._run("off", " -var=enable_rotation=false")


def _build(stack: Stack, rotation: Rotation) -> str:
    """The commands that make ``$build/NAME.zip``: our source with its pure-Python requirements and what a person wrote beside it."""
    name, source = rotation.name, shell_word(f"{stack.directory}/rotation/{rotation.name}")
    theirs = "".join(
        f'cp "${{{environment_variable(PurePosixPath(file).stem)}:?path of your {file}}}" "$build/{name}/{file}"\n'
        for file in rotation.supplied
    )
    return (
        "build=$(mktemp -d)\n"
        f'python3 -m pip install --no-compile --only-binary=:all: --no-deps --require-hashes --target "$build/{name}" -r {source}/requirements.txt\n'
        f'mkdir -p "$build/{name}"\ncp {source}/*.py "$build/{name}/"\n{theirs}'
        f'(cd "$build/{name}" && python3 -m zipfile -c ../{name}.zip ./*)'
    )


# ---------------------------------------------------------------- tables


_HOMES = {
    Home.SECRETS_MANAGER: "Secrets Manager",
    Home.PARAMETER_STORE: "Parameter Store (SecureString)",
    Home.MANAGED: "managed password",
}
_READS = {Evaluated.CALL: "at each call", Evaluated.IMPORT: "once, at start", Evaluated.DEPLOY: "once, at deployment"}


def _row(stack: Stack, item: Item) -> Mapping[str, str]:
    choice = item.secret.rotation
    if choice.name == "none":
        rotation = f"none: {choice.why}" if choice.why else "none"
    else:
        rotation = f"{choice.name}, {choice.schedule}" + ("" if item.function else ", not switched on yet")
    name = "chosen by the service" if item.home is Home.MANAGED and not item.arn else item.name
    return {"id": item.secret.id, "name": name, "home": _HOMES[item.home], "rotation": rotation, "why": item.secret.why}


def _consumer(item: Item, consumer: Consumer) -> Mapping[str, str]:
    once = consumer.reads is not Evaluated.CALL
    restart = consumer.restart or ("restart it after each change of the value" if once else "not needed")
    place = f"{consumer.path}:{consumer.line}"
    return {
        "secret": item.secret.id,
        "place": place,
        "symbol": consumer.symbol,
        "reads": _READS[consumer.reads],
        "runtime": consumer.runtime,
        "role": consumer.role or "unknown",
        "restart": restart,
    }


def _managed(item: Item) -> Mapping[str, str]:
    resource = item.secret.managed_resource or "the database"
    return {
        "id": item.secret.id,
        "resource": resource,
        "arn": parameters.arn_parameter(item),
        "variable": variables.arn_variable(item),
    }


def _role(secret: Secret) -> Mapping[str, object]:
    places = sorted({(c.path, c.line) for c in secret.consumers})
    listed = [f"{path}:{line}" for path, line in places] or sorted({o.path for f in secret.fields for o in f.origins})
    return {"id": secret.id, "why": secret.why, "places": listed}


def _questions(stack: Stack) -> Iterable[str]:
    for secret in stack.waiting:
        yield from (f"{secret.id} is left out until this is answered in the plan: {q.ask}" for q in secret.blocked)
    for item in stack.items:
        if not item.secret.consumers:
            yield f"{item.secret.id}: no consumer is known, yet its policy needs at least one role; who reads it?"
        elif any(not i.of for i in item.inputs):
            yield f"{item.secret.id}: with which role does the code that reads it run? The deployment asks for the role's name."
        for principal in item.principals:
            if stack.environment.account not in ("", principal.account):
                yield _away(stack, item, principal.arn)
    for master in sorted({m for f in stack.functions for m in f.masters} - {i.arn for i in stack.items}):
        yield f"{master} has policies of its own: they must let roles under {stack.rotation_path} read it, for the rotation function."
    yield from _crowded(stack)


def _away(stack: Stack, item: Item, arn: str) -> str:
    if item.home is Home.MANAGED:
        return f"{item.secret.id}: {arn} is in another account, and the service's own secret has no policy of ours: let it in there."
    key = "" if item.declared else " Should the secret have a key of its own, that key's policy must let it decrypt."
    return (
        f"{item.secret.id}: {arn} is in another account. A name is looked up in the reader's own account: give the code there the"
        f" secret's full ARN as its name.{key}"
    )


def _crowded(stack: Stack) -> Iterable[str]:
    reads: Counter[str] = Counter()
    for item in stack.items:
        reads.update({p.arn for p in item.principals} | {i.of for i in item.inputs if i.of})
    for role, count in sorted(reads.items()):
        if count > ATTACHED:
            yield f"{role} gets {count} managed policies; a role has room for {ATTACHED} until that quota is raised."
    unknown = sum(any(not i.of for i in item.inputs) for item in stack.items)
    if unknown > ATTACHED:
        yield (
            f"{unknown} secrets have readers of an unknown role, and each attaches a managed policy: if one role reads more than {ATTACHED}"
            " of them, have its quota raised first (IAM, managed policies attached to a role)."
        )


def commands_of_shell(plan: Plan, stack: Stack, sizes: Mapping[str, int]) -> str:
    """The commands that deploy the first phase of one environment."""
    return (_CloudFormation(stack, sizes) if plan.infrastructure == "cloudformation" else _Terraform(stack)).deploy()


def commands_of_rotation(plan: Plan, stack: Stack, sizes: Mapping[str, int]) -> str:
    """The commands that package the functions and switch rotation on; empty when nothing rotates."""
    back_end = _CloudFormation(stack, sizes) if plan.infrastructure == "cloudformation" else _Terraform(stack)
    return f"{back_end.package()}\n\n{back_end.rotate()}" if stack.functions else ""


def required(plan: Plan, stack: Stack) -> Mapping[str, str]:
    """Inputs that a deployment must be given, with what they mean."""
    if plan.infrastructure == "terraform":
        return {v.name: v.description for v in variables.variables(stack) if v.required}
    return {p.name: p.description for shard in stack.shards for p in _asked(stack, shard)}
