"""Encoded images -> one uint8 array; what cannot be decoded is listed, never dropped in silence."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.image_header import SNIFFED, content_kind, foreign_kind, read_header
from fer.common.pixels import END_OF_JPEG, decode_pixels
from fer.common.wording import printable_path
from fer.data.resize import fit_image

logger = logging.getLogger(__name__)

MAX_PIXELS: Final = 40_000_000
"""Declared size above which an image is not decoded: a file of 2 kB may declare, and fill, gigabytes."""

MOST_MISSING: Final = 0.1
"""Share of a picture that a JPEG may lack at its end and still be learned from."""

_SHOWN = 3
"""Files that are named for each reason."""

_REMEDIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "a Git LFS pointer": "get the files that they point to with `git lfs pull`",
        "a HEIC photo": "convert them to JPEG (heif-convert, or sips on macOS)",
        "a JPEG XL image": "convert them to PNG (djxl)",
        "a JPEG 2000 image": "convert them to PNG (opj_decompress)",
        "a Targa image": "convert them to PNG",
    }
)


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
        notes: what could not be read, by reason, and which JPEGs lack their end, in sentences.
    """

    images: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]
    unreadable: tuple[str, ...]
    sizes: Mapping[tuple[int, int], int]
    notes: tuple[str, ...] = ()


def _decode(data: bytes, *, grey: bool, without_end: bool) -> tuple[npt.NDArray[np.uint8], bool]:
    """One encoded image, grey (H, W) by Rec. 601 luma or RGB (H, W, 3), and whether it is a JPEG without its end.

    Args:
        data: the file's content.
        grey: what comes back.
        without_end: take a JPEG without its end, where hardly anything is missing.

    Raises:
        UnreadableError: with the reason.
    """
    if len(data) == 0:
        raise UnreadableError("empty")
    header = read_header(data)
    if header is None:
        kind = foreign_kind(data)
        image = content_kind(data[:SNIFFED]) == "image"
        raise UnreadableError(kind or ("cut off or broken" if image else "no image of a known kind"))
    if header.width * header.height > MAX_PIXELS:
        raise UnreadableError(f"{header.width:,} x {header.height:,} pixels, more than the {MAX_PIXELS:,} allowed")
    pixels = decode_pixels(data, header, grey=grey)
    cut_off = pixels is None and header.format == "JPEG"
    if cut_off and without_end:
        pixels = decode_pixels(data + END_OF_JPEG, header, grey=grey)
    if pixels is None:
        raise UnreadableError("cut off, broken or of an unusual kind")
    if cut_off and missing_share(pixels) > MOST_MISSING:
        raise UnreadableError(f"a JPEG that lacks more than {MOST_MISSING:.0%} at its end")
    return (pixels if grey else np.ascontiguousarray(pixels[..., ::-1])), cut_off


def missing_share(pixels: npt.NDArray[np.uint8]) -> float:
    """The share of a picture behind its last block of 8 x 8 pixels that shows anything, in [0, 1].

    Where a JPEG is cut off, its decoder fills the blocks that are left, in reading order, with one colour.

    Args:
        pixels: grey (H, W) or colour (H, W, 3).
    """
    height, width = (length // 8 for length in pixels.shape[:2])
    if height == 0 or width == 0:
        return 0.0
    blocks = pixels[: height * 8, : width * 8].reshape(height, 8, width, 8, -1)
    shown = np.flatnonzero((blocks.max(axis=(1, 3)) != blocks.min(axis=(1, 3))).any(axis=-1))
    return float(1.0 - (int(shown[-1]) + 1 if len(shown) else 0) / (height * width))


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

    # The faces are known by their pixels: with some of them missing, none is one of FER-2013's.
    return _decode_all(names, read, grey=True, without_end=False, fit=fit, shape=(1, side, side), origin=origin)


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
    return _decode_all(names, read, grey=False, without_end=True, fit=fit, shape=(channels, size, size), origin=origin)


def _decode_all(
    names: Sequence[str],
    read: Callable[[str], bytes],
    *,
    grey: bool,
    without_end: bool,
    fit: Callable[[str, npt.NDArray[np.uint8]], npt.NDArray[np.uint8]],
    shape: tuple[int, int, int],
    origin: str,
) -> DecodedFaces:
    images = np.empty((len(names), *shape), dtype=np.uint8)
    rows: list[int] = []
    reasons: dict[str, str] = {}
    cut_off: list[str] = []
    sizes: Counter[tuple[int, int]] = Counter()
    for row, name in enumerate(names):
        try:
            image, lacks_end = _decode(read(name), grey=grey, without_end=without_end)
        except UnreadableError as error:
            reasons[name] = str(error)
            continue
        if lacks_end:
            cut_off.append(name)
        images[len(rows)] = fit(name, image)
        sizes[image.shape[1], image.shape[0]] += 1
        rows.append(row)
    if reasons and not rows:
        remedy = _REMEDIES.get(Counter(sorted(reasons.values())).most_common(1)[0][0], "download the data again")
        raise DataError(f"{origin}: none of the {len(names):,} images can be read: {_told(reasons)}; {remedy}")
    notes = []
    if reasons:
        verb = "is" if len(reasons) == 1 else "are"
        notes.append(f"{len(reasons):,} of {len(names):,} images cannot be read and {verb} left out: {_told(reasons)}.")
        logger.warning("%s: %s", printable_path(origin), notes[0])
    if cut_off:
        words = "1 JPEG lacks its end and is read as far as it goes"
        if len(cut_off) > 1:
            words = f"{len(cut_off):,} JPEGs lack their end and are read as far as they go"
        notes.append(f"{words}: {_few(cut_off)}.")
    # In place: a copy of a large data set, for the sake of one broken file, may be more than the memory holds.
    images.resize((len(rows), *shape), refcheck=False)
    return DecodedFaces(
        images=images, rows=np.array(rows, dtype=np.int64), unreadable=tuple(reasons), sizes=sizes, notes=tuple(notes)
    )


def _told(reasons: Mapping[str, str]) -> str:
    """Names by reason, the commonest first: "empty: 2 (a.jpg, b.jpg); a web page: 1 (c.jpg)"."""
    names: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names.setdefault(reason, []).append(name)
    by_count = sorted(names.items(), key=lambda item: -len(item[1]))
    return "; ".join(f"{reason}: {len(of):,} ({_few(of)})" for reason, of in by_count)


def _few(names: Sequence[str]) -> str:
    return ", ".join(map(printable_path, names[:_SHOWN])) + (", ..." if len(names) > _SHOWN else "")
