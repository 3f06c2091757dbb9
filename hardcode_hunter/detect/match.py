"""Which rule speaks for a candidate: the call or property it reaches, the shape or look of its value, or its name."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hardcode_hunter import filters, shapes
from hardcode_hunter.detect import named, tokens
from hardcode_hunter.detect.named import deployed
from hardcode_hunter.filters import HOLE, Strength
from hardcode_hunter.model import Candidate, Confidence, Evaluated, Kind, Plaintext, Position, Shape, Sink
from hardcode_hunter.ruleset import LOGIN_ROLE, PARSED_ROLE, PUBLIC_ROLES, Rule, RuleSet

LONGEST = 8192  # characters of a value that is still one credential; a key file in PEM is below


class How(enum.IntEnum):
    """What spoke for it, the surest last."""

    NAME = 1
    SHAPE = 2
    VALUE = 3
    SINK = 4


@dataclass(frozen=True, slots=True)
class Match:
    """A rule's word about a candidate. ``part`` is the role inside the literal, empty when all of it is the credential."""

    rule: Rule
    role: str
    how: How
    confidence: Confidence
    shape: Shape
    part: str
    secret: Plaintext
    because: str = ""

    @property
    def rank(self) -> tuple[int, int, int]:
        return self.how, self.confidence, self.rule.precedence


def best(candidate: Candidate, rules: RuleSet) -> Match | None:
    """The surest match, or ``None`` when nothing speaks for the candidate."""
    value = candidate.value.reveal()
    if not value or len(value) > LONGEST:
        return _by_the_beginning(candidate, value, rules) if value else None
    public = False
    sure: Match | None = None
    for rule, role, words in _reached(candidate, rules):
        if role == "username" and rule.engine == "oracle" and "/" in value:
            role = LOGIN_ROLE  # Oracle takes user/password@service where the user is asked for
        if role in PUBLIC_ROLES:
            public = True
        elif sure is None or sure.rule.precedence < 0 <= rule.precedence:
            sure = _certain(candidate, value, rule, role, words) or sure
    if sure and sure.rule.precedence >= 0:
        return _doubted(sure, value, rules)
    token = _by_value(candidate, value, rules)
    if token or (sure and sure.rule.precedence > UNSAID):
        return token or sure
    if public:
        return None
    said = _by_shape(candidate, value, rules) or _by_name(candidate, value, rules)
    said = said or _by_other_names(candidate, value, rules)
    if sure and (said is None or said.confidence < sure.confidence):
        return replace(sure, rule=said.rule, role=said.role) if said and said.shape is Shape.WHOLE else sure
    return said


def _by_the_beginning(candidate: Candidate, value: str, rules: RuleSet) -> Match | None:
    """What only its name says of a text too long for a credential: patterns are not tried on it."""
    if not filters.password_name(candidate.name) or any(c.isspace() for c in value):
        return None
    found = _by_name(candidate, value[:LONGEST], rules)
    return replace(found, secret=Plaintext(value)) if found else None


UNSAID = -9
"""Precedence of the rule about values that are declared secret: what anything else says of such a value says more."""
DECLARED = ("AWS::CloudFormation::Parameter", "variable")
"""Where the default of a parameter ends up that its author has hidden: ``NoEcho`` and ``sensitive`` say that it is a secret."""


def _by_other_names(candidate: Candidate, value: str, rules: RuleSet) -> Match | None:
    """What the value is called where it ends up in a template: ``DB_PASSWORD: !Ref Seed``."""
    for sink in candidate.sinks if candidate.evaluated is Evaluated.DEPLOY else ():
        name = re.split(r"[./]", sink.parameter)[-1]
        if not sink.resource or sink.resource in DECLARED or name == candidate.name:
            continue
        found = _by_name(replace(candidate, name=name, resource=sink.resource), value, rules)
        if found:
            return replace(found, because=_join(found.because, _reaches(sink)))
    return None


