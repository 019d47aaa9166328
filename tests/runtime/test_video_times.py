"""When the frames of a video are: the container's time stamps, whatever the rate it states."""

import json
import math
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from support.odd_media import write_variable_rate_mp4

from fer.data.synthetic.source import render_face
from fer.runtime.predict.annotated_writer import LONGEST_PAUSE, AnnotatedVideo
from fer.runtime.predict.command import main
from fer.runtime.predict.video_source import VideoSource, open_video

UNEVEN = (0.0, 0.04, 0.08, 1.0, 1.04, 5.0, 6.76, 6.8)


def face(shift: int = 0) -> npt.NDArray[np.uint8]:
    picture = np.full((240, 320), 128, np.uint8)
    picture[20:220, 20 + shift : 220 + shift] = render_face(3, "happy", size=200, zoom=0.7).image
    return np.repeat(picture[..., None], 3, axis=2)


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("videos") / "uneven.mp4"
    write_variable_rate_mp4(path, [face(4 * step) for step in range(len(UNEVEN))], seconds=UNEVEN)
    return path


def times(path: Path) -> list[float]:
    with open_video(path) as video:
        return [frame.seconds for frame in video.frames()]


def test_an_uneven_rate_has_the_times_of_the_container(uneven: Path) -> None:
    assert times(uneven) == pytest.approx(UNEVEN, abs=1e-6)


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not here")
def test_ffprobe_says_the_same(uneven: Path) -> None:
    command = ["ffprobe", "-v", "error", "-show_entries", "frame=pts_time", "-of", "csv=p=0", uneven]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert times(uneven) == pytest.approx([float(line) for line in told], abs=1e-6)


@pytest.mark.parametrize("rate", [0.5, 5, 24000 / 1001, 480])
def test_slow_and_fast_videos_keep_their_time(rate: float, tmp_path: Path) -> None:
    path = tmp_path / "even.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, (320, 240))
    for step in range(10):
        writer.write(face(step))
    writer.release()
    assert times(path) == pytest.approx([number / rate for number in range(10)], rel=1e-3)


