"""Rule files: YAML → :class:`~hardcode_hunter.ruleset.rule.Rule`, or one sentence that names file, rule and key."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from hardcode_hunter.checksums import CHECKS
from hardcode_hunter.errors import UsageError
from hardcode_hunter.model import Confidence, Home, Kind, Severity, Verdict
from hardcode_hunter.ruleset import linear
from hardcode_hunter.ruleset.rule import LOGIN_ROLE, PARSED_ROLE, PUBLIC_ROLES, SECRET_ROLES, Call, Rule, Sample, Value
from hardcode_hunter.ruleset.samples import expand, generated

LABELS = [c.label for c in Confidence]
WRONG = [*LABELS, "drop"]
ROLES = SECRET_ROLES | PUBLIC_ROLES | {PARSED_ROLE, LOGIN_ROLE}
STRENGTHS = ("any", "word", "fair", "strong")
REQUIRED = (
    "id",
    "title",
    "description",
    "severity",
    "kind",
    "confidence",
    "match",
    "role",
    "store",
    "rotation",
    "references",
)
OPTIONAL = ("engine", "strength", "precedence", "covers", "examples", "near_misses")
MATCH = ("calls", "names", "not_names", "symbols", "values", "properties", "properties_from", "schemes")
DATA = Path(__file__).parent.parent / "languages" / "data"
LEAST_SAMPLES = 2
E = TypeVar("E", bound=StrEnum)


class _Place:
    """Where in a rule file something stands: every complaint goes through it."""

    def __init__(self, path: Path, rule: str = "", key: str = "") -> None:
        self.path, self.rule, self.key = path, rule, key

    def at(self, key: str | int) -> _Place:
        step = f"[{key}]" if isinstance(key, int) else f".{key}" if self.key else key
        return _Place(self.path, self.rule, self.key + step)

    def refuse(self, what: str) -> NoReturn:
        rule = f" rule '{self.rule}':" if self.rule else ""
        key = f" '{self.key}'" if self.key else ""
        raise UsageError(f"{self.path}:{rule}{key} {what}")

    def keys(self, row: Any, required: Iterable[str], optional: Iterable[str] = ()) -> Mapping[str, Any]:
        if not isinstance(row, dict):
            self.refuse("must be a mapping")
        known = (*required, *optional)
        for key in row:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, 1)
                hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known)}"
                self.at(str(key)).refuse(f"is no known key; {hint}")
        for key in required:
            if key not in row:
                self.at(key).refuse("is missing")
        return row

    def one_of(self, value: Any, known: Iterable[str]) -> str:
        names = sorted(known)
        if value not in names:
            near = difflib.get_close_matches(str(value), names, 1)
            self.refuse(
                f"is no known value; {f'did you mean {near[0]!r}?' if near else 'use one of ' + ', '.join(names)}"
            )
        return str(value)

    def enum(self, value: Any, kind: type[E]) -> E:
        return kind(self.one_of(value, [member.value for member in kind]))

    def text(self, value: Any, *, empty: bool = False) -> str:
        if not isinstance(value, str) or not (value.strip() or empty):
            self.refuse("must be a text")
        return str(value.strip())

    def texts(self, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            self.refuse("must be a list of texts")
        return tuple(value)

    def links(self, value: Any) -> tuple[str, ...]:
        found = self.texts(value)
        if not found or not all(link.startswith("https://") for link in found):
            self.refuse("must be a list of https:// links to the vendor's documentation")
        return found


def read(path: Path) -> tuple[Rule, ...]:
    """The rules of one file. Raises ``UsageError`` naming the file, the rule and the key."""
    import yaml

    try:
        document = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({type(error).__name__}); fix or remove it") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise UsageError(f"{path}:{mark.line + 1 if mark else 1}: not valid YAML; correct it") from None
    rows = document if isinstance(document, list) else [document]
    return tuple(_rule(path, row) for row in rows)


def _rule(path: Path, row: Any) -> Rule:
    name = row.get("id", "") if isinstance(row, dict) else ""
    place = _Place(path, str(name))
    place.keys(row, REQUIRED, OPTIONAL)
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", place.at("id").text(name)):
        place.at("id").refuse("must be lower-case words joined by hyphens")
    store = place.at("store").keys(row["store"], ("home", "why"))
    rotation = place.at("rotation").keys(row["rotation"], ("name", "why"))
    match = place.at("match").keys(row["match"], (), MATCH)
    if not match:
        place.at("match").refuse(f"is empty; give at least one of {', '.join(MATCH)}")
    matched = _match(place.at("match"), match)
    examples, near_misses = generated(str(name), str(row["role"]), matched.get("values", ()))
    rule = Rule(
        id=name,
        title=place.at("title").text(row["title"]),
        description=place.at("description").text(row["description"]),
        severity=place.at("severity").enum(row["severity"], Severity),
        kind=place.at("kind").enum(row["kind"], Kind),
        confidence=Confidence[place.at("confidence").one_of(row["confidence"], LABELS).upper()],
        role=place.at("role").one_of(row["role"], SECRET_ROLES),
        engine=place.at("engine").text(row.get("engine", ""), empty=True),
        home=place.at("store.home").enum(store["home"], Home),
        home_why=place.at("store.why").text(store["why"]),
        rotation=place.at("rotation.name").text(rotation["name"]),
        rotation_why=place.at("rotation.why").text(rotation["why"]),
        references=place.at("references").links(row["references"]),
        strength=place.at("strength").one_of(row.get("strength", "word"), STRENGTHS),
        precedence=_number(place.at("precedence"), row.get("precedence", 0)),
        covers=place.at("covers").texts(row.get("covers", [])),
        source=path.name,
        examples=_samples(place.at("examples"), row.get("examples", []), examples),
        near_misses=_samples(place.at("near_misses"), row.get("near_misses", []), near_misses),
        **matched,
    )
    return rule


def _number(place: _Place, value: Any) -> int:
    if not isinstance(value, int):
        place.refuse("must be a whole number")
    return int(value)


def _match(place: _Place, match: Mapping[str, Any]) -> dict[str, Any]:
    read_key: dict[str, Callable[[_Place, Any], tuple[Any, ...]]] = {
        "calls": _calls,
        "names": _names,
        "not_names": _names,
        "symbols": lambda p, v: p.texts(v),
        "values": _values,
        "properties": _properties,
        "schemes": lambda p, v: p.texts(v),
    }
    found = {key: read_key[key](place.at(key), value) for key, value in match.items() if key != "properties_from"}
    if "properties_from" in match:
        imported = _imported(place.at("properties_from"), match["properties_from"])
        found["properties"] = (*found.get("properties", ()), *imported)
    return found


def _calls(place: _Place, rows: Any) -> tuple[Call, ...]:
    if not isinstance(rows, list):
        place.refuse("must be a list of calls")
    found = []
    for number, row in enumerate(rows):
        here = place.at(number)
        here.keys(row, ("callee", "roles", "documentation"))
        callees = [row["callee"]] if isinstance(row["callee"], str) else here.at("callee").texts(row["callee"])
        page = here.at("documentation").links([row["documentation"]])[0]
        roles = _roles(here.at("roles"), row["roles"])
        for callee in callees:
            if not re.fullmatch(r"(?:\?|[A-Za-z_]\w*)(?:\.[A-Za-z_]\w*)*", callee):
                here.at("callee").refuse("must be a dotted name such as psycopg2.connect, or ?.login")
            found.append(Call(callee, roles, page))
    return tuple(found)


def _roles(place: _Place, rows: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(rows, dict) or not rows:
        place.refuse("must map roles to parameters, such as password: [password, '#2']")
    roles = {}
    for role, parameters in rows.items():
        place.at(str(role)).one_of(role, ROLES)
        roles[role] = place.at(role).texts(parameters)
        for parameter in roles[role]:
            if not re.fullmatch(r"(?:#\d+|[A-Za-z_]\w*)(?:\.\w+|\[\d+\])*", parameter):
                place.at(role).refuse("must name parameters, or positions such as '#0'")
    return roles


FRAGMENTS = {
    "password": "(?:password|passwords|passwd|passphrase|passcode|passwort|pass|pwd|pw)",
    "secret": "(?:secret|secrets)",
    "token": "(?:token|access_token|auth_token|api_token|secret_token)",
    "api_key": "(?:api_?key|access_key|secret_key|auth_key|app_key|key)",
}
"""What ``{password}`` and its kin stand for in a name's pattern."""


