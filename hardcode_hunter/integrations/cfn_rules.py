"""Our findings and checks as rules of cfn-lint, for editors and pipelines that run it already.

    cfn-lint template.yaml -a hardcode_hunter.integrations.cfn_rules

(cfn-lint takes everything behind ``-a`` for rules; in ``.cfnlintrc`` it is ``append_rules``.)
``E9101`` reports credentials in the template, where cfn-lint's own ``W2501`` does not speak already; ``E92xx`` and ``W92xx`` are the checks of
:mod:`hardcode_hunter.integrations.template_checks`, in templates that have to do with secrets. (Ids from 9000 on are reserved for users.)
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

from hardcode_hunter.integrations.template_checks import CHECKS, Check
from hardcode_hunter.model import Confidence, Finding, Position, Source, Verdict

SOURCE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/security-best-practices.html#creds"
NUMBERS: Mapping[str, str] = {
    # errors: the deployment fails, or the secret is none
    "literal-value": "E9201",
    "both-values": "E9202",
    "half-generated": "E9203",
    "parameter-value": "E9204",
    "hidden-default": "E9205",
    "two-functions": "E9206",
    "hosted-type": "E9207",
    "interval": "E9208",
    "target-type": "E9209",
    "may-not-invoke": "E9210",
    "unknown-action": "E9211",
    "public-policy": "E9212",
    "locked-out": "E9213",
    # warnings: it works, and yet
    "not-kept": "W9221",
    "default-key": "W9222",
    "resolved-into-environment": "W9223",
    "rotates-immediately": "W9224",
    "any-account": "W9225",
    "public-not-blocked": "W9226",
    "every-secret": "W9227",
    "every-action": "W9228",
    "loose-arn": "W9229",
    "decrypts-anything": "W9230",
    "no-role-separation": "W9231",
    "key-does-not-rotate": "W9232",
}
CONCERNED = ("AWS::SecretsManager::", "resolve:secretsmanager", "resolve:ssm-secure", "secretsmanager:", "NoEcho")
_FOUND: WeakKeyDictionary[Template, tuple[Finding, ...]] = WeakKeyDictionary()


class HardcodedCredential(CloudFormationLintRule):  # type: ignore[misc]
    """A credential written in the template: in a secret property, in the default of a parameter that reaches one, under a telling name."""

    id = "E9101"
    shortdesc = "A credential is written in the template"
    description = "Credentials in a template are in its history and in every copy of it: put them into AWS Secrets Manager and refer to them"
    source_url = SOURCE
    tags = ("security", "passwords", "secrets", "dynamic reference")

    def match(self, cfn: Template) -> list[RuleMatch]:
        spoken = _spoken(cfn)
        read = cfn.filename is not None and Path(cfn.filename).is_file()
        return [_match(f, cfn.template, read) for f in _findings(cfn) if not _said(f, spoken)]


def _match(finding: Finding, template: object, read: bool) -> RuleMatch:
    """The finding at its bytes, or, when the template was not ``read`` from a file, at its place in the tree."""
    path = _present(template, finding.symbol.split("/"))
    message = f"A credential is written here ({finding.rule}): {finding.reason}"
    if not read:
        return RuleMatch(path, message)
    width = finding.span.end - finding.span.start if finding.line == finding.end_line else 1
    location = (finding.line - 1, finding.column - 1, finding.end_line - 1, finding.column - 1 + width)
    return RuleMatch(path, message, location=location)


def _said(finding: Finding, spoken: frozenset[str]) -> bool:
    """Whether cfn-lint's own rule speaks at the same place: at the property, or at the parameter whose default this is."""
    if finding.position is Position.PARAMETER_DEFAULT:
        return finding.symbol.removesuffix("/Default") in spoken
    return finding.symbol in spoken


def _spoken(cfn: Template) -> frozenset[str]:
    """The places at which W2501 speaks."""
    try:
        from cfnlint.rules.resources.properties.Password import Password
    except ImportError:
        return frozenset()
    return frozenset("/".join(map(str, match.path)) for match in Password().match(cfn))


def _findings(cfn: Template) -> tuple[Finding, ...]:
    """What a scan finds in the template, less what its comments hush; looked for once."""
    if cfn not in _FOUND:
        _FOUND[cfn] = _scanned(_source(cfn))
    return _FOUND[cfn]


def _source(cfn: Template) -> Source:
    path = Path(cfn.filename or "template.yaml")
    try:
        data = path.read_bytes()
    except OSError:  # from standard input, or made by another tool: as cfn-lint has parsed it
        data = json.dumps(cfn.template, default=str).encode()
    return Source(path.as_posix(), data, "cloudformation")


def _scanned(source: Source) -> tuple[Finding, ...]:
    from hardcode_hunter import detect, link, suppress
    from hardcode_hunter.languages.cloudformation import CLOUDFORMATION

    extraction = CLOUDFORMATION.candidates(source, None)
    linked = link.link(extraction.candidates, extraction.references)
    found = [
        f
        for f in detect.detect(linked, _rules(), b"one run")
        if f.confidence >= Confidence.MEDIUM and f.verdict is not Verdict.TEST_VALUE
    ]
    return suppress.suppress(found, {source.path: source}).kept


@cache
def _rules() -> Any:
    from hardcode_hunter import ruleset

    return ruleset.load(())


class _Checked(CloudFormationLintRule):  # type: ignore[misc]
    """One of our checks as a rule."""

    source_url = SOURCE
    tags = ("security", "secrets")
    check: Check

    def match(self, cfn: Template) -> list[RuleMatch]:
        text = json.dumps(cfn.template, default=str)
        if not any(word in text for word in CONCERNED):
            return []
        reported = {f.symbol for f in _findings(cfn)} | _spoken(cfn)
        rows = [
            (path.split("/"), message)
            for path, message in self.check.find(cfn.template)
            if not _covered(path, reported)
        ]
        return [RuleMatch(_present(cfn.template, path), f"{'/'.join(path)} {message}") for path, message in rows]


def _covered(path: str, reported: set[str]) -> bool:
    """Whether a credential was reported at the same place or inside it."""
    return any(symbol == path or symbol.startswith(path + "/") for symbol in reported)


def _present(template: object, path: Sequence[str]) -> list[str | int]:
    """The part of ``path`` that the template has: what is missing has no line."""
    found: list[str | int] = []
    for key in path:
        if isinstance(template, Mapping) and key in template:
            template = template[key]
            found.append(key)
        elif isinstance(template, list) and key.isdigit() and int(key) < len(template):
            template = template[int(key)]
            found.append(int(key))
        else:
            break
    return found


def _rule(check: Check) -> type[CloudFormationLintRule]:
    number = NUMBERS[check.id]
    body = {
        "id": number,
        "shortdesc": check.title,
        "description": f"{check.title} ({check.id})",
        "check": check,
        "__module__": __name__,
    }
    return type(number, (_Checked,), body)


# cfn-lint takes the classes that it finds in the module
globals().update({NUMBERS[check.id]: _rule(check) for check in CHECKS})
