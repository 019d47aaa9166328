"""Addresses under which a new tab of the browser may open a folder's files: it cannot show the token, so the address
itself is the secret."""

import secrets
from collections import OrderedDict
from pathlib import Path
from typing import Final
from urllib.parse import quote

from flask import Flask, Response, abort

from fer.runtime.web.security import HEADERS

OPEN_PATH: Final = "/open/"

_MOST: Final = 64
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".md": "text/plain; charset=utf-8",
    ".png": "image/png",
    ".onnx": "application/octet-stream",
    ".sha256": "text/plain; charset=utf-8",
}
"""Ends of names that are given out."""

_POLICY: Final = (
    "sandbox allow-scripts allow-popups allow-downloads allow-modals; default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""A report's own policy, in a sandbox: whoever wrote the report, it cannot speak to the studio."""


class Tickets:
    """Secret addresses of folders; the oldest are forgotten first."""

    def __init__(self) -> None:
        self._folders: OrderedDict[str, Path] = OrderedDict()

    def address(self, file: Path) -> str:
        """An address of a file, relative to the page's; the files beside and below it lie beside it there."""
        folder = file.parent.resolve()
        ticket = next((name for name, place in self._folders.items() if place == folder), None)
        ticket = secrets.token_urlsafe(24) if ticket is None else ticket
        self._folders[ticket] = folder
        self._folders.move_to_end(ticket)
        if len(self._folders) > _MOST:
            self._folders.popitem(last=False)
        return f"{OPEN_PATH.strip('/')}/{ticket}/{quote(file.name)}"

    def file(self, ticket: str, name: str) -> Path | None:
        """The file behind an address; None where there is none, or it lies elsewhere."""
        folder = self._folders.get(ticket)
        if folder is None or "\0" in name:
            return None
        path = (folder / name).resolve()
        return path if path.is_relative_to(folder) and path.suffix in _TYPES and path.is_file() else None


def add_ticket_routes(app: Flask, *, tickets: Tickets) -> None:
    """Adds the route that gives files out."""

    @app.get(f"{OPEN_PATH}<ticket>/<path:name>")
    def behind_ticket(ticket: str, name: str) -> Response:
        path = tickets.file(ticket, name)
        if path is None:
            abort(404, "this address is of an earlier time, or the file has gone: open it from the studio again")
        response = Response(path.read_bytes(), content_type=_TYPES[path.suffix])
        response.headers.update({**HEADERS, "Content-Security-Policy": _POLICY})
        if path.suffix == ".onnx":
            # RFC 6266: a header itself carries no Cyrillic or Chinese.
            response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(path.name, safe='')}"
        return response
