"""Where a dynamic reference may stand: CloudFormation resolves one in a resource's properties, and not in all of them.

Sources: AWS CloudFormation User Guide, "Get a secret or secret value from Secrets Manager" (considerations: no custom resources, no
primary identifiers, at most 60 references in a template) and "Resources that support dynamic parameter patterns for secure strings".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hardcode_hunter.languages.cloudformation import schema, stacks
from hardcode_hunter.languages.units import Hurdle
from hardcode_hunter.model import Home, Tier

REFERENCE_LIMIT = 60
REVISIONS = frozenset(["AWS::ECS::TaskDefinition", "AWS::Batch::JobDefinition"])
"""Types whose replacement is a new revision beside the old one: nothing is lost."""
FUNCTIONS = frozenset(["AWS::Lambda::Function", "AWS::Serverless::Function"])
MANAGED = {
    # the property that replaces the master password by one that the service keeps and rotates
    "AWS::RDS::DBInstance": "ManageMasterUserPassword",
    "AWS::RDS::DBCluster": "ManageMasterUserPassword",
    "AWS::DocDB::DBCluster": "ManageMasterUserPassword",
    "AWS::Redshift::Cluster": "ManageMasterPassword",
}
_SECTIONS = {
    "Outputs": (
        "output",
        "an output shows its value to everyone who can describe the stack, and no reference is resolved there: remove the output",
    ),
    "Conditions": ("condition", "no reference is resolved in a condition: compare something else"),
    "Rules": ("condition", "no reference is resolved in a rule: compare something else"),
    "Mappings": ("mapping", "no reference is resolved in a mapping: put it at the property that looks the value up"),
    "Metadata": ("metadata", "no reference is resolved in metadata: fetch the secret where the metadata is used"),
}


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a template: ``section`` is the top-level key, ``dotted`` the path below ``Properties``."""

    section: str
    logical_id: str = ""
    resource: str = ""
    attribute: str = ""  # "Properties", "Metadata", …
    dotted: str = ""
    base64: bool = False


def hurdle(spot: Spot, home: Home = Home.SECRETS_MANAGER) -> Hurdle | None:
    """What stands in the way of a reference at ``spot``; ``None`` when it is safe there."""
    if spot.section in _SECTIONS:
        return Hurdle(*_SECTIONS[spot.section])
    if spot.section == "Globals" and spot.dotted.startswith("Function."):  # AWS SAM puts it into each function
        shared = replace(spot, section="Resources", resource="AWS::Serverless::Function", attribute="Properties")
        found = hurdle(replace(shared, dotted=spot.dotted.removeprefix("Function.")), home)
        if found is not None and found.tier is None:
            return found
        # the reference would be resolved in each function, but linters (cfn-lint's E1051) see it where it is written
        return Hurdle(
            "globals", "linters refuse a reference in Globals: write it at each function that needs it, then plan again"
        )
    if spot.section != "Resources" or spot.attribute != "Properties":
        if spot.attribute == "Metadata":
            return Hurdle(*_SECTIONS["Metadata"])
        return Hurdle("not-a-property", "a reference is resolved in resource properties only")
    return _unresolved(spot) or _harmful(spot) or _store(spot, home) or _visible(spot)


def _unresolved(spot: Spot) -> Hurdle | None:
    if spot.base64 or spot.dotted.split(".")[-1] == "UserData" or ".UserData." in f".{spot.dotted}.":
        why = "no reference is resolved in user data: fetch the secret at boot with the instance's role (aws secretsmanager get-secret-value)"
        return Hurdle("user-data", why)
    if spot.resource.startswith("Custom::") or spot.resource == "AWS::CloudFormation::CustomResource":
        return Hurdle(
            "custom-resource",
            "no secure reference is resolved in a custom resource: pass the secret's ARN and let its function fetch it",
        )
    return None


def _harmful(spot: Spot) -> Hurdle | None:
    if schema.identifies(spot.resource, spot.dotted):
        return Hurdle(
            "identifier",
            f"{spot.dotted} is part of the primary identifier of {spot.resource}: no reference is resolved there",
        )
    if schema.replaces(spot.resource, spot.dotted) and spot.resource not in REVISIONS:
        return Hurdle(
            "would-replace",
            f"{spot.dotted} is create-only: changing it replaces the {spot.resource} and what it holds, so it stays as it is",
        )
    return None


def _store(spot: Spot, home: Home) -> Hurdle | None:
    if home is Home.PARAMETER_STORE and spot.dotted not in schema.SSM_SECURE.get(spot.resource, ()):
        return Hurdle(
            "ssm-secure",
            f"CloudFormation reads a SecureString parameter in few properties, and {spot.dotted} is none of them: use Secrets Manager",
        )
    return None


def _visible(spot: Spot) -> Hurdle | None:
    """Places where the reference works but the value can be read by others, or changes less than one thinks."""
    path = f".{spot.dotted}."
    if spot.resource in FUNCTIONS and path.startswith(".Environment."):
        why = "the value would stay readable in the function's configuration and not follow a rotation: let the handler fetch the secret"
        return Hurdle("needs-code", why, Tier.REVIEW)
    if ".RuntimeEnvironmentVariables." in path:
        why = "the value would stay readable in the service's configuration: move it to RuntimeEnvironmentSecrets and give the instance role the right"
        return Hurdle("container-environment", why, Tier.REVIEW)
    if ".OptionSettings." in path:
        why = "the value would stay readable in the environment's configuration: move it to the namespace aws:elasticbeanstalk:application:environmentsecrets and give the instance profile the right"
        return Hurdle("container-environment", why, Tier.REVIEW)
    if ".Environment." in path or ".EnvironmentVariables." in path:
        why = "the value would stay readable in the definition of the task or job: move it to Secrets with ValueFrom and give the execution role the right"
        return Hurdle("container-environment", why, Tier.REVIEW)
    if spot.resource == "AWS::SecretsManager::Secret":
        why = "the template itself writes this secret's value: import the live value into a secret that the template does not fill, and adopt that"
        return Hurdle("secret-in-template", why, Tier.REVIEW)
    if spot.resource == "AWS::SSM::Parameter":
        return Hurdle(
            "plain-parameter",
            "the parameter would show the value to everyone who can read it: let its readers use the secret",
            Tier.REVIEW,
        )
    if spot.resource in stacks.STACKS and path.startswith(".Parameters."):
        return Hurdle(
            "nested-stack",
            "the nested template decides whether its parameter may hold a reference: look at its uses",
            Tier.REVIEW,
        )
    return None
