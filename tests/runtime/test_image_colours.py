"""Transparency and brightness as Pillow reads them."""

import io

import numpy as np
import pytest
from PIL import Image

from fer.runtime.images import decode


@pytest.mark.parametrize("order", ["II", "MM"])
@pytest.mark.parametrize("alpha", [0, 128, 255])
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_the_colours_of_a_tiff_are_not_multiplied_by_its_transparency(
    alpha: int, compression: str | None, order: str
) -> None:
    rgba = np.random.default_rng(0).integers(0, 256, (20, 30, 4), np.uint8)
    rgba[..., 3] = alpha
    file = io.BytesIO()
    if order == "MM":
        file.write(_big_endian(rgba))
    else:
        Image.fromarray(rgba).save(file, "TIFF", compression=compression)
    with Image.open(io.BytesIO(file.getvalue())) as opened:
        assert opened.mode == "RGBA"
        wanted = np.asarray(opened)[..., :3]
    np.testing.assert_array_equal(wanted, rgba[..., :3])
    np.testing.assert_array_equal(decode(file.getvalue())[..., ::-1], wanted)


def _big_endian(rgba: np.ndarray) -> bytes:
    """One strip, not compressed (TIFF 6.0, sections 2, 6 and 18)."""
    height, width, _ = rgba.shape
    tags = [(256, 3, width), (257, 3, height), (259, 3, 1), (262, 3, 2), (273, 4, 8), (277, 3, 4), (278, 3, height)]
    tags += [(279, 4, rgba.size), (338, 3, 2)]
    tags.insert(2, (258, 3, 0))
    end = 8 + rgba.size
    entries = b""
    for tag, kind, value in tags:
        count = 4 if tag == 258 else 1
        shown = (end).to_bytes(4, "big") if tag == 258 else value.to_bytes(2 if kind == 3 else 4, "big").ljust(4, b"\0")
        entries += tag.to_bytes(2, "big") + kind.to_bytes(2, "big") + count.to_bytes(4, "big") + shown
    head = b"MM\0*" + (end + 8).to_bytes(4, "big")
    return head + rgba.tobytes() + b"\0\x08" * 4 + len(tags).to_bytes(2, "big") + entries + bytes(4)


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("white", [1, 15, 100, 254, 255])
@pytest.mark.parametrize("kind", ["P2", "P5", "P6"])
def test_the_largest_value_of_a_pnm_is_white(kind: str, white: int, grey: bool) -> None:
    values = np.resize(np.arange(white + 1, dtype=np.uint8), (16, 16))
    stored = np.repeat(values[..., None], 3, axis=2) if kind == "P6" else values
    body = (" ".join(map(str, values.ravel())) + "\n").encode() if kind == "P2" else stored.tobytes()
    data = f"{kind} 16 # a comment\n16\n{white}\n".encode() + body
    with Image.open(io.BytesIO(data)) as opened:
        wanted = np.asarray(opened.convert("L" if grey else "RGB")).astype(int)
    found = decode(data, grey=grey).astype(int)
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= 1
    assert found.max() == 255
