"""Words that filters know: closed sets, lower case. What they mean for a value is said in :mod:`hardcode_hunter.filters`."""

from __future__ import annotations

ANY_USER = frozenset(["user", "usr", "username", "u", "login", "me", "name", "someone", "foo", "uname"])
"""Users and hosts that stand for any, as documentation has them."""

ANY_HOST = frozenset([
    "host", "hostname", "hst", "server", "h", "example", "domain", "ip", "address", "somehost", "myhost",
    "yourhost", "foo", "bar", "baz",
])  # fmt: skip

TEST_WORDS = frozenset([
    "test", "tests", "testing", "tester", "dummy", "fake", "mock", "mocked", "example", "sample", "demo", "foo",
    "bar", "baz", "foobar", "qux", "doe", "spam", "eggs", "lorem", "ipsum", "invalid", "bogus", "stub", "unused",
    "ignored", "whatever", "something", "anything", "blah", "notarealkey", "notreal", "notsecret",
])  # fmt: skip
"""What tests and examples are made of."""

NULLISH = frozenset([
    "none", "null", "nil", "undefined", "unset", "true", "false", "yes", "no", "on", "off", "n/a", "na", "string",
    "str", "text", "int", "integer", "number", "boolean", "bool", "object", "array", "bytes", "any", "required",
    "optional", "disabled", "enabled", "disable", "enable", "auto", "automatic", "default", "unknown", "never",
    "always", "empty", "missing", "inherit", "generated", "generate", "random", "basic", "bearer", "digest", "ntlm",
    "kerberos", "jwt", "oauth", "oauth2", "hmac", "hs256", "hs384", "hs512", "rs256", "rs384", "rs512", "es256",
    "es384", "es512", "eddsa", "plain", "sha1", "sha256", "sha512", "md5", "aes", "rsa", "dsa", "ecdsa", "ed25519",
    "utf-8", "ascii", "hex", "base64", "hidden", "visible", "static", "dynamic", "publickey",
    "keyboard-interactive", "prompt", "ask", "stdin", "current", "pending",
])  # fmt: skip
"""Words of code: none, types, algorithms, schemes."""

NOTHING = frozenset([
    "none", "null", "nil", "undefined", "unset", "n/a", "na", "false", "true", "empty", "anonymous", "anonymous@",
    "x-oauth-basic", "x-oauth-token", "x-access-token", "x-token-auth",
])  # fmt: skip
"""By which people say that there is no value; the last ones stand where a token has taken the place of user and password."""

CREDENTIAL_WORDS = frozenset([
    "password", "passwords", "passwd", "passphrase", "pwd", "pass", "passcode", "secret", "secrets", "token",
    "tokens", "key", "keys", "apikey", "auth", "authorization", "authentication", "credential", "credentials",
    "cred", "creds", "login", "username", "user", "userid", "userpassword", "signature", "cookie", "session",
    "csrf", "nonce", "salt", "bearer", "oauth", "certificate", "cert", "passwort", "kennwort", "contraseña",
    "senha", "wachtwoord", "lösenord", "motdepasse", "parola", "hasło",
])  # fmt: skip
"""What credentials are called; as a value, each only repeats a name."""

STOP_WORDS = frozenset([
    "is", "are", "was", "be", "the", "your", "for", "not", "must", "please", "enter", "invalid", "required",
    "missing", "with", "from", "to", "of", "and", "or", "in", "this", "that", "should", "can", "cannot", "has",
    "have", "will", "you", "we", "it", "if", "when", "an", "a", "new", "failed", "error", "provided", "used", "use",
    "using", "set", "by", "as", "on", "at", "forgot", "reset", "incorrect", "wrong", "too",
])  # fmt: skip
"""Words by which a sentence is told from a passphrase."""

FILLING = frozenset([
    "field", "input", "name", "id", "new", "old", "confirm", "confirmation", "repeat", "again", "your", "current",
    "label", "form", "type", "value", "plain", "hash", "hashed", "raw", "header", "param", "parameter", "column",
    "x", "access", "api", "client", "request", "reset", "change", "bot", "group", "app", "account", "service",
    "public", "private", "page", "device", "consumer", "customer", "webhook", "channel", "machine",
])  # fmt: skip
"""What stands beside a credential's word in the name of a field."""
