"""Serving below a path, for a proxy that shares its name between several servers."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from fer.runtime.web.security import HEADERS

PATTERN: Final = r"^(/[A-Za-z0-9._~-]+)*$"
"""Of a prefix: "/fer" or "/lab/fer"; "" for none."""

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Prefixed:
    """A WSGI application (PEP 3333) that also answers below a prefix.

    Without the prefix it answers too: to a proxy that takes the prefix away, and to a health check past the proxy. The
    prefix alone is answered with the same and a slash, since the page's own addresses are relative to it.

    Args:
        app: what answers.
        prefix: as `PATTERN`, not empty.
    """

    def __init__(self, app: Application, *, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answers a request."""
        path = environ["PATH_INFO"]
        if path == self._prefix:
            query = environ.get("QUERY_STRING", "")
            place = f"{self._prefix}/{'?' if query else ''}{query}"
            headers = [("Location", place), ("Content-Length", "0"), *HEADERS.items()]
            start_response("308 Permanent Redirect", headers)
            return []
        if path.startswith(f"{self._prefix}/"):
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + self._prefix
            environ["PATH_INFO"] = path.removeprefix(self._prefix)
        return self._app(environ, start_response)
