"""What context tells: literals that no line shows to be credentials, and lines that only look as if they held one.

Each row is a class that public code showed to be missed or reported wrongly; the code is our own.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from hardcode_hunter import parts, pipeline, ruleset, screen
from hardcode_hunter.config import Settings
from hardcode_hunter.model import Confidence, Finding

STRONG = "8f3e2b1c4d5a" + "69788f3e2b1c"


def scanned(tmp_path: Path, name: str, text: str, least: Confidence = Confidence.LOW) -> list[Finding]:
    """The findings of the whole scanner in one file."""
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    result, _ = pipeline.scan([tmp_path], Settings(min_confidence=least), tmp_path)
    return list(result.findings)


MISSED = [
    ("a dict called by the plural", "app.py", 'PASSWORDS = {"prod": "hunter-2019"}', 1, "low"),
    ("a list called by the plural", "app.py", f'API_KEYS = ["{STRONG}"]', 1, "medium"),
    ("a pair", "app.py", 'auth = ("bob", "television")', 1, "medium"),
    ("a pair that is an argument", "app.py", 'fetch(url, auth=("bob", "television"))', 1, "medium"),
    ("pairs of users", "app.py", 'users = [("bob", "hunter-2019")]  # passwords', 1, "high"),
    ("a login by position", "app.py", 'client.login("bob", "television")', 1, "medium"),
    ("an account's password", "app.py", 'user.set_password("television")', 1, "medium"),
    ("what a getter returns", "app.py", 'def get_password():\n    return "television"', 2, "medium"),
    ("an assertion", "app.py", 'self.assertEqual(user.password, "hunter-2019")', 1, "low"),
    ("a command", "app.py", 'os.system("sshpass -p hunter-2019 ssh host")', 1, "medium"),
    ("a command in a list", "app.py", 'run(["sshpass", "-p", "hunter-2019", "ssh", "host"])', 1, "high"),
    ("an option in a list", "app.py", 'run(["deploy", "--db-password", "hunter-2019"])', 1, "high"),
    ("curl's user", "app.py", 'os.system("curl -u bob:hunter-2019 https://files.internal/")', 1, "high"),
    ("sudo's standard input", "app.py", 'ssh.exec_command("echo hunter-2019 | sudo -S ls")', 1, "high"),
    ("Oracle's user and password", "app.py", 'import cx_Oracle\ncx_Oracle.connect("scott/tiger-47@db/orcl")', 2, "high"),
    ("base64 of a pair", "app.py", 'import base64\nx = base64.b64encode(b"bob:hunter-2019")', 2, "high"),
    ("a decoded key", "app.py", f'key_expected = b64decode("{STRONG}{STRONG}")', 1, "medium"),
    ("a literal in pieces", "app.py", 'DSN = (\n    "Server=db;Uid=shop;"\n    "Pwd=hunter-2019;"\n    "Port=1433"\n)', 3, "high"),
    ("a password with digits behind it", "app.py", 'password = "password123"', 1, "high"),
    ("a commented dict", "app.py", '# {"port": 1, "password": "hunter-2019"}\nx = 1', 1, "medium"),
    ("variables of a container", ".ci.yml", "install:\n  - docker run -e MYSQL_PASSWORD=television mysql:8", 2, "low"),
    ("SQL with double quotes", ".ci.yml", 'install:\n  - mysql -e \'CREATE USER a IDENTIFIED BY "television"\'', 2, "medium"),
    ("an option with one dash", ".ci.yml", f"script:\n  - cover -repotoken {STRONG}", 2, "high"),
    ("a command in a list", "pod.yaml", "args: [--db-password, hunter-2019]", 1, "high"),
    ("a word that a product reads", "compose.yaml", "services:\n  db:\n    environment:\n      MYSQL_PASSWORD: firefly", 4, "high"),
    ("a word under secret", "users.json", '{"users": {"backend": {"secret": "serpent"}}}', 1, "low"),
    ("an option that is the word itself", "app.py", 'run(["deploy", "--password", "hunter-2019"])', 1, "high"),
    ("mysql in a list", "app.py", 'run(["mysqldump", "-uroot", "-phunter-2019", "orders"])', 1, "medium"),
    ("mysql in a text", "app.py", 'os.system("mysql -h db.harbour.internal -u root -phunter-2019 orders")', 1, "high"),
    ("curl in a list", "app.py", 'run(["curl", "-u", "bob:hunter-2019", "https://files.internal/"])', 1, "medium"),
    ("a header in a command", "app.py", f"os.system('curl -H \"Authorization: Bearer {STRONG}\" https://a.internal')", 1, "high"),
    ("a header in a list", "app.py", f'run(["curl", "-H", "Authorization: Bearer {STRONG}"])', 1, "high"),
    ("a variable before a command", "app.py", 'os.system("PGPASSWORD=hunter-2019 psql -h db")', 1, "medium"),
    ("a variable for env", "app.py", 'run(["env", "MYSQL_PWD=hunter-2019", "mysql"])', 1, "medium"),
    ("a variable of PowerShell", "deploy.ps1", '$DbPassword = "hunter-2019"', 1, "high"),
    ("a parameter of PowerShell", "deploy.ps1", 'param([string]$Password = "hunter-2019")', 1, "high"),
    ("a secure string", "deploy.ps1", 'ConvertTo-SecureString "hunter-2019" -AsPlainText -Force', 1, "high"),
    ("a secure string by its name", "deploy.ps1", "ConvertTo-SecureString -String 'hunter-2019' -AsPlainText", 1, "high"),
    ("a secure string that is piped", "deploy.ps1", '"hunter-2019" | ConvertTo-SecureString -AsPlainText', 1, "high"),
    ("users and what they log in with", "app.py", 'USERS = {"bob": "hunter-2019"}', 1, "low"),
    ("users inside a function", "app.py", 'def f():\n    users = {\n        "bob": "Grey-Heron-47",\n    }', 3, "medium"),
    ("SQL that is formatted", "app.py", "cur.execute(\"ALTER USER x IDENTIFIED BY '%s'\" % \"hunter-2019\")", 1, "high"),
    ("SQL that is formatted by braces", "app.py", "cur.execute(\"ALTER ROLE x PASSWORD '{}'\".format(\"hunter-2019\"))", 1, "high"),
    ("pieces that are joined", "app.py", 'password = "".join(["hunter", "-", "2019"])', 1, "high"),
    ("a case of a match", "app.py", 'match password:\n    case "hunter-2019":\n        go()', 2, "high"),
    ("a case of a pair", "app.py", 'match (user, password):\n    case ("bob", "hunter-2019"):\n        go()', 2, "high"),
    ("a null byte in a template", "main.tf", '# a \0 b, and enough of text beside it\nvariable "db_password" {\n  default = "hunter-2019"\n}', 3, "high"),
    ("a chart's literal", "chart/s.yaml", 'a: {{ .Values.a }}\ndbPassword: {{ "Grey-Heron-47" | quote }}', 2, "high"),
    ("a chart's default", "chart/s.yaml", 'a: {{ .Values.a }}\ndbPassword: {{ .Values.p | default "Grey-Heron-47" }}', 2, "high"),
    ("a long value", "app.py", f'password = "{STRONG * 3000}"', 1, "high"),
    ("a standard input of docker login", "deploy.sh", "echo hunter-2019 | docker login -u bob --password-stdin", 1, "high"),
    ("mysql in a workflow", ".ci.yml", "script:\n  - mysql -u root -phunter-2019 < x.sql", 2, "high"),
    ("docker login", "deploy.sh", "docker login -u bob -p hunter-2019 registry.internal", 1, "high"),
    ("curl's user in a script", "deploy.sh", "curl -s -u bob:hunter-2019 https://files.internal/", 1, "high"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "line", "confidence"), [row[1:] for row in MISSED], ids=[row[0] for row in MISSED]
)
def test_what_context_tells(name: str, text: str, line: int, confidence: str, tmp_path: Path) -> None:
    found = scanned(tmp_path, name, text + "\n")
    assert [(f.line, f.confidence.label) for f in found] == [(line, confidence)], [(f.rule, f.reason) for f in found]


@pytest.mark.parametrize(("name", "text"), [row[1:3] for row in MISSED], ids=[row[0] for row in MISSED])
def test_a_large_tree_is_not_screened_too_hard(name: str, text: str) -> None:
    """In a large tree a file is parsed only when a look at it says so: none of these may be turned away."""
    rules = ruleset.load(())
    data = f"{text}\n".encode()
    language = pipeline.language_of(name, data)
    kind = parts.SCREENED.get(language.name if language else "")
    assert not kind or screen.of(rules).judge(data, kind).worth


OVER_REPORTED = [
    ("labels in a language", "i18n/ru.json", '{"password": "Пароль", "newPassword": "nuova"}'),
    ("labels in another script", "labels.json", '{"password": "Пароль", "old_password": "Mật khẩu cũ"}'),
    ("a label", "forms.py", 'CHOICES = [("stale_password", "Long time no change")]'),
    ("a name in code", "conf.py", 'BACKEND_PASSWORD = "auth.backends.oidc.PasswordBackend"\nviews = {"password": "settings.change_security"}'),
    ("a name of a template", "conf.py", 'MAILS = [("set_password_template", "customer_set_password_template_id")]'),
    ("names of fields", "conf.py", 'for field in ("password", "public_key"): pass\nrules = [["password", "totp"]]'),
    ("names of columns", "conf.py", 'columns = {"password": ["local_user_id", "created_at", "self_service"]}'),
    ("two constants", "conf.py", 'VALID_CREDENTIALS = ("CODEBUILD", "SERVICE_ROLE")'),
    ("a challenge", "conf.py", 'headers = {"Authorization": \'WSSE realm="SDP",profile="UsernameToken"\'}'),
    ("nobody", "log.yaml", "authorization: Basic Og=="),
    ("an attribute", "conf.py", 'PLAYLIST = """\n#EXT-X-KEY: METHOD=AES-128, URI=/dev/zero\n"""'),
    ("masked", "conf.py", "# postgres://nu***:6a2**@db.internal:5432/d2s**\nx = 1"),
    ("quoting in a URL", "conf.py", 'parse("mysql://usr:pwd%23%20@hst:123/db")\nparse("postgres://bar%5E:%5Dfoo@baz.com/testdb")'),
    ("a document's URL", "values.yaml", "# in the format postgresql://login:password@hostname:port/dbname\na: 1"),
    ("anonymous", "conf.py", 'import ftplib\nftp = ftplib.FTP("ftp.internal", "anonymous", "anonymous@")'),
    ("a version", "conf.py", 'def macro(name, key): pass\nmacro("SDK", "sdkinstallrootv2.0")'),
    ("the start of a longer key", "conf.py", 'import hmac\ndef sign(key, text): return hmac.new(("AWS4" + key).encode(), text)'),
    ("a switch", "compose.yaml", 'services:\n  db:\n    environment:\n      - MYSQL_RANDOM_ROOT_PASSWORD="yes"'),
    ("a test's own account", "tests/test_a.py", 'user.set_password("psst")\nassert user.check_password("newpass123")'),
    ("a variable of compose", "compose.yaml", "services:\n  a:\n    command: server --requirepass $$REDIS_PASSWORD"),
    ("a route", "unit.json", '{"listeners": {"*:80": {"pass": "routes/main"}}}'),
    ("a token in the user's place", "conf.py", 'import requests\nrequests.get(url, auth=(token, "x-oauth-basic"))'),
    ("a dotted name", "conf.py", 'key = "pontoon.contributors.views.(AND:).None"'),
    ("code as a text", "conf.py", 'SECRET = \'    text = boto3.client("secretsmanager").get_secret_value(SecretId="x")["SecretString"]\''),
    ("code that reads one", "conf.py", 'PASSWORD = \'password = get_secret("db")["password"]\'\nTOKEN = "def token(): return os.environ[0]"'),
    ("code in lines", "conf.py", "SECRET = \"import os\\npassword = os.environ['X']\\n\""),
    ("a dict of names", "conf.py", 'FIELDS = {"pwd": "password", "usr": "username"}'),
    ("a form", "conf.py", "PAGE = \"\"\"<form>\n<input name='password' type='text' class='control-2'>\n</form>\"\"\""),
    ("a build's secret", "Makefile", "build:\n\tdocker build --secret id=aws_credentials_2024,src=$(HOME)/.aws ."),
    ("a build's secret in a workflow", ".ci.yml", "script:\n  - docker build --secret type=file,id=npmrc2,src=.npmrc ."),
    ("PowerShell that asks", "deploy.ps1", '$Password = $env:DB_PASSWORD\n$Password = "$Other"\n$Password = Read-Host "Password"\nConvertTo-SecureString $Password -AsPlainText'),
    ("users and what they are", "conf.py", 'USERS = {"bob": "admin", "ann": "Ann Smith"}\naccounts = {"prod": "123456789012"}\nusers = {"name": "bob47", "email": "b47@mail.internal"}'),
    ("words that are joined", "conf.py", 'secret = ", ".join(["name", "password"])'),
    ("a chart that asks", "chart/s.yaml", 'a: {{ .Values.a }}\npassword: {{ .Values.p | quote }}\ndbPassword: {{ required "A password is needed" .Values.q }}\ntoken: {{ include "chart.token" . }}'),
    ("anybody", "conf.py", 'password = "doe"'),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text"), [row[1:] for row in OVER_REPORTED], ids=[row[0] for row in OVER_REPORTED])
def test_what_only_looks_like_it(name: str, text: str, tmp_path: Path) -> None:
    assert [(f.line, f.rule, f.reason) for f in scanned(tmp_path, name, text + "\n")] == []


def test_random_identifiers_are_asked_for(tmp_path: Path) -> None:
    """A UUID names something: it is shown at the lowest confidence alone, and nothing is looked for above that."""
    text = 'report = fetch("/reports/7d0c2c9e-5b1f-4a63-9c1e-2f40d8a6b3e7")\n'
    assert [f.rule for f in scanned(tmp_path, "app.py", text)] == ["random-identifier"]
    assert scanned(tmp_path, "app.py", text, Confidence.MEDIUM) == []


def test_accounts_that_a_program_makes_are_never_sure(tmp_path: Path) -> None:
    """Whoever logs in with them is decided by the program's own store: a high finding is one to act on."""
    text = 'db.session.add(User(name="bob", password="P@ssw0rd-2019"))\nUSERS = {"a": {"password": "P@ssw0rd-2020"}}\n'
    found = scanned(tmp_path, "seed.py", text)
    assert [(f.verdict.value, f.confidence.label) for f in found] == [("report", "medium")] * 2
