"""Limits of the studio's server."""

from typing import Final

from fer.runtime.web.settings import MEBIBYTE, ServeSettings

OUR_FAULT: Final = "fer-studio made a mistake; its own output has the details"


def studio_settings(*, token: str) -> ServeSettings:
    """Those of `fer-serve`, for a page that asks often and sends photos.

    Args:
        token: what the page must present.
    """
    return ServeSettings(token=token, max_body=16 * MEBIBYTE, rate=500.0, burst=1000, concurrency=8)
