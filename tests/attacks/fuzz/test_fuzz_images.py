"""Damaged pictures, into the two doors that decode: that of predictions and that of data sets."""

import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from attacks.fuzz.battery import COUNTS, attack
from attacks.fuzz.mutations import Random, mutated
from support.odd_media import png_chunk, png_header

from fer.data.decode import decode_resized
from fer.runtime.images import read_picture

FORMATS = (".jpg", ".png", ".webp", ".bmp", ".gif", ".tiff", ".pgm", ".avif")
TOKENS = (
    *(b"\xff" + bytes([marker]) for marker in (0xC0, 0xC2, 0xC4, 0xC8, 0xD8, 0xD9, 0xDA, 0xDB, 0xDD, 0xE1, 0xFE)),
    *(b"IHDR", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT", b"tRNS", b"PLTE", b"iCCP", b"eXIf", b"RIFF", b"WEBP"),
    *(b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"GIF89a", b"\x21\xf9\x04", b"\x2c", b"BM", b"ispe"),
    *(b"II*\x00", b"MM\x00*", b"\x00\x01\x03\x00", b"\x01\x01\x04\x00", b"P5\n#\r", b"P6 60000 60000 255\n"),
    b"Exif\0\0",
)


def encoded(kind: str, *, side: tuple[int, int] = (64, 48)) -> bytes:
    rng = np.random.default_rng(len(kind))
    smooth = cv2.GaussianBlur(rng.integers(0, 256, (*side, 3), dtype=np.uint8), (9, 9), 0)
    image = smooth[..., 0] if kind == ".pgm" else smooth
    return cv2.imencode(kind, image)[1].tobytes()


def animation() -> bytes:
    """A GIF of two pictures, by hand: OpenCV's own writer needs no help to be whole."""
    frame = b"\x21\xf9\x04\x04\x0a\x00\x00\x00\x2c\x00\x00\x00\x00\x02\x00\x02\x00\x00\x02\x03\x44\x02\x05\x00"
    return b"GIF89a\x02\x00\x02\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff" + 2 * frame + b";"


def bomb(width: int, height: int) -> bytes:
    """A PNG of one grey level, a thousandth of its pixels' size."""
    pixels = zlib.compressobj(1)
    rows = b"".join([pixels.compress(bytes(width + 1)) for _ in range(height)]) + pixels.flush()
    return png_header(width, height) + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")


SEEDS = [*(encoded(kind) for kind in FORMATS), animation(), bomb(2000, 1000)]


def make(rng: Random) -> bytes:
    return mutated(SEEDS[rng.integers(len(SEEDS))], rng, tokens=TOKENS, others=SEEDS)


def predicted(data: bytes) -> None:
    """As fer-predict and fer-serve take a picture in."""
    for grey in (False, True):
        pixels = read_picture(data, grey=grey, max_pixels=40_000_000).pixels
        assert pixels.dtype == np.uint8
        assert pixels.ndim == (2 if grey else 3)
        assert 0 < pixels.shape[0] * pixels.shape[1] <= 40_000_000


def imported(data: bytes) -> None:
    """As the sources of images take one in."""
    decoded = decode_resized(["a"], lambda name: data, size=48, channels=3, origin="here")
    assert decoded.images.shape == (1, 3, 48, 48)
    assert decoded.unreadable == ()


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("use", [predicted, imported])
def test_damaged_pictures(use: Callable[[bytes], None], count: int) -> None:
    attack(f"images {use.__name__}", count=count, make=make, use=use)
