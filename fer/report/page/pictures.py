"""Pictures as the page and the report folder carry them."""

import base64
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]


def png(picture: Images) -> bytes:
    """RGB picture -> PNG file."""
    return _encode(picture, ".png", ())


def webp(picture: Images) -> bytes:
    """RGB picture -> WebP file, a tenth of the PNG's size, for the page."""
    import cv2

    return _encode(picture, ".webp", (cv2.IMWRITE_WEBP_QUALITY, 85))


def _encode(picture: Images, suffix: str, arguments: Sequence[int]) -> bytes:
    import cv2

    done, encoded = cv2.imencode(suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), list(arguments))
    assert done, suffix
    return bytes(encoded)


def data_uri(content: bytes, kind: str) -> str:
    """A picture as the page carries it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
