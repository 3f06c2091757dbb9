"""A mail relay and a carrier's API that check credentials as real ones do and keep a record of what they were told."""

from __future__ import annotations

import base64
import contextlib
import email
import email.policy
import hmac
import http.server
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hardcode_hunter.model import Plaintext


@dataclass(frozen=True, slots=True)
class Mail:
    """A message as the relay took it."""

    sender: str
    recipients: tuple[str, ...]
    subject: str
    body: str


@dataclass(slots=True)
class MailRelay:
    """A running relay that lets one login in. ``logins`` holds user and outcome, ``messages`` what was sent."""

    host: str
    port: int
    logins: list[tuple[str, bool]] = field(default_factory=list)
    messages: list[Mail] = field(default_factory=list)


@dataclass(slots=True)
class CarrierApi:
    """A running booking API that wants one bearer token. ``bookings`` holds path, outcome and the JSON body."""

    url: str
    bookings: list[tuple[str, bool, Any]] = field(default_factory=list)


@contextlib.contextmanager
def mail_relay(user: str, password: Plaintext) -> Iterator[MailRelay]:
    """SMTP with AUTH PLAIN and LOGIN (RFC 4954) on loopback; mail without a login is refused (530)."""

    class Session(_MailSession):
        expected = (user, password)

    with _listening(socketserver.ThreadingTCPServer, Session) as server:
        host, port = server.server_address[:2]
        Session.relay = MailRelay(str(host), int(port))
        yield Session.relay


class _MailSession(socketserver.StreamRequestHandler):
    expected: tuple[str, Plaintext]
    relay: MailRelay
    timeout = 30  # seconds of silence after which the session ends

    def handle(self) -> None:
        self._authenticated = False
        self._sender = ""
        self._recipients: list[str] = []
        self._say("220 relay ready")
        while line := self.rfile.readline():
            verb, _, argument = line.decode("utf-8", "replace").strip().partition(" ")
            answer = _VERBS.get(verb.upper(), _MailSession._unknown)(self, argument)
            self._say(answer)
            if answer.startswith("221"):
                return

    def _say(self, line: str) -> None:
        self.wfile.write(line.replace("\n", "\r\n").encode("ascii") + b"\r\n")

    def _unknown(self, argument: str) -> str:
        return "502 not implemented"

    def _hello(self, argument: str) -> str:
        return "250-relay\n250 AUTH PLAIN LOGIN"

    def _auth(self, argument: str) -> str:
        mechanism, _, initial = argument.partition(" ")
        if mechanism.upper() == "PLAIN":
            _, user, password = self._decoded(initial or self._ask("")).split("\0")
        else:
            user = self._decoded(initial or self._ask("VXNlcm5hbWU6"))
            password = self._decoded(self._ask("UGFzc3dvcmQ6"))
        wanted_user, wanted_password = self.expected
        right = hmac.compare_digest(
            f"{user}\0{password}".encode(), f"{wanted_user}\0{wanted_password.reveal()}".encode()
        )
        self._authenticated = right
        self.relay.logins.append((user, right))
        return "235 authenticated" if right else "535 authentication failed"

    def _ask(self, challenge: str) -> str:
        self._say(f"334 {challenge}")
        return self.rfile.readline().decode("ascii", "replace").strip()

    @staticmethod
    def _decoded(answer: str) -> str:
        return base64.b64decode(answer).decode("utf-8")

    def _mail(self, argument: str) -> str:
        if not self._authenticated:
            return "530 authentication required"
        self._sender, self._recipients = _address(argument), []
        return "250 ok"

    def _rcpt(self, argument: str) -> str:
        self._recipients.append(_address(argument))
        return "250 ok"

    def _data(self, argument: str) -> str:
        if not self._recipients:
            return "503 no recipients"
        self._say("354 go on")
        lines: list[bytes] = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        body = message.get_body(("plain",))
        text = body.get_content().strip() if body is not None else ""
        self.relay.messages.append(Mail(self._sender, tuple(self._recipients), str(message["Subject"]), text))
        return "250 taken"

    def _ok(self, argument: str) -> str:
        return "250 ok"

    def _quit(self, argument: str) -> str:
        return "221 bye"


_VERBS: dict[str, Callable[[_MailSession, str], str]] = {
    "EHLO": _MailSession._hello,
    "HELO": _MailSession._ok,
    "AUTH": _MailSession._auth,
    "MAIL": _MailSession._mail,
    "RCPT": _MailSession._rcpt,
    "DATA": _MailSession._data,
    "RSET": _MailSession._ok,
    "NOOP": _MailSession._ok,
    "QUIT": _MailSession._quit,
}


def _address(argument: str) -> str:
    return argument.partition("<")[2].partition(">")[0]


@contextlib.contextmanager
def carrier_api(token: Plaintext) -> Iterator[CarrierApi]:
    """An HTTP API on loopback: ``POST …/bookings`` gives a tracking number, or 401 for another token."""

    class Request(_CarrierRequest):
        expected = token

    with _listening(http.server.ThreadingHTTPServer, Request) as server:
        host, port = server.server_address[:2]
        Request.api = CarrierApi(f"http://{host!s}:{port}/v2")
        yield Request.api


class _CarrierRequest(http.server.BaseHTTPRequestHandler):
    expected: Plaintext
    api: CarrierApi

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
        sent = self.headers.get("Authorization", "").encode()
        right = hmac.compare_digest(sent, b"Bearer " + self.expected.reveal().encode())
        self.api.bookings.append((self.path, right, body))
        if right and self.path == "/v2/bookings":
            self._answer(201, {"tracking": f"PP{sum(ok for _, ok, _ in self.api.bookings):06d}"})
        else:
            self._answer(401 if not right else 404, {"error": "refused"})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing on standard error."""


@contextlib.contextmanager
def _listening(
    server_type: Callable[..., socketserver.TCPServer], handler: type[socketserver.BaseRequestHandler]
) -> Iterator[socketserver.TCPServer]:
    server = server_type(("127.0.0.1", 0), handler)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