def _names(place: _Place, value: Any) -> tuple[str, ...]:
    patterns = tuple(
        re.sub(r"\{([a-z_]+)\}", lambda m: FRAGMENTS.get(m.group(1), m.group()), text) for text in place.texts(value)
    )
    for number, pattern in enumerate(patterns):
        _linear(place.at(number), pattern, bounded=False)
        if not linear.required(pattern, "_"):
            place.at(number).refuse(
                "has no word that every match holds: the first pass could not find it; split it or make it narrower"
            )
    return patterns


def _values(place: _Place, rows: Any) -> tuple[Value, ...]:
    if not isinstance(rows, list):
        place.refuse("must be a list")
    found = []
    for number, row in enumerate(rows):
        here = place.at(number)
        row = {"regex": row} if isinstance(row, str) else row
        here.keys(row, ("regex",), ("keywords", "edges", "check", "wrong", "confidence", "sample"))
        _linear(here, here.at("regex").text(row["regex"]))
        words = here.at("keywords").texts(row["keywords"]) if "keywords" in row else sorted(linear.words(row["regex"]))
        if not words or any(len(word) < 2 for word in words):
            here.refuse("has no word that every match holds: the first pass could not find it; give keywords")
        found.append(
            Value(
                row["regex"],
                tuple(word.lower() for word in words),
                row.get("edges", True) is not False,
                linear.least(row["regex"]),
                here.at("check").one_of(row["check"], CHECKS) if "check" in row else "",
                here.at("wrong").one_of(row["wrong"], WRONG) if "wrong" in row else "",
                here.at("confidence").one_of(row["confidence"], LABELS) if "confidence" in row else "",
                _value_samples(here.at("sample"), row),
            )
        )
    return tuple(found)


