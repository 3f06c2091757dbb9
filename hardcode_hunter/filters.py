"""What a value or a name is, when it is no credential. Pure functions from text to bool; each has its own table of cases in the tests.

They never see a file and never print a value. ``detect`` decides which of them count where: a weak word is a live password in
``psycopg2.connect(password="root")`` and a placeholder in a README.
"""

from __future__ import annotations

import enum
import math
import re
from collections import Counter
from functools import lru_cache
from itertools import pairwise

from hardcode_hunter.vocabulary import (
    ANY_HOST,
    ANY_USER,
    CREDENTIAL_WORDS,
    FILLING,
    NOTHING,
    NULLISH,
    STOP_WORDS,
    TEST_WORDS,
)

HOLE = "\x00"  # an interpolated part in the value of a template literal
LONGEST_NAME = 128


class Strength(enum.IntEnum):
    """How much a value looks like a generated one: words are weak, words with digits or symbols are fair."""

    WEAK = 1
    FAIR = 2
    STRONG = 3


# ---------------------------------------------------------------- names

_EDGE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")
_GAP = re.compile(r"[^A-Za-z0-9]+")
_PUBLIC = re.compile(
    r"(?:.*_)?(?:public|publishable|pub|anon|publickey)(?:_(?:api|access|client|app|ssh|key|token|auth))*"
)
_TAIL = re.compile(
    r"(?:_*\d+|_(?:prod|production|dev|devel|development|stage|staging|stg|test|testing|qa|uat|live|local|default|value|str|string|text|txt|plain|plaintext|raw|bytes|b64|base64|old|new|current|previous|original|orig|tmp|temp|backup|v\d+|again|confirm|confirmation|repeat|const|constant|expect|expected|actual|dict|pairs))+$"
)


@lru_cache(maxsize=65536)
def normalise(name: str) -> str:
    """``dbPassword1``, ``DB-PASSWORD`` and ``db.password_prod`` → ``db_password``: lower case, words joined by ``_``,
    without a number, an environment or a neutral word at the end."""
    if len(name) > LONGEST_NAME:
        name = name[-LONGEST_NAME:]
    edge = _GAP if name.isupper() or name.islower() else _EDGE
    plain = re.sub("_+", "_", edge.sub("_", name)).strip("_").lower()
    return _TAIL.sub("", plain) or plain


_PASSWORD = re.compile(
    r"(?:[a-z0-9]*_)*[a-z0-9]*(?:password|passwd|passphrase|passcode|passwort|kennwort)s?|(?:[a-z0-9]+_)*(?:pass|pwd|pw)"
)


@lru_cache(maxsize=65536)
def password_name(name: str) -> bool:
    """Whether a name ends with a word for password: what stands under it may be any word."""
    return bool(_PASSWORD.fullmatch(normalise(name)))


def public_name(plain: str) -> bool:
    """Whether a normalised name is of something meant to be public: ``stripe_publishable_key``, ``vapid_public_key``."""
    return bool(_PUBLIC.fullmatch(plain))


# ---------------------------------------------------------------- values that hold nothing, wherever they stand

_MASK = re.compile(r"[xX*.\-_#?•·…=~: ]+|\w{1,6}\*{2,40}\w{0,4}")
_REFERENCE = re.compile(
    r"""\$\{[^}]{0,200}\} | \$\([^)]{0,200}\) | ^\$\$?[A-Za-z_]\w*$ | \{\{.{0,200}?\}\} | \{%.{0,200}?%\} | <%.{0,200}?%> | \#\{[^}]{0,200}\} | %\([\w.]+\)[sdr] | ^%\w+%$ | \$\[\[.{0,200}?\]\] | @@\w+@@
      | ^!(?:Ref|Sub|GetAtt|ImportValue|vault|env|secret|reference)\b | ^(?:arn:aws|op://|vault:|vault://|secret://|secrets://|ssm:|ssm://|keyvault:|akv://|gcp-?sm://|sops:|projects/[^/]+/secrets/)
      | ^(?:secretsmanager|aws-?secretsmanager|awssm)[:/] | ^ENC\[ | ^\$ANSIBLE_VAULT | ^@Microsoft\.KeyVault\( | ^\{cipher\} | ^env[:.]\w | ^(?:var|local|module|data)\.\w[\w.\[\]"]*$""",
    re.X | re.S,
)
_MARKED = re.compile(
    r"""<[^<>]*>|\[[A-Za-z][\w .-]*\]|\{[A-Za-z_][\w .:-]*\}|__\w[^\n]*__|%[A-Z][A-Z_]+%|\(?(?:redacted|masked|hidden|removed|omitted|filtered|censored|sanitized|scrubbed)\)?"""
    r"""|<[^<>]*>(?:[^<>]{0,3}<[^<>]*>)+""",
    re.I,
)


