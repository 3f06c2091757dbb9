"""The page: self-contained, without a value, with nothing out of the tree taken for markup; and it tells how far each secret has come."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
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
from tests import browser
from tests.embedded.shop_credentials import SHOP, shop_credentials
from tests.gate import ROOT, Repository, Run, write

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


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Page]:
    name = browser.program()
    if not name:
        pytest.skip("no Chromium is installed: the page was not opened")
    with browser.opened(name, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """The report on the shop, which also has a file that a spreadsheet would take for a formula, and one that would be markup."""
    root = tmp_path_factory.mktemp("made")
    shop = Repository(root / "shop")
    shutil.copytree(SHOP, shop.root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    shop.write({"=1+1.py": LEAKY, "b<img src=x>.py": LEAKY.replace("harbour-light-9", "quay-side-8")})
    own = {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(cache), "XDG_STATE_HOME": str(root / "state")}
    words = [sys.executable, "-P", "-m", "hardcode_hunter", "report", "--html", str(root / "page.html")]
    subprocess.run(words, cwd=shop.root, env={**os.environ, **own}, capture_output=True, check=True)
    return root / "page.html"


@pytest.fixture
def shown(made: Path, chromium: browser.Page) -> browser.Page:
    """That page, just opened."""
    chromium.requests.clear()
    chromium.complaints.clear()
    chromium.open(made)
    return chromium


VISIBLE = "Array.from(document.querySelectorAll('[data-table=credentials] tbody tr')).filter(r => r.offsetHeight)"


def test_a_browser_loads_nothing_else_and_complains_of_nothing(shown: browser.Page) -> None:
    shown.run("Array.from(document.querySelectorAll('details')).forEach(d => d.open = true)")
    assert [url.partition(":")[0] for url in shown.requests] == ["file"]
    assert shown.complaints == []
    assert shown.run("document.querySelectorAll('img, iframe, link').length") == 0
    assert shop_credentials().mask(text := shown.run("document.documentElement.outerHTML")) == text


def test_a_policy_stops_what_would_be_slipped_in(shown: browser.Page) -> None:
    shown.run(
        "document.body.insertAdjacentHTML('beforeend', '<img src=https://collector.example/x onerror=window.owned=1>')"
    )
    shown.run(
        "document.head.append(Object.assign(document.createElement('script'), {textContent: 'window.owned = 1'}))"
    )
    assert shown.run("window.owned") is None
    assert any("Content Security Policy" in complaint for complaint in shown.complaints)


def test_a_person_filters_sorts_and_copies(shown: browser.Page) -> None:
    rows = shown.run(f"{VISIBLE}.length")
    assert rows > 5
    shown.run("document.querySelector('[data-table=credentials] input').focus()")
    for letter in "postgres":
        shown.press(letter, ord(letter.upper()), letter)
    kept = shown.run(f"{VISIBLE}.map(r => r.textContent)")
    assert 0 < len(kept) < rows
    assert all("postgres" in text.lower() for text in kept)
    shown.run(
        "(i => { i.value = ''; i.dispatchEvent(new Event('input')); })(document.querySelector('[data-table=credentials] input'))"
    )
    for order in ("ascending", "descending"):
        shown.run("document.querySelector('[data-table=credentials] th button').focus()")
        shown.press("Enter", 13, "\r")
        assert shown.run("document.querySelector('[data-table=credentials] th').getAttribute('aria-sort')") == order
        titles = shown.run(f"{VISIBLE}.map(r => r.cells[0].textContent)")
        compare = "(a, b) => a.localeCompare(b, undefined, {numeric: true})"
        wanted = shown.run(f"{json.dumps(titles)}.sort({compare})")
        assert titles == (wanted if order == "ascending" else wanted[::-1])
    shown.run("document.execCommand = () => { window.copied = document.querySelector('textarea').value; return true; }")
    shown.run("document.querySelector('[data-table=credentials] .tools button').click()")
    copied = list(csv.reader(io.StringIO(shown.run("window.copied"))))
    assert len(copied) == rows + 1
    assert copied[0][0] == "Credential"
    assert not any(cell[:1] in "=+-@" for row in copied for cell in row if cell)
    assert any("'=1+1.py" in cell for row in copied for cell in row)


def test_everything_can_be_reached_and_is_named(shown: browser.Page) -> None:
    """For who can't see the page: names of controls and tables, one order of headings, and the keyboard."""
    shown.run("Array.from(document.querySelectorAll('details')).forEach(d => d.open = true)")
    nodes = [n for n in shown.call("Accessibility.getFullAXTree")["nodes"] if not n.get("ignored")]
    named = {
        (role, node.get("name", {}).get("value", ""))
        for node in nodes
        if (role := node["role"]["value"])
        in ("button", "searchbox", "table", "image", "link", "heading", "DisclosureTriangle")
    }
    assert {role for role, _ in named} >= {"button", "searchbox", "table", "heading", "image", "link"}
    assert all(name for _, name in named), named
    levels = shown.run("Array.from(document.querySelectorAll('h1, h2, h3'), h => Number(h.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    reached = set()
    for _ in range(12):
        shown.press("Tab", 9)
        reached.add(shown.run("document.activeElement.tagName"))
    assert reached & {"A", "SUMMARY"} and "BODY" not in reached
    assert shown.run("document.documentElement.lang") == "en"


CONTRAST = """(() => {
  const channels = (c) => c.match(/[\\d.]+/g).slice(0, 3).map((v) => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  const light = (c) => channels(c).reduce((sum, v, n) => sum + v * [.2126, .7152, .0722][n], 0);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!/, 0\\)$/.test(c)) return c; } return getComputedStyle(document.body).backgroundColor; };
  const bad = [];
  for (const e of document.querySelectorAll('main *')) {
    if (!Array.from(e.childNodes).some((n) => n.nodeType === 3 && n.data.trim()) || !e.offsetHeight) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) bad.push(`${e.tagName} ${e.className} ${((a + .05) / (b + .05)).toFixed(2)}`);
  }
  return bad;
})()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(shown: browser.Page, scheme: str) -> None:
    """WCAG 2.2, 1.4.3: a ratio of 4.5 at least."""
    shown.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    shown.run("Array.from(document.querySelectorAll('details')).forEach(d => d.open = true)")
    background = shown.run("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") is (scheme == "light")
    assert shown.run(CONTRAST) == []


def test_a_narrow_screen_shows_all_of_it(shown: browser.Page) -> None:
    shown.call("Emulation.setDeviceMetricsOverride", width=360, height=700, deviceScaleFactor=1, mobile=True)
    try:
        assert shown.run("document.documentElement.scrollWidth") <= 360
    finally:
        shown.call("Emulation.clearDeviceMetricsOverride")
