"""Files that only look like images: left out with their reasons, and JPEGs without their last bytes kept."""

import struct
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.common.errors import DataError
from fer.data.decode import MOST_MISSING, decode_resized, missing_share

NOISE = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
JPEG = cv2.imencode(".jpg", NOISE)[1].tobytes()
PNG = cv2.imencode(".png", NOISE)[1].tobytes()

BROKEN = {
    "zero.jpg": (b"", "empty"),
    "cut.png": (PNG[: len(PNG) // 2], "cut off or broken"),
    "page.jpg": (b"\r\n<!doctype html><html>", "a web page"),
    "denied.png": (b"<HTML><BODY>403</BODY></HTML>", "a web page"),
    "pointer.jpg": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\n", "a Git LFS pointer"),
    "phone.jpg": (struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(99), "a HEIC photo"),
    "zeros.jpg": (bytes(4000), "nothing but zeros"),
    "words.jpg": (b"hello", "no image of a known kind"),
    "half.jpg": (JPEG[: len(JPEG) // 2], "a JPEG that lacks more than 10% at its end"),
}


def test_what_cannot_be_read_is_counted_by_reason_and_named(caplog: pytest.LogCaptureFixture) -> None:
    files = {"a.jpg": JPEG, **{name: data for name, (data, _) in BROKEN.items()}}
    decoded = decode_resized(list(files), files.__getitem__, size=48, channels=3, origin="here")
    assert decoded.rows.tolist() == [0]
    assert decoded.unreadable == tuple(BROKEN)
    (note,) = decoded.notes
    assert note.startswith("9 of 10 images cannot be read and are left out: a web page: 2 (page.jpg, denied.png); ")
    for name, (_, reason) in BROKEN.items():
        assert reason in note
        assert name in note
    assert note in caplog.text


@pytest.mark.parametrize("lost", [1, 2, 10])
@pytest.mark.parametrize("progressive", [0, 1])
def test_a_jpeg_without_its_last_bytes_is_read_and_told(lost: int, progressive: int) -> None:
    whole = cv2.imencode(".jpg", NOISE, (cv2.IMWRITE_JPEG_PROGRESSIVE, progressive))[1].tobytes()
    files = {"whole.jpg": whole, "cut.jpg": whole[:-lost]}
    decoded = decode_resized(list(files), files.__getitem__, size=48, channels=1, origin="here")
    assert decoded.rows.tolist() == [0, 1]
    assert decoded.notes == ("1 JPEG lacks its end and is read as far as it goes: cut.jpg.",)
    same = (decoded.images[0] == decoded.images[1]).mean()
    assert same > 1 - MOST_MISSING - 1 / 9


def test_the_missing_share_is_that_of_blocks_behind_the_last_that_shows_anything() -> None:
    picture = np.full((32, 40), 77, np.uint8)
    assert missing_share(picture) == 1.0
    picture[3, 4] = 78
    assert missing_share(picture) == pytest.approx(19 / 20)
    picture[31, 39] = 78
    assert missing_share(picture) == 0.0
    assert missing_share(picture[:5]) == 0.0


@pytest.mark.parametrize(
    ("data", "remedy"),
    [(BROKEN["pointer.jpg"][0], "git lfs pull"), (BROKEN["phone.jpg"][0], "heif-convert"), (b"", "download the data")],
)
def test_where_none_can_be_read_the_remedy_fits_the_reason(data: bytes, remedy: str) -> None:
    with pytest.raises(DataError, match=remedy):
        decode_resized(["a.jpg", "b.jpg"], lambda _: data, size=48, channels=1, origin=str(Path("here")))


def test_one_broken_file_does_not_double_the_memory() -> None:
    files = {"broken.jpg": b"", **{f"{number}.jpg": JPEG for number in range(60)}}
    tracemalloc.start()
    try:
        decoded = decode_resized(list(files), files.__getitem__, size=224, channels=3, origin="here")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert decoded.images.shape == (60, 3, 224, 224)
    assert (decoded.images == decoded.images[0]).all()
    assert peak < 1.5 * decoded.images.nbytes
