"""The page: self-contained, without a value, with nothing out of the tree taken for markup; and it tells how far each secret has come."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hardcode_hunter import planfile, report
from hardcode_hunter.formats._html import element, markup, page
from hardcode_hunter.model import (
    Consumer,
    Environment,
    Evaluated,
    Home,
    Kind,
    Order,
    Origin,
    Plan,
    Question,
    RotationChoice,
    Secret,
    SecretField,
)
from hardcode_hunter.status import Row
from tests.embedded.shop_credentials import SHOP, shop_credentials
from tests.gate import Repository, Run, write

pytest_plugins = ("tests.gate_fixtures",)

LEAKY = 'import psycopg2\n\n\ndef connect():\n    return psycopg2.connect(host="db", user="app", password="harbour-light-9")\n'
VOID = {"meta", "input"}


class Page(HTMLParser):
    """Reads a page as strictly as HTML allows: every element is closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = text
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.inside: dict[str, str] = {}
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("style", "script"):
            self.inside[self.open[-1]] = self.inside.get(self.open[-1], "") + data
        else:
            self.words.append(data)

    @property
    def told(self) -> str:
        return " ".join(self.words)


def policy(parsed: Page) -> dict[str, str]:
    (content,) = [
        a["content"] for tag, a in parsed.elements if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    ]
    return dict(part.strip().split(" ", 1) for part in content.split(";"))


def check_self_contained(parsed: Page) -> None:
    rules = policy(parsed)
    assert rules["default-src"] == "'none'"
    for kind in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(parsed.inside[kind].encode()).digest()).decode()
        assert rules[f"{kind}-src"] == f"'sha256-{digest}'"
    for tag, attributes in parsed.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert not any(name.startswith("on") or name in ("style", "src", "srcset", "action") for name in attributes), (
            attributes
        )
        assert attributes.get("href", "#").startswith("#")
    assert "url(" not in parsed.inside["style"]
    assert not re.search(r"fetch|XMLHttp|import|WebSocket|https?:", parsed.inside["script"])


