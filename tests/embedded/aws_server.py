"""The child process behind :func:`tests.embedded.aws.embedded_aws`: moto's server with the corrections of this package.

Run as ``python -m tests.embedded.aws_server TOKEN``. It listens on a port of 127.0.0.1 that the operating system
chooses, writes one line of JSON (``{"token": ..., "port": ...}``) to its standard output, and serves until its
standard input is closed, so that it can't outlive the process that started it.

Beside the AWS API it answers, for whoever knows the token, ``GET /embedded/identity`` and ``POST /embedded/rotation``.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from tests.embedded import secretsmanager_resources as _types  # noqa: F401  moto finds the types when they are defined
from tests.embedded.cloudformation import correct_cloudformation
from tests.embedded.creations import correct_creations
from tests.embedded.secretsmanager import begin_rotation, correct_secrets_manager, enable_rotation, secret_named
from tests.embedded.updates import add_updates

TOKEN_HEADER = "X-Embedded-Token"


class Application:
    """moto's WSGI application, and two routes of ours in front of it."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not environ.get("PATH_INFO", "").startswith("/embedded/"):
            answer: Iterable[bytes] = self._moto(environ, start_response)
            return answer
        request = Request(environ)
        return self._own(request)(environ, start_response)

    def _own(self, request: Request) -> Response:
        if not hmac.compare_digest(request.headers.get(TOKEN_HEADER, ""), self._token):
            return _json({"error": "not the owner of this server"}, 403)
        if request.path == "/embedded/identity":
            return _json({"process": os.getpid(), "account": DEFAULT_ACCOUNT_ID}, 200)
        if request.path == "/embedded/rotation" and request.method == "POST":
            return _rotation(json.loads(request.get_data()))
        return _json({"error": "no such route"}, 404)


def _rotation(wanted: dict[str, Any]) -> Response:
    """Switch rotation on (``enable``: rules and function, unchecked) or begin one (``token``), then say the stages."""
    try:
        secret = secret_named(DEFAULT_ACCOUNT_ID, wanted["region"], wanted["secret"])
        if "enable" in wanted:
            enable_rotation(secret, wanted["enable"]["function"], wanted["enable"]["rules"])
        if "token" in wanted:
            begin_rotation(secret, wanted["token"])
    except JsonRESTError as refused:
        return _json({"error": refused.error_type, "message": refused.message}, 400)
    return _json({"VersionIdsToStages": secret._form_version_ids_to_stages()}, 200)


def _json(body: dict[str, Any], status: int) -> Response:
    return Response(json.dumps(body), status=status, content_type="application/json")


def main(token: str) -> None:
    """Serve until standard input ends."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    # The second net under the first: no resource type may be skipped, whichever way moto comes to it.
    warnings.filterwarnings("error", message="Tried to parse .* not supported")
    correct_secrets_manager()
    correct_cloudformation()
    correct_creations()
    add_updates()
    server = make_server("127.0.0.1", 0, Application(token), threaded=True, request_handler=MotoRequestHandler)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    print(json.dumps({"token": token, "port": server.server_port}), flush=True)
    sys.stdin.read()
    server.shutdown()
    serving.join()


if __name__ == "__main__":
    main(sys.argv[1])
