"""Damaged videos, into the door of fer-predict."""

import itertools
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from attacks.fuzz.battery import COUNTS, attack
from attacks.fuzz.mutations import Random, mutated

from fer.common.errors import FerError
from fer.runtime.images import ImageTooLarge
from fer.runtime.predict.video_source import open_video

TOKENS = (
    *(b"RIFF", b"AVI ", b"LIST", b"hdrl", b"avih", b"strh", b"strf", b"vids", b"MJPG", b"movi", b"00dc", b"idx1"),
    *(b"ftyp", b"isom", b"moov", b"mvhd", b"trak", b"mdia", b"stbl", b"stsd", b"stts", b"stsz", b"stco", b"mdat"),
    *(b"mp4v", b"avc1", b"esds", b"\x00\x00\x01\xb0", b"\x00\x00\x01\xb3", b"\x1aE\xdf\xa3", b"\xff\xff\xff\x7f"),
)
FRAMES = 6


def seeds(folder: Path) -> list[bytes]:
    """A video of six frames in each of two containers."""
    whole = []
    for name, codec in (("seed.avi", "MJPG"), ("seed.mp4", "mp4v")):
        writer = cv2.VideoWriter(str(folder / name), cv2.VideoWriter.fourcc(*codec), 10.0, (64, 48))
        for number in range(FRAMES):
            writer.write(np.full((48, 64, 3), 40 * number, np.uint8))
        writer.release()
        whole.append((folder / name).read_bytes())
        (folder / name).unlink()
    return whole


def opened(path: Path) -> int:
    """Frames that could be had of the first few."""
    frames = 0
    with open_video(path) as video:
        assert 0.0 < video.rate < math.inf
        for frame in itertools.islice(video.frames(), 2 * FRAMES):
            assert frame.image.dtype == np.uint8
            assert frame.image.ndim == 3
            assert frame.seconds >= 0
            frames += 1
    if frames == 0:
        # As the command tells it.
        raise FerError("the video holds no readable frame")
    return frames


@pytest.mark.parametrize("count", COUNTS)
def test_damaged_videos(count: int, tmp_path: Path) -> None:
    whole = seeds(tmp_path)
    # One suffix for all: OpenCV looks at the content.
    path = tmp_path / "video.avi"

    def use(data: bytes) -> None:
        path.write_bytes(data)
        opened(path)

    def make(rng: Random) -> bytes:
        return mutated(whole[rng.integers(len(whole))], rng, tokens=TOKENS, others=whole)

    for seed in whole:
        path.write_bytes(seed)
        assert opened(path) == FRAMES
    attack("videos", count=count, make=make, use=use)


def test_a_video_of_too_large_frames_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, seed in enumerate(seeds(tmp_path)):
        path = tmp_path / f"{number}.avi"
        path.write_bytes(seed)
        monkeypatch.setattr("fer.runtime.predict.video_source.MAX_PIXELS", 64 * 48)
        assert opened(path) == FRAMES
        monkeypatch.setattr("fer.runtime.predict.video_source.MAX_PIXELS", 64 * 48 - 1)
        with pytest.raises(ImageTooLarge, match="64 x 48 pixels; the limit is 3,071"):
            open_video(path)
