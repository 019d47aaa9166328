"""Encoded pictures -> 8-bit pixels, upright, as a viewer shows them."""

from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.image_header import ImageHeader
from fer.common.opencv_log import quiet_opencv

END_OF_JPEG: Final = b"\xff\xd9"
"""Marker at the end of every JPEG (ITU-T T.81, B.2.1). Behind one that is cut off, a decoder gives what is there."""


def decode_pixels(data: bytes, header: ImageHeader, *, grey: bool) -> npt.NDArray[np.uint8] | None:
    """uint8 BGR (H, W, 3), or grey (H, W) by Rec. 601 luma; None where no decoder of OpenCV can.

    Turned as EXIF says, and AVIF as its own properties say. More than 8 bits a channel become 8 (`eight_bits`).

    Args:
        data: the whole file.
        header: what `read_header` gave for it; whether it is too large to decode is for the caller to say.
        grey: decode to grey, which is faster.
    """
    import cv2

    flags = (cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR) | cv2.IMREAD_ANYDEPTH
    if header.format == "AVIF":
        # The EXIF in it says the same once more, or is old; the properties count (ISO/IEC 23000-22, 7.3.6.7).
        flags |= cv2.IMREAD_IGNORE_ORIENTATION
    try:
        with quiet_opencv():
            decoded = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # sizes beyond its own limits, and kinds of TIFF
        return None
    if decoded is None or decoded.dtype not in (np.uint8, np.uint16):
        return None
    pixels = decoded if decoded.dtype == np.uint8 else eight_bits(decoded.astype(np.uint16, copy=False))
    for name, value in header.transformations:
        pixels = np.rot90(pixels, value) if name == "irot" else np.flip(pixels, axis=value)
    return np.ascontiguousarray(pixels, np.uint8)


def eight_bits(pixels: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """The upper eight of the bits in use; any shape.

    Cameras of 10, 12 and 14 bits put their values into 16 as they are, and hardly any file says how many count. So they
    are taken from the largest value: 4,000 needs 12 bits, of which the lower four go.
    """
    bits = int(pixels.max(initial=0)).bit_length()
    return (pixels >> max(0, bits - 8)).astype(np.uint8)
