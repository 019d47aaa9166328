"""Who is let in, what each response carries, and how mistakes are told: shared by every server of ours."""

import logging
import math
from collections.abc import Callable, Collection, Mapping

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from fer.common.errors import CheckpointError, FerError
from fer.runtime.web import security
from fer.runtime.web.limits import RateLimit
from fer.runtime.web.settings import ServeSettings

logger = logging.getLogger(__name__)


def guard(
    app: Flask,
    *,
    settings: ServeSettings,
    is_open: Callable[[str], bool],
    count: Callable[[str, int], None] = lambda rule, status: None,
) -> None:
    """Lets requests in, or refuses them, and dresses every response.

    Args:
        app: the application.
        settings: names, token and rate.
        is_open: whether a path needs no token and counts against no rate.
        count: told of every response: its rule and its status.
    """
    rate = RateLimit(rate=settings.rate, burst=settings.burst)

    @app.before_request
    def let_in() -> Response | None:
        if not security.host_is_ours(request.host, allowed=settings.allowed_hosts):
            return refuse(
                403,
                f"this server does not answer to the name {request.host[:80]}: use localhost or its address, or start "
                "it with --allow-host NAME",
            )
        asks = request.method not in ("GET", "HEAD")
        if asks and security.from_another_site(dict(request.headers), host=request.host):
            return refuse(403, "requests from other sites are refused")
        if is_open(request.path):
            return None
        if settings.token is not None and not security.token_matches(
            request.headers.get("Authorization", ""), token=settings.token
        ):
            refusal = refuse(401, "the token is missing or wrong: send Authorization: Bearer TOKEN")
            refusal.headers["WWW-Authenticate"] = "Bearer"
            return refusal
        wait = rate.wait(request.remote_addr or "")
        return refuse(429, f"more than {settings.rate:g} requests a second", retry_after=wait) if wait > 0 else None

    @app.after_request
    def dress(response: Response) -> Response:
        for name, value in security.HEADERS.items():
            response.headers.setdefault(name, value)
        count(request.url_rule.rule if request.url_rule is not None else "other", response.status_code)
        return response


def tell_mistakes(
    app: Flask,
    *,
    settings: ServeSettings,
    statuses: Mapping[type[Exception], int],
    our_fault: str,
    faults: Collection[type[Exception]] = (CheckpointError,),
) -> None:
    """Answers every error with `{"error": ...}`.

    Args:
        app: the application.
        settings: the largest body.
        statuses: kind of a user's mistake -> HTTP status; 400 for the others.
        our_fault: what is said where the mistake is ours.
        faults: kinds of a user's mistake that are none here.
    """

    @app.errorhandler(FerError)
    def mistake(error: FerError) -> Response:
        return refuse(next((status for kind, status in statuses.items() if isinstance(error, kind)), 400), str(error))

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        if isinstance(error, RequestEntityTooLarge):
            return refuse(413, f"the body is larger than this server takes ({settings.max_body} bytes)")
        refusal = refuse(error.code or 500, error.description or error.name)
        if isinstance(error, MethodNotAllowed):
            refusal.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return refusal

    def fault(error: Exception) -> Response:
        logger.exception("%s %r failed", request.method, request.path)
        return refuse(500, our_fault)

    for kind in (*faults, Exception):
        app.register_error_handler(kind, fault)


def refuse(status: int, message: str, *, retry_after: float | None = None) -> Response:
    """`{"error": message}` with a status, and the seconds after which to ask again."""
    response = jsonify({"error": message})
    response.status_code = status
    if retry_after is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
    return response
