"""Trees that somebody wrote to hurt whoever scans them: built from this table, each credential a canary that names its file.

``build(folder)`` writes one folder for each class and answers the rows. What a scan must do with a row is its ``scan``: ``find`` the canary's
line, take it for ``clean``, ``skip`` it and say so, or ``any``. Whatever the row: no crash, no hang, no canary in any output, no raw control
byte, nothing executed, nothing read or written outside.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import os
import socket
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PWNED = "HH-PWNED"
"""A file of this name means that something of the tree was executed."""
LINE = 'db_password = "{C}"\n'


@dataclass(frozen=True, slots=True)
class Row:
    """One file. ``path`` is relative to the folder of its class."""

    kind: str
    path: bytes
    scan: str
    canary: str


def canary(path: bytes) -> str:
    """22 letters and digits that no word is made of, another for each path."""
    return "Hq" + hashlib.sha256(b"hostile " + path).hexdigest()[:20].translate(
        str.maketrans("0123456789abcdef", "7kQ2vX9mZ4rTw8Lb")
    )


Made = str | bytes | Callable[[Path], None]
Table = dict[str | bytes, tuple[Made, str]]


def encodings() -> Table:
    line = LINE.encode()
    return {
        "bom.py": (codecs.BOM_UTF8 + line, "find"),
        "bom_and_cookie.py": (codecs.BOM_UTF8 + b"# coding: latin-1\n" + line, "find"),
        "latin1.py": (b"# coding: latin-1\nn = 'J\xe9r'\n" + line, "find"),
        "latin1_undeclared.py": (b"n = 'J\xe9r'\n" + line, "find"),
        "cookie_third_line.py": (b"#!/usr/bin/python\n\n# coding: latin-1\nn = '\xe9'\n" + line, "find"),
        "shift_jis.py": ("# coding: shift_jis\nn = '\u8868'\n".encode("shift_jis") + line, "find"),
        "utf16.py": (codecs.BOM_UTF16_LE + "x = 1\n".encode("utf-16-le"), "any"),
        "utf16.env": (LINE.encode("utf-16"), "any"),
        "utf32.py": (codecs.BOM_UTF32_LE + "x = 1\n".encode("utf-32-le"), "any"),
        "nul.py": (b"a = 1\n\0\n" + line, "find"),
        "nul_late.py": (b"#" + b" " * 9000 + b"\0\n" + line, "find"),
        "crlf.py": (line.replace(b"\n", b"\r\n") + b"x = 1\r\n", "find"),
        "cr.py": (b"x = 1\r" + line.replace(b"\n", b"\r") + b"y = 2\r", "find"),
        "mixed.py": (b"x = 1\r\ny = 2\n" + line + b"z = 3\r", "find"),
        "no_end.py": (line.rstrip(), "find"),
        "separators.py": ('a = "x\u2028y\u2029z\x85w\x0bq\x1cr"\n' + LINE, "find"),
        "surrogate_bytes.py": (b"x = '\xed\xa0\x80'\n" + line, "find"),
        "surrogate_value.py": ('db_password = "{C}\\udfff"\n', "find"),
        "overlong.py": (b"# \xc0\xaf\n" + line, "find"),
        "backslash.py": (line + b"\\", "find"),
        "empty.py": (b"", "clean"),
        "only_bom.py": (codecs.BOM_UTF8, "clean"),
        **{f"cookie_{name}.py": (f"# coding: {name}\n".encode() + line, "any" if name in ("utf-7", "unicode_escape") else "find") for name in ("klingon", "rot13", "zlib", "hex", "utf-7", "unicode_escape", "idna", "undefined")},
    }  # fmt: skip


def syntax() -> Table:
    return {
        "python2.py": ("print 'hi'\nexec 'x = 1'\n" + LINE, "find"),
        "tabs.py": ("def f():\n\tif 1:\n        \tpassword = '{C}'\n", "find"),
        "tstring.py": ('u = "u"\ndsn = t"postgres://{u}:{C}@db/prod"\n', "any"),
        "nested_fstring.py": ('x = f"{f"{f"{1 + 1}"}"}"\n' + LINE, "find"),
        "walrus.py": ('if (password := "{C}"):\n    pass\n', "find"),
        "unfinished.py": (LINE + "def f(:\n    x = (1,\n", "find"),
        "conflict.py": ('<<<<<<< HEAD\npassword = "{C}"\n=======\n>>>>>>> other\n', "find"),
        "ipython.py": ('%load_ext sql\n!pip install x\npassword = "{C}"\n', "find"),
        "two.py": ('password = "{C}"; secret_key = "{C}2"; x = {"api_key": "{C}3"}\n', "find"),
        "bytes.py": ('secret_key = b"{C}"\n', "find"),
        "ignore_in_string.py": ('note = "# hardcode-hunter: ignore"; password = "{C}"\n', "find"),
        "bidi.py": ('a = "user\u202e \u2066# check\u2069 \u2066"\npassword = "{C}"\n', "find"),
        "shadows.py": ("boto3 = os = json = get_secret = None\n" + LINE, "find"),
        "zero_width.py": ('password = "{C}\u200b"\n', "find"),
    }


def sizes() -> Table:
    deep = {
        "parentheses": "x = " + "(" * 10_000 + "1" + ")" * 10_000, "brackets": "x = " + "[" * 10_000 + "]" * 10_000,
        "attributes": "x = a" + ".b" * 5_000, "unary": "x = " + "-" * 5_000 + "1", "sums": "x = " + "+".join(["1"] * 10_000),
        "elifs": "if x == 0:\n  pass\n" + "".join(f"elif x == {i}:\n  pass\n" for i in range(3_000)),
        "indents": "".join(f"{' ' * i}if x:\n" for i in range(110)) + " " * 110 + "pass",
        "digits": "x = " + "9" * 6_000, "concatenation": "x = " + " + ".join(f"'a{i}'" for i in range(2_000)),
    }  # fmt: skip
    return {
        **{f"{name}.py": (f"{LINE}{text}\n", "find") for name, text in deep.items()},
        "one_line.py": ("x = [" + "1," * 500_000 + ']; password = "{C}"\n', "any"),
        "comment.py": ("# " + "a" * 500_000 + "\n" + LINE, "find"),
        "base64.py": ("x = '" + "QUJD" * 125_000 + "'\n" + LINE, "find"),
        "many.py": ("".join(f'password_{i} = "{{C}}{i:04}"\n' for i in range(1_500)), "find"),
        "same.py": ("".join(f'def f{i}(): password = "{{C}}"\n' for i in range(1_000)), "find"),
        "too_large.py": (lambda path: os.truncate(_touched(path), 64 << 20), "skip"),
        "deep.json": ("[" * 50_000 + "]" * 50_000, "any"),
        "objects.json": ('{"a":' * 10_000 + "1" + "}" * 10_000, "any"),
        "integer.json": ('{"a": ' + "9" * 6_000 + ', "password": "{C}"}', "find"),
        "laughs.yaml": ("a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)) + "password: '{C}'\n", "find"),
        "flow.yaml": ("a: " + "[" * 5_000 + "]" * 5_000 + "\n", "any"),
        "nested.yaml": ("".join(f"{' ' * i}a:\n" for i in range(1_500)), "any"),
        "deep.tf": ("locals {\n  a = " + "[" * 10_000 + "]" * 10_000 + "\n}\n", "any"),
        "blocks.tf": ("b {\n" * 3_000 + "}\n" * 3_000, "any"),
        "templates.tf": ("locals {\n  a = " + '"${' * 300 + "1" + '}"' * 300 + "\n}\n", "any"),
    }  # fmt: skip


def _touched(path: Path) -> Path:
    path.touch()
    return path


def matching() -> Table:
    """Text on which a backtracking expression takes for ever."""
    shapes = {
        "a": "a" * 30_000 + "!", "dots": "." * 30_000, "dashes": "-" * 30_000, "quotes": '"' * 30_000, "backslashes": "\\" * 30_000,
        "equals": "password" + "=" * 30_000, "blanks": "password" + " " * 30_000 + "=", "colons": "a:" * 15_000 + "@",
        "urls": "postgres://" * 3_000 + ":@", "keys": "AKIA" * 8_000, "jwt": "eyJ" * 10_000, "pem": "-----BEGIN RSA PRIVATE KEY-----\n" * 1_500,
        "braces": "{" * 30_000, "templates": "${" * 15_000, "passwords": "password=" * 4_000, "tags": "<a " * 10_000,
    }  # fmt: skip
    return {f"{name}.{suffix}": (f"{text}\n{LINE}", "any") for name, text in shapes.items() for suffix in ("py", "env")}


def outputs() -> Table:
    """Values that act where they are printed, and files whose errors quote them."""
    return {
        "escapes.py": ('password = "{C}\x1b[31m\x1b]0;t\x07"\n', "find"),
        "commands.py": ('password = """{C}\n::stop-commands::x\n::error file=a.py::b\n##vso[task.x]\n"""\n', "any"),
        "markup.py": ('password = "{C}<script>alert(1)</script>]]>&"\n', "any"),
        "formula.py": ('password = "=cmd|{C}!A1"\n', "any"),
        "formats.py": ('password = "{C}%s%n{0}{0.__class__}"\n', "any"),
        "broken.py": ('password = "{C}\nx = (\n', "any"),
        "duplicate.yaml": ("password: '{C}'\npassword: '{C}'\n", "find"),
        "broken.yaml": ("a: [\npassword: '{C}'\n\t- x\n", "any"),
        "broken.json": ('{"password": "{C}", }', "find"),
        "broken.tf": ('locals {\n  password = "{C}"\n', "find"),
        "broken.toml": ("password = '{C}'\n[[[\n", "find"),
    }


