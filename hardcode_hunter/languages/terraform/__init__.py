"""Terraform configuration and variable files, in HCL and in JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hardcode_hunter.model import Extraction, Replacement, Rewrite, Source
from hardcode_hunter.plugins import Function, Handed, Hits, Language, Rewriting


def candidates(source: Source, hits: Hits = None) -> Extraction:
    """The literals and references of one file; what can't be parsed is a problem, and the rest of the file is still read."""
    if source.path.endswith(".json"):
        from hardcode_hunter.languages.terraform.json_syntax import extract as extract_json

        return extract_json(source, hits)
    from hardcode_hunter.languages.terraform.extract import extract

    return extract(source, hits)


def rewrite(
    sources: Mapping[str, Source], replacements: Sequence[Replacement], rewriting: Rewriting
) -> Mapping[str, Rewrite]:
    """Data sources for literals; a variable is replaced wherever its module's files and its callers use it."""
    from hardcode_hunter.languages.terraform.rewrite import rewrite as rewrite_all

    return rewrite_all(sources, replacements, rewriting)


def passes_on(path: str, data: bytes) -> bool:
    """Variable files, locals and the inputs of modules give values to names; a URL may take its password from one."""
    return ".tfvars" in path or b"locals" in data or b"module" in data or b":${" in data


def runs_as(source: Source) -> Mapping[str, tuple[str, str]]:
    """The things in a file that run, with runtime and role."""
    from hardcode_hunter.languages.terraform.roles import runs_as as all_that_run

    return all_that_run(source)


def functions(
    sources: Mapping[str, Source], replacements: Sequence[Replacement]
) -> tuple[Sequence[Function], Sequence[Handed]]:
    """All functions of the tree, and which replacements reach a variable of one."""
    from hardcode_hunter.languages.terraform.lambdas import functions as all_functions

    return all_functions(sources, replacements)


TERRAFORM = Language(
    name="terraform",
    title="Terraform",
    candidates=candidates,
    suffixes=(".tf", ".tfvars", ".tf.json", ".tfvars.json"),
    rewrite=rewrite,
    passes_on=passes_on,
    runs_as=runs_as,
    functions=functions,
    priority=30,
)
