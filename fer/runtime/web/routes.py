"""What the server responds to. Paths and responses are described in openapi.py."""

import json
import re
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from importlib.resources import files
from typing import Any, Final

from flask import Flask, Response, abort, jsonify, request

from fer.common.errors import DataError, nearest
from fer.runtime.web.engine import Engine, FaceChoice
from fer.runtime.web.half_occlusion import HALVES
from fer.runtime.web.openapi import describe
from fer.runtime.web.settings import ServeSettings
from fer.runtime.web.telemetry import CONTENT_TYPE, Telemetry
from fer.runtime.web.uploads import picture

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}

FOLDERS: Final = ("icons/", "js/", "messages/")
"""Of the page."""

SHELL: Final = "shell.json"
"""Lists the files of the page, for the worker that keeps them where somebody wants the page without its server."""

_WHOLE: Final = re.compile("-?[0-9]{1,9}")
_SECONDS: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_PLACE: Final = re.compile("(-?[0-9]{1,9}),(-?[0-9]{1,9})")

HEALTH_RETRY: Final = 10
"""Seconds after which to ask again whether a failing server has recovered."""


def add_routes(app: Flask, *, engine: Engine, settings: ServeSettings, telemetry: Telemetry) -> None:
    """Adds every route to the application."""
    page = _with_shell(page_files("fer.runtime.web"))
    description = describe(settings, models=engine.labels, version=version("ferlab"))

    @app.get("/")
    def index() -> Response:
        return page["index.html"]()

    # A worker governs nothing above its own place: it lies beside the page.
    @app.get("/sw.js")
    def worker() -> Response:
        return page["sw.js"]()

    @app.get("/page/<path:name>")
    def page_file(name: str) -> Response:
        if name not in page:
            abort(404, f"there is no {name[:80]}")
        return page[name]()

    @app.get("/healthz")
    def health() -> Response:
        problem = engine.health.problem()
        if problem is None:
            return jsonify({"status": "ok"})
        response = jsonify({"status": "failing", "error": problem})
        response.status_code = 503
        response.headers["Retry-After"] = str(HEALTH_RETRY)
        return response

    @app.get("/api/models")
    def models() -> Response:
        limits = {"max_body": settings.max_body, "max_pixels": settings.max_pixels, "rate": settings.rate}
        return jsonify({"models": engine.describe_models(), "detector": engine.detector, "limits": limits})

    @app.get("/api/openapi.json")
    def openapi() -> Response:
        return jsonify(description)

    @app.get("/api/drift")
    def drift() -> Response:
        return jsonify(engine.drift(request.args.get("model")))

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(telemetry.text(engine.drifts()), content_type=CONTENT_TYPE)

    @app.post("/api/predict")
    def predict() -> Response:
        begun = time.perf_counter()
        response = engine.predict(
            picture(request),
            model=request.args.get("model"),
            stream=_stream(request.args),
            hide=_hide(request.args),
            seconds=_seconds(request.args),
        )
        seconds = time.perf_counter() - begun
        labels = [face["label"] if face["status"] == "ok" else face["status"] for face in response["faces"]]
        telemetry.prediction(seconds, model=response["model"], labels=labels)
        return _timed(response, seconds)

    @app.post("/api/preview")
    def preview() -> Response:
        return Response(engine.preview(picture(request)), content_type="image/jpeg")

    @app.post("/api/explain")
    def explain() -> Response:
        begun = time.perf_counter()
        response = engine.explain(
            picture(request),
            model=request.args.get("model"),
            label=request.args.get("label"),
            choice=_face(request.args),
        )
        return _timed(response, time.perf_counter() - begun)

    @app.post("/api/occlusion")
    def occlusion() -> Response:
        begun = time.perf_counter()
        response = engine.cover(picture(request), model=request.args.get("model"), choice=_face(request.args))
        return _timed(response, time.perf_counter() - begun)


def _timed(fields: dict[str, Any], seconds: float) -> Response:
    return jsonify(fields | {"ms": round(seconds * 1000, 2)})


def _stream(arguments: Mapping[str, str]) -> str | None:
    """The name of the video that a picture belongs to.

    Raises:
        DataError: a name that is too short to be anybody's own, or too long.
    """
    stream = arguments.get("stream")
    if stream is not None and not 8 <= len(stream) <= 64:
        raise DataError(f"stream={stream[:64]!r}: give a random name of 8 to 64 characters")
    return stream


def _hide(arguments: Mapping[str, str]) -> str | None:
    """The half of each face that the model does not get to see.

    Raises:
        DataError: no half of a face.
    """
    hide = arguments.get("hide")
    if hide is not None and hide not in HALVES:
        raise DataError(f"hide={hide[:40]!r} is no half{nearest(hide, HALVES)}: give one of {', '.join(HALVES)}")
    return hide


def _seconds(arguments: Mapping[str, str]) -> float | None:
    """When in its video a picture was taken.

    Raises:
        DataError: no number of seconds.
    """
    text = arguments.get("seconds")
    if text is None:
        return None
    if _SECONDS.fullmatch(text) is None:
        raise DataError(f"seconds={text[:40]!r}: give the time in the video, as seconds=12.5")
    return float(text)


def _face(arguments: Mapping[str, str]) -> FaceChoice:
    """Which face of a picture is meant.

    Raises:
        DataError: numbers that are none.
    """
    at, number = arguments.get("at"), arguments.get("face", "0")
    if at is not None:
        place = _PLACE.fullmatch(at)
        if place is None:
            raise DataError(f"at={at[:40]!r}: give x,y in pixels, as at=320,180")
        return FaceChoice(number=None, at=(int(place[1]), int(place[2])))
    if _WHOLE.fullmatch(number) is None:
        raise DataError(f"face={number[:40]!r}: give its number, the largest is 0")
    return FaceChoice(number=int(number), at=None)


def page_files(package: str) -> dict[str, Callable[[], Response]]:
    """Name -> response with that file of a package's page, for those that are there; nothing else can be asked for."""
    root = files(package) / "page"
    names: dict[str, Any] = {}
    for folder in ("", *(folder for folder in FOLDERS if (root / folder).is_dir())):
        names |= {f"{folder}{each.name}": each for each in (root / folder).iterdir() if each.is_file()}

    def responder(content: bytes, name: str) -> Callable[[], Response]:
        return lambda: Response(content, content_type=_TYPES[f".{name.rpartition('.')[2]}"])

    return {name: responder(each.read_bytes(), name) for name, each in sorted(names.items())}


def _with_shell(page: dict[str, Callable[[], Response]]) -> dict[str, Callable[[], Response]]:
    """The page's files, and the list of those that a browser may keep for when the server is away."""
    shell = ["./", *(f"page/{name}" for name in page if name not in ("index.html", "sw.js"))]
    content = json.dumps(shell).encode()
    return page | {SHELL: lambda: Response(content, content_type=_TYPES[f".{SHELL.rpartition('.')[2]}"])}
