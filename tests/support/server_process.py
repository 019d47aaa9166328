"""A real `fer-serve` on loopback, what it holds while it runs, and clients that remember every answer."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from support.attacked_commands import command, environment

TIMEOUT = 120.0
"""Seconds after which a client calls a request unanswered."""


@dataclass
class Holdings:
    """What a process holds at one moment.

    Attributes:
        rss: resident memory, in MB.
        threads: how many.
        descriptors: open files and sockets.
    """

    rss: float
    threads: int
    descriptors: int


@dataclass
class ServerProcess:
    """A server in a process of its own.

    Attributes:
        process: its first process.
        port: where it listens.
        log: the file that its standard error goes to.
    """

    process: subprocess.Popen[str]
    port: int
    log: Path

    def holdings(self) -> Holdings:
        """What it holds now, as /proc has it."""
        root = Path(f"/proc/{self.process.pid}")
        status = dict(line.split(":", 1) for line in (root / "status").read_text().splitlines())
        return Holdings(
            rss=int(status["VmRSS"].split()[0]) / 1024,
            threads=int(status["Threads"]),
            descriptors=len(list((root / "fd").iterdir())),
        )

    def cpu_seconds(self) -> float:
        """Processor time it has taken so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """Status and body of a well-behaved request on a connection of its own."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def settled(self, before: Holdings, *, seconds: float = 60.0) -> Holdings:
        """What it holds once it has no more threads and descriptors than before, or after `seconds`."""
        end = time.monotonic() + seconds
        while True:
            now = self.holdings()
            if (now.descriptors <= before.descriptors and now.threads <= before.threads) or time.monotonic() > end:
                return now
            time.sleep(0.2)


@contextlib.contextmanager
def fer_serve(folder: Path, *arguments: str, prefix: Sequence[str] = ()) -> Iterator[ServerProcess]:
    """A server that has answered once; it must end with 143 when it is told to, and without a traceback.

    Args:
        folder: for its standard error, and its working directory.
        arguments: of the command; the port is a free one.
        prefix: a program that runs it, such as strace.
    """
    log = folder / "server.log"
    with log.open("w") as told:
        process = subprocess.Popen(
            [*prefix, *command("serve", "--port", "0", *arguments)],
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
            cwd=folder,
            env=environment(FER_CACHE=str(folder)),
        )
    try:
        assert process.stdout is not None
        lines = ""
        while (found := re.search(r"http://[^:/]+:(\d+)/", lines)) is None:
            line = process.stdout.readline()
            assert line, log.read_text()
            lines += line
        server = ServerProcess(process, int(found[1]), log)
        assert server.ask("GET", "/healthz")[0] == 200
        yield server
        assert process.poll() is None, f"the server ended: {log.read_text()}"
        process.terminate()
        assert process.wait(timeout=60) == 143
        assert "Traceback" not in log.read_text(), log.read_text()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@dataclass(frozen=True)
class Question:
    """A request and the answers it may get.

    Attributes:
        kind: for the table.
        expected: statuses.
        body: as it is sent.
        path: with its query.
        method: of HTTP.
        headers: besides Host and Content-Length.
        weight: how often it is asked, against the others.
    """

    kind: str
    expected: frozenset[int]
    path: str
    body: bytes | None = None
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    weight: int = 1


@dataclass
class Answers:
    """What clients got; safe to use from several threads.

    Attributes:
        seconds: of each answer, by kind.
        statuses: how many of each, by kind.
        wrong: answers that should not have been, and requests without one; the first hundred.
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)
    statuses: dict[str, dict[int, int]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, question: Question, status: int, seconds: float, headers: Mapping[str, str], body: bytes) -> None:
        with self._lock:
            self.seconds.setdefault(question.kind, []).append(seconds)
            counts = self.statuses.setdefault(question.kind, {})
            counts[status] = counts.get(status, 0) + 1
        if status not in question.expected:
            self.complain(f"{question.kind}: {status} {body[:200]!r}")
        elif status in (429, 503) and "Retry-After" not in headers:
            self.complain(f"{question.kind}: {status} without Retry-After")
        elif status >= 400 and set(json.loads(body)) != {"error"}:
            self.complain(f"{question.kind}: {status} {body[:200]!r}")

    def complain(self, what: str) -> None:
        with self._lock:
            if len(self.wrong) < 100:
                self.wrong.append(what)

    def table(self) -> list[dict[str, Any]]:
        """A row a kind, and one for all: count, statuses, median and 99th percentile in milliseconds."""
        with self._lock:
            rows = [(kind, list(times), dict(self.statuses[kind])) for kind, times in sorted(self.seconds.items())]
        totals: dict[int, int] = {}
        for _, _, counts in rows:
            for status, count in counts.items():
                totals[status] = totals.get(status, 0) + count
        rows.append(("all", [each for _, times, _ in rows for each in times], totals))
        return [
            {
                "kind": kind,
                "answers": len(times),
                "statuses": {str(status): counts[status] for status in sorted(counts)},
                "p50_ms": round(float(np.percentile(times, 50)) * 1000, 1),
                "p99_ms": round(float(np.percentile(times, 99)) * 1000, 1),
                "max_ms": round(max(times) * 1000, 1),
            }
            for kind, times, counts in rows
        ]


