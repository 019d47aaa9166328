"""Damaged bodies, headers, paths and questions, into the web application."""

import io
import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

import cv2
import numpy as np
import pytest
from attacks.fuzz.battery import COUNTS, attack
from attacks.fuzz.mutations import Random, mutated, mutated_text
from flask import Flask

from fer.runtime.detection.opening import open_detector
from fer.runtime.web.app import create_app
from fer.runtime.web.command import load_models
from fer.runtime.web.engine import Engine
from fer.runtime.web.settings import ServeSettings

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get", "", "P\x00ST")
PATHS: Final = (
    *("/", "/healthz", "/api/models", "/api/openapi.json", "/api/drift", "/metrics", "/page/index.html"),
    *("/api/predict", "/api/explain", "/api/occlusion") * 4,
    *("/page/../../etc/passwd", "/page/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/page/\x00", "/api/predict/"),
)
QUESTIONS: Final = (
    *(
        "face=0",
        "face=-1",
        "face=" + "9" * 400,
        "face=1e3",
        "at=10,20",
        "at=1,2,3",
        "at=nan,1",
        "at=" + "9" * 400 + ",1",
    ),
    *("at=-5,-5", "label=happy", "label=joy", "model=x", "model=", "stream=abcdefgh", "stream=short", "stream="),
    *("face=٣", "label=" + "a" * 3000, "model=" + "m" * 3000, "%", "%ff", "=&=&", "face[]=1", "at=,"),
)
HEADERS: Final = {
    "Host": ("localhost", "127.0.0.1:8000", "evil.example", "[::1]", "[", "localhost:99999999", "", "a b", "local\tho"),
    "Origin": ("http://localhost", "null", "http://[", "http://[::1", "://", "http://evil.example", "é", "http://a]b"),
    "Sec-Fetch-Site": ("same-origin", "cross-site", "none", "", "x"),
    "Authorization": ("Bearer secret-token", "Bearer", "Basic Og==", "Basic %%%", "Digest x=", "\xff\xfe", "Bearer é"),
    "Content-Type": (
        *("image/jpeg", "image/png", "application/octet-stream", "application/json", "text/html", ""),
        *("multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=b", "image/"),
        *("multipart/form-data; boundary=" + "b" * 300, "multipart/form-data; boundary=é", "image/jpeg; charset=\x00"),
        *("application/x-www-form-urlencoded", "multipart/mixed; boundary=b", ";", "/", "image/jpeg; a*=utf-16''%ff"),
    ),
    "Content-Length": ("0", "1", "-1", "abc", "99999999999", "9" * 400, "1.5", "+5", " 7"),
    "Transfer-Encoding": ("chunked", "identity", "gzip", "chunked, chunked"),
    "Range": ("bytes=0-", "bytes=-1", "x"),
    "If-None-Match": ("*", '"x', "W/"),
    "Accept": ("*/*", "q=", ";;;", "text/html;q=abc"),
    "Cookie": ("a=b", "=;=;", "a=" + "b" * 4000),
    "X-Forwarded-For": ("1.2.3.4", "x"),
    "Expect": ("100-continue", "x"),
}
TOKEN: Final = "secret-token"


@dataclass(frozen=True)
class Question:
    """What a connection sends, as a WSGI server hands it on."""

    method: str
    path: str
    query: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def picture() -> bytes:
    smooth = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8), (9, 9), 0)
    return cv2.imencode(".jpg", smooth)[1].tobytes()


PICTURE: Final = picture()
FORM: Final = (
    b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    + PICTURE
    + b"\r\n--b--\r\n"
)
FORM_HEADERS: Final = {
    "Host": "localhost",
    "Authorization": f"Bearer {TOKEN}",
    "Content-Type": "multipart/form-data; boundary=b",
}
BODY_TOKENS: Final = (b"\r\n", b"--b", b"--b--", b'name="image"', b"filename*=utf-16''%ff", b"filename=", b"\x00", b";")


def make(rng: Random) -> Question:
    def one(choices: Any) -> Any:
        return choices[rng.integers(len(choices))]

    form = rng.random() < 0.4
    body = FORM if form else PICTURE
    body = mutated(body, rng, tokens=BODY_TOKENS, others=(FORM, PICTURE)) if rng.random() < 0.7 else body
    path, query = one(PATHS), "&".join(one(QUESTIONS) for _ in range(rng.integers(0, 3)))
    headers = FORM_HEADERS | ({} if form else {"Content-Type": "image/jpeg"})
    for name in rng.choice(list(HEADERS), int(rng.integers(0, 4)), replace=False).tolist():
        value = one(HEADERS[name])
        headers[name] = mutated_text(value, rng)[:8000] if rng.random() < 0.3 else value
    if rng.random() < 0.15:
        path, query = mutated_text(path, rng)[:8000], mutated_text(query, rng)[:8000]
    # HTTP/1.1: bytes, which WSGI servers hand on as Latin-1; no line ends within.
    headers = {name: re.sub(r"[\r\n]", "", value.encode().decode("latin-1")) for name, value in headers.items()}
    return Question(
        one(METHODS) if rng.random() < 0.15 else "POST" if "/api/" in path else "GET", path, query, body, headers
    )


def application() -> Flask:
    settings = ServeSettings(token=TOKEN, rate=1e9, burst=10**9, max_body=1 << 20, max_pixels=1_000_000)
    engine = Engine(
        load_models([None]), detector="none", open_detector=lambda live: open_detector("none"), settings=settings
    )
    return create_app(engine, settings=settings)


@pytest.fixture(scope="module")
def app() -> Flask:
    return application()


def asked(app: Flask, question: Question) -> None:
    """An answer that the contract allows: the words of a refusal in JSON, no 5xx, the headers of every answer."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": question.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": question.path.encode("utf-8", "replace").decode("latin-1"),
        "QUERY_STRING": question.query.encode("utf-8", "replace").decode("latin-1"),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(question.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(question.body),
        "wsgi.errors": io.BytesIO(b""),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    for name, value in question.headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    told: list[Any] = []
    body = b"".join(app(environ, lambda status, headers, info=None: told.extend((status, headers))))
    status, headers = int(told[0][:3]), dict(told[1])
    assert status < 500, (status, body[:200])
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert len(body) < 1 << 20
    if status >= 400 and question.method != "HEAD":
        assert set(json.loads(body)) == {"error"}, body[:200]
        raise Refused(json.loads(body)["error"])


class Refused(Exception):
    """An answer of 400 to 499."""


@pytest.mark.parametrize("count", COUNTS)
def test_damaged_requests(app: Flask, count: int) -> None:
    attack("http", count=count, make=make, use=lambda question: asked(app, question), refusals=(Refused,))


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "http://a]b"])
def test_an_origin_that_is_no_address_is_refused(app: Flask, origin: str) -> None:
    answer = app.test_client().post("/api/predict", data=PICTURE, headers={"Origin": origin, "Host": "localhost"})
    assert answer.status_code == 403
    assert "other sites" in answer.get_json()["error"]
