"""Terraform with the AWS provider's real schema and no network: a provider in Python that remembers nothing and calls nobody.

``schema`` reads the schema out of a published package, ``wire`` and ``server`` speak the plug-in protocol, ``runner`` runs
Terraform against them.
"""
