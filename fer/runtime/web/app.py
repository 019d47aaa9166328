"""The Flask application: who is let in, what each response carries, and how mistakes are told."""

import logging
import math
from typing import Final

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from fer.common.errors import CheckpointError, FerError
from fer.runtime.images import ImageTooLarge, NotAnImage
from fer.runtime.web import security
from fer.runtime.web.connection import OUR_FAULT
from fer.runtime.web.engine import Engine, NoFace
from fer.runtime.web.limits import Busy, RateLimit
from fer.runtime.web.prefix import Prefixed
from fer.runtime.web.routes import add_routes
from fer.runtime.web.settings import ServeSettings
from fer.runtime.web.telemetry import Telemetry
from fer.runtime.web.uploads import InMemoryRequest, WrongType

logger = logging.getLogger(__name__)

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
    _guard(app, settings=settings, telemetry=telemetry)
    _tell_mistakes(app, settings=settings)
    add_routes(app, engine=engine, settings=settings, telemetry=telemetry)
    if settings.prefix:
        app.wsgi_app = Prefixed(app.wsgi_app, prefix=settings.prefix)  # type: ignore[method-assign]
    return app


def _guard(app: Flask, *, settings: ServeSettings, telemetry: Telemetry) -> None:
    rate = RateLimit(rate=settings.rate, burst=settings.burst)

    @app.before_request
    def let_in() -> Response | None:
        if not security.host_is_ours(request.host, allowed=settings.allowed_hosts):
            return _refuse(
                403,
                f"this server does not answer to the name {request.host[:80]}: use localhost or its address, or start "
                "it with --allow-host NAME",
            )
        asks = request.method not in ("GET", "HEAD")
        if asks and security.from_another_site(dict(request.headers), host=request.host):
            return _refuse(403, "requests from other sites are refused")
        public = request.path in ("/", *OPEN) or request.path.startswith("/page/")
        if public:
            return None
        if settings.token is not None and not security.token_matches(
            request.headers.get("Authorization", ""), token=settings.token
        ):
            refusal = _refuse(401, "the token is missing or wrong: send Authorization: Bearer TOKEN")
            refusal.headers["WWW-Authenticate"] = "Bearer"
            return refusal
        wait = rate.wait(request.remote_addr or "")
        return _refuse(429, f"more than {settings.rate:g} requests a second", retry_after=wait) if wait > 0 else None

    @app.after_request
    def dress(response: Response) -> Response:
        for name, value in security.HEADERS.items():
            response.headers.setdefault(name, value)
        telemetry.request(request.url_rule.rule if request.url_rule is not None else "other", response.status_code)
        return response


def _tell_mistakes(app: Flask, *, settings: ServeSettings) -> None:
    statuses: dict[type[Exception], int] = {WrongType: 415, NotAnImage: 415, ImageTooLarge: 413, NoFace: 422}

    @app.errorhandler(FerError)
    def mistake(error: FerError) -> Response:
        return _refuse(next((status for kind, status in statuses.items() if isinstance(error, kind)), 400), str(error))

    @app.errorhandler(Busy)
    def busy(error: Busy) -> Response:
        return _refuse(503, "busy with other pictures: try again at once", retry_after=settings.patience)

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        if isinstance(error, RequestEntityTooLarge):
            return _refuse(413, f"the body is larger than this server takes ({settings.max_body} bytes)")
        refusal = _refuse(error.code or 500, error.description or error.name)
        if isinstance(error, MethodNotAllowed):
            refusal.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return refusal

    # A model that fails while it serves is no mistake of the client's.
    @app.errorhandler(CheckpointError)
    @app.errorhandler(Exception)
    def our_fault(error: Exception) -> Response:
        logger.exception("%s %r failed", request.method, request.path)
        return _refuse(500, OUR_FAULT)


def _refuse(status: int, message: str, *, retry_after: float | None = None) -> Response:
    response = jsonify({"error": message})
    response.status_code = status
    if retry_after is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
    return response
