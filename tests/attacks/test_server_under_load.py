"""A real server at saturation: who gets an answer, how fast, and what the server holds in the end.

FER_ATTACK_SECONDS sets how long (120; the run in docs/how-to/reliability.md took longer), FER_ATTACK_RESULTS names a
file that gets the table as a line of JSON.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.server_process import Answers, Client, Question, as_form, fer_serve, jpeg, synthetic_picture

# Timed: nothing else of this kind may run beside it.
pytestmark = pytest.mark.xdist_group("quiet")

SECONDS = float(os.environ.get("FER_ATTACK_SECONDS", "120"))
CLIENTS = 16
"""Eight times as many as pictures are worked on at once."""

GROWTH = 1.05 if SECONDS >= 600 else 1.15
"""Of resident memory after the first quarter; in the first minutes the allocator still settles."""

BUSY = 503
"""Every answer about a picture may be "busy"."""


def questions() -> list[Question]:
    one = jpeg(synthetic_picture(width=640, height=480, faces=[(170, 90, 300)]))
    three = jpeg(synthetic_picture(width=800, height=480, faces=[(20, 90, 300), (340, 140, 200), (560, 140, 200)]))
    large = jpeg(synthetic_picture(width=4000, height=3000, faces=[(800, 600, 1600)]))
    flat = cv2.imencode(".png", np.full((48, 64), 90, np.uint8))[1].tobytes()
    noise = np.random.default_rng(0).integers(0, 256, (900, 1200), np.uint8)
    form, form_type = as_form(one)
    kind = {"Content-Type": "image/jpeg"}

    def asks(name: str, path: str, body: bytes, *statuses: int, weight: int = 1, **headers: str) -> Question:
        expected = frozenset(statuses) | ({BUSY} if 200 in statuses or 400 in statuses else set())
        return Question(name, expected, path, body, headers=headers or kind, weight=weight)

    def gets(name: str, path: str) -> Question:
        return Question(name, frozenset({200}), path, method="GET")

    return [
        asks("one face", "/api/predict", one, 200, weight=8),
        asks("one face, as a form", "/api/predict", form, 200, weight=4, **form_type),
        asks("three faces", "/api/predict", three, 200, weight=4),
        asks("no face", "/api/predict", flat, 200, weight=2),
        asks("12 megapixels", "/api/predict", large, 200),
        asks("1 MB of noise", "/api/predict", cv2.imencode(".png", noise)[1].tobytes(), 200),
        asks("video", "/api/predict?stream=STREAM", one, 200, weight=20),
        asks("video, each picture a new one", "/api/predict?stream=RANDOM", three, 200, weight=2),
        asks("explain", "/api/explain", one, 200, weight=2),
        asks("cover halves", "/api/occlusion?at=400,240", one, 200, weight=2),
        asks("explain without a face", "/api/explain", flat, 422, 503),
        asks("cut off picture", "/api/predict", one[: len(one) // 2], 200, 400, weight=2),
        asks("broken picture", "/api/predict", one[:100], 400, weight=2),
        asks("no picture", "/api/predict", b"hello" * 100, 415, 503),
        asks("wrong type", "/api/predict", b"{}", 415, **{"Content-Type": "application/json"}),
        asks("body too large", "/api/predict", bytes((8 << 20) + 1), 413),
        asks("unknown model", "/api/predict?model=none", one, 400),
        asks("another site", "/api/predict", one, 403, Origin="https://evil.example"),
        *(gets("page", path) for path in ("/", "/page/page.css", "/page/js/main.js", "/page/icon.svg")),
        *(gets("numbers", path) for path in ("/api/models", "/api/drift", "/metrics", "/api/openapi.json")),
        gets("health", "/healthz"),
        Question("unknown page", frozenset({404}), "/nothing", method="GET"),
        Question("foreign host", frozenset({403}), "/", method="GET", headers={"Host": "evil.example"}),
        Question("headers too long", frozenset({431}), "/", method="GET", headers={"X": "x" * 20_000}),
        Question(
            "two lengths",
            frozenset({400}),
            "/api/predict",
            b"x",
            headers={"Content-Length": "1", "Transfer-Encoding": "chunked"},
        ),
    ]


def drawing(seed: int, asked: list[Question]) -> Callable[[], Question]:
    """Questions of one client, by weight; its video keeps its name."""
    chance, weights = random.Random(seed), [each.weight for each in asked]

    def draw() -> Question:
        (question,) = chance.choices(asked, weights)
        names = {"STREAM": f"stream-{seed}-of-the-attack", "RANDOM": secrets.token_hex(8)}
        path = question.path
        for name, value in names.items():
            path = path.replace(name, value)
        return replace(question, path=path)

    return draw


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_a_server_at_saturation_answers_everybody_and_does_not_grow(tmp_path: Path) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("memory is measured through /proc, as Linux has it")
    answers, stop, asked = Answers(), threading.Event(), questions()
    with fer_serve(tmp_path, "--rate", "1e6") as server:
        clients = [Client(server.port, drawing(seed, asked), answers, stop) for seed in range(CLIENTS)]
        begun = time.monotonic()
        for client in clients:
            client.start()
        held = []
        while time.monotonic() - begun < SECONDS:
            time.sleep(0.5)
            held.append(server.holdings())
        stop.set()
        for client in clients:
            client.join(timeout=150)
        assert not any(client.is_alive() for client in clients), "a request was never answered"
        elapsed, cpu = time.monotonic() - begun, server.cpu_seconds()
        assert server.ask("GET", "/healthz")[0] == 200
    # A quarter to warm up; then a sixth at the start of the rest against the last sixth.
    span = len(held) // 6
    first, last = held[len(held) // 4 : len(held) // 4 + span], held[-span:]
    before, after = (statistics.median(each.rss for each in part) for part in (first, last))
    result: dict[str, Any] = {
        "seconds": round(elapsed, 1),
        "clients": CLIENTS,
        "server_cpu_seconds": round(cpu, 1),
        "rss_mb": {
            "first": round(before, 1),
            "last": round(after, 1),
            "largest": round(max(each.rss for each in held), 1),
        },
        "threads": [max(each.threads for each in part) for part in (first, last)],
        "descriptors": [max(each.descriptors for each in part) for part in (first, last)],
        "wrong": answers.wrong,
        "kinds": answers.table(),
    }
    print(json.dumps(result, indent=1))
    if "FER_ATTACK_RESULTS" in os.environ:
        with Path(os.environ["FER_ATTACK_RESULTS"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
    assert answers.wrong == []
    assert {row["kind"] for row in result["kinds"]} == {each.kind for each in asked} | {"all"}
    assert after < before * GROWTH, result["rss_mb"]
    assert result["threads"][1] <= result["threads"][0]
    # One connection a client, and one that is being closed while its client opens the next.
    assert result["descriptors"][1] <= result["descriptors"][0] + CLIENTS
    assert max(each.descriptors for each in held) < 64 + 2 * CLIENTS
