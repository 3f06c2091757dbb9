"""Chromium without a window, driven over the pipe of its DevTools protocol (https://chromedevtools.github.io/devtools-protocol/)."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 120
"""Seconds of silence after which the browser counts as gone."""
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def program() -> str | None:
    """The browser that is installed."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Page:
    """One tab. What it asks the network for, and what it complains of, is written down."""

    def __init__(self, into: int, out: int) -> None:
        self._into, self._out, self._rest = into, out, b""
        self._number = 0
        self._session = ""
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Asks the browser, and waits for its answer. Raises ``RuntimeError`` when it refuses."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._into, json.dumps(message).encode() + b"\0")
        while True:
            heard = self._hear()
            if heard.get("id") == self._number:
                if "error" in heard:
                    raise RuntimeError(f"{method}: {heard['error']['message']}")
                return heard["result"]

    def _hear(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._out], [], [], PATIENCE)
            part = os.read(self._out, 1 << 16) if ready else b""
            if not part:
                raise RuntimeError("the browser is gone, or says nothing")
            self._rest += part
        row, _, self._rest = self._rest.partition(b"\0")
        heard: dict[str, Any] = json.loads(row)
        told = heard.get("params", {})
        if heard.get("method") == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif heard.get("method") == "Log.entryAdded":
            self.complaints.append(told["entry"]["text"])
        elif heard.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(told["exceptionDetails"]["text"])
        return heard

    def open(self, file: Path) -> None:
        """Loads a file, and waits until it is shown."""
        self.call("Page.navigate", url=file.as_uri())
        while self._hear().get("method") != "Page.loadEventFired":
            pass

    def run(self, script: str) -> Any:
        """The value of an expression of the page's own scripts."""
        done = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in done:
            raise RuntimeError(done["exceptionDetails"]["text"])
        return done["result"].get("value")

    def press(self, key: str, code: int, text: str = "") -> None:
        """One key, as the keyboard sends it."""
        about = {"key": key, "code": key, "windowsVirtualKeyCode": code, "nativeVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **about)
        self.call("Input.dispatchKeyEvent", type="keyUp", **about)


@contextmanager
def opened(name: str, profile: Path) -> Iterator[Page]:
    """A page in a browser of its own, which ends with the block."""
    to_browser, from_us = os.pipe()
    to_us, from_browser = os.pipe()
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={profile}"]
    # the browser reads commands from descriptor 3 and answers on 4 (dash knows no descriptor of two digits)
    shell = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
    with subprocess.Popen(
        ["bash", "-c", shell, name, *words],
        pass_fds=(to_browser, from_browser),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(to_browser)
        os.close(from_browser)
        try:
            yield Page(from_us, to_us)
        finally:
            os.close(from_us)
            process.terminate()
            process.wait(30)
            os.close(to_us)