# ---------------------------------------------------------------- where it goes


def property_path(symbol: str, resource: str, name: str) -> str:
    """The dotted path of a property below its resource, list indices left out: what stands behind ``Properties`` or the block's labels."""
    if "::" in resource:
        parts = symbol.split("/")
        if "Properties" in parts:
            return ".".join(p for p in parts[parts.index("Properties") + 1 :] if not p.isdigit()) or name
        return name
    parts = symbol.replace("[", ".").replace("]", "").split(".")
    if resource in parts:
        below = parts[parts.index(resource) + 2 :]
        return ".".join(p for p in below if p and not p.isdigit()) or name
    return name


def _reached(candidate: Candidate, rules: RuleSet) -> Iterator[tuple[Rule, str, str]]:
    if candidate.callee:
        known = rules.call(candidate.callee)
        found = known.get(candidate.parameter) if known else None
        if found:
            yield *found, f"passed to {_argument(candidate.callee, candidate.parameter)}"
    if candidate.resource:
        path = property_path(candidate.symbol, candidate.resource, candidate.name)
        rule = rules.property(candidate.resource, path)
        if rule:
            yield rule, rule.role, f"property {candidate.resource}.{path}"
        elif _inside(candidate) and rules.property(candidate.resource, path.rpartition(".")[0]):
            named_so = rules.name(candidate.name)
            if named_so:
                yield named_so, named_so.role, f"in property {candidate.resource}.{path.rpartition('.')[0]}"
    rule = rules.symbol(candidate.symbol)
    if rule and filters.normalise(candidate.name) != filters.normalise(candidate.value.reveal()):
        yield rule, rule.role, ""
    for sink in candidate.sinks:
        for rule, role, words in _sunk(sink, rules):
            if role != "secret" or not _PUBLIC_PART.fullmatch(filters.normalise(candidate.name)):
                yield rule, role, words


_PUBLIC_PART = re.compile(r"(?:.*_)?(?:user|username|login|host|hostname|endpoint|port|dbname|db_name|database|engine)")
"""Names of what stands beside the password in a secret's text."""


def _inside(candidate: Candidate) -> bool:
    """Whether the literal is a part of the text that a property holds."""
    return candidate.position is Position.TEXT or "embedded" in candidate.note


def _sunk(sink: Sink, rules: RuleSet) -> Iterator[tuple[Rule, str, str]]:
    via = f" by way of {sink.via}" if sink.via else ""
    if sink.callee:
        found = rules.call(sink.callee).get(sink.parameter)
        if found:
            yield *found, f"passed to {_argument(sink.callee, sink.parameter)}{via}"
    if sink.resource:
        rule = rules.property(sink.resource, sink.parameter)
        if rule:
            words = f"hidden by {sink.parameter}" if sink.resource in DECLARED else _reaches(sink)
            yield rule, rule.role, words


def _reaches(sink: Sink) -> str:
    return f"reaches {sink.resource}.{sink.parameter}" + (f" by way of {sink.via}" if sink.via else "")


ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")


def _argument(callee: str, parameter: str) -> str:
    name = callee.removeprefix("?.")
    if parameter.startswith("#"):
        digits = parameter[1:].partition("[")[0]
        number = int(digits) if digits.isdigit() else len(ORDINALS)
        return f"{name}(), {ORDINALS[number]} argument" if number < len(ORDINALS) else f"{name}()"
    return f"{name}({parameter}=)"


