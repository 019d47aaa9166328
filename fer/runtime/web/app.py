"""The Flask application of fer-serve: its doors, its routes, and how its mistakes are told."""

from typing import Final

from flask import Flask, Response

from fer.runtime.images import ImageTooLarge, NotAnImage
from fer.runtime.web.connection import OUR_FAULT
from fer.runtime.web.doors import guard, refuse, tell_mistakes
from fer.runtime.web.engine import Engine, NoFace
from fer.runtime.web.limits import Busy
from fer.runtime.web.prefix import Prefixed
from fer.runtime.web.routes import add_routes
from fer.runtime.web.settings import ServeSettings
from fer.runtime.web.telemetry import Telemetry
from fer.runtime.web.uploads import InMemoryRequest, WrongType

OPEN: Final = ("/healthz", "/sw.js")
"""Paths that need no token and count against no rate, besides the page's own files."""


def create_app(engine: Engine, *, settings: ServeSettings) -> Flask:
    """The application; it keeps nothing but counters, and writes nothing anywhere.

    Args:
        engine: predicts and explains.
        settings: limits and doors.
    """
    app = Flask("fer.runtime.web", static_folder=None)
    app.request_class = InMemoryRequest
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_body
    app.config["MAX_FORM_PARTS"] = 8
    # The order of probabilities is that of the emotions.
    app.json.sort_keys = False  # type: ignore[attr-defined]
    # An address with two slashes in a row is nothing of ours; it would be answered with a redirection.
    app.url_map.merge_slashes = False
    telemetry = Telemetry()
    guard(
        app,
        settings=settings,
        is_open=lambda path: path in ("/", *OPEN) or path.startswith("/page/"),
        count=telemetry.request,
    )
    statuses: dict[type[Exception], int] = {WrongType: 415, NotAnImage: 415, ImageTooLarge: 413, NoFace: 422}
    # A model that fails while it serves is no mistake of the client's.
    tell_mistakes(app, settings=settings, statuses=statuses, our_fault=OUR_FAULT)

    @app.errorhandler(Busy)
    def busy(error: Busy) -> Response:
        return refuse(503, "busy with other pictures: try again at once", retry_after=settings.patience)

    add_routes(app, engine=engine, settings=settings, telemetry=telemetry)
    if settings.prefix:
        app.wsgi_app = Prefixed(app.wsgi_app, prefix=settings.prefix)  # type: ignore[method-assign]
    return app
