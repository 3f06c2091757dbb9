"""Run the bundled legacy application as its users do, and write down all that can be seen from outside.

Two transcripts are equal when the application behaves the same: its pages, the mail it sends and the login it uses,
the token it shows the carrier, the signature it accepts, the cookie it signs, the output of its command line. A
transcript holds outcomes, never a credential.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.embedded.child import serving_child
from tests.embedded.environment import clean_environment
from tests.embedded.postgres import EmbeddedPostgres, identifier, literal
from tests.embedded.recording import CarrierApi, MailRelay, carrier_api, mail_relay
from tests.embedded.shop_credentials import ShopCredentials

STAFF = "marta"
_STAFF_PASSWORD = "anchor-watch"  # a login of this test's own database
_CHILD = Path(__file__).with_name("wsgi_child.py")
_SESSION_COOKIE = "harbour_session"
_CUSTOMER = "skipper@example.com"
_COMMAND_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What the application answered to one request."""

    status: int
    body: str
    cookies: Mapping[str, str]

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class RunningShop:
    """The application as a running process. A session cookie that it sets is sent with the next requests."""

    port: int
    relay: MailRelay
    carrier: CarrierApi
    session: str | None = field(default=None, repr=False)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self._request("GET", path, None, headers)

    def post(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """``body`` is bytes as they are, or anything else as JSON."""
        return self._request("POST", path, body if isinstance(body, bytes) else json.dumps(body).encode(), headers)

    def sign_in(self, password: str = _STAFF_PASSWORD) -> Answer:
        return self.post("/login", {"name": STAFF, "password": password})

    def _request(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str] | None) -> Answer:
        sent = {"Content-Type": "application/json", **(headers or {})}
        if self.session is not None:
            sent["Cookie"] = f"{_SESSION_COOKIE}={self.session}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            text = response.read().decode("utf-8")
        cookies = {
            name: value
            for header in response.headers.get_all("Set-Cookie", [])
            for name, _, value in [header.partition(";")[0].partition("=")]
        }
        if _SESSION_COOKIE in cookies:
            self.session = cookies[_SESSION_COOKIE] or None
        return Answer(response.status, text, cookies)


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was seen, step by step, in an order and a spelling that two runs share."""

    steps: tuple[tuple[str, Any], ...]

    def __getitem__(self, step: str) -> Any:
        return dict(self.steps)[step]

    def differences(self, other: Transcript) -> list[str]:
        """One line for each step that went differently; empty when both behaved the same."""
        mine, theirs = dict(self.steps), dict(other.steps)
        return [
            f"{step}: {mine.get(step)!r} / {theirs.get(step)!r}"
            for step in dict.fromkeys([*mine, *theirs])
            if mine.get(step) != theirs.get(step)
        ]


def prepare_database(postgres: EmbeddedPostgres, credentials: ShopCredentials, directory: Path) -> None:
    """The database, its tables and the role with the password that the application has hardcoded, all made anew."""
    role, database = identifier(credentials.database_user), identifier(credentials.database)
    postgres.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
    postgres.execute(f"DROP ROLE IF EXISTS {role}")
    postgres.execute(f"CREATE ROLE {role} LOGIN PASSWORD {literal(credentials.database_password.reveal())}")
    postgres.execute(f"CREATE DATABASE {database}")
    postgres.execute((directory / "schema.sql").read_text(), database=credentials.database)
    from werkzeug.security import generate_password_hash

    hashed = literal(generate_password_hash(_STAFF_PASSWORD))
    for statement in (
        f"INSERT INTO staff (name, password_hash) VALUES ({literal(STAFF)}, {hashed})",
        f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
    ):
        postgres.execute(statement, database=credentials.database)


@contextlib.contextmanager
def running_shop(
    directory: Path, postgres: EmbeddedPostgres, credentials: ShopCredentials, environment: Mapping[str, str] = {}
) -> Iterator[RunningShop]:
    """The application at ``directory`` as a server, with a relay and a carrier that know the right credentials.

    ``environment`` is added to what the application needs to find its neighbours: an AWS endpoint, for example.
    """
    with _neighbours(credentials) as (relay, carrier):
        variables = shop_environment(postgres, relay, carrier) | dict(environment)
        command = [sys.executable, "-P", str(_CHILD), str(directory.resolve())]
        with serving_child(
            "the shop",
            command,
            environment=clean_environment(variables),
            directory=directory,
            mask=credentials.mask,
        ) as (port, _):
            yield RunningShop(port, relay, carrier)


@contextlib.contextmanager
def _neighbours(credentials: ShopCredentials) -> Iterator[tuple[MailRelay, CarrierApi]]:
    with (
        mail_relay(credentials.mail_user, credentials.mail_password) as relay,
        carrier_api(credentials.parcel_token) as carrier,
    ):
        yield relay, carrier


def shop_environment(postgres: EmbeddedPostgres, relay: MailRelay, carrier: CarrierApi) -> dict[str, str]:
    """The application's own variables: addresses, no credential."""
    return {
        "SHOP_DB_HOST": postgres.host,
        "SHOP_DB_PORT": str(postgres.port),
        "SHOP_SMTP_HOST": relay.host,
        "SHOP_SMTP_PORT": str(relay.port),
        "SHOP_PARCEL_URL": carrier.url,
    }


def command_line(directory: Path, command: str, environment: Mapping[str, str]) -> tuple[int, str]:
    """``python manage.py COMMAND``: exit status and standard output."""
    done = subprocess.run(
        [sys.executable, "manage.py", command],
        cwd=directory,
        env=clean_environment(environment),
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=_COMMAND_SECONDS,
    )
    return done.returncode, done.stdout


