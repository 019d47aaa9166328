"""Firefox, driven over WebDriver BiDi (W3C), which it speaks by itself: no other program and no package is needed."""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
PATIENCE = 120.0
"""Seconds until something that should happen counts as not happening."""

PREFERENCES = {
    "app.update.disabledForTesting": True,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "remote.active-protocols": 1,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}


class Firefox:
    """A tab of Firefox.

    Args:
        port: at which its remote agent listens.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            "GET /session HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        ]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._file = self._socket.makefile("rb")
        assert b" 101 " in self._file.readline(), "Firefox speaks no WebDriver BiDi"
        while self._file.readline() != b"\r\n":
            pass
        self._numbers = itertools.count(1)
        self.listeners: list[tuple[str, str, Callable[[Any], None]]] = []
        """(tab, kind as Playwright has it, what is called)."""
        self.command("session.new", capabilities={})
        self._context = self.command("browsingContext.getTree")["contexts"][0]["context"]

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Sends a command of the protocol and gives its result."""
        number = next(self._numbers)
        self._send(json.dumps({"id": number, "method": method, "params": parameters}).encode())
        while True:
            message = json.loads(self._receive())
            if message["type"] == "event":
                self._tell(message["method"], message["params"])
            elif message.get("id") == number:
                assert message["type"] == "success", message
                return dict(message["result"])

    def _tell(self, method: str, parameters: dict[str, Any]) -> None:
        if method == "network.beforeRequestSent":
            context, kind = parameters["context"], "request"
            event = SimpleNamespace(url=parameters["request"]["url"])
            # Its own pages (about:, chrome:) come from no network.
            if not event.url.startswith(("http", "ws", "blob:")):
                return
        elif method == "log.entryAdded":
            context, kind = parameters["source"].get("context"), "console"
            event = SimpleNamespace(type=parameters["level"], text=parameters["text"])
        else:
            return
        for listened, wanted, handle in self.listeners:
            if (listened, wanted) == (context, kind):
                handle(event)

    def open(self, address: str) -> None:
        """Goes to a page and waits until it is loaded."""
        self.command("browsingContext.navigate", context=self._context, url=address, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, which must be plain (JSON)."""
        result = self.command(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})))()",
            target={"context": self._context},
            awaitPromise=True,
        )
        assert result["type"] == "success", result
        return json.loads(result["result"].get("value", "null"))

    def press(self, key: str) -> None:
        """Presses and lets go of a key."""
        presses = [{"type": kind, "value": key} for kind in ("keyDown", "keyUp")]
        self.command(
            "input.performActions", context=self._context, actions=[{"type": "key", "id": "k", "actions": presses}]
        )

    def until(self, expression: str) -> None:
        """Waits until an expression is true."""
        end = time.monotonic() + PATIENCE
        while not self.evaluate(expression):
            assert time.monotonic() < end, f"{expression}: {self.evaluate('document.body.innerText')}"
            time.sleep(0.05)

    def _send(self, data: bytes) -> None:
        # A client's frames are masked (RFC 6455, section 5.3).
        mask = os.urandom(4)
        if len(data) < 126:
            size = struct.pack("!B", 0x80 | len(data))
        else:
            size = struct.pack("!BH", 254, len(data)) if len(data) < 1 << 16 else struct.pack("!BQ", 255, len(data))
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))
        self._socket.sendall(b"\x81" + size + mask + masked)

    def _receive(self) -> bytes:
        message = b""
        while True:
            head, size = self._file.read(2)
            if size == 126:
                (size,) = struct.unpack("!H", self._file.read(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", self._file.read(8))
            message += self._file.read(size)
            if head & 0x80:
                return message


@contextmanager
def running(profile: Path) -> Iterator[Firefox]:
    """A Firefox without a window, with a profile of its own and a camera that shows a test picture."""
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
    command = [str(FIREFOX), "--headless", "--remote-debugging-port", "0", "--profile", str(profile), "about:blank"]
    environment = {**os.environ, "HOME": str(profile), "MOZ_HEADLESS": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        try:
            found = (re.search(r"BiDi listening on ws://127\.0\.0\.1:(\d+)", line) for line in process.stderr)
            yield Firefox(next(int(each[1]) for each in found if each))
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
