"""More than 8 bits a channel become 8 by what the file calls white."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from fer.common.image_header import read_header
from fer.common.pixels import decode_pixels, eight_bits

AVIF = pytest.mark.skipif(not cv2.haveImageWriter("x.avif"), reason="this OpenCV writes no AVIF")


def decode(data: bytes, *, grey: bool = False) -> npt.NDArray[np.uint8]:
    header = read_header(data)
    assert header is not None
    pixels = decode_pixels(data, header, grey=grey)
    assert pixels is not None
    return pixels


@pytest.mark.parametrize("largest", [1_000, 25_700, 65_535])
@pytest.mark.parametrize("suffix", [".png", ".tiff", ".pgm"])
@pytest.mark.parametrize("grey", [False, True])
def test_of_sixteen_bits_white_is_65535_whatever_the_picture_holds(largest: int, suffix: str, grey: bool) -> None:
    values = np.linspace(0, largest, 48).round().astype(np.uint16).reshape(6, 8)
    found = decode(bytes(cv2.imencode(suffix, values)[1]), grey=grey)
    wanted = np.round(values / 257)
    assert (found == (wanted if grey else wanted[..., None])).all()


@pytest.mark.parametrize("maximum", [100, 255, 1_023, 4_095, 65_535])
@pytest.mark.parametrize("kind", ["P2", "P5", "P3", "P6"])
def test_a_pnm_says_what_is_white(maximum: int, kind: str) -> None:
    channels = 3 if kind in ("P3", "P6") else 1
    values = np.repeat(np.array([0, maximum // 2, maximum]), channels)
    head = f"{kind}\n# made by hand\n3 1\n{maximum}\n".encode()
    raw = values.astype(">u2" if maximum > 255 else "u1").tobytes()
    data = head + (raw if kind in ("P5", "P6") else (" ".join(map(str, values)) + "\n" * 9).encode())
    # Some versions of OpenCV cut the half off.
    assert np.abs(decode(data)[0, :, 0] - np.array([0, 127.4, 255])).max() < 1.6


def avif(picture: np.ndarray, bits: int) -> bytes:
    return bytes(cv2.imencode(".avif", picture, [cv2.IMWRITE_AVIF_DEPTH, bits])[1])


@AVIF
@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("grey", [False, True])
def test_a_dark_avif_of_more_bits_stays_dark(bits: int, grey: bool) -> None:
    found = decode(avif(np.full((16, 16, 3), (2**bits - 1) // 5, np.uint16), bits), grey=grey)
    assert np.abs(found.astype(int) - 51).max() <= 1


def test_eight_bits_are_in_proportion_to_white() -> None:
    assert eight_bits(np.arange(0, 65_536, 257, dtype=np.uint16)).tolist() == list(range(256))
    assert eight_bits(np.array([0, 2_048, 4_095, 9_999], np.uint16), white=4_095).tolist() == [0, 128, 255, 255]
