"""What a name says about a value: which rule is meant, how much the value must look like a credential, and how sure that makes it."""

from __future__ import annotations

import re
from dataclasses import replace

from hardcode_hunter import filters, shapes
from hardcode_hunter.detect.places import is_test, is_translation
from hardcode_hunter.filters import Strength
from hardcode_hunter.model import Candidate, Confidence, Evaluated, LiteralType, Position
from hardcode_hunter.ruleset import Rule, RuleSet
from hardcode_hunter.vocabulary import CREDENTIAL_WORDS

SHORTEST = 3  # characters of a value for which only its name speaks


def deployed(candidate: Candidate) -> bool:
    """Whether the literal is part of a template: even an example in it is what gets deployed."""
    return candidate.evaluated is Evaluated.DEPLOY and candidate.literal is not LiteralType.TEXT


LEAST = {"any": Strength.WEAK, "word": Strength.WEAK, "fair": Strength.FAIR, "strong": Strength.STRONG}


def named(candidate: Candidate, rules: RuleSet) -> Rule | None:
    """The rule for a candidate's name; one that says nothing alone is read together with what it is nested under."""
    name = _GETTER.sub("", candidate.name) if candidate.position is Position.RETURN else candidate.name
    rule = rules.name(name) if name else None
    if rule is not None and rule.precedence >= 0:
        return rule
    nested = candidate.symbol.replace("/", ".").split(".")[-3:]
    if candidate.callee or len(nested) < 2 or (rule is None and not _neutral(candidate.name)):
        return rule
    return rules.name("_".join(nested)) or rule


_GETTER = re.compile(r"(?:get|read|load|fetch|make|default)_(?=\w)|(?:get|read|load|fetch|make|default)(?=[A-Z])")
"""What a function that returns a password is called: ``get_password``."""
_TELLING = re.compile(r"(?:pass|pwd|secret|token|key|cred|cookie|phrase)\w*s", re.I)
_INDEX = re.compile(r"(?:\[\d*\])+\Z")


def collected(candidate: Candidate, rules: RuleSet) -> Rule | None:
    """The rule for what a collection holds that is called by its plural: ``PASSWORDS = {"prod": "…"}``, ``API_KEYS = ["…"]``."""
    if candidate.position not in (Position.ITEM, Position.ELEMENT, Position.PROPERTY) or candidate.resource:
        return None
    if not _TELLING.search(candidate.symbol):
        return rules.name("password") if _of_a_person(candidate) else None
    symbol, key = candidate.symbol, candidate.name
    if candidate.position is Position.ELEMENT or not symbol.endswith(key):
        key = ""
    symbol = _INDEX.sub("", symbol[: len(symbol) - len(key)].replace("/", ".").rstrip("."))  # a key may hold dots
    whole = symbol if key or candidate.position is Position.ELEMENT else symbol.rpartition(".")[0]
    plain = filters.normalise(whole.rpartition(".")[2])
    return rules.name(plain[:-1]) if plain.endswith("s") and not plain.endswith("ss") else None


_PEOPLE = re.compile(r"(?:^|.*\.)(?:\w*_)?(?:users|accounts|logins|admins)(?:\.|\[['\"])", re.I)
_SAID = re.compile(
    r"(?:\w*_)?(?:id|ids|name|mail|email|role|roles|group|team|phone|url|uri|host|region|arn|type|date|version)", re.I
)


def _of_a_person(candidate: Candidate) -> bool:
    """Whether a dict gives its users nothing but one value each, and this one is no word: ``USERS = {"bob": "hunter-2019"}``."""
    value, symbol = candidate.value.reveal(), candidate.symbol
    return (
        candidate.position is Position.ITEM
        and candidate.language == "python"
        and not candidate.callee
        and bool(_PEOPLE.fullmatch(symbol[: len(symbol) - len(candidate.name)].rpartition("/")[2]))
        and not _SAID.fullmatch(candidate.name)
        and filters.strength(value) > Strength.WEAK
        and any(c.isdigit() for c in value)
        and not filters.identifier(value)
    )


_PLACES = frozenset(
    ["value", "default", "text", "string", "data", "content", "plain", "literal", "defaultvalue", "default_value"]
)


def _neutral(name: str) -> bool:
    """``value``, ``default``, ``0``: the name of a place, not of a thing."""
    return name.lower() in _PLACES or name.isdigit() or not name


def judge(candidate: Candidate, value: str, rules: RuleSet) -> tuple[Rule, Confidence] | None:
    """The rule for the candidate's name and how sure it is, or ``None`` when the value is nothing that such a name would hide."""
    rule = named(candidate, rules)
    many = rule is None
    if many:
        rule = collected(candidate, rules)
    if rule is None or filters.absent(value) or (candidate.resource and _TAGS.search(candidate.symbol)):
        return None  # a resource's tag is a label: whoever sees the resource sees it
    if candidate.parameter[:1] == "#" and _ACCOUNT.search(candidate.callee) and is_test(candidate.path):
        return None  # a test that makes its own user, and asks for what it has just set
    if candidate.literal is LiteralType.INT and (not filters.password_name(candidate.name) or len(value) < 4):
        return None
    least = _least(candidate, rule)
    looks = Strength.STRONG if least == "strong" and shapes.decoded_pair(value) else filters.strength(value)
    if least == "fair" and looks is Strength.WEAK and _weak_secret(candidate, value):
        least, looks = "word", Strength.WEAK
        rule = replace(rule, confidence=Confidence.LOW)
    if least != "any" and (looks < LEAST[least] or _no_credential(candidate, value, rule, least, looks)):
        return None
    confidence = _confidence(rule, least, looks, candidate.position)
    if rule.precedence >= -2 and least == "word" and _in_force(candidate, value):
        confidence = rule.confidence
    if many or (candidate.position is Position.ELEMENT and candidate.name.lower().endswith("s")):
        # a list of words to try, or of names
        confidence = min(confidence, Confidence.MEDIUM if looks is Strength.STRONG else Confidence.LOW)
    if "assertion" in candidate.note or ("concatenation" in candidate.note and looks is not Strength.STRONG):
        confidence = Confidence.LOW  # what a test expects; a part of something longer
    if filters.test_value(value) or filters.placeholder(value):
        confidence = min(confidence, Confidence.MEDIUM if deployed(candidate) else Confidence.LOW)
    return rule, confidence