@pytest.fixture
def shop(repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Repository:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    shutil.copytree(SHOP, repository.root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    repository.commit()
    return repository


# ---------------------------------------------------------------- the format


def test_the_format_is_self_contained_and_tells_everything(run: Run, tmp_path: Path) -> None:
    files = {
        "a.py": LEAKY,
        "b.py": LEAKY,
        "broken.py": 'print "x"\npassword = "quay-at-9"\n',
        "k.py": 'password = "mole-end-7"  # gitleaks:allow\n',
    }
    write(tmp_path, files)
    out = run("scan", ".", "--output", "html", cwd=tmp_path).out
    parsed = Page(out)
    check_self_contained(parsed)
    for words in ("a.py:5", "b.py:5", "postgresql-password", "psycopg2.connect(password=)", "gitleaks", "broken.py:1"):
        assert words in parsed.told
    for value in ("harbour-light-9", "quay-at-9", "mole-end-7"):
        assert value not in out


def test_names_in_the_tree_are_text(run: Run, tmp_path: Path) -> None:
    name = '"><script>alert(1)<\u202e.py'
    write(tmp_path, {name: LEAKY, "c.py": 'x = {"<img src=x onerror=alert(1)>": {"db_password": "harbour-light-9"}}\n'})
    out = run("scan", ".", "--output", "html", cwd=tmp_path).out
    parsed = Page(out)
    check_self_contained(parsed)
    assert len([tag for tag, _ in parsed.elements if tag == "script"]) == 1
    assert '"><script>alert(1)<' in parsed.told
    assert "\u202e" not in out


def test_a_clean_tree_has_a_page_too(run: Run, tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "x = 1\n"})
    parsed = Page(run("scan", ".", "--output", "html", cwd=tmp_path).out)
    check_self_contained(parsed)
    assert "No credential was found" in parsed.told


def test_text_is_escaped_wherever_it_stands() -> None:
    made = element("p", "<b>", ["&", element("i", "'\"")], title='"<')
    assert made == '<p title="&quot;&lt;">&lt;b&gt;&amp;<i>&#x27;&quot;</i></p>'
    assert markup("a\x1b[2Jb\nc") == "a\\x1b[2Jb\nc"
    check_self_contained(Page(page("t", "x")))


# ---------------------------------------------------------------- the command


def test_a_page_is_written_from_a_tree_without_a_plan(run: Run, shop: Repository) -> None:
    ran = run("report", cwd=shop.root)
    assert (ran.status, ran.out) == (0, "Wrote hardcode-hunter-report.html\n")
    out = (shop.root / "hardcode-hunter-report.html").read_text("utf-8")
    parsed = Page(out)
    check_self_contained(parsed)
    assert not (shop.root / planfile.PLAN_FILE).exists(), "a page is no plan"
    assert shop_credentials().mask(out) == out
    for words in (
        "Nothing is written down yet",
        "not yet rotated",
        "postgres",
        "get_secret(",
        "Before they can rotate",
        "Order of work",
        "Not searched",
    ):
        assert words in parsed.told
    ids = {a["id"] for tag, a in parsed.elements if tag == "details" and "id" in a}
    links = {a["href"][1:] for tag, a in parsed.elements if tag == "a"}
    assert links == ids
    assert len(ids) >= 8


def test_the_page_follows_the_migration(run: Run, shop: Repository, tmp_path: Path) -> None:
    page_file = tmp_path / "page.html"
    assert run("plan", ".", "--no-diff", cwd=shop.root).status == 1
    assert run("apply", "--offline", cwd=shop.root).status == 0
    assert run("report", "--html", page_file, cwd=shop.root).status == 0
    out = page_file.read_text("utf-8")
    parsed = Page(out)
    check_self_contained(parsed)
    assert shop_credentials().mask(out) == out
    assert "Nothing is written down yet" not in parsed.told
    assert "deploy the stack, then" in parsed.told
    assert "its value waits for" in parsed.told


def test_the_history_is_searched_when_asked_for(run: Run, shop: Repository, tmp_path: Path) -> None:
    run("report", "--html", tmp_path / "page.html", "--history", cwd=shop.root)
    parsed = Page((tmp_path / "page.html").read_text("utf-8"))
    assert shop.git("rev-parse", "--short=12", "HEAD").strip() in parsed.told
    assert "Rewriting history does not un-leak" in parsed.told
    assert "shop/db.py" in parsed.told


def test_a_plan_that_no_longer_fits_is_said(run: Run, shop: Repository, tmp_path: Path) -> None:
    run("plan", ".", "--no-diff", cwd=shop.root)
    db = shop.root / "shop" / "db.py"
    db.write_text("# changed since\n" + db.read_text("utf-8"), "utf-8")
    assert run("report", "--html", tmp_path / "page.html", cwd=shop.root).status == 0
    parsed = Page((tmp_path / "page.html").read_text("utf-8"))
    assert "The plan that is written down does not fit" in parsed.told
    assert "shop/db.py" in parsed.told


@pytest.mark.parametrize("words", [["report", "--html", "no/such/folder/x.html"], ["report", "nowhere"]])
def test_what_can_not_be_written_or_read_is_2(run: Run, tmp_path: Path, words: list[str]) -> None:
    write(tmp_path, {"a.py": "x = 1\n"})
    ran = run(*words, cwd=tmp_path)
    assert (ran.status, ran.err.count("\n")) == (2, 1)


def test_an_empty_folder_is_2(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert run("report", "empty", cwd=tmp_path).status == 2


# ---------------------------------------------------------------- readiness


def plan_of(secret: Secret) -> Plan:
    return Plan("shop", Order.SHELL_FIRST, "helper", "cloudformation", (Environment("prod"),), (secret,), (), (), {})


def row(**changes: str) -> Row:
    plain = {"stored": "yes", "deployed": "1 of 1", "rotated": "off", "next": ""} | changes
    return Row("db", "prod/shop/db", "prod", 1, plain["stored"], 1, plain["deployed"], plain["rotated"], plain["next"])


FIELDS = (SecretField("password", (Origin("a.py", "x"),)),)
ROTATES = RotationChoice("postgresql-single-user")
AT_CALL = Consumer("a.py", 3, "f", Evaluated.CALL, role="arn:x")
CASES = [
    (Secret("db", Kind.DATABASE, Home.SECRETS_MANAGER, "prod", FIELDS, rotation=ROTATES, consumers=(AT_CALL,)), row(), ["good", "good"]),
    (Secret("db", Kind.DATABASE, Home.SECRETS_MANAGER, "prod", FIELDS, rotation=ROTATES, consumers=(AT_CALL,)), row(stored="no"), ["good", "bad", "good"]),
    (Secret("db", Kind.API_KEY, Home.SECRETS_MANAGER, "prod", FIELDS), row(), ["warn"]),
    (Secret("db", Kind.DATABASE, Home.ROLE, "prod", FIELDS), None, ["good"]),
    (
        Secret("db", Kind.DATABASE, Home.SECRETS_MANAGER, "prod", FIELDS, rotation=ROTATES, questions=(Question("q", "which?"),), consumers=(Consumer("a.py", 3, "f", Evaluated.IMPORT),)),
        row(),
        ["good", "bad", "warn", "warn"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("secret", "at", "colours"), CASES)
def test_what_a_rotation_needs(secret: Secret, at: Row | None, colours: list[str]) -> None:
    assert [colour for colour, _ in report.checks(plan_of(secret), secret, at)] == colours


# ---------------------------------------------------------------- in a browser


def test_a_browser_runs_the_script_and_refuses_nothing(run: Run, shop: Repository, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not browser:
        pytest.skip("no Chromium is installed: the page was not opened")
    made = tmp_path / "page.html"
    run("report", "--html", made, cwd=shop.root)
    words = [
        browser,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--enable-logging=stderr",
        "--v=0",
        "--dump-dom",
        made.as_uri(),
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    assert 'class="tools"' in done.stdout, "the script ran: the filter is shown"
    assert 'class="tools hidden"' not in done.stdout
    assert "Content Security Policy" not in done.stderr
