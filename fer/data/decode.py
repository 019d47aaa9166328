"""Encoded images -> one uint8 array; what cannot be decoded is listed, never dropped in silence."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.image_header import read_header
from fer.common.pixels import decode_pixels
from fer.common.wording import printable_path
from fer.data.resize import fit_image

logger = logging.getLogger(__name__)

MAX_PIXELS: Final = 40_000_000
"""Declared size above which an image is not decoded: a file of 2 kB may declare, and fill, gigabytes."""

_SHOWN = 5


class UnreadableError(Exception):
    """Raised by a `read` callback for one item that cannot be read; its text is the reason."""


@dataclass(frozen=True, kw_only=True)
class DecodedFaces:
    """What `decode_faces` gives.

    Attributes:
        images: uint8 array (M, C, side, side), in [0, 255]; C = 1 is grey, 3 is RGB.
        rows: int64 array (M,), positions in `names` of the images that could be decoded, ascending.
        unreadable: the other names, in order.
        sizes: (width, height) the images had -> how many had it.
    """

    images: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]
    unreadable: tuple[str, ...]
    sizes: Mapping[tuple[int, int], int]


def _decode(data: bytes, *, grey: bool) -> tuple[npt.NDArray[np.uint8] | None, str]:
    """One encoded image, grey (H, W) by Rec. 601 luma or RGB (H, W, 3); or None, and why it is not decoded."""
    if len(data) == 0:
        return None, "empty"
    header = read_header(data)
    if header is None:
        return None, "no decodable image"
    if header.width * header.height > MAX_PIXELS:
        return None, f"{header.width:,} x {header.height:,} pixels, more than the {MAX_PIXELS:,} allowed"
    pixels = decode_pixels(data, header, grey=grey)
    if pixels is None:
        return None, "no decodable image"
    return (pixels if grey else np.ascontiguousarray(pixels[..., ::-1])), ""


def decode_faces(names: Sequence[str], read: Callable[[str], bytes], *, side: int, origin: str) -> DecodedFaces:
    """Reads and decodes every named image of FER-2013 to grey.

    Args:
        names: what to decode; each is handed to `read`.
        read: name -> encoded bytes; raises `UnreadableError` for an item that cannot be had.
        side: height and width of the result in pixels; others are resized (`fer.data.resize`), and told in `sizes`.
        origin: where the names lie, for messages.

    Raises:
        DataError: not one readable image.
    """

    def fit(name: str, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        return image[None] if image.shape == (side, side) else fit_image(image, size=side, channels=1)

    return _decode_all(names, read, grey=True, fit=fit, shape=(1, side, side), origin=origin)


def decode_resized(
    names: Sequence[str], read: Callable[[str], bytes], *, size: int, channels: int, origin: str
) -> DecodedFaces:
    """Reads and decodes every named image, of whatever size, and brings it to one size and colour (`fer.data.resize`).

    Args:
        names: what to decode; each is handed to `read`.
        read: name -> encoded bytes; raises `UnreadableError` for an item that cannot be had.
        size: height and width of the result in pixels.
        channels: 1 for grey, 3 for RGB.
        origin: where the names lie, for messages.

    Raises:
        DataError: not one readable image.
    """

    def fit(name: str, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        return fit_image(image, size=size, channels=channels)

    # Always by way of RGB: decoders differ in how they make grey, and a grey file comes back as it is.
    return _decode_all(names, read, grey=False, fit=fit, shape=(channels, size, size), origin=origin)


def _decode_all(
    names: Sequence[str],
    read: Callable[[str], bytes],
    *,
    grey: bool,
    fit: Callable[[str, npt.NDArray[np.uint8]], npt.NDArray[np.uint8]],
    shape: tuple[int, int, int],
    origin: str,
) -> DecodedFaces:
    images = np.empty((len(names), *shape), dtype=np.uint8)
    rows: list[int] = []
    reasons: dict[str, str] = {}
    sizes: Counter[tuple[int, int]] = Counter()
    for row, name in enumerate(names):
        try:
            data = read(name)
        except UnreadableError as error:
            reasons[name] = str(error)
            continue
        image, reason = _decode(data, grey=grey)
        if image is None:
            reasons[name] = reason
            continue
        images[len(rows)] = fit(name, image)
        sizes[image.shape[1], image.shape[0]] += 1
        rows.append(row)
    shown = ", ".join(f"{printable_path(name)} ({reason})" for name, reason in list(reasons.items())[:_SHOWN])
    if reasons and not rows:
        raise DataError(f"{origin}: none of the {len(names):,} images can be read: {shown}; download the data again")
    if reasons:
        more = ", ..." if len(reasons) > _SHOWN else ""
        logger.warning(
            "%s: %s of %s images cannot be read and are left out: %s%s",
            printable_path(origin),
            f"{len(reasons):,}",
            f"{len(names):,}",
            shown,
            more,
        )
    # Without the copy, the view would keep the unused tail alive.
    kept = images if len(rows) == len(names) else images[: len(rows)].copy()
    return DecodedFaces(images=kept, rows=np.array(rows, dtype=np.int64), unreadable=tuple(reasons), sizes=sizes)