def empty(value: str) -> bool:
    """Nothing but blanks."""
    return not value.strip()


def masked(value: str) -> bool:
    """Only mask characters: ``****``, ``xxxx-xxxx``, ``...``."""
    return bool(_MASK.fullmatch(value))


def reference(value: str) -> bool:
    """A reference to where the value comes from: ``${VAR}``, ``{{ x }}``, ``{{resolve:…}}``, ``arn:aws:…``, ``op://…``, an encrypted blob."""
    return bool(_REFERENCE.search(value))


def marked(value: str) -> bool:
    """A placeholder that says so by brackets or underscores: ``<password>``, ``[token]``, ``__PASSWORD__``, ``redacted``."""
    return bool(_MARKED.fullmatch(value.strip()))


def absent(value: str) -> bool:
    """No live value in any position, not even in a database connection."""
    if empty(value) or masked(value) or marked(value) or said_nothing(value):
        return True
    return reference(value) and ("{{resolve:" in value or not leads_with_token(value))


def any_account(user: str, password: str, host: str) -> bool:
    """User, password and host that stand for any: ``user:password@host``, as documentation has them (RFC 2606 for the host)."""
    where = host.lower().partition(":")[0]
    nowhere = where.partition(".")[0] in ANY_HOST or where.endswith(
        (".example", "example.com", "example.org", "example.net", ".invalid", ".test")
    )
    who, what = (_SIGNS.sub("", text).lower() for text in (user, password))  # "pwd# " tests how it is quoted
    return (
        nowhere
        and (who in ANY_USER or who in TEST_WORDS)
        and (what in CREDENTIAL_WORDS or what in TEST_WORDS or what in ("p", "psw", "mypass"))
    )


_SIGNS = re.compile(r"[^A-Za-z0-9]")


# ---------------------------------------------------------------- placeholders and test words

