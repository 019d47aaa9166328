"""Takes the picture out of a request, in memory."""

import io
from collections.abc import Mapping
from typing import IO, Any, Final

from flask import Request
from werkzeug.formparser import FormDataParser

from fer.common.errors import DataError

FIELD: Final = "image"
"""Name of the multipart field that holds the picture."""

RAW_TYPES: Final = ("image/", "application/octet-stream")
"""What the body itself may be; a missing content type passes too."""


class WrongType(DataError):
    """The request's content type cannot hold a picture."""


_MAX_HEAD: Final = 8192
"""Bytes of a part's head; longer ones are left to werkzeug."""

_MAX_PARTS: Final = 100


class AnyNameParser(FormDataParser):
    """Takes forms whose file names are no UTF-8, as curl sends `caf\\xe9.jpg`: werkzeug would drop the whole form."""

    def parse(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: Mapping[str, str] | None = None
    ) -> Any:
        """As werkzeug's."""
        told = dict(options or {})
        if mimetype == "multipart/form-data" and told.get("boundary", "").isascii() and told.get("boundary"):
            stream = io.BytesIO(_with_utf8_heads(stream.read(), b"--" + told["boundary"].encode()))
        return super().parse(stream, mimetype, content_length, told)


def _with_utf8_heads(body: bytes, mark: bytes) -> bytes:
    """The form with its parts' heads in UTF-8, what is none replaced; the names in them are not used."""
    pieces, start = [], 0
    for _ in range(_MAX_PARTS):
        at = body.find(mark, start)
        if at < 0:
            break
        end = body.find(b"\r\n\r\n", at, at + _MAX_HEAD)
        if end < 0:
            end = at + len(mark)
        pieces += [body[start:at], body[at:end].decode("utf-8", "replace").encode()]
        start = end
    return b"".join((*pieces, body[start:])) if pieces else body


class InMemoryRequest(Request):
    """A request whose uploaded files stay in memory: werkzeug would put those over 500 kB on the disk."""

    form_data_parser_class = AnyNameParser

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        return io.BytesIO()


def picture(request: Request) -> bytes:
    """The bytes of the picture: the raw body, or the multipart field `image`.

    Raises:
        WrongType: any other content type.
        DataError: no picture, or an empty one.
    """
    kind = request.mimetype
    data: bytes
    if kind == "multipart/form-data":
        file = request.files.get(FIELD)
        if file is None:
            raise DataError(f"the form has no file field named {FIELD}")
        data = file.read()
    elif not kind or kind.startswith(RAW_TYPES):
        data = request.get_data(cache=False)
    else:
        raise WrongType(
            f"content type {kind} cannot hold a picture: send the picture itself with Content-Type: image/jpeg "
            f"(or image/png ...), or a multipart form with a file field named {FIELD}"
        )
    if not data:
        raise DataError("the picture is empty")
    return data
