"""Which functions pass a value on, make a container, read the environment or name an option: by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

# functions whose result is the argument as far as a credential goes
SAME_VALUE = frozenset(
    [
        "str",
        "bytes",
        "int",
        "bytearray",
        "SecretStr",
        "SecretBytes",
        "Secret",
        "quote",
        "quote_plus",
        "unquote",
        "cast",
        "StringIO",
        "BytesIO",
        "dedent",
        "cleandoc",
        "mark_safe",
        "force_str",
        "force_bytes",
        "to_bytes",
        "smart_str",
        "gettext_noop",
    ]
)
# methods whose result is their receiver in that sense
SAME_METHODS = frozenset(
    [
        "encode",
        "decode",
        "strip",
        "rstrip",
        "lstrip",
        "lower",
        "upper",
        "replace",
        "format",
        "format_map",
        "split",
        "expandtabs",
        "get_secret_value",
    ]
)
TEXT_OPTIONS = frozenset(["encoding", "errors", "sep", "maxsplit", "safe", "base"])
TAKES_MORE = frozenset(["str", "bytes", "bytearray", "int", "cast", "quote", "quote_plus", "force_str", "force_bytes"])
DECODERS = frozenset(
    [
        "b64decode",
        "urlsafe_b64decode",
        "standard_b64decode",
        "b32decode",
        "b16decode",
        "a85decode",
        "b85decode",
        "decodestring",
        "decodebytes",
        "unhexlify",
        "a2b_hex",
        "a2b_base64",
        "fromhex",
    ]
)
DICTS = frozenset(
    [
        "dict",
        "OrderedDict",
        "MappingProxyType",
        "SimpleNamespace",
        "Namespace",
        "AttrDict",
        "Munch",
        "Box",
        "Bunch",
        "EasyDict",
        "edict",
        "defaultdict",
    ]
)
# calls that declare a field or an option: their default is what the name gets
FIELDS = frozenset(
    [
        "field",
        "Field",
        "ib",
        "attrib",
        "Option",
        "Argument",
        "Query",
        "Header",
        "Form",
        "Body",
        "Cookie",
        "Column",
        "mapped_column",
        "CharField",
        "TextField",
        "StringField",
        "Setting",
        "PrivateAttr",
    ]
)
FIRST_IS_DEFAULT = frozenset(["Field", "Option", "Argument", "Query", "Header", "Form", "Body", "Cookie"])
DEFAULTS = frozenset(["default", "default_factory", "factory"])
OPTIONS = {
    "add_argument": "argparse",
    "add_option": "optparse",
    "option": "click",
    "argument": "click",
    "password_option": "click",
    "define": "option",
    "DEFINE_string": "absl",
}
ENVIRONMENT = (
    "os.getenv",
    "os.environ.get",
    "os.environ.pop",
    "environ.get",
    "decouple.config",
    "prettyconf.config",
    "starlette.config.Config",
)
ENVIRONMENT_TYPES = (
    "environ.Env",
    "environ.FileAwareEnv",
    "environs.Env",
    "envparse.Env",
    "envparse.env",
    "starlette.config.Config",
    "decouple.Config",
)
ENVIRONMENT_NAMES = frozenset(
    ["env", "config", "getenv", "get_env", "env_var", "get_env_variable", "env_default", "getenv_or_default"]
)
CREDENTIAL = re.compile(r"pass|pwd|secret|token|key|auth|cred|user|login|host|port|database|dbname|account|pin\b", re.I)
IDENTIFIER = re.compile(r"[A-Za-z_][\w.\-]{1,60}")
# calls that fetch a credential: what they are given says where it is, and none of it is one
FETCHES = re.compile(
    r"_*(?:get|read|fetch|load|lookup|retrieve|resolve|describe)_?\w*?(?:secret|password|credential|parameter)s?(?:_(?:value|string|json))?",
    re.I,
)
ASSERTIONS = frozenset(
    ["assertEqual", "assertEquals", "assertNotEqual", "assertNotEquals", "assert_equal", "assert_equals", "eq_"]
)
# calls that are given a user and a password, or a password alone, by position; the password comes last
_LOGINS = re.compile(r"(?:log_?in|sign_?in|authenticate|set_credentials|basic_auth)", re.I)
_PASSWORDS = re.compile(
    r"(?:set|check|verify|hash|make|update|change|reset)_?(?:raw_?)?(?:user_?)?password|generate_password_hash|check_password_hash|hashpw",
    re.I,
)


def login_argument(last: str, number: int, given: Sequence[object]) -> str:
    """``password`` for the argument that a call of that name takes for one, by its place; empty for all others."""
    if number != len(given) - 1 or number > 3:
        return ""
    if (number and _LOGINS.fullmatch(last)) or _PASSWORDS.fullmatch(last):
        return "password"
    return ""