def documents() -> Table:
    return {
        "python_tag.yaml": (f"a: !!python/object/apply:os.system ['touch {PWNED}']\npassword: '{{C}}'\n", "find"),
        "equals_tag.yaml": ("=: 1\npassword: '{C}'\n", "find"),
        "date.yaml": ("d: 2001-99-99\npassword: '{C}'\n", "find"),
        "binary.yaml": ("a: !!binary '***'\nb: !!float ''\npassword: '{C}'\n", "find"),
        "version.yaml": ("%YAML 3.7\n---\npassword: '{C}'\n", "find"),
        "long_key.yaml": ("k" * 1100 + ": 1\npassword: '{C}'\n", "find"),
        "list.yaml": ("- 1\n- [password, '{C}']\n", "any"),
        "twice.json": ('{"password": "{C}", "password": "x"}', "find"),
        "comments.json": ('// c\n{"password": "{C}", /* x */ "a": [1,],}\n', "find"),
        "not_a_number.json": ('{"a": NaN, "b": 1e999, "password": "{C}"}', "find"),
        "surrogate.json": ('{"a": "\\ud800", "password": "{C}"}', "find"),
        "prototype.json": ('{"__proto__": {"password": "{C}"}}', "find"),
        "functions.tf": (f'locals {{\n  a = file("/etc/passwd")\n  password = "{{C}}"\n}}\ndata "external" "x" {{\n  program = ["touch", "{PWNED}"]\n}}\n', "find"),
        "plain.tf": ('resource "aws_db_instance" "d" {\n  password = "{C}"\n}\n', "find"),
        "crlf.tf": ('locals {\r\n  password = "{C}"\r\n}\r\n', "find"),
        "label.tf": ('resource "aws_db_instance" "a\\"\\n}\\nresource \\"null\\" \\"b" {\n  password = "{C}"\n}\n', "any"),
        "heredoc.tf": ("locals {\n  password = <<EOT\n{C}\n", "any"),
        "logical_id.yaml": ('Resources:\n  "Db\\"\\n  Evil: {Type: AWS::IAM::User}\\n#":\n    Type: AWS::RDS::DBInstance\n    Properties: {MasterUserPassword: \'{C}\'}\n', "find"),
    }  # fmt: skip


