"""Where a value may be replaced by a data source, and where that would do harm or is not possible.

The list of arguments that force replacement is reviewed from the AWS provider's documentation (6.x, "Forces new resource"): no
schema that Terraform prints holds that flag.
"""

from __future__ import annotations

from hardcode_hunter.languages.terraform.uses import Spot
from hardcode_hunter.languages.units import Hurdle
from hardcode_hunter.model import Tier

REPLACES: dict[str, frozenset[str]] = {
    "aws_db_instance": frozenset(["username", "db_name", "name", "identifier", "character_set_name", "kms_key_id"]),
    "aws_rds_cluster": frozenset(["master_username", "database_name", "cluster_identifier", "kms_key_id"]),
    "aws_rds_cluster_instance": frozenset(["identifier", "cluster_identifier"]),
    "aws_docdb_cluster": frozenset(["master_username", "cluster_identifier", "kms_key_id"]),
    "aws_docdbelastic_cluster": frozenset(["admin_user_name", "auth_type", "name"]),
    "aws_neptune_cluster": frozenset(["cluster_identifier", "kms_key_arn"]),
    "aws_redshift_cluster": frozenset(["master_username", "database_name", "cluster_identifier"]),
    "aws_redshiftserverless_namespace": frozenset(["namespace_name"]),
    "aws_lightsail_database": frozenset(["master_username", "master_database_name", "relational_database_name"]),
    "aws_directory_service_directory": frozenset(["password", "name", "short_name", "edition", "type"]),
    "aws_emr_cluster": frozenset(["kerberos_attributes", "ec2_attributes", "security_configuration"]),
    "aws_iam_server_certificate": frozenset(["private_key", "certificate_body", "certificate_chain", "name"]),
    "aws_api_gateway_api_key": frozenset(["value"]),
    "aws_dx_private_virtual_interface": frozenset(["bgp_auth_key"]),
    "aws_dx_public_virtual_interface": frozenset(["bgp_auth_key"]),
    "aws_dx_transit_virtual_interface": frozenset(["bgp_auth_key"]),
    "aws_dx_bgp_peer": frozenset(["bgp_auth_key"]),
    "aws_dx_hosted_private_virtual_interface": frozenset(["bgp_auth_key"]),
    "aws_dx_hosted_public_virtual_interface": frozenset(["bgp_auth_key"]),
    "aws_dx_hosted_transit_virtual_interface": frozenset(["bgp_auth_key"]),
    "aws_memorydb_user": frozenset(["user_name"]),
    "aws_elasticache_user": frozenset(["user_id", "user_name"]),
    "aws_elasticache_replication_group": frozenset(["replication_group_id", "kms_key_id"]),
    "aws_timestreaminfluxdb_db_instance": frozenset(["username", "password", "organization", "bucket", "name"]),
    "aws_datasync_location_fsx_windows_file_system": frozenset(["password", "user", "domain"]),
    "aws_timestreaminfluxdb_db_cluster": frozenset(["username", "password", "organization", "bucket", "name"]),
    "aws_codebuild_source_credential": frozenset(["token", "user_name", "auth_type", "server_type"]),
    "aws_codepipeline_webhook": frozenset(["authentication_configuration", "name"]),
    "aws_directory_service_trust": frozenset(["trust_password", "remote_domain_name", "directory_id"]),
    "aws_kms_ciphertext": frozenset(["plaintext", "context"]),
    "aws_kms_external_key": frozenset(["key_material_base64"]),
    "aws_kms_replica_external_key": frozenset(["key_material_base64"]),
    "aws_lambda_permission": frozenset(["event_source_token", "principal", "function_name", "action"]),
    "aws_redshift_hsm_configuration": frozenset(["hsm_partition_password", "hsm_partition_name", "hsm_ip_address"]),
    "aws_dms_certificate": frozenset(["certificate_wallet", "certificate_pem", "certificate_id"]),
    "aws_transfer_certificate": frozenset(["private_key", "certificate", "certificate_chain"]),
    "aws_launch_configuration": frozenset(["user_data", "user_data_base64", "name"]),
    "aws_ssm_parameter": frozenset(["name"]),
    "aws_secretsmanager_secret_version": frozenset(["secret_id"]),
    "aws_opsworks_stack": frozenset(["region", "vpc_id"]),
    "aws_mq_broker": frozenset(["broker_name", "authentication_strategy"]),
    "aws_quicksight_data_source": frozenset(["data_source_id", "type"]),
}
MANAGED = {
    # resource → the password's argument, and the switch that lets the service keep it
    "aws_db_instance": ("password", "manage_master_user_password"),
    "aws_rds_cluster": ("master_password", "manage_master_user_password"),
    "aws_docdb_cluster": ("master_password", "manage_master_user_password"),
    "aws_redshift_cluster": ("master_password", "manage_master_password"),
}
OTHER_CLOUDS = (
    "azurerm_",
    "azuread_",
    "azapi_",
    "azurestack_",
    "google_",
    "oci_",
    "alicloud_",
    "ibm_",
    "digitalocean_",
    "linode_",
    "hcloud_",
    "tencentcloud_",
    "huaweicloud_",
    "ovh_",
    "scaleway_",
    "vultr_",
)
SCRIPTS = frozenset(
    ["user_data", "user_data_base64", "custom_data", "metadata_startup_script", "startup_script", "cloud_init"]
)
STATIC_KEYS = frozenset(["access_key", "secret_key", "token"])
_META = frozenset(["count", "for_each", "depends_on", "provider", "lifecycle"])
_NO_EXPRESSION = Hurdle(
    "backend",
    "a backend takes no expression: give it its credentials by the environment or a profile, and delete them here",
)


