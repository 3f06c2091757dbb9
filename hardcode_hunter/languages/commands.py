"""Passwords in command lines, where the tool says which argument is one: ``sshpass -p``, ``curl -u user:…``, ``mysql -p…``.

Every pattern begins at the tool's name and looks at a bounded stretch behind it, so that matching is linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_WORD = rb"""(?P<v>"[^"$\r\n]{1,200}"|'[^'\r\n]{1,200}'|[^\s"'$`<{|;&(-][^\s"'`|;&]{0,200})"""
_REST = rb"(?=[ \t])(?:[^\r\n|;]|\\\r?\n){0,300}?[ \t]"
_TOOLS = tuple(
    (word, name, re.compile(pattern))
    for word, name, pattern in (
        (
            b"mysql",
            "password",
            rb"(?<![\w-])mysql(?:dump|admin|import)?(?=[ \t])[^\r\n|;]{0,300}?[ \t]-p(?P<v>[^\s\"'$-][^\s\"';|]*|\"[^\"$\r\n]*\"|'[^'\r\n]*')",
        ),
        (b"sshpass", "ssh_password", rb"(?<![\w-])sshpass[ \t]+(?:-v[ \t]+)?-p[ \t]*" + _WORD),
        (
            b"curl",
            "http_password",
            rb"(?<![\w-])curl"
            + _REST
            + rb"(?:-u|-U|--user|--proxy-user)[ \t=]{0,3}[\"']?[\w.@+%-]{1,64}:(?P<v>[^\s\"'$:`{<|;&][^\s\"'`|;&]{0,200})",
        ),
        (b"redis-cli", "redis_password", rb"(?<![\w-])redis-cli" + _REST + rb"-a[ \t]+" + _WORD),
        (b"docker", "registry_password", rb"(?<![\w-])(?:docker|podman)[ \t]+login" + _REST + rb"-p[ \t]+" + _WORD),
        (
            b"--password-stdin",
            "registry_password",
            rb"\becho[ \t]+(?:-[en]+[ \t]+)?"
            + _WORD
            + rb"[ \t]*\|[ \t]*(?:docker|podman|helm)[ \t][^\r\n|;]{0,200}--password-stdin",
        ),
        (
            b"sudo",
            "sudo_password",
            rb"\becho[ \t]+(?:-[en]+[ \t]+)?" + _WORD + rb"[ \t]*\|[ \t]*sudo[ \t]+(?:-\w+[ \t]+){0,4}-S\b",
        ),
    )
)
_TOOL_WORDS = re.compile(r"\b(?:mysql\w*|sshpass|curl|redis-cli|docker login|podman login|sudo) ")
_OPTION = re.compile(
    r"(?:^|\s)--?[\w-]{0,30}(?:pass|pwd|token|secret|key)[\w-]{0,30}[ =]\S|\bexport \w|\bsetx? \w|-D\w|(?:^|\s)(?:-e|--env|--build-arg)[ =]\w+="
    r"|^\w{0,40}(?-i:[A-Z]_?(?:PASS|PASSWORD|PASSWD|PWD|PASSPHRASE|TOKEN|SECRET|KEY))=\S|\bAuthorization: ?\w+ [\w+/]",
    re.I,
)
_ALONE = re.compile(r"setx? \w|[A-Z][A-Z0-9_]{2,60}=\S|Authorization: ?\w")
"""What an option need not stand in: a variable that is set for one command, a header."""
_OPTION_NAME = re.compile(r"--?((?:[A-Za-z][\w-]{0,40}?)?(?:pass(?:word|wd|phrase)?|pwd|token|secret|key))", re.I)
_SHORT = {
    ("sshpass", "-p"): "ssh_password",
    ("redis-cli", "-a"): "redis_password",
    ("login", "-p"): "registry_password",
}
_ATTACHED = re.compile(r"-p(?=[^\s$`{<%-])")
_LOGIN = re.compile(r"[\w.@+%-]{1,64}:(?=[^\s$`{<%])")
_TAKES_ATTACHED = {
    **dict.fromkeys(("mysql", "mysqldump", "mysqladmin", "mysqlimport", "mariadb"), "mysql_password"),
    "sshpass": "ssh_password",
}
_LOGIN_FLAGS = frozenset({"-u", "-U", "--user", "--proxy-user"})


def passwords(data: bytes, start: int, end: int) -> Iterator[tuple[str, re.Match[bytes]]]:
    """Name and match (group ``v`` is the value as written) of each password that a tool in ``data[start:end]`` is given."""
    for word, name, pattern in _TOOLS:
        if data.find(word, start, end) >= 0:
            for match in pattern.finditer(data, start, end):
                yield name, match


def speaks(value: str) -> bool:
    """Whether a text may be a command line that is given a credential."""
    if " -" not in value and "export " not in value and value[:1] != "-" and not _ALONE.match(value):
        return False
    return bool(_OPTION.search(value) or _TOOL_WORDS.search(value))


def option(words: Sequence[str], number: int) -> str:
    """What the argument before it says that word ``number`` of a command is: ``["sshpass", "-p", "…"]``; empty when it says nothing."""
    if not number:
        return ""
    before = words[number - 1]
    if before[:1] != "-" or " " in before:
        return ""
    named = _OPTION_NAME.fullmatch(before)
    if named:
        return named.group(1).replace("-", "_")
    return next((name for (tool, flag), name in _SHORT.items() if flag == before and tool in words[:number]), "")


def attached(words: Sequence[str], number: int) -> tuple[str, int] | None:
    """Name and offset of the password in word ``number`` of a command that holds more: ``["mysql", "-p…"]``, ``["curl", "-u", "user:…"]``."""
    tools = [word.rpartition("/")[2] for word in words[:number]]
    if found := _ATTACHED.match(words[number]):
        name = next((_TAKES_ATTACHED[tool] for tool in tools if tool in _TAKES_ATTACHED), "")
        return (name, found.end()) if name else None
    if number and words[number - 1] in _LOGIN_FLAGS and "curl" in tools and (found := _LOGIN.match(words[number])):
        return "http_password", found.end()
    return None
