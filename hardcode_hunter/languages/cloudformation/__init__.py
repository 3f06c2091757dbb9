"""CloudFormation and SAM templates in YAML and JSON, and the parameter files beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from hardcode_hunter.model import Extraction, Replacement, Rewrite, Source
from hardcode_hunter.plugins import Function, Handed, Hits, Language, Rewriting

_TEMPLATE = re.compile(rb"\bAWSTemplateFormatVersion\b|\bAWS::Serverless-2016-10-31\b")
_RESOURCES = re.compile(rb"""(?:^|[{,]|\xef\xbb\xbf)[ \t\r\n]*["']?Resources["']?[ \t]*:""", re.M)
_TYPE = re.compile(rb"""["']?Type["']?[ \t]*:[ \t]*["']?(?:AWS|Alexa|Custom)::\w""")
_HIDDEN = re.compile(rb"""^[ \t]*["']?Parameters["']?[ \t]*:[\s\S]{0,4000}?\bNoEcho["']?[ \t]*:""", re.M)
_PARAMETERS = re.compile(
    rb"""\A(?:\xef\xbb\xbf)?\s*(?:\[\s*\{\s*"Parameter(?:Key|Value)"\s*:|\{\s*"(?:Parameters|Tags|StackPolicy)"\s*:\s*[{\[])"""
)
_PARAMETERS_YAML = re.compile(rb"""^[ \t]*-[ \t]+["']?ParameterKey["']?[ \t]*:""", re.M)
_WORDS = (
    b"AWSTemplateFormatVersion",
    b"AWS::Serverless-2016-10-31",
    b"Resources",
    b"Parameter",
    b'"Tags"',
    b'"StackPolicy"',
)


def recognises(path: str, data: bytes) -> bool:
    """Whether a YAML or JSON file is a template or a parameter file: decided by its content."""
    if path.endswith(".tf.json"):
        return False
    if not any(word in data for word in _WORDS):
        return False  # most files: looking for a word is many times faster than for a pattern
    if b"NoEcho" in data and _HIDDEN.search(data):
        return True  # a part of a template, which others include
    return bool(_TEMPLATE.search(data) or (_RESOURCES.search(data) and _TYPE.search(data)) or is_parameter_file(data))


def is_parameter_file(data: bytes) -> bool:
    """``[{"ParameterKey": …, "ParameterValue": …}]``, or the configuration file of a pipeline: ``{"Parameters": {…}}``."""
    if b"ParameterKey" in data and _PARAMETERS_YAML.search(data):
        return not _RESOURCES.search(data)
    return bool(_PARAMETERS.match(data)) and not _RESOURCES.search(data)


def candidates(source: Source, hits: Hits = None) -> Extraction:
    """The literals and references of one template or parameter file; a text that is neither YAML nor JSON falls back to text rules."""
    from hardcode_hunter.languages.cloudformation.extract import extract

    return extract(source, hits)


def rewrite(
    sources: Mapping[str, Source], replacements: Sequence[Replacement], rewriting: Rewriting
) -> Mapping[str, Rewrite]:
    """Dynamic references for literals in templates and parameter files, which share parameters."""
    from hardcode_hunter.languages.cloudformation.rewrite import rewrite as rewrite_all

    return rewrite_all(sources, replacements, rewriting)


def passes_on(path: str, data: bytes) -> bool:
    """Parameter files, and templates that call others, give values to parameters; a URL may take its password from one."""
    if b"Parameters" in data and (b"NoEcho" in data or (b":${" in data and b"Resources" in data)):
        return True
    if b"AWS::CloudFormation::Stack" in data or b"AWS::Serverless::Application" in data:
        return True
    return b"Parameter" in data and is_parameter_file(data)


def runs_as(source: Source) -> Mapping[str, tuple[str, str]]:
    """The things in a file that run, with runtime and role."""
    from hardcode_hunter.languages.cloudformation.roles import runs_as as all_that_run

    return all_that_run(source)


def functions(
    sources: Mapping[str, Source], replacements: Sequence[Replacement]
) -> tuple[Sequence[Function], Sequence[Handed]]:
    """All functions of the templates, and which replacements reach a variable of one."""
    from hardcode_hunter.languages.cloudformation.lambdas import functions as all_functions

    return all_functions(sources, replacements)


CLOUDFORMATION = Language(
    name="cloudformation",
    title="CloudFormation",
    candidates=candidates,
    suffixes=(".yaml", ".yml", ".json", ".template"),
    recognises=recognises,
    rewrite=rewrite,
    passes_on=passes_on,
    runs_as=runs_as,
    functions=functions,
    priority=20,
)