_PLACEHOLDER = re.compile(
    r"""\b(?:your)[-_ ]?\w | (?:^|[-_ .])(?:here|goes[-_ ]here|placeholder|redacted|removed|todo|tbd|fixme|fill[-_ ]?me|fill[-_ ]?in|insert|enter|provide|paste)(?:$|[-_ .:!])
      | (?:change|replace|update|edit|set|modify)[-_ ]?(?:me|this|it|in[-_ ]?prod\w*|before|with|to|please) | ^(?:put|add|use|write|type)[-_ ](?:your|a|the|my|some)\b | _?here$ | ^my[-_ ]?(?:secret|api|auth|access)?[-_ ]?(?:key|token|secret)$
      | \b(?:x{4,}|X{4,}|\*{3,}|\.{3,})$ | ^(?:x{3,}|\*{3,}) | ^(?:the|some|any|a|an|this)[-_ ]?(?:secret|password|token|key|api[-_ ]?key)s?\b | \bexample\.(?:com|org)$ | generate[-_]?(?:me|one|your|a[-_]) | do[-_ ]?not[-_ ]?use""",
    re.X | re.I,
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def placeholder(value: str) -> bool:
    """Says that a real value should stand there: ``your-password``, ``changeme``, ``<…>``, ``insert token here``."""
    return marked(value) or masked(value) or bool(_PLACEHOLDER.search(value))


def default_password(value: str) -> bool:
    """What people leave in force: ``changeme``, ``change-it1``. A placeholder by its words, a live password by its use."""
    return bool(re.fullmatch(r"(?:[a-z0-9]{1,20}[-_])?change[-_ ]?(?:me|it|this|now)[!\d]{0,4}", value, re.I))


def test_value(value: str) -> bool:
    """Made of test words, or a long run of one character or of neighbours: ``dummy-token``, ``testac``, ``0123456789abcdef``, ``AKIA…EXAMPLE``.

    ``123456`` is none: nothing is more often a live password.
    """
    words = [w.lower() for w in _WORD.findall(value[:200])]
    if any(w in TEST_WORDS or (w.startswith("test") and len(w) < 9) for w in words):
        return True
    return value.upper().endswith(("EXAMPLE", "EXAMPLEKEY")) or (len(value) > 11 and sequential(value))


def sequential(value: str) -> bool:
    """One character over and over, or neighbours in an alphabet for at least three quarters of it: ``aaaaaa``, ``0123456789abcdef``."""
    body = re.sub(r"[^A-Za-z0-9]", "", value)
    if len(body) < 6:
        return False
    steps = Counter(ord(b) - ord(a) for a, b in pairwise(body))
    return max(steps[0], steps[1], steps[-1]) >= 0.75 * (len(body) - 1)


def said_nothing(value: str) -> bool:
    """A word by which people say that there is no value: ``none``, ``null``, ``n/a``."""
    return value.strip().lower() in NOTHING


def metasyntactic(value: str) -> bool:
    """One word that stands for any: ``foo``, ``dummy``, ``test``."""
    return value.strip().lower() in TEST_WORDS


def nullish(value: str) -> bool:
    """A word of code, not a value: ``None``, ``string``, ``HS256``, ``required``."""
    return value.strip().lower() in NULLISH


# ---------------------------------------------------------------- names, paths, text

_IDENTIFIER = re.compile(r"[A-Za-z_$]+(?:[-.:/\[\]' \"]{1,2}[A-Za-z_$]+)*(?:\(\)|\[\]|['\"]?\])?\d?")
_SNAKE = re.compile(r"(?:[a-z]+\d{0,4}_)+[a-z]+\d{0,4}|(?:[A-Z]+\d{0,4}_)+[A-Z]+\d{0,4}")
_VERSIONED = re.compile(r"[A-Za-z]+(?:[-_ ]?v)?\d{1,2}(?:\.\d{1,2}){1,2}")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?:\(.*\))?|[A-Za-z_][\w.]*\([^()]*\)")
_PATH = re.compile(r"(?:~|\.{1,2}|[A-Za-z]:|\\\\\w+)?[/\\][\w .@%+,=:~${}-]*(?:[/\\][\w .@%+,=:~${}-]*)*")
_FILE = re.compile(
    r"[\w./@~$%+-]*\.(?:pem|key|crt|cer|pub|p12|pfx|jks|json|ya?ml|toml|ini|cfg|conf|txt|env|py|js|sh|sql|db|csv|xml|html?|md|png|jpe?g|gif|svg|css|log|lock|tf|gpg|asc|kdbx|dat|bin|zip|gz)",
    re.I,
)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,40}:(?://|\\/\\/)\S*")
_HOST = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:com|org|net|io|dev|local|internal|edu|gov|co|de|uk|cloud|app|amazonaws\.com)(?::\d+)?(?:/\S*)?",
    re.I,
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


def identifier(value: str) -> bool:
    """A name: words joined by ``_ - . : /`` or a change of case, with no more than a few digits, or a dotted expression."""
    if (
        _DOTTED.fullmatch(value)
        or _VERSIONED.fullmatch(value)
        or (value.count(".") > 2 and not any(c.isdigit() for c in value))
        or (_SNAKE.fullmatch(value) and sum(c.isdigit() for c in value) <= len(value) / 4)
    ):
        return True
    return bool(_IDENTIFIER.fullmatch(value)) and not random_letters(value)


_MODULE = re.compile(
    r"[a-z_]+(?:\.[A-Za-z_]+){2,}(?::[A-Za-z_]+)?|[a-z_]+\.[A-Za-z]*(?:_[A-Za-z]+|[a-z][A-Z][A-Za-z]*)"
)


_ROUTE = re.compile(r"[a-z_]{2,}(?:/[a-z_]{2,})+")


def code_name(value: str) -> bool:
    """What code calls something, and nobody a password: ``auth.backends.Password``, ``settings.change_security``,
    ``customer_set_password_template``, ``routes/main``."""
    if _MODULE.fullmatch(value) or _ROUTE.fullmatch(value):
        return True
    parts = value.split("_")
    return (
        len(parts) > 3 and bool(_SNAKE.fullmatch(value)) and not CREDENTIAL_WORDS.isdisjoint(p.lower() for p in parts)
    )