def _value_samples(place: _Place, row: Mapping[str, Any]) -> tuple[str, ...]:
    """The samples of a value's pattern; each must match it, all of it, and have the checksum or structure that it asks for."""
    found = row.get("sample", [])
    samples = (found,) if isinstance(found, str) else place.texts(found) if found else ()
    for sample in samples:
        text = expand(sample)
        if not re.search(row["regex"], text):
            place.refuse("does not match the pattern; correct one of them")
        if "check" in row and not CHECKS[row["check"]](text):
            place.refuse(f"does not pass the check '{row['check']}'; correct one of them")
    return samples


def _linear(place: _Place, pattern: str, *, bounded: bool = True) -> None:
    try:
        linear.check(pattern, bounded=bounded)
    except linear.NotLinear as error:
        place.refuse(f"{error}")


def _properties(place: _Place, value: Any) -> tuple[str, ...]:
    found = place.texts(value)
    for number, name in enumerate(found):
        if not re.fullmatch(r"(?:[A-Za-z0-9]+::[A-Za-z0-9]+::[A-Za-z0-9]+|[a-z][a-z0-9_]+)\.[\w.-]+", name):
            place.at(number).refuse(
                "must be a resource type and a property, such as AWS::RDS::DBInstance.MasterUserPassword or aws_db_instance.password"
            )
    return found


def _imported(place: _Place, names: Any) -> tuple[str, ...]:
    """The properties that data files beside the languages list under ``secret``."""
    found: list[str] = []
    for name in place.texts(names):
        path = DATA / f"{name}.json"
        if not path.is_file():
            near = sorted(p.stem for p in DATA.glob("*.json"))
            place.refuse(f"names no data file; there are: {', '.join(near) or 'none'}")
        secret: Mapping[str, Sequence[str]] = json.loads(path.read_text(encoding="utf-8"))["secret"]
        found += (f"{resource}.{each}" for resource, properties in sorted(secret.items()) for each in properties)
    return tuple(found)


def _samples(place: _Place, rows: Any, more: tuple[Sample, ...] = ()) -> tuple[Sample, ...]:
    """The samples as written, and ``more`` that were made of the patterns' own."""
    if not isinstance(rows, list) or len(rows) + len(more) < LEAST_SAMPLES:
        place.refuse(f"needs at least {LEAST_SAMPLES}, or a 'sample' beside each pattern of 'match.values'")
    found = []
    for number, row in enumerate(rows):
        here = place.at(number)
        here.keys(row, ("language", "text"), ("path", "expect"))
        expect = here.at("expect").keys(
            row.get("expect", {}),
            (),
            ("role", "symbol", "line", "verdict", "confidence", "rule", "not", "fields", "engine"),
        )
        if "verdict" in expect:
            here.at("expect.verdict").enum(expect["verdict"], Verdict)
        text = (
            row["text"] if isinstance(row["text"], str) and row["text"].strip() else here.at("text").text(row["text"])
        )
        sample = Sample(
            here.at("language").text(row["language"]), expand(text), text, row.get("path", ""), dict(expect)
        )
        found.append(sample)
    return (*found, *more)
