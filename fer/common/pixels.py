"""Encoded pictures -> 8-bit pixels, upright, as a viewer shows them."""

import re
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from fer.common.image_header import ImageHeader
from fer.common.opencv_log import quiet_opencv

END_OF_JPEG: Final = b"\xff\xd9"
"""Marker at the end of every JPEG (ITU-T T.81, B.2.1). Behind one that is cut off, a decoder gives what is there."""


def decode_pixels(data: bytes, header: ImageHeader, *, grey: bool) -> npt.NDArray[np.uint8] | None:
    """uint8 BGR (H, W, 3), or grey (H, W) by Rec. 601 luma; None where no decoder of OpenCV can.

    Turned as EXIF says, and AVIF as its own properties say. More than 8 bits a channel become 8 (`eight_bits`), and
    fewer of a PNM are spread to 8. Transparency is left out.

    Args:
        data: the whole file.
        header: what `read_header` gave for it; whether it is too large to decode is for the caller to say.
        grey: decode to grey, which is faster.
    """
    import cv2

    if header.format == "TIFF":
        data = _alpha_left_out(data)
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
    deep = decoded.dtype == np.uint16
    pixels = eight_bits(decoded.astype(np.uint16, copy=False)) if deep else decoded.astype(np.uint8, copy=False)
    if header.format == "PNM":
        pixels = _to_white(pixels, data)
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


_EXTRA_SAMPLES: Final = 338
_WHOLE_NUMBER: Final = 3
_ASSOCIATED, _UNASSOCIATED = 1, 2


def _alpha_left_out(data: bytes) -> bytes:
    """A TIFF whose transparency is said to be in its colours already (TIFF 6.0, section 18: ExtraSamples).

    Else libtiff multiplies them by it, which darkens a picture to nothing where it is transparent.
    """
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], order)

    start = number(4, 4)
    for entry in range(min(number(start, 2), 512)):
        at = start + 2 + 12 * entry
        said = (number(at, 2), number(at + 2, 2), number(at + 4, 4), number(at + 8, 2))
        if said == (_EXTRA_SAMPLES, _WHOLE_NUMBER, 1, _UNASSOCIATED):
            return data[: at + 8] + _ASSOCIATED.to_bytes(2, order) + data[at + 10 :]
    return data


_MAXVAL: Final = re.compile(rb"P[56](?:(?:\s|#[^\r\n]*[\r\n])+\d{1,9}){2}(?:\s|#[^\r\n]*[\r\n])+(\d{1,5})[\s#]")
"""Behind width and height, the value that is white."""


def _to_white(pixels: npt.NDArray[np.uint8], data: bytes) -> npt.NDArray[np.uint8]:
    """A PNM's values, of which the largest that it may have is white; OpenCV takes 255 for that, but in texts (P2, P3).

    Of more than eight bits, `eight_bits` has made the largest white already.
    """
    found = _MAXVAL.match(data[:1024])
    white = 255 if found is None else int(found[1])
    if not 0 < white < 255:
        return pixels
    values = np.minimum(np.arange(256), white)
    return np.asarray((values * 255 + white // 2) // white, np.uint8)[pixels]