def _certain(candidate: Candidate, value: str, rule: Rule, role: str, words: str) -> Match | None:
    if role == LOGIN_ROLE:
        inner = shapes.login(value)
        if inner is None or filters.absent(inner.value) or filters.field_name("password", inner.value):
            return None
        confidence = Confidence.LOW if filters.test_value(value) else rule.confidence
        return Match(rule, rule.role, How.SINK, confidence, Shape.EMBEDDED, "", Plaintext(inner.value), words)
    shape = shapes.recognise(value)
    if role == PARSED_ROLE or (shape in (Shape.URL, Shape.ODBC, Shape.BASIC, Shape.BEARER) and rule.precedence >= 0):
        inner = _part(value, shape)
        if inner is None:
            return None if role == PARSED_ROLE or shape is Shape.URL else _whole(candidate, value, rule, role, words)
        keep = role if inner.role == "token" and role != PARSED_ROLE else inner.role
        return Match(
            rule,
            keep,
            How.SINK,
            rule.confidence,
            shape,
            inner.role,
            Plaintext(inner.value),
            _join(words, _shape_words(shape)),
        )
    return _whole(candidate, value, rule, role, words)


def _whole(candidate: Candidate, value: str, rule: Rule, role: str, words: str) -> Match | None:
    if (
        filters.absent(value)
        or (_only_holes(value) and not (deployed(candidate) and _partly_written(value)))
        or (len(value) < 2 and not deployed(candidate))
        or (filters.prose(value) and value.count(" ") > 1)
    ):
        return None
    if rule.kind is Kind.AWS_KEY and (filters.metasyntactic(value) or filters.identifier(value)):
        return None  # what tests give to a client that must have some key
    called = words.startswith("passed to") and role not in ("password", "passphrase")
    if called and (
        filters.placeholder(value)
        or filters.field_name(role, value)
        or (filters.test_value(value) and filters.strength(value) is Strength.WEAK)
    ):
        return None
    confidence = rule.confidence
    if "concatenation" in candidate.note and filters.strength(value) is not Strength.STRONG:
        if len(value) < 6:
            return None  # ("AWS4" + key).encode()
        confidence = Confidence.LOW
    elif filters.metasyntactic(value) and not deployed(candidate):
        confidence = Confidence.LOW
    elif not words and filters.test_value(value) and not deployed(candidate):
        confidence = Confidence.MEDIUM  # its name alone says that it is in force
    if filters.placeholder(value):
        confidence = min(confidence, Confidence.MEDIUM)
        words = _join(words, "looks like a placeholder, but is in force here")
    return Match(rule, role, How.SINK, confidence, Shape.WHOLE, "", Plaintext(value), words)


def _partly_written(value: str) -> bool:
    """Whether what stands between the holes of a template is enough to be a credential: ``${Stage}-…``."""
    pieces = (piece.strip("-_./:@ ") for piece in value.split(HOLE))
    return HOLE in value and any(filters.strength(piece) is Strength.STRONG for piece in pieces)


def _only_holes(value: str) -> bool:
    """Nothing of a template literal is written here: the value comes from elsewhere."""
    return HOLE in value or (filters.format_string(value) and not filters.strength(value) >= Strength.STRONG)


# ---------------------------------------------------------------- what it looks like


def _by_value(candidate: Candidate, value: str, rules: RuleSet) -> Match | None:
    doubtful, within = None, (-1, -1)
    for rule, pattern, first, last in rules.values(value):
        text = value[first:last]
        if tokens.dull(text) or (doubtful and doubtful.rule is rule and within[0] <= first < within[1]):
            continue  # a part of a token with a wrong checksum can look like one of an older form
        sure = tokens.confidence(rule, pattern, text, deployed=deployed(candidate))
        if sure is None:
            continue
        found = _token(value, rule, (first, last), sure, tokens.said(rule, pattern, text))
        if tokens.genuine(pattern, text):
            return found
        if doubtful is None:
            doubtful, within = found, (first, last)
    return doubtful


def _token(value: str, rule: Rule, at: tuple[int, int], confidence: Confidence, because: str) -> Match:
    text, shape, part = value[slice(*at)], Shape.EMBEDDED, ""
    if not value[: at[0]].strip() and not value[at[1] :].strip():
        text, shape = value, Shape.WHOLE
    elif (inner := _part(value, known := shapes.recognise(value))) and inner.value == text:
        shape, part = known, inner.role
    return Match(rule, rule.role, How.VALUE, confidence, shape, part, Plaintext(text), because)


