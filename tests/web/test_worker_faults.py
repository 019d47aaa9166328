"""What answers is made to fail: the client is told, the server goes on, and /healthz tells the truth."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from fer.common.errors import CheckpointError
from fer.runtime.web.health import FRESH_SECONDS, STUCK_SECONDS, Health
from fer.runtime.web.limits import ConcurrencyLimiter

# Timed: nothing else of this kind may run beside it.
pytestmark = pytest.mark.xdist_group("quiet")

Client = Callable[..., FlaskClient]
Serve = Callable[..., Any]


class Faulty:
    """A model that does what it is told.

    Attributes:
        size: of a face.
        asked: how often.
        answer: what it answers, or raises.
    """

    def __init__(self) -> None:
        self.size, self.asked = 48, 0
        self.answer: np.ndarray[Any, Any] | BaseException = np.full((1, 7), 1 / 7, np.float32)

    def probabilities(self, faces: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        self.asked += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


FAULTS = [MemoryError(), CheckpointError("the session is broken"), SystemExit(3), KeyboardInterrupt(), GeneratorExit()]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_whatever_a_worker_raises_its_client_is_answered(
    serve: Serve, stand_in: Any, one_face: bytes, caplog: pytest.LogCaptureFixture, fault: BaseException
) -> None:
    model = stand_in()
    answers = model.probabilities

    def fail(faces: Any) -> Any:
        raise fault

    with serve(model, concurrency=1) as port:
        request = f"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(one_face)}\r\n\r\n".encode()
        # More often than there are places, or threads.
        for number in range(6):
            model.probabilities = fail if number < 5 else answers
            with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
                peer.sendall(request + one_face)
                head, _, body = peer.makefile("rb").read1(65536).partition(b"\r\n\r\n")
                body = body or peer.recv(65536)
            assert int(head.split()[1]) == (500 if number < 5 else 200)
            assert set(json.loads(body)) == ({"error"} if number < 5 else {"faces", "image", "model", "ms"})
    assert "Traceback" in caplog.text
    assert str(fault) in caplog.text


def test_a_session_that_breaks_is_our_fault(
    client: Client, one_face: bytes, stand_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real model: what ONNX Runtime raises is told to the operator, not to the client."""
    from fer.runtime.model import EmotionModel

    class Broken:
        def run(self, *arguments: Any) -> None:
            raise RuntimeError("bad allocation")

    monkeypatch.setattr("fer.runtime.web.health.FRESH_SECONDS", 0.0)
    model = EmotionModel.load()
    session = model._session
    app = client(model)
    statuses = []
    for each in (session, Broken(), session):
        model._session = each
        answers = [app.post(path, data=one_face) for path in ("/api/predict", "/api/explain", "/api/occlusion")]
        assert all(b"allocation" not in answer.get_data() for answer in answers)
        statuses.append([*(answer.status_code for answer in answers), app.get("/healthz").status_code])
    assert statuses == [[200] * 4, [500, 500, 500, 503], [200] * 4]


