"""Snippets of Python with what the finding side must say about them: the table of ``test_python_candidates``.

A row is a snippet and, for each literal it names, what is expected. ``value`` picks the candidate; the other keys are compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Expected = Mapping[str, str]


@dataclass(frozen=True)
class Snippet:
    name: str
    source: str
    expected: tuple[Expected, ...]
    absent: tuple[str, ...] = ()  # values that must be no candidate

    def __str__(self) -> str:
        return self.name


def said(value: str, position: str, name: str = "", symbol: str = "", **more: str) -> Expected:
    return {"value": value, "position": position, "name": name, "symbol": symbol, **more}


def row(name: str, source: str, *expected: Expected, absent: tuple[str, ...] = ()) -> Snippet:
    return Snippet(name, source, expected, absent)


CALLS = [
    row("keyword", 'import psycopg2\ndef f():\n    psycopg2.connect(host="h1", port=5432, password="pw-1")\n',
        said("pw-1", "argument", "password", "f.psycopg2.connect.password", callee="psycopg2.connect", parameter="password", evaluated="call"),
        said("5432", "argument", "port", "f.psycopg2.connect.port", literal="int")),
    row("alias", 'import psycopg2 as pg\npg.connect(password="pw-1")\n', said("pw-1", "argument", "password", "psycopg2.connect.password", callee="psycopg2.connect", evaluated="import")),
    row("from import", 'from psycopg2 import connect as c\nc(password="pw-1")\n', said("pw-1", "argument", "password", "psycopg2.connect.password", callee="psycopg2.connect")),
    row("positional", 'import pymysql\npymysql.connect("h", "u", "pw-1", "db")\n', said("pw-1", "argument", "", "pymysql.connect.#2", callee="pymysql.connect", parameter="#2", defines="")),
    row("constructor", 'from smtplib import SMTP\ns = SMTP("h")\ns.login("u", "pw-1")\n', said("pw-1", "argument", "password", "smtplib.SMTP.login.#1", callee="smtplib.SMTP.login", parameter="#1")),
    row("with", 'import ftplib\nwith ftplib.FTP("h") as ftp:\n    ftp.login("u", "pw-1")\n', said("pw-1", "argument", "password", "ftplib.FTP.login.#1", callee="ftplib.FTP.login")),
    row("self", 'import smtplib\nclass M:\n    def __init__(self):\n        self.s = smtplib.SMTP("h")\n    def go(self):\n        self.s.login("u", "pw-1")\n',
        said("pw-1", "argument", "password", "M.go.smtplib.SMTP.login.#1", callee="smtplib.SMTP.login", evaluated="call")),
    row("chain", 'import smtplib\nsmtplib.SMTP("h").login("u", "pw-1")\n', said("pw-1", "argument", "password", "smtplib.SMTP.login.#1", callee="smtplib.SMTP.login")),
    row("annotated parameter", 'import smtplib\ndef f(s: smtplib.SMTP):\n    s.login("u", "pw-1")\n', said("pw-1", "argument", "password", "f.smtplib.SMTP.login.#1", callee="smtplib.SMTP.login")),
    row("unknown receiver", 'def f(server):\n    server.login("u", "pw-1")\n', said("pw-1", "argument", "password", "f.?.login.#1", callee="?.login", parameter="#1")),
    row("rebound", 'import smtplib, ftplib\nc = smtplib.SMTP("h")\nc.login("u", "pw-1")\nc = ftplib.FTP("h")\nc.login("u", "pw-2")\n',
        said("pw-1", "argument", "password", "smtplib.SMTP.login.#1", callee="smtplib.SMTP.login"), said("pw-2", "argument", "password", "ftplib.FTP.login.#1", callee="ftplib.FTP.login")),
    row("tuple argument", 'import requests\nrequests.get("https://x", auth=("u", "pw-1"))\n',
        said("u", "element", "auth", "requests.get.auth[0]", parameter="auth[0]", scope='tuple@("u", "pw'),
        said("pw-1", "element", "auth_password", "requests.get.auth[1]", callee="requests.get", parameter="auth[1]", scope='tuple@("u", "pw')),
    row("header", 'import requests\nrequests.get("u", headers={"Authorization": "Bearer tok-1"})\n',
        said("Bearer tok-1", "item", "Authorization", "requests.get.headers.Authorization", callee="requests.get", parameter="headers.Authorization", scope='dict@{"Authori')),
    row("unpacked dict", 'import psycopg2\npsycopg2.connect(**{"password": "pw-1"})\n', said("pw-1", "argument", "password", "psycopg2.connect.password", parameter="password", scope="call@psycopg2.")),
    row("partial", 'import functools, psycopg2\nfunctools.partial(psycopg2.connect, password="pw-1")\n', said("pw-1", "argument", "password", "psycopg2.connect.password", callee="psycopg2.connect")),
    row("own function", 'def connect(host, password):\n    pass\nconnect("h", "pw-1")\n', said("pw-1", "argument", "password", "connect.#1", callee="connect", parameter="#1", defines="connect:password")),
    row("own class", 'class C:\n    def __init__(self, user, password):\n        pass\nC("u", "pw-1")\n', said("pw-1", "argument", "password", "C.#1", callee="C")),
    row("own method", 'class C:\n    def go(self, token):\n        self.go("tok-1")\n', said("tok-1", "argument", "token", "C.go.C.go.#0", callee="C.go")),
    row("key and value", 'cfg.set("db_password", "pw-1")\n', said("pw-1", "argument", "db_password", "?.set.#1", callee="?.set")),
    row("fetched", 'from secret_store import get_secret\nx = get_secret("pgpassword", "password")\n', said("password", "argument", "", "secret_store.get_secret.#1", callee="secret_store.get_secret")),
    row("wrapper", 'import psycopg2\nfrom pydantic import SecretStr\npsycopg2.connect(password=SecretStr("pw-1"))\n', said("pw-1", "argument", "password", "psycopg2.connect.password", callee="psycopg2.connect")),
    row("encode", 'import hmac\nhmac.new("key-1".encode(), b"x", "sha256")\n', said("key-1", "argument", "", "hmac.new.#0", callee="hmac.new", parameter="#0")),
    row("encode of a module", 'import jwt\ncookie = jwt.encode(payload, "key-1", algorithm="HS256")\n', said("key-1", "argument", "", "jwt.encode.#1", callee="jwt.encode", parameter="#1")),
    row("encode of an object", 'def f(codec):\n    codec.encode(payload, "key-1")\n', said("key-1", "argument", "", "f.?.encode.#1", callee="?.encode", parameter="#1")),
    row("replace of a module", 'from dataclasses import replace\nimport dataclasses as d\nreplace(x, password="pw-1")\nd.replace(x, token="tok-1")\n',
        said("pw-1", "argument", "password", "dataclasses.replace.password"), said("tok-1", "argument", "token", "dataclasses.replace.token")),
    row("secret with several arguments", 'x = Secret("name-1", token="tok-1")\n', said("tok-1", "argument", "token", "Secret.token")),
    row("digest", 'import hashlib\nh = hashlib.sha256()\nh.update(b"salt-1")\n', said("salt-1", "argument", "", "hashlib.sha256.update.#0", callee="hashlib.sha256.update")),
    row("update with a dict", 'cfg.update({"password": "pw-1"})\n', said("pw-1", "item", "password", "cfg.password", parameter="#0.password", defines="cfg.password")),
    row("decoder", 'import base64\nPASSWORD = base64.b64decode("c2VjcmV0LTE=")\n',
        said("c2VjcmV0LTE=", "argument", "PASSWORD", "PASSWORD", callee="base64.b64decode", parameter="#0", defines="PASSWORD")),
    row("format", 'URL = "https://u:pw-1@{}/".format(host)\n', said("https://u:pw-1@{}/", "assignment", "URL", "URL", note="str.format")),
    row("argparse", 'import argparse\np = argparse.ArgumentParser()\np.add_argument("-p", "--db-password", default="pw-1")\n',
        said("pw-1", "argument", "db_password", "argparse.ArgumentParser.add_argument.db_password", parameter="default", note="argparse")),
    row("click", 'import click\n@click.option("--token", default="tok-1")\ndef f(token):\n    pass\n',
        said("tok-1", "argument", "token", "click.option.token", callee="click.option", parameter="default", note="decorator, click", evaluated="import")),
    row("decorator", '@auth("u", "pw-1")\ndef f():\n    pass\n', said("pw-1", "argument", "", "auth.#1", callee="auth", note="decorator", evaluated="import")),
    row("command", 'import subprocess\nsubprocess.run(["mysql", "-ppw-1"])\n', said("-ppw-1", "element", "", "subprocess.run.#0[1]", callee="subprocess.run", parameter="#0[1]")),
    row("star import", 'from tweepy import *\nOAuthHandler("k", "sec-1")\n', said("sec-1", "argument", "", "tweepy.OAuthHandler.#1", callee="tweepy.OAuthHandler")),
    row("async", 'import asyncpg\nasync def f():\n    await asyncpg.connect(password="pw-1")\n', said("pw-1", "argument", "password", "f.asyncpg.connect.password", callee="asyncpg.connect", evaluated="call")),
]  # fmt: skip

DEFINITIONS = [
    row("constant", 'DB_PASSWORD = "pw-1"\n', said("pw-1", "assignment", "DB_PASSWORD", "DB_PASSWORD", scope="module", evaluated="import", defines="DB_PASSWORD")),
    row("local", 'def f():\n    pw = "pw-1"\n', said("pw-1", "assignment", "pw", "f.pw", scope="def f", evaluated="call", defines="f:pw")),
    row("global", 'def f():\n    global PW\n    PW = "pw-1"\n', said("pw-1", "assignment", "PW", "PW", evaluated="call", defines="PW")),
    row("annotated", 'password: str = "pw-1"\n', said("pw-1", "assignment", "password", "password")),
    row("chained", 'x = API_TOKEN = "tok-1"\n', said("tok-1", "assignment", "API_TOKEN", "API_TOKEN")),
    row("unpacked", 'user, (password, port) = "u", ("pw-1", 5432)\n', said("pw-1", "assignment", "password", "password", scope="module"), said("u", "assignment", "user", "user"), said("5432", "assignment", "port", "port")),
    row("walrus", 'if (password := "pw-1"):\n    pass\n', said("pw-1", "assignment", "password", "password", note="walrus")),
    row("augmented", 'dsn += " password=pw-1"\n', said(" password=pw-1", "assignment", "dsn", "dsn", note="augmented")),
    row("attribute", 'class C:\n    def f(self):\n        self.password = "pw-1"\n', said("pw-1", "assignment", "password", "C.f.self.password", scope="def C.f", defines="C.password", evaluated="call")),
    row("module attribute", 'import stripe\nstripe.api_key = "sk-1"\n', said("sk-1", "assignment", "api_key", "stripe.api_key", callee="stripe", parameter="api_key")),
    row("session auth", 'import requests\ns = requests.Session()\ns.auth = ("u", "pw-1")\n', said("pw-1", "element", "auth_password", "s.auth[1]", callee="requests.Session", parameter="auth[1]")),
    row("subscript", 'app.config["SECRET_KEY"] = "sk-1"\n', said("sk-1", "assignment", "SECRET_KEY", "app.config.SECRET_KEY", defines="app.config.SECRET_KEY")),
    row("environ", 'import os\nos.environ["X_API_KEY"] = "key-1"\n', said("key-1", "assignment", "X_API_KEY", "os.environ.X_API_KEY")),
    row("setdefault", 'config.setdefault("K", "v-1")\n', said("v-1", "assignment", "K", "config.K", parameter="#1")),
    row("setattr", 'setattr(obj, "password", "pw-1")\n', said("pw-1", "assignment", "password", "obj.password", callee="setattr")),
    row("update", 'app.config.update(SECRET_KEY="sk-1")\n', said("sk-1", "item", "SECRET_KEY", "app.config.SECRET_KEY", defines="app.config.SECRET_KEY")),
    row("nested dict", 'DATABASES = {"default": {"HOST": "h", "PASSWORD": "pw-1"}}\n',
        said("pw-1", "item", "PASSWORD", "DATABASES.default.PASSWORD", scope='dict@{"HOST": ', defines="DATABASES.default.PASSWORD"), said("h", "item", "HOST", "DATABASES.default.HOST", scope='dict@{"HOST": ')),
    row("dict call", 'cfg = dict(password="pw-1", port=5432)\n', said("pw-1", "item", "password", "cfg.password", scope="dict@dict(pass", defines="cfg.password"), said("5432", "item", "port", "cfg.port")),
    row("list of dicts", 'users = [{"password": "pw-1"}, {"password": "pw-2"}]\n', said("pw-1", "item", "password", "users[0].password"), said("pw-2", "item", "password", "users[1].password")),
    row("name and value", 'env = [{"name": "DB_PASSWORD", "value": "pw-1"}]\n', said("pw-1", "item", "DB_PASSWORD", "env[0].value")),
    row("pairs", 'data = [("user", "u"), ("password", "pw-1")]\n', said("pw-1", "element", "password", "data[1][1]")),
    row("key by name", 'd = {PASSWORD: "pw-1"}\n', said("pw-1", "item", "PASSWORD", "d.PASSWORD")),
    row("list", 'TOKENS = ["tok-1", b"tok-2"]\n', said("tok-1", "element", "TOKENS", "TOKENS[0]"), said("tok-2", "element", "TOKENS", "TOKENS[1]", literal="bytes")),
    row("default argument", 'def f(host, password="pw-1", *, token="tok-1"):\n    pass\n',
        said("pw-1", "default", "password", "f.password", scope="def f", evaluated="import", defines="f:password"), said("tok-1", "default", "token", "f.token")),
    row("method default", 'class C:\n    def f(self, password="pw-1"):\n        pass\n', said("pw-1", "default", "password", "C.f.password", scope="def C.f", evaluated="import")),
    row("default in function", 'def g():\n    def f(password="pw-1"):\n        pass\n', said("pw-1", "default", "password", "g.f.password", evaluated="call")),
    row("lambda default", 'f = lambda password="pw-1": password\n', said("pw-1", "default", "password", "<lambda>.password", evaluated="import")),
    row("lambda body", 'get = lambda: "pw-1"\n', said("pw-1", "return", "get", "get", evaluated="call")),
    row("return", 'def get_password():\n    return "pw-1"\n', said("pw-1", "return", "get_password", "get_password.return", scope="def get_password", defines="get_password()", evaluated="call")),
    row("property", 'class C:\n    @property\n    def password(self):\n        return "pw-1"\n', said("pw-1", "return", "password", "C.password.return", defines="C.password")),
    row("yield", 'def tokens():\n    yield "tok-1"\n', said("tok-1", "return", "tokens", "tokens.yield")),
    row("class attribute", 'class Config:\n    KEY = "key-1"\n', said("key-1", "assignment", "KEY", "Config.KEY", scope="class Config", defines="Config.KEY", evaluated="import", note="")),
    row("nested class", 'class A:\n    class B:\n        KEY = "key-1"\n', said("key-1", "assignment", "KEY", "A.B.KEY", scope="class A.B")),
    row("dataclass", 'from dataclasses import dataclass, field\n@dataclass(frozen=True)\nclass C:\n    pw: str = "pw-1"\n    tok: str = field(default="tok-1")\n    key: str = field(default_factory=lambda: "key-1")\n    X = "x-1"\n',
        said("pw-1", "class-field", "pw", "C.pw", note="dataclass", scope="class C"), said("tok-1", "class-field", "tok", "C.tok", callee="dataclasses.field", parameter="default"),
        said("key-1", "return", "key", "C.key", evaluated="call", parameter="default_factory"), said("x-1", "assignment", "X", "C.X", note="")),
    row("class variable", 'import dataclasses, typing\n@dataclasses.dataclass\nclass C:\n    pw: typing.ClassVar[str] = "pw-1"\n', said("pw-1", "assignment", "pw", "C.pw")),
    row("attrs", 'import attr\n@attr.s\nclass C:\n    pw = attr.ib(default="pw-1")\n', said("pw-1", "class-field", "pw", "C.pw", note="attrs", callee="attr.ib")),
    row("named tuple", 'from typing import NamedTuple\nclass C(NamedTuple):\n    pw: str = "pw-1"\n', said("pw-1", "class-field", "pw", "C.pw", note="namedtuple")),
    row("enum", 'import enum\nclass K(enum.Enum):\n    KEY = "key-1"\n', said("key-1", "class-field", "KEY", "K.KEY", note="enum")),
    row("pydantic", 'from pydantic import BaseSettings, Field, SecretStr\nclass S(BaseSettings):\n    a: str = "pw-1"\n    b: str = Field("pw-2")\n    c: SecretStr = SecretStr("pw-3")\nclass T(S):\n    d: str = "pw-4"\n',
        said("pw-1", "class-field", "a", "S.a", note="pydantic"), said("pw-2", "class-field", "b", "S.b", callee="pydantic.Field", parameter="#0"),
        said("pw-3", "class-field", "c", "S.c", note="pydantic"), said("pw-4", "class-field", "d", "T.d", note="pydantic")),
    row("typed dict", 'from typing import TypedDict\nclass C(TypedDict):\n    pw: str = "pw-1"\n', said("pw-1", "class-field", "pw", "C.pw", note="typeddict")),
    row("field positional", 'from dataclasses import dataclass\n@dataclass\nclass C:\n    user: str\n    password: str\nC("u", "pw-1")\n', said("pw-1", "argument", "password", "C.#1", callee="C", defines="C.password")),
    row("loop", 'for user, password in [("u", "pw-1")]:\n    pass\n', said("pw-1", "element", "password", "password[0]", note="loop")),
    row("comprehension", 'rows = [f(p) for p in ("pw-1",)]\nx = [{"password": "pw-2"} for i in y]\n',
        said("pw-1", "element", "p", "<comprehension>.p[0]", note="loop"), said("pw-2", "item", "password", "x.password", note="comprehension")),
    row("metaclass", 'class C(Base, token="tok-1"):\n    pass\n', said("tok-1", "argument", "token", "C.token")),
    row("type", 'from typing import Literal\nPassword = Literal["pw-1"]\n', said("pw-1", "assignment", "Password", "Password", note="type")),
    row("generated", "# @" + 'generated\nKEY = "key-1"\n', said("key-1", "assignment", "KEY", "KEY", note="generated")),
]  # fmt: skip

OTHERS = [
    row("env default", 'import os\nKEY = os.environ.get("APP_KEY", "key-1")\n', said("key-1", "env-default", "APP_KEY", "KEY", callee="os.environ.get", parameter="default", defines="KEY")),
    row("getenv", 'from os import getenv\nf(getenv("APP_KEY", default="key-1"))\n', said("key-1", "env-default", "APP_KEY", "os.getenv.APP_KEY", callee="os.getenv", sink="f #0")),
    row("environ alias", 'from os import environ\nk = environ.get("APP_KEY") or "key-1"\n', said("key-1", "env-default", "APP_KEY", "k", callee="os.environ.get", parameter="default", note="or")),
    row("decouple", 'from decouple import config\nK = config("APP_KEY", default="key-1")\n', said("key-1", "env-default", "APP_KEY", "K", callee="decouple.config")),
    row("django-environ", 'import environ\nenv = environ.Env()\nK = env.str("APP_KEY", default="key-1")\n', said("key-1", "env-default", "APP_KEY", "K", callee="environ.Env.str")),
    row("nested env", 'import os\nK = os.getenv("A", os.getenv("B", "key-1"))\n', said("key-1", "env-default", "B", "K")),
    row("env in call", 'import os, psycopg2\npsycopg2.connect(password=os.environ.get("PGPASS", "pw-1"), host="h")\n',
        said("pw-1", "env-default", "PGPASS", "os.environ.get.PGPASS", scope="call@psycopg2.", sink="psycopg2.connect password"), said("h", "argument", "host", "psycopg2.connect.host", scope="call@psycopg2.")),
    row("env in class", 'import os\nclass Config:\n    KEY = os.environ.get("APP_KEY", "key-1")\n', said("key-1", "env-default", "APP_KEY", "Config.KEY", scope="class Config", defines="Config.KEY")),
    row("env key alone", 'import os\nK = os.environ.get("APP_KEY")\n', absent=("APP_KEY",)),
    row("comparison", 'def f(password):\n    return password == "pw-1"\n', said("pw-1", "comparison", "password", "f.password==", evaluated="call")),
    row("comparison of item", 'if "pw-1" != request.form["password"].strip():\n    pass\n', said("pw-1", "comparison", "password", "password==")),
    row("membership", 'ok = password in ("pw-1", "pw-2")\n', said("pw-1", "comparison", "password", "password=="), said("pw-2", "comparison", "password", "password==", ordinal="1")),
    row("assertion", 'assert user.password == "pw-1"\n', said("pw-1", "comparison", "password", "password==")),
    row("pattern", 'match token:\n    case "tok-1" | {"password": "pw-1"}:\n        pass\n', said("tok-1", "comparison", "token", "token==", note="pattern"), said("pw-1", "comparison", "password", "password==", note="pattern")),
    row("conditional", 'KEY = "key-1" if prod else "key-2"\n', said("key-1", "assignment", "KEY", "KEY", ordinal="0"), said("key-2", "assignment", "KEY", "KEY", ordinal="1")),
    row("or", 'KEY = given or "key-1"\n', said("key-1", "assignment", "KEY", "KEY")),
    row("bytes", 'KEY = b"key\\xff-1"\n', said("key\xff-1", "assignment", "KEY", "KEY", literal="bytes")),
    row("implicit concatenation", 'KEY = ("key"\n       # half\n       "-1")\n', said("key-1", "assignment", "KEY", "KEY")),
    row("sum", 'h = {"Authorization": "Bearer " + "tok-1"}\n', said("Bearer tok-1", "item", "Authorization", "h.Authorization", literal="str")),
    row("sum with chr", 'KEY = "ke" + chr(121) + "-1"\n', said("key-1", "assignment", "KEY", "KEY")),
    row("partial sum", 'URL = "https://u:" + "pw-1@" + host + "/x"\n', said("https://u:pw-1@", "assignment", "URL", "URL", note="concatenation"), said("/x", "assignment", "URL", "URL", ordinal="1")),
    row("percent", 'h = "Bearer %s" % "tok-1"\n', said("Bearer %s", "assignment", "h", "h", note="percent-format"), said("tok-1", "assignment", "h", "h", note="percent-format argument")),
    row("f-string", 'URL = f"https://u:pw-1@{host!r:>{10}}/{x}"\n', said("https://u:pw-1@\0/\0", "assignment", "URL", "URL", literal="template")),
    row("f-string without holes", 'KEY = f"key-1"\n', said("key-1", "assignment", "KEY", "KEY", literal="str")),
    row("raw and escapes", 'A = r"a\\n-1"\nB = "b\\x2d1\\u00e9"\n', said("a\\n-1", "assignment", "A", "A"), said("b-1\xe9", "assignment", "B", "B")),
    row("triple", 'KEY = """-----BEGIN\nkey-1\n"""\n', said("-----BEGIN\nkey-1\n", "assignment", "KEY", "KEY")),
    row("number", 'ADMIN_PIN = 4821\nWIDTH = 4822\nDEBUG = True\n', said("4821", "assignment", "ADMIN_PIN", "ADMIN_PIN", literal="int"), absent=("4822", "True")),
    row("text in string", 'CFG = """\n[db]\npassword = pw-1\n"""\n', said("pw-1", "text", "password", "CFG/password", literal="text", note="embedded")),
    row("json in string", 'J = \'{"user": "u", "password": "pw-1"}\'\n', said("pw-1", "text", "password", "J/password", literal="text")),
    row("name in string", 'f(headers={"Cookie": \'session_token="tok-1"\'})\n', said("tok-1", "text", "session_token", "f.headers.Cookie/session_token")),
    row("dsn in string", 'DSN = "host=\'h\' password=\'pw-1\'"\n', said("host='h' password='pw-1'", "assignment", "DSN", "DSN"), absent=("pw-1",)),
    row("comparison with a tuple", 'ok = request.auth == ("u", "pw-1")\n', said("pw-1", "comparison", "auth", "auth==", ordinal="1")),
    row("contained", 'ok = "tok-1" in response.cookies\n', said("tok-1", "comparison", "cookies", "cookies==", note="membership")),
    row("sql in string", 'Q = "CREATE USER a IDENTIFIED BY \'pw-1\'"\n', said("pw-1", "text", "password", "Q/password")),
    row("docstring", 'def f():\n    """connect(password="pw-1")\n    https://u:pw-2@host/ """\n', said("pw-1", "text", "password", "f.__doc__/password")),
    row("prose docstring", 'def f():\n    """Return the password: a text."""\n', absent=("Return the password: a text.", "a text.")),
    row("comment", '# db = connect(host="h", password=\'pw-1\')\nx = 1\n', said("pw-1", "text", "password", "comment/password", note="comment", scope="comment@# db = co"), said("h", "text", "host", "comment/host", scope="comment@# db = co")),
    row("no comment", 'X = """\n# password = "pw-1"\n"""\n', said("pw-1", "text", "password", "X/password", note="embedded")),
    row("try", 'try:\n    A = "a-1"\nexcept E:\n    A = "a-2"\nelse:\n    B = "b-1"\nfinally:\n    C = "c-1"\n',
        said("a-2", "assignment", "A", "A", ordinal="1"), said("b-1", "assignment", "B", "B"), said("c-1", "assignment", "C", "C")),
    row("one line", 'if x: f("a-1"); KEY = "key-1"\n', said("key-1", "assignment", "KEY", "KEY")),
]  # fmt: skip

SNIPPETS = [*CALLS, *DEFINITIONS, *OTHERS]
