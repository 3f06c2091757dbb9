"""Serve ``wsgi:app`` of the directory given as first argument, on a port that the operating system chooses.

Run by path with ``python -P``, so that nothing of this package can be imported by the application. It announces its
port as :mod:`tests.embedded.child` expects and ends when its standard input is closed.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading


def main(directory: str, token: str) -> None:
    announcement = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the application prints belongs to the log
    sys.path.insert(0, directory)
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, importlib.import_module("wsgi").app, threaded=True)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    announcement.write(json.dumps({"token": token, "port": server.server_port}) + "\n")
    announcement.flush()
    sys.stdin.read()
    server.shutdown()
    serving.join()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
