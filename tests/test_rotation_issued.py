"""The emitted rotations of API keys and OAuth tokens, against an issuer on loopback and an emulated Secrets Manager."""

from __future__ import annotations

import json
import logging
import sys
import textwrap
import threading
import urllib.parse
import uuid
from base64 import b64decode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hardcode_hunter.plugins import Rotation, load
from hardcode_hunter.rotations import sources
from tests.embedded.aws import EmbeddedAws
from tests.rotating_login import STEPS, Crash, Document, Recorder, RotatingLogin, crash_points, emitted, everything_said

pytest_plugins = ("tests.rotating_fixtures",)


class Issuer:
    """A service that issues keys and tokens. It keeps what is alive; ``at_most`` keys may be alive at once."""

    def __init__(self) -> None:
        self.alive: dict[str, str] = {}  # credential -> its id
        self.asked: dict[str, str] = {}  # idempotency key -> credential
        self.requests: list[tuple[str, str, dict[str, str], str]] = []
        self.broken, self.rotates_refresh = 0, True
        self.recorder: Recorder | None = None
        self.url = ""

    def make(self, key: str = "") -> str:
        if key in self.asked:
            return self.asked[key]
        made = uuid.uuid4().hex
        self.alive[made] = uuid.uuid4().hex[:8]
        assert len(self.alive) <= 2, "more than two credentials are alive"
        if key:
            self.asked[key] = made
        return made

    def answer(self, method: str, path: str, form: dict[str, str], authorization: str) -> tuple[int, Document]:
        self.requests.append((method, path, form, authorization))
        if self.broken:
            return self.broken, {"error": "hunter-orders-2019"}
        bearer = authorization.removeprefix("Bearer ")
        parts = urllib.parse.urlsplit(path)
        if parts.path == "/token":
            if form.get("refresh_token") not in self.alive:
                return 400, {"error": "invalid_grant"}
            if self.rotates_refresh:
                del self.alive[form["refresh_token"]]
                return 200, {"access_token": uuid.uuid4().hex, "refresh_token": self.make(), "expires_in": 3600}
            return 200, {"access_token": uuid.uuid4().hex, "token_type": "bearer"}
        if parts.path == "/introspect":
            return 200, {"active": bool(form["token"])}
        if parts.path == "/revoke":
            return 200, {}
        if parts.path == "/moved":
            return 302, {}
        if bearer not in self.alive:
            return 401, {}
        if method == "POST":
            made = self.make(urllib.parse.parse_qs(parts.query)["idempotency_key"][0])
            return 200, {"key": made, "id": self.alive[made]}
        if method == "DELETE":
            gone = [key for key, id in self.alive.items() if id == parts.path.rpartition("/")[2]]
            for key in gone:
                del self.alive[key]
        return 200, {"active": True}


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()

    class Session(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            form = {k: v[0] for k, v in urllib.parse.parse_qs(body).items()}
            status, document = issuer.answer(self.command, self.path, form, self.headers.get("Authorization") or "")
            data = json.dumps(document).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"{issuer.url}/token")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _serve

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Session) as server:
        issuer.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield issuer
        server.shutdown()
        thread.join()


PROVIDER = """
import json, urllib.error, urllib.request

def _call(method, path, document):
    request = urllib.request.Request(document["url"] + "/keys" + path, method=method)
    request.add_header("Authorization", "Bearer " + document["api_key"])
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)

def issue(current, token):
    made = _call("POST", "?idempotency_key=" + token, current)
    return {"api_key": made["key"], "key_id": made["id"]}

def check(document):
    try:
        return _call("GET", "/self", document)["active"]
    except urllib.error.HTTPError:
        return False

def revoke(document):
    try:
        _call("DELETE", "/" + document["key_id"], document)
    except urllib.error.HTTPError as error:
        if error.code != 401:
            raise
"""


@pytest.fixture
def api_key(tmp_path: Path, watched: Callable[[ModuleType], None]) -> Iterator[ModuleType]:
    """The function with a provider that a person wrote beside it."""
    (tmp_path / "provider.py").write_text(PROVIDER)
    sys.modules.pop("provider", None)
    module = emitted("api-key", tmp_path)
    watched(module)
    sys.path.insert(0, str(tmp_path))
    yield module
    sys.path.remove(str(tmp_path))
    sys.modules.pop("provider", None)