class Client(threading.Thread):
    """Asks one question after the other, on one connection as long as the server keeps it.

    Args:
        port: of the server.
        draw: gives the next question.
        answers: where answers go.
        stop: ends it after the answer it waits for.
    """

    def __init__(self, port: int, draw: Callable[[], Question], answers: Answers, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._port, self._draw, self._answers, self._stopping = port, draw, answers, stop

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT)
        with contextlib.closing(connection):
            while not self._stopping.is_set():
                question = self._draw()
                begun = time.perf_counter()
                try:
                    status, headers, body = self._ask(connection, question)
                except (OSError, http.client.HTTPException) as error:
                    self._answers.complain(f"{question.kind}: no answer: {error!r}")
                    connection.close()
                    continue
                self._answers.add(question, status, time.perf_counter() - begun, headers, body)

    @staticmethod
    def _ask(connection: http.client.HTTPConnection, question: Question) -> tuple[int, Mapping[str, str], bytes]:
        connection.request(question.method, question.path, question.body, dict(question.headers))
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, dict(answer.headers), body


def drawn_picture(*, width: int, height: int, faces: Sequence[tuple[int, int, int]]) -> npt.NDArray[np.uint8]:
    """A grey picture with synthetic faces at (x, y, side)."""
    from fer.data.synthetic.source import render_face

    picture = np.full((height, width), 150, np.uint8)
    for number, (x, y, side) in enumerate(faces):
        face = render_face(3 + number, "happy", zoom=0.8, size=300).image
        picture[y : y + side, x : x + side] = cv2.resize(face, (side, side), interpolation=cv2.INTER_LINEAR)
    return picture


def jpeg(image: npt.NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".jpg", image)[1].tobytes()


def as_form(picture: bytes) -> tuple[bytes, dict[str, str]]:
    """A multipart body with the picture, and its headers."""
    head = b'--b0undary\r\nContent-Disposition: form-data; name="image"; filename="me.jpg"\r\n\r\n'
    body = head + picture + b"\r\n--b0undary--\r\n"
    return body, {"Content-Type": "multipart/form-data; boundary=b0undary"}


def every_form(*, limit: int = 8 << 20) -> list[Question]:
    """A picture in every form that it can be sent in, good and bad, as raw bodies, forms and chunks.

    Args:
        limit: bytes of a body that the server takes.
    """
    face = drawn_picture(width=640, height=480, faces=[(170, 90, 300)])
    one = jpeg(face)
    noise = np.random.default_rng(0).integers(0, 256, (1500, 1500), np.uint8)
    large = cv2.imencode(".png", noise)[1].tobytes()
    small_form, form_type = as_form(one)
    large_form, _ = as_form(large)
    ok, kind = frozenset({200}), {"Content-Type": "image/jpeg"}
    kinds = {name: cv2.imencode(f".{name}", face)[1].tobytes() for name in ("jpg", "png", "webp", "bmp", "tiff")}
    return [
        *(Question(name, ok, "/api/predict", body) for name, body in kinds.items()),
        Question("a form", ok, "/api/predict", small_form, headers=form_type),
        Question("a form of 2 MB", ok, "/api/predict", large_form, headers=form_type),
        Question("2 MB", ok, "/api/predict", large, headers={"Content-Type": "image/png"}),
        Question("as large as may be", ok, "/api/predict", one + bytes(limit - len(one)), headers=kind),
        Question("too large", frozenset({413}), "/api/predict", bytes(limit + 1), headers=kind),
        Question("in chunks", ok, "/api/predict", chunked(large), headers={"Transfer-Encoding": "chunked"}),
        Question("a video", ok, "/api/predict?stream=stream-one", one, headers=kind),
        Question("the same video", ok, "/api/predict?stream=stream-one", one, headers=kind),
        Question("explained", ok, "/api/explain", one, headers=kind),
        Question("covered", ok, "/api/occlusion", one, headers=kind),
        Question("cut off", frozenset({400}), "/api/predict", one[:200], headers=kind),
        Question("no picture", frozenset({415}), "/api/predict", b"hello", headers=kind),
        Question("the wrong type", frozenset({415}), "/api/predict", one, headers={"Content-Type": "text/plain"}),
        *(Question(path, ok, path, method="GET") for path in ("/", "/healthz", "/metrics", "/api/drift")),
    ]


def chunked(body: bytes, *, size: int = 10_000) -> bytes:
    """A body as chunks."""
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def send_every_form(port: int) -> int:
    """Sends a picture in every form, checks the answers, and gives how many there were."""
    questions = every_form()
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)) as connection:
        for question in questions:
            connection.request(question.method, question.path, question.body, dict(question.headers))
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status in question.expected, (question.kind, answer.status, body[:300])
    return len(questions)
