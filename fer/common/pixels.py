"""Encoded pictures -> 8-bit pixels, upright, without their transparency."""

from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from fer.common.image_header import ImageHeader
from fer.common.opencv_log import quiet_opencv

END_OF_JPEG: Final = b"\xff\xd9"
"""Marker at the end of every JPEG (ITU-T T.81, B.2.1). Behind one that is cut off, a decoder gives what is there."""


def decode_pixels(data: bytes, header: ImageHeader, *, grey: bool) -> npt.NDArray[np.uint8] | None:
    """uint8 BGR (H, W, 3), or grey (H, W) by Rec. 601 luma; None where no decoder of OpenCV can.

    Turned as EXIF says, and AVIF as its own properties say. More than 8 bits a channel become 8 (`eight_bits`).
    Transparency is left out: what lies hidden under it is there.

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
        # Of 10 and 12 bits OpenCV gives the values as they are, without a word of how many they were.
        flags &= ~cv2.IMREAD_ANYDEPTH
        # The EXIF in it says the same once more, or is old; the properties count (ISO/IEC 23000-22, 7.3.6.7).
        flags |= cv2.IMREAD_IGNORE_ORIENTATION
    try:
        with quiet_opencv():
            decoded = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # sizes beyond its own limits, and kinds of TIFF
        return None
    if decoded is None or decoded.dtype not in (np.uint8, np.uint16):
        return None
    white = header.white or (255 if decoded.dtype == np.uint8 else 65_535)
    pixels = decoded if white == 255 else eight_bits(decoded.astype(np.uint16, copy=False), white=white)
    for name, value in header.transformations:
        pixels = np.rot90(pixels, value) if name == "irot" else np.flip(pixels, axis=value)
    return np.ascontiguousarray(pixels, np.uint8)


def eight_bits(pixels: npt.NDArray[np.uint16], *, white: int = 65_535) -> npt.NDArray[np.uint8]:
    """uint8 of the same shape: 255 for `white` and above, in proportion below.

    What is white is said by the file's kind, or by the file, and never guessed from a picture's own brightest pixel:
    that would make dark pictures bright, each by a factor of its own. PNG is scaled to all its 16 bits, whatever its
    sBIT says (PNG, third edition, 12.4), and so is TIFF, whose MaxSampleValue is not for showing (TIFF 6.0, page 37).

    Args:
        pixels: values from 0 on.
        white: the value that means white.
    """
    table = ((np.minimum(np.arange(65_536), white) * 255 + white // 2) // white).astype(np.uint8)
    shown: npt.NDArray[np.uint8] = table[pixels]
    return shown


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
