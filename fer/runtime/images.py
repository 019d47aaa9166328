"""Image files -> arrays, with limits, and with the reason where that cannot be done."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.image_header import foreign_kind, read_header
from fer.common.pixels import END_OF_JPEG, decode_pixels

MAX_BYTES: Final = 64 * 2**20
MAX_PIXELS: Final = 128_000_000
"""Default limits: a 108-megapixel phone's photo passes; decoded in colour it takes 384 MB at most."""

_HEIC_FIX: Final = (
    "convert it to JPEG first (macOS: sips -s format jpeg; Linux: heif-convert; "
    "iPhone: Settings, Camera, Formats, Most Compatible)"
)


class NotAnImage(DataError):
    """The data is no image of a kind that can be read here."""


class ImageTooLarge(DataError):
    """The data has more bytes, or declares more pixels, than the limit."""


class UnreadableImage(DataError):
    """An image, but empty, cut off or broken."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded image.

    Attributes:
        pixels: uint8, BGR (H, W, 3) or grey (H, W), upright.
        format: "JPEG", "PNG", ...
        note: what is to be known of it, in words: only the first of several pictures, or cut off; else None.
    """

    pixels: npt.NDArray[np.uint8]
    format: str
    note: str | None


def decode(
    data: bytes, *, grey: bool = False, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS
) -> npt.NDArray[np.uint8]:
    """One encoded image as uint8 BGR (H, W, 3), or grey (H, W); see `read_picture`."""
    return read_picture(data, grey=grey, max_bytes=max_bytes, max_pixels=max_pixels).pixels


def read_picture(
    data: bytes,
    *,
    grey: bool = False,
    max_bytes: int = MAX_BYTES,
    max_pixels: int = MAX_PIXELS,
    cut_off: bool = False,
) -> Picture:
    """One encoded image: JPEG, PNG, GIF, WebP, BMP, TIFF, PNM, and AVIF where OpenCV was built with it.

    Turned as its EXIF orientation says, or an AVIF's own properties; more than 8 bits a channel become 8; transparency
    is left out; of several pictures the first is taken.

    Args:
        data: the file's content.
        grey: decode to grey (Rec. 601 luma), which is faster than colour.
        max_bytes: limit of the encoded size.
        max_pixels: limit of the declared size, checked before anything is decoded.
        cut_off: take a JPEG that lacks its end, too: what is not there is grey.

    Raises:
        ImageTooLarge: beyond a limit.
        NotAnImage: no image, or of a kind that cannot be read here (HEIC, PDF, video, ...).
        UnreadableImage: empty, cut off or broken.
    """
    if len(data) == 0:
        raise UnreadableImage("the file is empty")
    if len(data) > max_bytes:
        raise ImageTooLarge(f"the file has {len(data):,} bytes; the limit is {max_bytes:,}")
    header = read_header(data)
    if header is None:
        kind = foreign_kind(data)
        if kind == "a HEIC photo":
            raise NotAnImage(f"this is {kind}, which cannot be read here: {_HEIC_FIX}")
        if kind is not None:
            raise NotAnImage(f"this is {kind}, which cannot be read here: hand in a JPEG, PNG, WebP, GIF, BMP or TIFF")
        if data.startswith((b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\x00", b"MM\x00*")):
            raise UnreadableImage("the image is cut off or broken")
        raise NotAnImage("this is not an image of a known kind: hand in a JPEG, PNG, WebP, GIF, BMP or TIFF")
    pixels = header.width * header.height
    if pixels > max_pixels:
        raise ImageTooLarge(
            f"the image has {header.width:,} x {header.height:,} pixels; the limit is {max_pixels:,} in all"
        )
    if pixels == 0:
        raise UnreadableImage("the image declares no pixels")
    decoded = decode_pixels(data, header, grey=grey)
    notes = ["holds several pictures; only the first is judged"] if header.animated else []
    if decoded is None and cut_off and header.format == "JPEG":
        decoded = decode_pixels(data + END_OF_JPEG, header, grey=grey)
        notes.append("the JPEG lacks its end; what is missing is taken for grey")
    if decoded is None:
        raise UnreadableImage(f"the {header.format} image is cut off, broken or of an unusual kind")
    return Picture(decoded, header.format, "; ".join(notes) or None)
