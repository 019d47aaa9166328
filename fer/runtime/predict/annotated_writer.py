"""Annotated copies of pictures and videos, below one folder."""

import math
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import cv2

from fer.common.errors import ConfigError, DataError
from fer.runtime.framing import Image
from fer.runtime.predict.drawing import annotate
from fer.runtime.predict.opencv_names import opencv_name
from fer.runtime.predict.sources import Item
from fer.runtime.record import Face

SLOWEST: Final = 10.0
FASTEST: Final = 240.0
"""Frames a second that an annotated video has."""

LONGEST_PAUSE: Final = 60.0
"""Seconds without a new frame that an annotated video shows; a broken time stamp may claim years."""

_AS_THEY_ARE: Final = frozenset((".jpg", ".jpeg", ".png"))


class AnnotatedWriter:
    """Writes annotated copies; pictures that are no JPEG become PNG, videos become MP4.

    Args:
        folder: below which they go; made where it is missing.

    Raises:
        ConfigError: it is a file.
    """

    def __init__(self, folder: Path) -> None:
        if folder.exists() and not folder.is_dir():
            raise ConfigError(f"--annotate {folder} is a file: name a folder")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._taken: set[Path] = set()

    def place(self, item: Item) -> Path:
        """Where a picture's copy goes, for `write_picture`."""
        suffix = item.name.suffix.lower()
        name = item.name if suffix in _AS_THEY_ARE else item.name.with_name(item.name.name + ".png")
        return self._free(item, name)

    def video(self, item: Item, *, frames_a_second: float) -> "AnnotatedVideo":
        """What writes a video's copy, frame by frame."""
        target = self._free(item, item.name.with_suffix(".mp4"))
        target.parent.mkdir(parents=True, exist_ok=True)
        return AnnotatedVideo(target, frames_a_second=frames_a_second)

    def _free(self, item: Item, name: Path) -> Path:
        """A path of its own for each item, and never the original's."""
        number, target = 1, self._folder / name
        while target in self._taken:
            number += 1
            target = self._folder / name.with_stem(f"{name.stem}-{number}")
        if target.exists() and item.path.exists() and target.samefile(item.path):
            raise ConfigError(f"--annotate {self._folder} would write over {item.path}: name another folder")
        self._taken.add(target)
        return target


def write_picture(target: Path, image: Image, faces: list[Face]) -> None:
    """Writes one picture's annotated copy.

    Raises:
        DataError: the disk refuses it.
    """
    # Through memory: OpenCV ends the process on names that are no UTF-8.
    _, encoded = cv2.imencode(target.suffix, annotate(image, faces))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(encoded.tobytes())
    except OSError as error:
        raise DataError(f"{target} cannot be written ({error.strerror}): choose another --annotate folder") from error


class AnnotatedVideo:
    """An annotated video that is being written, with a fixed number of frames a second.

    Args:
        path: of the file.
        frames_a_second: of the original, on average.
    """

    def __init__(self, path: Path, *, frames_a_second: float) -> None:
        self.path = path
        # A slow one repeats its frames, so that pauses have about their length; of a faster one some are left out.
        self._rate = min(frames_a_second * max(1, math.ceil(SLOWEST / frames_a_second)), FASTEST)
        self._names = ExitStack()
        self._writer: cv2.VideoWriter | None = None
        self._shown_until = 0
        self._last: Image | None = None

    def frame(self, image: Image, faces: list[Face], *, seconds: float) -> None:
        """Adds a frame that is shown from `seconds` on; all have the size of the first."""
        annotated = annotate(image, faces)
        if self._writer is None:
            code = cv2.VideoWriter.fourcc(*"mp4v")
            name = self._names.enter_context(opencv_name(self.path))
            self._writer = cv2.VideoWriter(name, code, self._rate, (annotated.shape[1], annotated.shape[0]))
            if not self._writer.isOpened():
                raise DataError(f"{self.path} cannot be written: choose another --annotate folder")
        self._show_last_until(seconds)
        self._last = annotated

    def close(self) -> None:
        """Ends the file."""
        if self._writer is not None and self._last is not None:
            self._writer.write(self._last)
            self._writer.release()
        self._names.close()

    def _show_last_until(self, seconds: float) -> None:
        assert self._writer is not None
        if self._last is None:
            return
        until = max(self._shown_until, round(seconds * self._rate))
        for _ in range(min(until - self._shown_until, round(LONGEST_PAUSE * self._rate))):
            self._writer.write(self._last)
        self._shown_until = until