_ACCOUNT = re.compile(r"(?:set|check|verify|hash|make)_?\w{0,8}password(?:_hash)?\Z", re.I)
_SHARED = re.compile(r"(?:[A-Za-z0-9]+[_-])?(?:shared_?)?secret", re.I)
_ISSUED = re.compile(r"(?:access|refresh|auth|api|bearer)_?token", re.I)
_ROW = re.compile(r"[0-9]+[A-Za-z]+[0-9A-Za-z]*|[A-Za-z]+[0-9]+[0-9A-Za-z]*")


def _weak_secret(candidate: Candidate, value: str) -> bool:
    """A word, or a row of neighbours, under a name that can hold nothing but a secret."""
    if candidate.position not in (Position.ITEM, Position.PROPERTY, Position.TEXT) or not 5 <= len(value) <= 40:
        return False
    if _SHARED.fullmatch(candidate.name):
        return value.isalpha() and value.islower() and not filters.test_value(value)
    return bool(_ISSUED.fullmatch(candidate.name)) and len(value) >= 8 and bool(_ROW.fullmatch(value))


def _in_force(candidate: Candidate, value: str) -> bool:
    """Whether a configuration gives the value to a product by the name that the product reads: then any word is the password."""
    return (
        deployed(candidate)
        and candidate.position is Position.PROPERTY
        and not is_test(candidate.path)
        and value.lower() not in CREDENTIAL_WORDS
        and not filters.default_password(value)
        and len(value) > 3
    )


_ATTRIBUTE = re.compile(r"[A-Za-z]\w{1,20}=[^=]")  # of a list of attributes, each with its own name
_MOUNTED = re.compile(r"(?:id|type|src|source|env|target)=[\w./~$-]")
"""Where a build finds a secret: ``docker build --secret id=npmrc,src=.npmrc``."""
_COOKIE = re.compile(r"cookie|conn", re.I)
_TAGS = re.compile(r"(?:^|[/.])(?:Tags|tags|tags_all)(?=[/.\[])")


def _least(candidate: Candidate, rule: Rule) -> str:
    """The strength that a value needs: any word can be a password, whatever else the rule is about."""
    return "word" if rule.strength in ("fair", "strong") and filters.password_name(candidate.name) else rule.strength


def _no_credential(candidate: Candidate, value: str, rule: Rule, least: str, looks: Strength) -> bool:
    text = value.strip()
    if (
        len(text) < SHORTEST
        or filters.metasyntactic(text)
        or (text.isdigit() and filters.sequential(text) and not filters.password_name(candidate.name))
    ):
        return True
    token = filters.leads_with_token(text)
    if (
        filters.nullish(text.strip("\"'"))
        or (filters.format_string(text) and not token)
        or (filters.code(text) and not token)
        or filters.hashed(text)
        or (filters.prose(text) and not token)
        or (
            " " in text
            and (least == "strong" or filters.test_value(text))
            and not (_COOKIE.search(candidate.name) and candidate.position is not Position.TEXT)
        )
    ):
        return True
    vendor = rule.precedence >= -1 and least == "word"  # "password" is a live one under MYSQL_PASSWORD
    if (
        filters.repeats(candidate.name, text)
        if vendor and text.lower() in CREDENTIAL_WORDS
        else filters.field_name(candidate.name, text)
    ):
        return True
    if filters.placeholder(text) and not filters.default_password(text):
        return True
    if filters.challenge(text) or filters.code_name(text) or _MOUNTED.match(text):
        return True
    if text[:6].lower() == "basic " and shapes.decoded_pair(text[6:].strip()) is None:
        return True  # base64 of a user without a password
    if looks is not Strength.STRONG and is_translation(candidate.path):
        return True
    if candidate.position is Position.ELEMENT and "_" in text and filters.identifier(text):
        return True  # a column of a list of names
    if not token and (filters.path(text) or filters.plain_url(text)):
        return True
    if least == "strong" and _ATTRIBUTE.match(text) and not _COOKIE.search(candidate.name):
        return True
    if least == "strong" and (filters.uuid(text) or candidate.position in (Position.COMPARISON, Position.ELEMENT)):
        return True
    if least == "fair" and candidate.position is Position.COMPARISON and filters.strength(text) < Strength.STRONG:
        return True  # a parser compares its token
    return least != "word" and filters.identifier(text)


def _confidence(rule: Rule, least: str, looks: Strength, position: Position) -> Confidence:
    """Strong values are sure, weak ones are not, and less so in running text."""
    words = least in ("any", "word")
    if looks is Strength.STRONG or (looks is Strength.FAIR and words):
        found = Confidence.HIGH
    elif looks is Strength.FAIR or words:
        found = Confidence.MEDIUM
    else:
        found = Confidence.LOW
    if position is Position.TEXT and looks is not Strength.STRONG:
        found = Confidence(max(found - 1, Confidence.LOW))
    return min(found, rule.confidence)