def test_a_native_error_of_opencv_is_answered(client: Client, one_face: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    def fail(*arguments: object, **options: object) -> None:
        raise cv2.error("Insufficient memory")

    app = client()
    with monkeypatch.context() as patch:
        patch.setattr("fer.runtime.predictor.cut", fail)
        answer = app.post("/api/predict", data=one_face)
        assert (answer.status_code, set(answer.get_json())) == (500, {"error"})
        assert "Insufficient" not in answer.get_data(as_text=True)
    assert app.post("/api/predict", data=one_face).status_code == 200


def test_a_video_survives_a_picture_that_failed(client: Client, stand_in: Any, one_face: bytes) -> None:
    model = stand_in()
    answers = model.probabilities
    app = client(model)

    def fail(faces: Any) -> Any:
        raise MemoryError

    statuses = []
    for faulty in (False, True, True, False, False):
        model.probabilities = fail if faulty else answers
        statuses.append(app.post("/api/predict?stream=stream-one", data=one_face).status_code)
    assert statuses == [200, 500, 500, 200, 200]


def test_health_asks_the_models(client: Client, stand_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fer.runtime.web.health.FRESH_SECONDS", 0.0)
    well, ill = stand_in("well"), stand_in("ill")
    app = client(well, ill)
    assert (app.get("/healthz").status_code, app.get("/healthz").get_json()) == (200, {"status": "ok"})
    answers = ill.probabilities

    def fail(faces: Any) -> Any:
        raise RuntimeError("the session is broken")

    ill.probabilities = fail
    sick = app.get("/healthz")
    assert sick.status_code == 503
    assert sick.get_json() == {"status": "failing", "error": "ill fails"}
    assert int(sick.headers["Retry-After"]) > 0
    ill.probabilities = answers
    assert app.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("answer", "healthy"),
    [
        (np.full((1, 7), 1 / 7, np.float32), True),
        (np.full((1, 7), np.nan, np.float32), False),
        (np.zeros((1, 7), np.float32), False),
        (np.array([[1.5, -0.5, 0, 0, 0, 0, 0]], np.float32), False),
        (MemoryError(), False),
    ],
)
def test_numbers_that_are_no_probabilities_are_not_healthy(answer: Any, healthy: bool) -> None:
    model = Faulty()
    model.answer = answer
    health = Health({"net": model}, limiter=ConcurrencyLimiter(1, patience=0.0))
    assert (health.problem() is None) is healthy


def test_health_is_asked_for_more_often_than_it_asks() -> None:
    now, model = [0.0], Faulty()
    health = Health({"net": model}, limiter=ConcurrencyLimiter(1, patience=0.0), clock=lambda: now[0])
    for _ in range(100):
        assert health.problem() is None
    assert model.asked == 1
    model.answer = MemoryError()
    now[0] += FRESH_SECONDS
    assert health.problem() == "net fails"
    assert health.problem() == "net fails"
    assert model.asked == 2


def test_a_model_that_never_answers_is_not_healthy() -> None:
    now, model = [0.0], Faulty()
    health = Health({"net": model}, limiter=ConcurrencyLimiter(1, patience=0.0), clock=lambda: now[0])
    begun, go_on = threading.Event(), threading.Event()

    def hang(faces: Any) -> Any:
        begun.set()
        go_on.wait(10)
        return np.full((1, 7), 1 / 7, np.float32)

    model.probabilities = hang  # type: ignore[method-assign]
    thread = threading.Thread(target=health.problem)
    thread.start()
    assert begun.wait(10)
    assert health.problem() is None
    now[0] += STUCK_SECONDS
    assert health.problem() == "a model does not answer"
    go_on.set()
    thread.join(10)
    assert health.problem() is None


def test_places_that_are_never_given_back_are_not_healthy() -> None:
    now = [0.0]
    limiter = ConcurrencyLimiter(2, patience=0.0, clock=lambda: now[0])
    health = Health({"net": Faulty()}, limiter=limiter, clock=lambda: now[0])
    with limiter.slot():
        now[0] += STUCK_SECONDS + 1
        assert health.problem() is None
        with limiter.slot():
            assert health.problem() is None
            now[0] += STUCK_SECONDS + 1
            assert str(health.problem()).startswith("every slot")
        assert health.problem() is None


def test_pictures_keep_nobody_from_the_page(serve: Serve, stand_in: Any, one_face: bytes) -> None:
    """More pictures than threads, and none of them moves: /healthz and the page answer, and strangers are refused."""
    model = stand_in()
    answers, gate = model.probabilities, threading.Event()

    def wait(faces: np.ndarray[Any, Any]) -> Any:
        # The health check asks about one grey face.
        if faces.std() > 0:
            gate.wait(20)
        return answers(faces)

    model.probabilities = wait
    start, rest = "POST /api/predict HTTP/1.1\r\nHost: ", "Authorization: Bearer of the tests\r\n"
    request = f"{start}localhost\r\n{rest}Content-Length: {len(one_face)}\r\n\r\n".encode()
    strangers = [("localhost\r\n", 401), (f"localhost\r\nOrigin: http://x.y\r\n{rest}", 403), (f"x.y\r\n{rest}", 403)]
    with serve(model, concurrency=1, patience=20.0, token="of the tests") as port:
        waiting = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(8)]
        for peer in waiting:
            peer.sendall(request + one_face)
        for path in ("/healthz", "/", "/metrics", "/nothing", "http://["):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
                peer.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                assert peer.recv(65536).startswith(b"HTTP/1.1 ")
        for headers, status in strangers:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
                peer.sendall(f"{start}{headers}Content-Length: 1\r\n\r\nx".encode())
                assert peer.recv(65536).startswith(f"HTTP/1.1 {status} ".encode())
        gate.set()
        for peer in waiting:
            assert peer.recv(65536).startswith(b"HTTP/1.1 200")
            peer.close()


def test_what_is_being_answered_when_a_signal_comes_is_answered(
    monkeypatch: pytest.MonkeyPatch, stand_in: Any, one_face: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    import http.client
    import re

    from fer.common.interrupt import signals_raise
    from fer.runtime.web import server
    from fer.runtime.web.command import main

    model = stand_in()
    model.gate = threading.Event()
    monkeypatch.setattr("fer.runtime.web.command.load_models", lambda given, **options: {"stand-in": model})
    bind, ports, statuses = server.bind, [], []

    def bind_and_tell(*arguments: Any, **options: Any) -> Any:
        bound = bind(*arguments, **options)
        ports.append(bound.effective_port)
        threading.Thread(target=client).start()
        return bound

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", ports[0], timeout=20)
        connection.request("POST", "/api/predict", one_face)
        assert model.asked.wait(10)
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Timer(0.3, model.gate.set).start()
        statuses.append(connection.getresponse().status)
        connection.close()

    monkeypatch.setattr(server, "bind", bind_and_tell)
    with signals_raise():
        assert main(["--port", "0"]) == 143
    assert re.search(r"localhost:\d+", capsys.readouterr().out)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(10)
    assert statuses == [200]