def field_name(name: str, value: str) -> bool:
    """The value only repeats what its name says: ``password="password"``, ``PASSWORD_FIELD = "user_password"``, ``token: auth-token``.

    ``admin_pass`` under ``password`` says more than the name does, and is somebody's password.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_\- .:/]*", value) or len(value) > 60:
        return False
    ours, theirs = normalise(value), normalise(name)
    if re.search(r"[A-Za-z]\d{2,6}\Z", value) and ours in CREDENTIAL_WORDS and not re.search(r"\d\Z", name):
        return False  # password123 is what people take; password1 may be the second field of a form
    if ours in (theirs, *CREDENTIAL_WORDS) or normalise(re.split("[:./]", value)[-1]) == theirs:
        return True
    parts = ours.split("_")
    if len(parts) < 2 or any(c.isdigit() for c in value) or not re.search(r"[a-z][A-Z]|[_\-.:/]", value):
        return False
    return bool(CREDENTIAL_WORDS & set(parts)) and all(p in CREDENTIAL_WORDS or p in FILLING for p in parts)


def repeats(name: str, value: str) -> bool:
    """The value is its own name, written in another style at most."""
    return normalise(re.split("[:./]", value)[-1]) == normalise(name)


def prose(value: str) -> bool:
    """A sentence or a label for people; a passphrase of plain words is none."""
    words = value.split()
    if len(words) < 2:
        if re.fullmatch(r"[A-Z][a-z]+[.?:]", value):
            return True
        return sum("\u0370" <= c <= "\u0fff" or "\u3040" <= c <= "\ud7af" for c in value) >= 2
    plain = [w.strip(".,:;!?'\"()").lower() for w in words]
    if any(w in STOP_WORDS for w in plain):
        return True
    letters = sum(w.isalpha() for w in plain)
    return letters >= 2 and (
        len(words) > 6
        or not value.isascii()
        or (letters == len(words) > 2 and value[0].isupper() and value[1:].islower())
        or value.rstrip().endswith((".", ":", "!", "?"))
        or (value[0].isupper() and bool(CREDENTIAL_WORDS & set(plain)))
    )


def path(value: str) -> bool:
    """A file's or resource's path or name: ``/run/secrets/db``, ``./key.pem``, ``C:\\keys``, ``id_rsa.pub``."""
    if _FILE.fullmatch(value) or re.fullmatch(
        r"(?:HK\w+|[\w .{}%()-]+\\{1,2}[\w .{}%()-]+)(?:\\{1,2}[\w .{}%()-]+)+", value
    ):
        return True
    return bool(_PATH.fullmatch(value)) and not (
        len(value) > 30 and "." not in value and value.count("/") < 5 and entropy(value) > 4.2
    )


def plain_url(value: str) -> bool:
    """A URL, a host name or an e-mail address; a URL with a password in it is judged by its parts, before this is asked."""
    return bool(_URL.fullmatch(value.strip()) or _HOST.fullmatch(value.strip()) or _EMAIL.fullmatch(value.strip()))


_HASHED = re.compile(
    r"""(?: \$(?:2[abxy]?|argon2\w*|5|6|y|1|apr1|pbkdf2[\w-]*|scrypt|s0|S)\$ | (?:pbkdf2|scrypt|bcrypt|argon2|sha1|sha256|sha512|md5)(?:_sha\d+|:sha\d+)?[$:] | pbkdf2_sha256\$ | \{(?:SSHA|SHA|MD5|CRYPT|PBKDF2)\w*\}
        | sha(?:1|256|384|512)[-:=][A-Za-z0-9+/=]{16,} | SCRAM-SHA-256\$ | md5[0-9a-f]{32}$ | ssh-(?:rsa|ed25519|dss)\ AAAA | ecdsa-sha2 | -----BEGIN\ (?:CERTIFICATE|(?:RSA\ )?PUBLIC|PGP\ (?:PUBLIC|MESSAGE|SIGNATURE)) )""",
    re.X | re.I,
)
_FORMAT = re.compile(r"%(?:\.\d+)?[sdrfi]\b|%\(\w+\)|\{\w*(?:[.!:\[][^{}]*)?\}")
_REGEX = re.compile(r"\(\?[:=!P<]|\[\^?[\w\\]-[\w\\]|\\[dwsbDWSB](?:[+*{)\]]|$)|\.\*|^\^.+\$$|\)[+*?]")
_MARKUP = re.compile(r"<[A-Za-z!/][^<>]{0,500}>|</|/>|&\w+;")
_PROGRAM = re.compile(
    r"\s*(?:(?:async )?def \w+\(|class \w+[(:]|lambda\b[^:]{0,80}: ?\w|import [a-z_]\w*|from [\w.]+ import |(?:return|await|yield) [\w.]+[(\[]|[A-Za-z_][\w.]* = (?:await )?[A-Za-z_][\w.]*[(\[]|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*[(\[](?:[frb]?[\"'][^\"']*[\"'])?[)\]]*(?:[.\[)]|\Z))"
)
_SQL = re.compile(r"\s*(?:select|insert|update|delete|create|alter|drop|grant|set|with)\s+\S+\s", re.I)


_UUID = re.compile(r"\{?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\}?", re.I)


def uuid(value: str) -> bool:
    """An identifier in the form of RFC 9562; some services issue keys that look the same."""
    return bool(_UUID.fullmatch(value))


def hashed(value: str) -> bool:
    """A password's hash, an integrity hash, a public key or a certificate: proves something, opens nothing."""
    return bool(_HASHED.match(value.strip()))