def hurdle(spot: Spot) -> Hurdle | None:
    """What stands in the way of a data source's value at ``spot``; ``None`` when it is safe there."""
    kind = spot.kind
    if kind == "terraform" or "backend" in spot.blocks:
        return _NO_EXPRESSION
    if spot.attribute in _META or spot.blocks[:1] in (("lifecycle",), ("dynamic",)):
        return Hurdle("meta-argument", f"{spot.attribute or spot.blocks[0]} takes no sensitive value")
    if kind == "variable":
        return Hurdle(
            "variable",
            "another variable is checked against it, and a variable takes no data source: take the check out first",
        )
    if kind == "output":
        return Hurdle(
            "output", "an output gives the value to everyone who can read the state of this module: remove the output"
        )
    if kind == "provider" and spot.words[1:2] == ("aws",):
        return Hurdle(
            "provider",
            "the AWS provider can't take its own credentials from a data source that it must read: use a profile or a role",
        )
    if kind in ("resource", "data"):
        return _resource(spot)
    if kind in ("locals", "module", "provider"):
        return None
    return Hurdle("block", f"nothing is known about values in a {kind or 'file'}: replace it by hand")


def _resource(spot: Spot) -> Hurdle | None:
    resource, attribute = spot.resource, spot.attribute
    if resource.startswith(OTHER_CLOUDS):
        return Hurdle(
            "not-aws",
            f"{resource} is not an AWS resource: keep its secret in that cloud's store, or read it from Secrets Manager by hand",
        )
    if spot.blocks[:1] in (("provisioner",), ("connection",)):
        return Hurdle(
            "provisioner",
            "a provisioner or connection runs once, with whatever was current then: give the machine a role and let it fetch the secret",
        )
    first = spot.path[0] if spot.path else ""
    if spot.kind == "resource" and first in REPLACES.get(resource, ()):
        return Hurdle(
            "would-replace", f"changing {first} replaces the {resource} and what it holds, so it stays as it is"
        )
    if attribute in SCRIPTS:
        why = "user data would hold the value as before, readable on the machine and in the console: let the machine fetch the secret at boot with its role"
        return Hurdle("user-data", why, Tier.REVIEW)
    if spot.blocks[:1] == ("environment",) and resource.startswith("aws_lambda_"):
        why = "the value would stay readable in the function's configuration and not follow a rotation: let the handler fetch the secret"
        return Hurdle("needs-code", why, Tier.REVIEW)
    if attribute == "container_definitions" or spot.blocks[-1:] in (
        ("environment_variable",),
        ("environment",),
    ):
        why = "the value would stay readable in the definition of the task or job: move it to secrets with valueFrom and give the execution role the right"
        return Hurdle("container-environment", why, Tier.REVIEW)
    if spot.blocks[-1:] == ("setting",):
        why = "the value would stay readable in the environment's configuration: have the service fetch the secret where it can (Elastic Beanstalk: the namespace aws:elasticbeanstalk:application:environmentsecrets)"
        return Hurdle("container-environment", why, Tier.REVIEW)
    if spot.text == "heredoc":
        return Hurdle("heredoc", "the credential stands in a longer text: see what reads it", Tier.REVIEW)
    if resource == "aws_secretsmanager_secret_version":
        why = "the configuration itself writes this secret's value: import the live value into a secret that Terraform does not fill, and adopt that"
        return Hurdle("secret-in-configuration", why, Tier.REVIEW)
    return None
