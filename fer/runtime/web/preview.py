"""Pictures that browsers cannot show (TIFF, PNM, AVIF in some), as JPEG."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

LONGEST: Final = 1600
"""Longer side of a preview, in pixels; the page makes every picture as small before it sends it."""

QUALITY: Final = 92
"""Of its JPEG, as that of the page."""


def encode_preview(image_HWC: npt.NDArray[np.uint8]) -> bytes:
    """A JPEG of a BGR picture (H, W, 3), made smaller where it is longer than `LONGEST`."""
    height, width = image_HWC.shape[:2]
    scale = LONGEST / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image_HWC = np.asarray(cv2.resize(image_HWC, size, interpolation=cv2.INTER_AREA), np.uint8)
    encoded, data = cv2.imencode(".jpg", image_HWC, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert encoded
    return data.tobytes()