_CHALLENGE = re.compile(r"\w+ (?:realm|profile)=.{0,400}", re.I | re.S)


def challenge(value: str) -> bool:
    """An Authorization header's scheme and its parameters, none of which is a credential: ``Digest realm="shop"``."""
    return bool(_CHALLENGE.fullmatch(value)) and not re.search(r"\b(?:token|response|signature|password)=", value, re.I)


def format_string(value: str) -> bool:
    """Has places that are filled in later: ``%s``, ``{name}``, an interpolated part."""
    return HOLE in value or bool(_FORMAT.search(value))


def code(value: str) -> bool:
    """A regular expression, markup, SQL, a line of a program, or several lines that are no key."""
    if "\n" in value.strip() and "-----BEGIN" not in value:
        return True
    return bool(_REGEX.search(value) or _MARKUP.search(value) or _SQL.match(value) or _PROGRAM.match(value))


_RUN = re.compile(r"[A-Za-z0-9]{20,}")


def leads_with_token(value: str) -> bool:
    """Whether it begins with a long run that only a generator makes, whatever follows: a line break, a place to be filled in, a reference."""
    run = _RUN.match(value)
    return run is not None and run.end() < len(value) and random_letters(run[0]) and strength(run[0]) is Strength.STRONG


# ---------------------------------------------------------------- strength


def entropy(value: str) -> float:
    """Shannon's, in bits per character."""
    size = len(value)
    return -sum(n / size * math.log2(n / size) for n in Counter(value).values()) if size else 0.0


_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{5,}", re.I)
_TURNS = re.compile(r"[a-z][A-Z]|[A-Z]{2,}[a-z]")


def random_letters(value: str) -> bool:
    """Letters that no word is made of: runs of five consonants, or a case that changes at every other letter."""
    body = re.sub(r"[^A-Za-z]", "", value)
    if len(body) < 10:
        return False
    return bool(_CONSONANTS.search(value)) or len(_TURNS.findall(value)) >= len(body) / 5


def strength(value: str) -> Strength:
    """How much it looks like a generated value; says nothing about whether it is a credential."""
    size = len(value)
    kinds = [
        any(c.islower() for c in value),
        any(c.isupper() for c in value),
        any(c.isdigit() for c in value),
        any(not c.isalnum() and c not in " _-./" for c in value),
    ]
    letters = kinds[0] or kinds[1]
    if size >= 8 and entropy(value) >= 2.5:
        if sum(kinds) >= 3 or (size >= 16 and letters and kinds[2]):
            return Strength.STRONG
        if size >= 16 and (random_letters(value) or re.fullmatch(r"[0-9a-fA-F]{24,}", value)):
            return Strength.STRONG
    if size >= 6 and letters and (kinds[2] or kinds[3]) and not sequential(value):
        return Strength.FAIR
    return Strength.FAIR if size >= 10 and random_letters(value) else Strength.WEAK
