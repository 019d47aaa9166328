"""Frames of video files and cameras."""

import math
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from fer.common.errors import ConfigError
from fer.common.opencv_log import quiet_opencv
from fer.runtime.framing import Image
from fer.runtime.images import MAX_PIXELS, ImageTooLarge, UnreadableImage
from fer.runtime.predict.opencv_names import opencv_name

DEFAULT_RATE: Final = 25.0
"""Frames a second of a file that does not say."""

FAILED_READS: Final = 10_000
"""Reads that may fail one after the other before a film has ended; past its stated number of frames, `FAILED_AT_END`.

A failed read need not be the end: Theora's repeated frames are one each, and so is each frame of a damaged part. 10,000
take a tenth of a second.
"""

FAILED_AT_END: Final = 100

LACKING: Final = 0.1
"""Share of a film, and more than a second, that has to be missing before it is told; containers round."""

MOST_STRETCHED: Final = 4.0
"""Most that a pixel is wider than high, or the other way; anamorphic lenses make it 2."""


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One frame.

    Attributes:
        image: uint8 BGR (H, W, 3), with square pixels; of the size of the first.
        seconds: since the first frame; never less than the frame before.
    """

    image: Image
    seconds: float


class VideoSource:
    """An opened video file or camera; use in a `with`.

    Attributes:
        rate: frames a second on average, as the file says; those of single frames may differ.
        note: once all frames are read, what is to be known of a film that lacks much of what it states.
    """

    def __init__(self, capture: cv2.VideoCapture, *, live: bool, names: ExitStack | None = None) -> None:
        self._capture = capture
        self._live = live
        self.note: str | None = None
        self._begin = 0.0
        self._names = ExitStack() if names is None else names
        stated = float(capture.get(cv2.CAP_PROP_FPS))
        self.rate = stated if 0.0 < stated < math.inf else DEFAULT_RATE
        # Of a container that keeps no number, OpenCV's: from the length; nonsense where that is not stated either.
        count = float(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self._stated = count if not live and 0.0 < count < math.inf else None

    def __enter__(self) -> "VideoSource":
        return self

    def __exit__(self, *_: object) -> None:
        self._capture.release()
        self._names.close()

    def frames(self) -> Iterator[VideoFrame]:
        """The frames, to the end of the file or until the camera stops giving any.

        Raises:
            UnreadableImage: a part in the middle is broken in a way that cannot be passed over.
        """
        start, number, seconds = time.monotonic(), 0, 0.0
        size: tuple[int, int] | None = None
        while True:
            image = self._read(number)
            if image is None:
                self.note = self._lacking(number, seconds)
                return
            if self._live:
                seconds = time.monotonic() - start
            elif number == 0:
                stamp = self._stamp()
                self._begin = stamp if math.isfinite(stamp) else 0.0
            else:
                seconds = self._time_stamp(after=seconds)
            if size is None:
                size = shown_size(self._capture, width=image.shape[1], height=image.shape[0])
            if (image.shape[1], image.shape[0]) != size:
                image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
            yield VideoFrame(np.asarray(image, np.uint8), seconds)
            number += 1

    def _read(self, number: int) -> "cv2.typing.MatLike | None":
        """The next frame there is, `number` counting those before it; None at the end."""
        at_end = self._stated is not None and number >= self._stated
        for _ in range(1 if self._live else FAILED_AT_END if at_end else FAILED_READS):
            try:
                there, image = self._capture.read()
            except cv2.error as error:
                raise UnreadableImage(f"the video is broken after its frame {number}") from error
            if there:
                return image
        return None

    def _lacking(self, number: int, seconds: float) -> str | None:
        """What is to be told where neither as many frames nor as much time was read as the file states.

        Each alone may be an estimate, and a file may mean it so: sound that is longer, an editor's cut.
        """
        if self._stated is None or number == 0:
            return None
        whole, read = self._stated / self.rate, seconds + 1 / self.rate
        if number >= (1 - LACKING) * self._stated or read >= min((1 - LACKING) * whole, whole - 1):
            return None
        return (
            f"only {read:.1f} of the {whole:.1f} s that the file states could be read: it is cut off or broken, "
            "or shows no more"
        )

    def _time_stamp(self, *, after: float) -> float:
        """When the container shows the frame, in seconds since its first one.

        Recordings of phones and screens have no fixed rate, so its number does not tell. A frame without a time stamp,
        or with one that goes back (a stream cut together), comes one frame's length `after` the one before.
        """
        stamp = self._stamp() - self._begin
        return stamp if after < stamp < math.inf else after + 1 / self.rate

    def _stamp(self) -> float:
        """The time of the frame that was read last, in seconds since the stream's beginning.

        That need not be a frame which can be shown: a recording of a broadcast may begin between two key frames.
        """
        return float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000


def shown_size(capture: cv2.VideoCapture, *, width: int, height: int) -> tuple[int, int]:
    """Width and height at which players show a frame: pixels that are not square (DVDs, broadcasts) are made so.

    What is too narrow is widened, or what is too low heightened, so that no pixel is lost. Shapes that nobody films in,
    or that would go beyond the limit of a picture, are taken for a mistake of the file's.
    """
    wide, high = capture.get(cv2.CAP_PROP_SAR_NUM), capture.get(cv2.CAP_PROP_SAR_DEN)
    if not (wide > 0 and high > 0 and 1 / MOST_STRETCHED <= wide / high <= MOST_STRETCHED):
        return width, height
    # Of the frame as it is stored; OpenCV has turned it.
    turned = round(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 180 == 90
    shape = high / wide if turned else wide / high
    shown = (round(width * max(shape, 1.0)), round(height * max(1 / shape, 1.0)))
    return shown if shown[0] * shown[1] <= MAX_PIXELS else (width, height)


def open_video(path: Path) -> VideoSource:
    """A video file.

    Raises:
        UnreadableImage: cut off, broken, or of a kind that OpenCV cannot read.
        ImageTooLarge: its frames have more pixels than a picture may have.
    """
    # FFmpeg's own lines about broken files; read by OpenCV when it first opens one.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    with ExitStack() as names:
        name = names.enter_context(opencv_name(path))
        with quiet_opencv():
            # By FFmpeg alone: others would take a picture, or a name with a number, for a series of pictures.
            capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise UnreadableImage("the video is cut off, broken, of an unknown kind, or holds sound alone")
        width, height = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        if width * height > MAX_PIXELS:
            capture.release()
            raise ImageTooLarge(f"the video has {width:,} x {height:,} pixels; the limit is {MAX_PIXELS:,} in all")
        return VideoSource(capture, live=False, names=names.pop_all())


def open_camera(index: int) -> VideoSource:
    """A camera by its number.

    Raises:
        ConfigError: there is none, or another program holds it.
    """
    with quiet_opencv():
        capture = cv2.VideoCapture(index)
    if not capture.isOpened():
        raise ConfigError(
            f"--webcam {index}: no camera answers (none is connected, another program uses it, or this program may not)"
        )
    return VideoSource(capture, live=True)
