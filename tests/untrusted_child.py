"""One command under an audit hook that notes what Python imports, executes, opens, starts and connects: ``python -m tests.untrusted_child NOTES WORDS…``."""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def main(notes: str, words: list[str]) -> None:
    seen: list[list[str]] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "exec":
            seen.append([event, arguments[0].co_filename])
        elif event == "import" and arguments[1]:
            seen.append([event, os.fsdecode(arguments[1])])
        elif event == "open" and isinstance(arguments[0], (str, bytes)):
            flags = arguments[2] or 0
            kind = "write" if flags & (os.O_WRONLY | os.O_RDWR) else "look" if flags & os.O_NOFOLLOW else event
            seen.append([kind, os.fsdecode(arguments[0])])  # "look": a link would not be followed
        elif event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
            seen.append(["start", *map(os.fsdecode, arguments[1] if event == "subprocess.Popen" else arguments[:1])])
        elif event == "socket.connect":
            seen.append([event, str(arguments[1])])
        elif event == "compile" and isinstance(arguments[1], str):
            seen.append([event, arguments[1]])

    sys.addaudithook(hook)
    from hardcode_hunter import cli

    sys.argv = ["hardcode-hunter", *words]
    try:
        cli.main()
    finally:
        rows, seen = seen, []
        with open(notes, "w", encoding="utf-8", errors="surrogateescape") as file:
            json.dump(rows, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