@pytest.fixture
def oauth(tmp_path: Path, watched: Callable[[ModuleType], None]) -> ModuleType:
    module = emitted("oauth-refresh-token", tmp_path)
    watched(module)
    return module


def _secret(aws: EmbeddedAws, recorder: Recorder, function: ModuleType, document: Document) -> RotatingLogin:
    secrets = aws.client("secretsmanager")
    arn = secrets.create_secret(Name=uuid.uuid4().hex, SecretString=json.dumps(document))["ARN"]
    aws.enable_rotation(arn)
    return RotatingLogin(function, recorder, aws, None, None, secrets, arn, "")  # type: ignore[arg-type]


@pytest.fixture
def key(aws: EmbeddedAws, recorder: Recorder, api_key: ModuleType, issuer: Issuer) -> RotatingLogin:
    made = issuer.make()
    return _secret(
        aws, recorder, api_key, {"url": issuer.url, "api_key": made, "key_id": issuer.alive[made], "region": "eu"}
    )


# ---------------------------------------------------------------- API keys


def test_ten_rotations_keep_the_two_newest_keys_alive(key: RotatingLogin, issuer: Issuer) -> None:
    used = [key.value()["api_key"]]
    for _ in range(10):
        token = key.rotate()
        used.append(key.value()["api_key"])
        assert set(issuer.alive) == set(used[-2:])
        assert sorted(map(tuple, key.stages().values())) == [("AWSCURRENT",), ("AWSPREVIOUS",)]
        assert key.stages()[token] == ["AWSCURRENT"] and key.value()["region"] == "eu"
    assert len(set(used)) == 11


def test_every_step_may_be_delivered_twice(key: RotatingLogin, issuer: Issuer) -> None:
    key.rotate()
    token = key.begin()
    for step in STEPS:
        for _ in range(2):
            key.step(step, token)
    assert len(issuer.alive) == 2 and key.value()["api_key"] in issuer.alive


def test_the_test_of_a_new_configuration_changes_nothing(key: RotatingLogin, issuer: Issuer) -> None:
    before, token = key.value(), key.begin()
    key.step("testSecret", token)
    assert key.value() == before and [method for method, *_ in issuer.requests] == ["GET"]
    issuer.alive.clear()
    with pytest.raises(ValueError, match="refuses the credential in AWSCURRENT"):
        key.step("testSecret", token)


