"""Takes the picture out of a request, in memory."""

import io
from typing import IO, Final

from flask import Request

from fer.common.errors import DataError

FIELD: Final = "image"
"""Name of the multipart field that holds the picture."""

RAW_TYPES: Final = ("image/", "application/octet-stream")
"""What the body itself may be; a missing content type passes too."""


class WrongType(DataError):
    """The request's content type cannot hold a picture."""


class InMemoryRequest(Request):
    """A request whose uploaded files stay in memory: werkzeug would put those over 500 kB on the disk."""

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