def names() -> Table:
    """Names that act where they are printed, written, or put into a generated file."""
    hostile = [
        b"new\nline", b"cr\rname", b"tab\tname", b"quote'", b'double"', b'triple"""', b"{{7*7}}", b"{% raw %}", b"${path.root}", b"${AWS::AccountId}",
        b"%{ if true }", b"$(touch " + PWNED.encode() + b")", b"`touch " + PWNED.encode() + b"`", b"; touch " + PWNED.encode() + b";", b"-rf",
        b"--config=evil", b"@args", b"#comment", b"a: b", b"&anchor", b"*alias", b"!!python", b"import os; os.system('touch " + PWNED.encode() + b"')#",
        b"\\'); evil(", b"bad\xff\xfeutf8", "rtl\u202eyp".encode(), "key\U0001f511".encode(), b"esc\x1b[31mred\x1b[0m", b"title\x1b]0;x\x07",
        b"bell\x07\x08", b"x\n::error file=fake::injected", b"::error title=x::y", b"##vso[task.setvariable]x", b"%0A::set-output", b"=cmd|calc!A1",
        b"file:%2e%2e%2fetc", b"..%2f..%2fetc", b"back\\..\\..\\slash", b"star*?[a-z]", b"comma,semi;pipe|", b"n" * 250, b"<b>html<i>", b"~root",
        b"{{resolve:ssm:x}}", b"arn:aws:secretsmanager:*", b"a|b", b"[link](javascript:x)", b"![x](y)", b"*", b"**", b"'; DROP TABLE x; --",
    ]  # fmt: skip
    unseen = dict.fromkeys((b"blank.py ", "width.py\u200b".encode()), (LINE, "find"))
    return {name + b".py": (LINE, "find") for name in hostile} | unseen