@pytest.mark.parametrize("resumed", ["from createSecret", "from the step that died"])
def test_a_crash_anywhere_converges_with_the_same_token(
    aws: EmbeddedAws, api_key: ModuleType, recorder: Recorder, issuer: Issuer, resumed: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """The service knows idempotency keys, so not even a crash after its answer leaves a key that nobody holds."""
    sys.modules.pop("provider", None)
    provider = __import__("provider")
    for name in ("issue", "check", "revoke"):
        ask = getattr(provider, name)
        monkeypatch.setattr(provider, name, lambda *a, ask=ask, name=name: (ask(*a), recorder.saw(name))[0])

    def ready() -> RotatingLogin:
        issuer.alive.clear()
        made = issuer.make()
        login = _secret(aws, recorder, api_key, {"url": issuer.url, "api_key": made, "key_id": issuer.alive[made]})
        login.rotate()
        recorder.events.clear()
        return login

    ready().rotate()
    whole, lost = list(recorder.events), []
    assert {"issue", "check", "revoke"} <= set(whole)
    for point in crash_points(whole):
        login = ready()
        token = login.begin()
        recorder.dies_after = point
        died = _die(login, token)
        recorder.dies_after = None
        assert recorder.events == whole[: point + 1]
        for step in STEPS[0 if resumed == "from createSecret" else STEPS.index(died) :]:
            login.step(step, token)
        alive = {login.value()["api_key"], login.value("AWSPREVIOUS")["api_key"]}
        if set(issuer.alive) != alive or login.stages()[token] != ["AWSCURRENT"]:
            lost.append(f"{died}, after {whole[point]}")
    assert lost == []


def _die(login: RotatingLogin, token: str) -> str:
    for step in STEPS:
        try:
            login.step(step, token)
        except Crash:
            return step
    pytest.fail("the rotation ended before the crash")


def test_an_error_of_the_provider_is_told_by_its_type(
    key: RotatingLogin, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    issuer.broken = 500
    with pytest.raises(ValueError, match=r"the provider's issue\(\) failed: HTTPError") as told:
        key.step("createSecret", key.begin())
    said = everything_said(told.value) + caplog.text
    assert key.value()["api_key"] not in said and "hunter-orders-2019" not in said


def test_a_provider_that_issues_nothing_new_is_refused(key: RotatingLogin, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = __import__("provider")
    for answer in (None, {}, {"api_key": key.value()["api_key"]}):
        monkeypatch.setattr(provider, "issue", lambda current, token, answer=answer: answer)
        token = next((v for v, labels in key.stages().items() if "AWSPENDING" in labels), "") or key.begin()
        with pytest.raises(ValueError, match="no new credential"):
            key.step("createSecret", token)


def test_the_actions_are_exactly_the_calls(key: RotatingLogin, recorder: Recorder) -> None:
    key.rotate()
    key.rotate()
    assert recorder.operations() == set(load("rotations", Rotation)["api-key"].iam_actions)


def test_the_provider_in_the_functions_own_words_is_one() -> None:
    """The example of the docstring compiles and has the three functions of the interface."""
    import ast

    text = sources(load("rotations", Rotation)["api-key"])["lambda_function.py"].decode()
    documentation = ast.get_docstring(ast.parse(text), clean=False) or ""
    example = textwrap.dedent(documentation.partition("::\n")[2].partition("The secret is")[0])
    defined = {node.name for node in ast.parse(example).body if isinstance(node, ast.FunctionDef)}
    assert defined >= {"issue", "check", "revoke"}


# ---------------------------------------------------------------- OAuth


def _grant(aws: EmbeddedAws, recorder: Recorder, oauth: ModuleType, issuer: Issuer, **keys: Any) -> RotatingLogin:
    document = {"token_url": f"{issuer.url}/token", "refresh_token": issuer.make(), "client_id": "shop", **keys}
    return _secret(aws, recorder, oauth, document)


@pytest.mark.parametrize("rotates_refresh", [True, False])
def test_a_token_is_renewed(
    aws: EmbeddedAws, recorder: Recorder, oauth: ModuleType, issuer: Issuer, rotates_refresh: bool
) -> None:
    issuer.rotates_refresh = rotates_refresh
    login = _grant(aws, recorder, oauth, issuer, client_secret="s:3", revocation_url=f"{issuer.url}/revoke",
                   introspection_url=f"{issuer.url}/introspect")  # fmt: skip
    first, seen = login.value()["refresh_token"], set()
    for _ in range(3):
        login.rotate()
        seen.add(login.value()["access_token"])
    assert len(seen) == 3 and (login.value()["refresh_token"] == first) is not rotates_refresh
    assert login.value()["refresh_token"] in issuer.alive
    basic = {b64decode(a.removeprefix("Basic ")).decode() for _, _, _, a in issuer.requests}
    assert basic == {"shop:s%3A3"}
    assert {path for _, path, _, _ in issuer.requests} == {"/token", "/introspect", "/revoke"}


def test_a_public_client_names_itself_in_the_body(
    aws: EmbeddedAws, recorder: Recorder, oauth: ModuleType, issuer: Issuer
) -> None:
    login = _grant(aws, recorder, oauth, issuer, scope="orders")
    login.rotate()
    [(_, _, form, authorization)] = issuer.requests
    assert (form["client_id"], form["scope"], authorization) == ("shop", "orders", "")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://tokens.example.com/token", "no https URL"),
        ("file:///etc/passwd", "no https URL"),
        ("{url}/moved", "HTTP status 302"),
        ("{url}/nothing", "HTTP status 401"),
    ],
)
def test_an_endpoint_that_is_no_token_endpoint_is_told(
    aws: EmbeddedAws, recorder: Recorder, oauth: ModuleType, issuer: Issuer, url: str, message: str
) -> None:
    login = _grant(aws, recorder, oauth, issuer, token_url=url.format(url=issuer.url))
    before = login.value()
    with pytest.raises(ValueError, match=message) as told:
        login.step("createSecret", login.begin())
    assert before["refresh_token"] not in everything_said(told.value) and login.value() == before
