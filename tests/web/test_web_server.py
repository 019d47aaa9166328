"""The server as clients meet it: over a socket, with bad manners; and the command that starts it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fer.common.errors import CheckpointError, ConfigError
from fer.common.interrupt import signals_raise
from fer.runtime.web.command import is_loopback, main
from fer.runtime.web.security import HEADERS
from fer.runtime.web.server import bind, run_until_signal
from fer.runtime.web.settings import ServeSettings

# Timed: nothing else of this kind may run beside it.
pytestmark = pytest.mark.xdist_group("quiet")

Serve = Callable[..., Any]


def ask(
    port: int, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, Any], Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = json.loads(answer.read())
    connection.close()
    return answer.status, content, answer.headers


def raw(port: int, data: bytes) -> tuple[bytes, Any]:
    """The status line, and the JSON of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
        peer.sendall(data)
        answer = b""
        while chunk := peer.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.partition(b"\r\n")[0], json.loads(body)


def test_a_picture_goes_over_the_wire(serve: Serve, one_face: bytes) -> None:
    with serve() as port:
        status, body, _ = ask(port, "POST", "/api/predict", one_face, **{"Content-Type": "image/jpeg"})
    assert status == 200
    assert body["faces"][0]["label"] == "happy"


def test_large_bodies_are_refused_in_json_and_the_refusal_can_be_read(serve: Serve) -> None:
    with serve(max_body=1 << 20) as port:
        for size in ((1 << 20) + 1, 12 << 20):
            status, body, headers = ask(port, "POST", "/api/predict", bytes(size), **{"Content-Type": "image/jpeg"})
            assert status == 413
            assert "1048576 bytes" in body["error"]
            assert {name: headers[name] for name in HEADERS} == dict(HEADERS)
        exact = ask(port, "POST", "/api/predict", bytes(1 << 20), **{"Content-Type": "image/jpeg"})
        assert exact[0] == 415


def test_a_length_that_is_only_claimed_is_refused_at_once(serve: Serve) -> None:
    with serve() as port:
        line, body = raw(
            port,
            b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n",
        )
    assert line.split()[1] == b"413"
    assert "larger" in body["error"]


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", b"501"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", b"431"),
    ],
)
def test_malformed_requests_are_answered_in_json(serve: Serve, request_bytes: bytes, status: bytes) -> None:
    with serve() as port:
        line, body = raw(port, request_bytes)
        assert line.split()[1] == status
        assert set(body) == {"error"}
        assert ask(port, "GET", "/healthz")[0] == 200


def test_slow_clients_hold_nobody_up(serve: Serve, one_face: bytes) -> None:
    with serve(concurrency=1) as port:
        slow = []
        for _ in range(20):
            peer = socket.create_connection(("127.0.0.1", port), timeout=20)
            peer.sendall(b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n\xff\xd8")
            slow.append(peer)
        assert ask(port, "POST", "/api/predict", one_face)[0] == 200
        for peer in slow:
            peer.close()


def test_many_clients_at_once_are_all_answered(serve: Serve, one_face: bytes) -> None:
    statuses: list[int] = []
    with serve(patience=30.0) as port:

        def client() -> None:
            for _ in range(2):
                statuses.append(ask(port, "POST", "/api/predict", one_face)[0])

        threads = [threading.Thread(target=client) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == [200] * 16


def test_a_taken_port_is_told(serve: Serve) -> None:
    from flask import Flask

    with serve() as port, pytest.raises(ConfigError, match=f"port {port}.*--port"):
        bind(Flask("other"), host="127.0.0.1", port=port, settings=ServeSettings())


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["--host", "0.0.0.0"], ConfigError, "--allow-remote"),
        (["--host", "no.such.host.invalid"], ConfigError, "no such address"),
        (["--token", "short"], ConfigError, "--token"),
        (["--max-body", "0.0001"], ConfigError, "--max-body 0.0001"),
        (["--model", "nothing.onnx"], CheckpointError, "nothing.onnx"),
    ],
)
def test_mistakes_of_the_command_are_told(arguments: list[str], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        main(arguments)


@pytest.mark.parametrize(
    "arguments",
    [["--port", "99999"], ["--port", "x"], ["--detector", "eyes"], ["--what"], ["--rate", "0"], ["--max-body", "0"]],
)
def test_arguments_that_make_no_sense_end_with_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize("token", ["пароль пароль", "tök en token", " leading space", "trailing ", "tab\there it is"])
@pytest.mark.parametrize("command", ["serve", "studio"])
def test_a_token_that_no_browser_could_present_is_refused(
    token: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fer.studio.command import main as studio

    monkeypatch.setenv("FER_STUDIO_TOKEN", token)
    with pytest.raises(ConfigError, match="characters that a header cannot carry") as told:
        studio([]) if command == "studio" else main(["--token", token])
    assert token not in str(told.value)
    assert ("FER_STUDIO_TOKEN" if command == "studio" else "--token") in str(told.value)


@pytest.mark.parametrize("token", ["", "short"])
def test_a_variable_that_holds_no_token_is_named(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_SERVE_TOKEN", token)
    with pytest.raises(ConfigError, match=r"^FER_SERVE_TOKEN is shorter than 8 characters"):
        main([])


def test_a_secret_is_not_repeated_in_a_message() -> None:
    with pytest.raises(ConfigError) as told:
        main(["--token", "s3cret"])
    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize(
    ("host", "alone"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False)]
)
def test_loopback_is_known(host: str, alone: bool) -> None:
    assert is_loopback(host) is alone


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_command(
    monkeypatch: pytest.MonkeyPatch, stand_in: Any, capsys: pytest.CaptureFixture[str], signum: int, status: int
) -> None:
    monkeypatch.setattr("fer.runtime.web.command.load_models", lambda given, **options: {"stand-in": stand_in()})

    def serve_and_stop(server: Any) -> int:
        threading.Timer(0.5, os.kill, (os.getpid(), signum)).start()
        return run_until_signal(server)

    monkeypatch.setattr("fer.runtime.web.server.run_until_signal", serve_and_stop)
    before = signal.getsignal(signum)
    with signals_raise():  # as every command runs
        assert main(["--port", "0", "--token", "correct horse"]) == status
    assert signal.getsignal(signum) is before
    told = capsys.readouterr()
    assert re.search(r"open http://localhost:\d+/#token=correct%20horse", told.out)
    assert told.err == "stopped\n"


def test_serving_imports_no_training_stack() -> None:
    import subprocess
    import sys

    code = "import sys, fer.runtime.web.app, fer.runtime.web.server, fer.runtime.web.command; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded & {"torch", "hydra", "omegaconf", "pandas", "matplotlib", "sklearn", "scipy", "timm"} == set()
    assert "flask" in loaded


def test_the_image_is_built_from_files_that_exist() -> None:
    root = Path(__file__).parents[2]
    lines = (root / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line.strip() and not line.startswith("#")]
    kept = [
        line.strip().removeprefix("!")
        for line in (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    ]
    copied = [
        source
        for name, rest in steps
        if name == "COPY" and "--from=" not in rest
        for source in rest.split()[:-1]
        if not source.startswith("--")
    ]
    assert copied
    for source in copied:
        assert (root / source).exists(), source
        assert any(source == each or source.startswith(each.rstrip("/") + "/") for each in kept), source
    names = [name for name, _ in steps]
    users = [rest for name, rest in steps if name == "USER"]
    assert users
    assert users[-1].partition(":")[0] not in ("root", "0")
    assert "HEALTHCHECK" in names
    assert names.index("USER") < names.index("ENTRYPOINT")