def keys() -> Table:
    """Keys and symbols from which names of secrets, files and resources are made."""
    hostile = {
        "path": "../../prod/admin", "root": "/etc/cron.d/x", "jinja": "{{ cycler.__init__.__globals__ }}", "python": 'x\\"\\"\\"\\nimport os\\n\\"\\"\\"',
        "hcl": 'a\\" }\\nprovisioner \\"local-exec\\" {}', "iam": "*", "variable": "${aws:username}", "sub": "${AWS::AccountId}",
        "resolve": "{{resolve:ssm:/prod/x}}", "long": "k" * 3000, "suffix": "prod-AbCdEf", "line": "a\\nb: c", "escape": "a\\x1b[31m",
    }  # fmt: skip
    return {f"{name}.py": (f'passwords = {{"{key}": "{{C}}"}}\n', "any") for name, key in hostile.items()} | {
        "collide.py": ('a_b_password = "{C}"\npasswords = {"a-b password": "{C}2", "a/b.password": "{C}3"}\n', "find"),
        "json.py": ('password = \'{"username":"x","password":"{C}"}\'\n', "any"),
    }


def files() -> Table:
    def made(make: Callable[[Path], object]) -> Made:
        return lambda path: (make(path), None)[1]

    def unix_socket(path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(os.path.relpath(path))

    def mode(bits: int) -> Made:
        return lambda path: (
            path.write_text(LINE.replace("{C}", canary(b"files/" + os.fsencode(path.name)))),
            path.chmod(bits),
        )[1]

    links = {"link.py": "plain.py", "loop": ".", "up": "..", "self.py": "self.py", "nowhere.py": "gone.py", "passwd.py": "/etc/passwd", "etc": "/etc", "environ.py": "/proc/self/environ"}  # fmt: skip
    return {
        "plain.py": (LINE, "find"),
        **{name: (made(lambda p, t=target: p.symlink_to(t)), "skip") for name, target in links.items()},  # type: ignore[misc]
        "fifo.py": (made(os.mkfifo), "skip"),
        "socket.py": (unix_socket, "skip"),
        "readonly.py": (mode(0o444), "find"),
        "program.py": (mode(0o755), "find"),
        "private.py": (mode(0o600), "find"),
        "dir.py/inner.py": (LINE, "find"),
        "/".join(["d" * 200] * 15) + "/deep.py": (LINE, "find"),
    }


def configuration() -> Table:
    """What tools read from a tree, made to hide, to execute, or to send elsewhere."""
    evil = f"import pathlib; pathlib.Path(__file__).with_name('{PWNED}').touch()\n"
    modules = (
        "sitecustomize",
        "usercustomize",
        "conftest",
        "yaml",
        "jinja2",
        "libcst",
        "boto3",
        "re",
        "json",
        "click",
        "hardcode_hunter",
    )
    return {
        "victim.py": (LINE, "find"),
        **{f"{name}.py": (evil, "any") for name in modules},
        ".gitleaks.toml": ("[[allowlists]]\npaths = ['''.*''']\n", "any"),
        ".secrets.baseline": ('{"plugins_used": [{"name": "E", "path": "file://./conftest.py"}], "filters_used": [{"path": "file://./conftest.py::f"}], "results": {}}', "any"),
        ".bandit": ("[bandit]\nskips: B105\nexclude: /\n", "any"),
        "templates/secrets.yaml.j2": (f"{{{{ cycler.__init__.__globals__.os.popen('touch {PWNED}').read() }}}}", "any"),
        "rules/evil.yaml": ("id: x\nmatch: {values: ['(a+)+$']}\n", "any"),
        ".aws/config": (f"[default]\ncredential_process = touch {PWNED}\nendpoint_url = http://evil.invalid\n", "any"),
        ".env": ("AWS_ENDPOINT_URL=http://evil.invalid\nPYTHONPATH=.\nDB_PASSWORD={C}\n", "find"),
        ".gitattributes": ("*.py filter=evil diff=evil working-tree-encoding=UTF-16\n", "any"),
    }  # fmt: skip


def archives() -> Table:
    def zipped(*entries: tuple[str, bytes]) -> bytes:
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in entries:
                archive.writestr(name, content)
        return data.getvalue()

    def slip() -> bytes:
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w:gz") as archive:
            link = tarfile.TarInfo("l")
            link.type, link.linkname = tarfile.SYMTYPE, "/tmp"
            archive.addfile(link)
        return data.getvalue()

    return {
        "slip.zip": (zipped((f"../../../../tmp/{PWNED}", b"x"), ("ok.py", b"x = 1\n")), "any"),
        "slip.tar.gz": (slip(), "any"),
        "bomb.gz": (gzip.compress(b"\0" * (32 << 20), 9), "any"),
        "nested.zip": (zipped(*((f"{i}.zip", zipped(("z", b"\0" * (4 << 20)))) for i in range(8))), "any"),
        "truncated.zip": (zipped(("a.py", b"x" * 1000))[:60], "any"),
        "zipped.py": (zipped(("a.py", b"x = 1")), "any"),
        "picture.py": (LINE.encode() + b"'''\x89PNG\r\n\x1a\n'''\n", "find"),
        "pdf.py": (b"%PDF-1.7\n" + LINE.encode(), "find"),
    }  # fmt: skip


CLASSES: dict[str, Callable[[], Table]] = {
    each.__name__: each
    for each in (encodings, syntax, sizes, matching, outputs, documents, names, keys, files, configuration, archives)
}


def build(folder: Path, *classes: str) -> list[Row]:
    """Writes the classes (all of them) below ``folder``."""
    return [row for kind in classes or CLASSES for row in _built(folder / kind, kind)]


def _built(place: Path, kind: str) -> Iterator[Row]:
    place.mkdir(parents=True)
    here = os.getcwd()
    for name, (made, scan) in CLASSES[kind]().items():
        path = name if isinstance(name, bytes) else os.fsencode(name)
        file = place / os.fsdecode(path)
        os.chdir(place)  # a socket's path is short
        try:
            os.makedirs(file.parent, exist_ok=True)
            word = canary(kind.encode() + b"/" + path)
            if callable(made):
                made(Path(os.fsdecode(path)))
            else:
                data = made.encode("utf-8", "surrogatepass") if isinstance(made, str) else made
                file.write_bytes(data.replace(b"{C}", word.encode()))
        finally:
            os.chdir(here)
        yield Row(kind, path, scan, word)


def snapshot(root: Path) -> dict[bytes, tuple[int, bytes]]:
    """Mode and content of every regular file below ``root``, and where each link leads."""
    found: dict[bytes, tuple[int, bytes]] = {}
    for here, folders, names in os.walk(os.fsencode(root)):
        for name in (*names, *(f for f in folders if os.path.islink(os.path.join(here, f)))):
            path = os.path.join(here, name)
            about = os.lstat(path)
            data = os.readlink(path) if stat.S_ISLNK(about.st_mode) else b""
            if stat.S_ISREG(about.st_mode) and about.st_size < 16 << 20:
                with open(path, "rb") as file:
                    data = file.read()
            found[os.path.relpath(path, os.fsencode(root))] = about.st_mode, data
    return found