def _doubted(sure: Match, value: str, rules: RuleSet) -> Match:
    """The same match, less sure when the value is a token with a wrong checksum."""
    for _, pattern, first, last in rules.values(value) if sure.shape is Shape.WHOLE else ():
        if pattern.check and (first, last) == (0, len(value)) and not tokens.genuine(pattern, value):
            confidence = min(sure.confidence, Confidence.MEDIUM)
            return replace(sure, confidence=confidence, because=_join(sure.because, tokens.WRONG))
    return sure


def _shape_words(shape: Shape) -> str:
    return {
        Shape.URL: "password in a URL",
        Shape.DSN: "password in a connection string",
        Shape.ODBC: "password in a connection string",
        Shape.BASIC: "user and password in a Basic header",
        Shape.BEARER: "token in a header",
    }.get(shape, "")


def _part(value: str, shape: Shape) -> shapes.Part | None:
    """The secret part of a value of that shape, unless it is filled in at run time or nothing."""
    parts = shapes.parse(shape, value)
    said = {part.role: part.value for part in parts}
    if filters.any_account(said.get("username", ""), said.get("password", ""), said.get("host", "")):
        return None
    for part in parts:
        if part.role in shapes.SECRET_PARTS:
            raw = value[part.start : part.end]
            dull = (
                HOLE in part.value
                or filters.absent(part.value)
                or (shape is not Shape.URL and filters.code(part.value))
                or filters.format_string(raw)
                or (shape is Shape.URL and part.value[:1] == "$")
            )
            return None if dull else part
    return None


def _by_shape(candidate: Candidate, value: str, rules: RuleSet) -> Match | None:
    shape = shapes.recognise(value)
    inner = _part(value, shape) if shape is not Shape.WHOLE else None
    if inner is None:
        return None
    if shape is Shape.BEARER and filters.strength(inner.value) < Strength.FAIR:
        return None
    if candidate.position is Position.TEXT and filters.strength(inner.value) < Strength.STRONG:
        weak = Confidence.LOW
    else:
        weak = Confidence.MEDIUM
    if shape is Shape.URL:
        rule = rules.scheme(shapes.engine_of(value) or value.partition(":")[0].lower())
    else:
        rule = rules.scheme(shape.value)
    if rule is None:
        return None
    confidence = rule.confidence
    if filters.placeholder(inner.value) or filters.field_name(inner.role, inner.value) or filters.nullish(inner.value):
        if shape is not Shape.URL or rule.precedence < 0:
            return None
        confidence = Confidence.LOW
    elif _documented(value) or filters.test_value(inner.value):
        confidence = Confidence.LOW
    elif filters.strength(inner.value) is Strength.WEAK or weak is Confidence.LOW:
        confidence = min(confidence, weak)
    role = rule.role if inner.role == "token" else inner.role
    return Match(rule, role, How.SHAPE, confidence, shape, inner.role, Plaintext(inner.value), _shape_words(shape))


def _documented(value: str) -> bool:
    """A host that stands for any host, as in documentation (RFC 2606)."""
    host = shapes.extract(Shape.URL, value).get("host", "").lower()
    return host in ("host", "hostname", "server", "example") or host.endswith(
        (".example", "example.com", "example.org", "example.net", ".invalid", ".test")
    )


# ---------------------------------------------------------------- what it is called


def _by_name(candidate: Candidate, value: str, rules: RuleSet) -> Match | None:
    found = named.judge(candidate, value, rules)
    if found is None:
        return None
    rule, confidence = found
    return Match(rule, rule.role, How.NAME, confidence, Shape.WHOLE, "", Plaintext(value))


def _join(*words: str) -> str:
    return ", ".join(w for w in words if w)