def exercise(
    directory: Path, postgres: EmbeddedPostgres, credentials: ShopCredentials, environment: Mapping[str, str] = {}
) -> Transcript:
    """Use the application from end to end and say what was seen.

    ``credentials`` are the right ones (what was hardcoded before the migration); the neighbours refuse all others.
    Orders of earlier runs are emptied, so that two transcripts can be compared.
    """
    postgres.execute("TRUNCATE orders, order_lines RESTART IDENTITY", database=credentials.database)
    seen: dict[str, Any] = {}
    with running_shop(directory, postgres, credentials, environment) as shop:
        variables = shop_environment(postgres, shop.relay, shop.carrier) | dict(environment)
        _browse(shop, seen)
        _sign_in(shop, credentials, seen)
        _order(shop, seen)
        _carrier_reports(shop, credentials, seen)
        _figures(shop, credentials, seen)
        for command in ("remind", "report", "fingerprint"):
            seen[f"manage.py {command}"] = command_line(directory, command, variables)
        seen["mail logins"] = list(shop.relay.logins)
        seen["mail"] = [(mail.sender, mail.recipients, mail.subject, mail.body) for mail in shop.relay.messages]
        seen["bookings"] = list(shop.carrier.bookings)
    _figures_with_token_from_environment(directory, postgres, credentials, environment, seen)
    masked = json.loads(credentials.mask(json.dumps(seen)))
    return Transcript(tuple(masked.items()))


def _seen(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body


def _browse(shop: RunningShop, seen: dict[str, Any]) -> None:
    seen["front page"] = _seen(shop.get("/"))
    seen["products"] = _seen(shop.get("/products"))
    seen["orders before signing in"] = _seen(shop.get("/orders"))


def _sign_in(shop: RunningShop, credentials: ShopCredentials, seen: dict[str, Any]) -> None:
    key, other_key = credentials.session_key.reveal(), secrets.token_hex(16)
    shop.session = forged_session(key)
    seen["session forged with the right key"] = _seen(shop.get("/whoami"))
    shop.session = forged_session(other_key)
    seen["session forged with another key"] = _seen(shop.get("/whoami"))
    shop.session = None
    seen["wrong staff password"] = _seen(shop.sign_in(secrets.token_hex(8)))
    seen["signing in"] = _seen(shop.sign_in())
    seen["session cookie"] = session_content(key, shop.session)
    seen["session cookie under another key"] = session_content(other_key, shop.session)


def _order(shop: RunningShop, seen: dict[str, Any]) -> None:
    lines = [{"sku": "ROPE-10", "quantity": 20}, {"sku": "PAINT-RED", "quantity": 2}]
    seen["ordering"] = _seen(shop.post("/orders", {"customer": _CUSTOMER, "lines": lines}))
    seen["ordering what isn't sold"] = _seen(
        shop.post("/orders", {"customer": _CUSTOMER, "lines": [{"sku": "ANCHOR", "quantity": 1}]})
    )
    seen["orders"] = _seen(shop.get("/orders"))


def _carrier_reports(shop: RunningShop, credentials: ShopCredentials, seen: dict[str, Any]) -> None:
    event = json.dumps({"tracking": "PP000001", "event": "collected"}).encode()
    for what, key in (
        ("the right key", credentials.webhook_key.reveal().encode("ascii")),
        ("another key", secrets.token_bytes(16)),
    ):
        signature = hmac.new(key, event, hashlib.sha256).hexdigest()
        seen[f"webhook signed with {what}"] = _seen(
            shop.post("/webhooks/parcel", event, {"X-Parcel-Signature": signature})
        )
    seen["orders after the webhook"] = _seen(shop.get("/orders"))


def _figures(shop: RunningShop, credentials: ShopCredentials, seen: dict[str, Any]) -> None:
    for what, token in (("the right", credentials.admin_token.reveal()), ("another", secrets.token_hex(8))):
        seen[f"figures with {what} token"] = _seen(shop.get("/admin/figures", {"X-Admin-Token": token}))


def _figures_with_token_from_environment(
    directory: Path,
    postgres: EmbeddedPostgres,
    credentials: ShopCredentials,
    environment: Mapping[str, str],
    seen: dict[str, Any],
) -> None:
    """The variable wins over the hardcoded default, before and after."""
    override = secrets.token_hex(8)
    variables = {**environment, "SHOP_ADMIN_TOKEN": override}
    with running_shop(directory, postgres, credentials, variables) as shop:
        for what, token in (("the variable's", override), ("the default", credentials.admin_token.reveal())):
            answer = shop.get("/admin/figures", {"X-Admin-Token": token})
            seen[f"figures with {what} token when SHOP_ADMIN_TOKEN is set"] = _seen(answer)


def forged_session(key: str) -> str:
    """A session cookie of :data:`STAFF` as Flask signs it with ``key``."""
    return str(_serializer(key).dumps({"staff": STAFF}))


def session_content(key: str, cookie: str | None) -> Any:
    """What a session cookie says, or that its signature isn't of ``key``."""
    import itsdangerous

    try:
        return _serializer(key).loads(cookie or "")
    except itsdangerous.BadSignature:
        return "not signed with this key"


def _serializer(key: str) -> Any:
    import flask

    application = flask.Flask("session")
    application.secret_key = key
    return flask.sessions.SecureCookieSessionInterface().get_signing_serializer(application)