def test_records_are_of_the_frames_at_whole_intervals(uneven: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(uneven), "--format", "jsonl", "--interval", "1", "--smoothing", "0"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    # 1.04 is not a second after 1.0, and 6.76 is the first from 6 on.
    assert [row["seconds"] for row in rows] == [0.0, 1.0, 5.0, 6.76]


def test_an_interval_too_short_to_count_by_gives_every_frame(uneven: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(uneven), "--format", "jsonl", "--interval", "1e-320"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(UNEVEN)


def test_intervals_do_not_drift(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "half_minute.mp4"
    write_variable_rate_mp4(path, [face()] * 100, seconds=[0.04 * number for number in range(100)])
    assert main([str(path), "--format", "jsonl", "--interval", "0.5"]) == 0
    seconds = [json.loads(line)["seconds"] for line in capsys.readouterr().out.splitlines()]
    assert seconds == pytest.approx([math.ceil(12.5 * number) * 0.04 for number in range(8)])


class Stamped:
    """A video whose frames have these time stamps, in seconds."""

    def __init__(self, stamps: Sequence[float], *, rate: float) -> None:
        self._stamps, self._rate, self._at = stamps, rate, -1

    def read(self) -> tuple[bool, npt.NDArray[np.uint8] | None]:
        self._at += 1
        return (True, np.zeros((8, 8, 3), np.uint8)) if self._at < len(self._stamps) else (False, None)

    def get(self, name: int) -> float:
        return self._rate if name == cv2.CAP_PROP_FPS else 1000 * self._stamps[self._at]

    def release(self) -> None: ...


@pytest.mark.parametrize(
    ("stamps", "rate", "seconds"),
    [
        ([0, 0, 0], 10, [0, 0.1, 0.2]),
        ([0, 2, 1, 3], 10, [0, 2, 2.1, 3]),
        ([0, math.nan, math.inf], 10, [0, 0.1, 0.2]),
        ([0, 0, 0], 0, [0, 0.04, 0.08]),
        ([0, 0, 0], math.nan, [0, 0.04, 0.08]),
        # A recording that begins between two key frames: its first second cannot be shown.
        ([1.08, 1.12, 1.16], 25, [0, 0.04, 0.08]),
        ([math.nan, 0.1, 0.2], 10, [0, 0.1, 0.2]),
    ],
)
def test_time_goes_on_without_time_stamps(stamps: list[float], rate: float, seconds: list[float]) -> None:
    with VideoSource(Stamped(stamps, rate=rate), live=False) as video:  # type: ignore[arg-type]
        assert [frame.seconds for frame in video.frames()] == pytest.approx(seconds)


class Failing(Stamped):
    """Gives none for some of its frames: Theora's repeated ones, a damaged part."""

    def read(self) -> tuple[bool, npt.NDArray[np.uint8] | None]:
        there, image = super().read()
        return (False, None) if 3 <= self._at < 3_000 else (there, image)

    def get(self, name: int) -> float:
        return float(len(self._stamps)) if name == cv2.CAP_PROP_FRAME_COUNT else super().get(name)


def test_what_comes_after_frames_that_cannot_be_read_is_read() -> None:
    stamps = [number / 10 for number in range(3_010)]
    with VideoSource(Failing(stamps, rate=10), live=False) as video:  # type: ignore[arg-type]
        seconds = [frame.seconds for frame in video.frames()]
    assert seconds == pytest.approx(stamps[:3] + stamps[3_000:])
    # About as long as the file states: nothing to tell.
    assert video.note is None


def test_a_film_that_is_cut_off_says_so_in_its_last_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "whole.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (320, 240))
    for _ in range(40):
        writer.write(face())
    writer.release()
    with open_video(path) as video:
        assert len(list(video.frames())) == 40
    assert video.note is None
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert main([str(path), "--format", "jsonl", "--interval", "1"]) == 0
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["status"] for row in rows] == ["ok", "ok"]
    assert "reason" not in rows[0]
    assert "of the 4.0 s that the file states could be read" in rows[1]["reason"]
    assert f"{path}: {rows[1]['reason']}" in err


def test_a_picture_is_no_video_and_no_series(tmp_path: Path) -> None:
    """OpenCV takes clip1.jpg for the first of a series."""
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"clip{number}.jpg"), face())
    (tmp_path / "clip0.jpg").rename(tmp_path / "clip0.mp4")
    rows = tmp_path / "rows.jsonl"
    assert main([str(tmp_path / "clip0.mp4"), "--out", str(rows)]) == 0
    (row,) = map(json.loads, rows.read_text().splitlines())
    assert row["status"] == "ok"
    assert "frame" not in row


@pytest.mark.parametrize(
    ("rate", "seconds", "frames"),
    [
        (25, [0, 0.04, 0.08, 0.12], 4),
        (25, [0, 0.04, 1.0], 26),
        (0.5, [0, 2, 4], 41),
        (480, [number / 480 for number in range(48)], 25),
        (25, [0, 1e9, 1e9 + 0.04], 1 + LONGEST_PAUSE * 25 + 1),
    ],
)
def test_an_annotated_video_takes_its_time(rate: float, seconds: list[float], frames: int, tmp_path: Path) -> None:
    path = tmp_path / "copy.mp4"
    video = AnnotatedVideo(path, frames_a_second=rate)
    for second in seconds:
        video.frame(np.zeros((32, 32, 3), np.uint8), [], seconds=second)
    video.close()
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT) == pytest.approx(frames, abs=1)


@pytest.mark.parametrize("after", [False, True])
def test_a_film_that_is_stopped_while_a_frame_is_written_is_kept(
    after: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopping:
        def __init__(self, *arguments: object) -> None:
            self._writer, self._writes = writer(*arguments), 0
            self.isOpened, self.release = self._writer.isOpened, self._writer.release

        def write(self, image: npt.NDArray[np.uint8]) -> None:
            self._writes += 1
            if self._writes != 5 or after:
                self._writer.write(image)
            if self._writes == 5:
                raise KeyboardInterrupt

    writer: Any = cv2.VideoWriter
    path = tmp_path / "copy.mp4"
    video = AnnotatedVideo(path, frames_a_second=25)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):  # noqa: PT012
        Stopping.fourcc = writer.fourcc  # type: ignore[attr-defined]
        patch.setattr(cv2, "VideoWriter", Stopping)
        for number in range(10):
            video.frame(np.zeros((32, 32, 3), np.uint8), [], seconds=number / 25)
    video.close()
    # The frame that was to be shown until then ends it.
    assert len(times(path)) == (6 if after else 5)
