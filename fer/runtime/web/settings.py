"""What a server may be asked, how much of it, and by whom."""

from typing import Annotated

from pydantic import Field

from fer.common.section import Section
from fer.runtime.web.prefix import PATTERN

MEBIBYTE = 1 << 20


class ServeSettings(Section):
    """Limits and doors of the server; the defaults are those of `fer-serve`.

    Attributes:
        max_body: largest body of a request, in bytes; larger ones get 413.
        max_pixels: largest picture, in pixels; checked before a picture is unpacked.
        rate: requests of the interface that one address may make each second on average; more get 429. A live page at
            60 pictures a second uses half of the default.
        burst: how many of them may come at once after a rest.
        concurrency: pictures worked on at the same time.
        patience: seconds a request waits for a free place before it gets 503.
        drift_window: faces the drift log remembers (numbers only).
        allowed_hosts: names, besides localhost and IP addresses, under which the server may be called.
        prefix: path below which the server answers too ("/fer"); "" for none.
        token: what the `Authorization: Bearer` header must carry for everything but the page itself and /healthz.
    """

    max_body: Annotated[int, Field(ge=1024)] = 8 * MEBIBYTE
    max_pixels: Annotated[int, Field(ge=1024)] = 40_000_000
    rate: Annotated[float, Field(gt=0)] = 120.0
    burst: Annotated[int, Field(ge=1)] = 240
    concurrency: Annotated[int, Field(ge=1, le=64)] = 2
    patience: Annotated[float, Field(ge=0)] = 1.0
    drift_window: Annotated[int, Field(ge=50, le=100_000)] = 500
    allowed_hosts: tuple[str, ...] = ()
    prefix: Annotated[str, Field(pattern=PATTERN)] = ""
    token: Annotated[str, Field(min_length=8)] | None = None
