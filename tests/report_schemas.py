"""What the readers of machine formats demand, as JSON schemas: the parts of them that a report of ours uses, closed against anything else.

SARIF: OASIS SARIF 2.1.0, section 3; :mod:`tests.official_schemas` has the official schema too. GitLab: the secret detection report format
15.2.1, whose official schema is open where this is closed, and the Code Quality report format.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def obj(required: Schema, optional: Schema | None = None) -> Schema:
    """An object with these members and no others."""
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **(optional or {})},
        "additionalProperties": False,
    }


def arr(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


TEXT: Schema = {"type": "string", "minLength": 1}
LINE: Schema = {"type": "integer", "minimum": 1}
URL: Schema = {"type": "string", "pattern": "^https://[^ ]+$"}

# ---------------------------------------------------------------- SARIF

MESSAGE = obj({"text": TEXT})
MULTIFORMAT = obj({"text": TEXT}, {"markdown": TEXT})
LEVEL: Schema = {"enum": ["none", "note", "warning", "error"]}
ARTIFACT = obj(
    {
        "uri": {"type": "string", "pattern": r"^(?!/|[A-Za-z][A-Za-z0-9+.-]*:|.*\\)[^ ]+$"},
        "uriBaseId": {"const": "%SRCROOT%"},
    }
)
REGION = obj({"startLine": LINE, "endLine": LINE}, {"snippet": obj({"text": {"type": "string"}})})
PHYSICAL = obj(
    {"artifactLocation": ARTIFACT, "region": obj({"startLine": LINE, "endLine": LINE})}, {"contextRegion": REGION}
)
LOCATION = obj(
    {"physicalLocation": PHYSICAL},
    {
        "id": {"type": "integer", "minimum": -1},
        "message": MESSAGE,
        "logicalLocations": arr(obj({"fullyQualifiedName": TEXT})),
    },
)
SCORE: Schema = {"type": "string", "pattern": r"^(10(\.0)?|\d\.\d)$"}
RULE = obj(
    {
        "id": TEXT,
        "name": {"type": "string", "pattern": "^[A-Za-z0-9]+$"},
        "shortDescription": MULTIFORMAT,
        "fullDescription": MULTIFORMAT,
        "help": {**MULTIFORMAT, "required": ["text", "markdown"]},
        "defaultConfiguration": obj({"level": LEVEL}),
        "properties": obj(
            {
                "security-severity": SCORE,
                "tags": arr(TEXT, maxItems=20, uniqueItems=True, contains={"const": "external/cwe/cwe-798"}),
                "problem.severity": {"enum": ["error", "warning", "recommendation"]},
            }
        ),
    },
    {"helpUri": URL},
)
RESULT = obj(
    {
        "ruleId": TEXT,
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": LEVEL,
        "rank": {"type": "number", "minimum": 0, "maximum": 100},
        "message": MESSAGE,
        "locations": arr(LOCATION, minItems=1, maxItems=1),
        "partialFingerprints": obj({"hardcodeHunter/v1": {"type": "string", "pattern": "^[0-9a-f]{16}:[a-z0-9-]+$"}}),
        "properties": {"type": "object"},
    },
    {
        "relatedLocations": arr(LOCATION, uniqueItems=True),
        "suppressions": arr(
            obj(
                {"kind": {"enum": ["inSource", "external"]}}, {"status": {"enum": ["accepted"]}, "justification": TEXT}
            ),
            maxItems=1,
        ),
        "baselineState": {"enum": ["new", "unchanged"]},
    },
)
NOTIFICATION = obj({"level": LEVEL, "message": MESSAGE, "locations": arr(LOCATION)})
RUN = obj(
    {
        "tool": obj(
            {
                "driver": obj(
                    {
                        "name": TEXT,
                        "semanticVersion": {"type": "string", "pattern": r"^\d+\.\d+\.\d+"},
                        "rules": arr(RULE, uniqueItems=True),
                    }
                )
            }
        ),
        "automationDetails": obj({"id": TEXT}),
        "originalUriBaseIds": {"type": "object", "additionalProperties": obj({"description": MESSAGE})},
        "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
        "results": arr(RESULT, maxItems=25_000),
        "invocations": arr(
            obj({"executionSuccessful": {"type": "boolean"}, "toolExecutionNotifications": arr(NOTIFICATION)}),
            maxItems=1,
        ),
    }
)
SARIF = obj({"$schema": URL, "version": {"const": "2.1.0"}, "runs": arr(RUN, minItems=1, maxItems=20)})

# ---------------------------------------------------------------- GitLab

TIME: Schema = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$"}
TOOL = obj({"id": TEXT, "name": TEXT, "version": TEXT, "vendor": obj({"name": TEXT})}, {"url": URL})
IDENTIFIER = obj({"type": TEXT, "name": TEXT, "value": TEXT}, {"url": URL})
VULNERABILITY = obj(
    {
        "id": TEXT,
        "identifiers": arr(IDENTIFIER, minItems=1, maxItems=20),
        "location": obj({"file": TEXT, "start_line": LINE, "end_line": LINE, "commit": obj({"sha": TEXT})}),
        "name": {"type": "string", "minLength": 1, "maxLength": 255},
        "description": {"type": "string", "maxLength": 1_048_576},
        "severity": {"enum": ["Info", "Unknown", "Low", "Medium", "High", "Critical"]},
        "solution": {"type": "string", "minLength": 1, "maxLength": 7000},
    }
)
SCAN = obj(
    {
        "analyzer": TOOL,
        "scanner": TOOL,
        "type": {"const": "secret_detection"},
        "start_time": TIME,
        "end_time": TIME,
        "status": {"enum": ["success", "failure"]},
    }
)
GITLAB_SECRETS = obj(
    {"version": {"type": "string", "pattern": r"^15\.\d+\.\d+$"}, "scan": SCAN, "vulnerabilities": arr(VULNERABILITY)}
)
GITLAB = arr(
    obj(
        {
            "description": TEXT,
            "check_name": TEXT,
            "fingerprint": TEXT,
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": obj(
                {"path": {"type": "string", "pattern": r"^(?!\./|/)"}, "lines": obj({"begin": LINE, "end": LINE})}
            ),
        }
    )
)
