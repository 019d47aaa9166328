"""Annotated copies of pictures and videos, below one folder."""

import errno
import math
import os
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import cv2

from fer.common.errors import ConfigError, DataError
from fer.common.opencv_log import quiet_opencv
from fer.runtime.framing import Image
from fer.runtime.predict.copy_marks import is_copy, mark_film, marked
from fer.runtime.predict.drawing import annotate
from fer.runtime.predict.inputs import Inputs
from fer.runtime.predict.opencv_names import opencv_name
from fer.runtime.predict.sources import Item
from fer.runtime.record import Face

SLOWEST: Final = 10.0
FASTEST: Final = 240.0
"""Frames a second that an annotated video has."""

LONGEST_PAUSE: Final = 60.0
"""Seconds without a new frame that an annotated video shows; a broken time stamp may claim years."""

_AS_THEY_ARE: Final = frozenset((".jpg", ".jpeg", ".png"))


_LONGEST_NAME: Final = 240
"""Bytes of a copy's name, of the 255 that file systems take: a number and an ending fit behind."""


class AnnotatedWriter:
    """Writes annotated copies; pictures that are no JPEG become PNG, videos become MP4.

    Copies of an earlier run are replaced, and nothing else: what a file of another kind stands in the way of gets a
    number behind its name.

    Args:
        folder: below which they go; made where it is missing.
        inputs: paths that the command looks at.
        tell: is told, in a line, of the first file that stands in the way.

    Raises:
        ConfigError: it is a file, or cannot be made.
    """

    def __init__(
        self, folder: Path, *, inputs: Sequence[str] = (), tell: Callable[[str], None] = lambda line: None
    ) -> None:
        try:
            if folder.exists() and not folder.is_dir():
                raise ConfigError(f"--annotate {folder} is a file: name a folder")
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"--annotate {folder} cannot be made ({error.strerror}): name another folder") from error
        self._folder = folder
        self._inputs = Inputs(inputs)
        self._tell = tell
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}

    def place(self, item: Item) -> Path:
        """Where a picture's copy goes, for `write_picture`."""
        suffix = item.name.suffix.lower()
        name = item.name if suffix in _AS_THEY_ARE else item.name.with_name(item.name.name + ".png")
        return self._free(item, name)

    def video(self, item: Item, *, frames_a_second: float) -> "AnnotatedVideo":
        """What writes a video's copy, frame by frame.

        Raises:
            DataError: the disk refuses it.
        """
        target = self._free(item, item.name.with_suffix(".mp4"))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            target.touch()
        except OSError as error:
            raise refused(target, error) from error
        return AnnotatedVideo(target, frames_a_second=frames_a_second)

    def _free(self, item: Item, name: Path) -> Path:
        """A path of its own for each item, where nothing lies but a copy of an earlier run."""
        name = _short(name)
        wanted = _one_name(self._folder / name)
        # From the last number on: 10,000 folders may hold a picture of the same name.
        number = self._numbers.get(wanted, 1)
        target = self._numbered(name, number)
        self._refuse_own(self._numbered(name, 1), item)
        while _one_name(target) in self._taken or not self._may_replace(target, item):
            number += 1
            target = self._numbered(name, number)
        self._numbers[wanted] = number
        self._taken.add(_one_name(target))
        return target

    def _numbered(self, name: Path, number: int) -> Path:
        return self._folder / (name if number == 1 else name.with_stem(f"{name.stem}-{number}"))

    def _refuse_own(self, path: Path, item: Item) -> None:
        if _same(path, item.path):
            raise ConfigError(f"--annotate {self._folder} would write over {item.path}: name another folder")

    def _may_replace(self, target: Path, item: Item) -> bool:
        written = [target, target.with_suffix(".svg")] if item.kind == "video" else [target]
        for path in written:
            if not os.path.lexists(path):  # unlike a Path's own, no error where the name is too long
                continue
            self._refuse_own(path, item)
            if not is_copy(path) or self._inputs.holds(path):
                self._tell(f"{path} is no copy of an earlier run and stays; copies of that name get a number")
                self._tell = lambda line: None
                return False
        return True


def write_picture(target: Path, image: Image, faces: list[Face]) -> str | None:
    """Writes one picture's annotated copy; what is to be known of it, as that there is none.

    Raises:
        DataError: the disk refuses it.
    """
    # Through memory: OpenCV ends the process on names that are no UTF-8.
    try:
        with quiet_opencv():
            there, encoded = cv2.imencode(target.suffix, annotate(image, faces))
    except cv2.error:
        there = False
    if not there:
        high, wide = image.shape[:2]
        return f"no annotated copy: a {target.suffix} file cannot hold {wide:,} x {high:,} pixels"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # A link to it from elsewhere keeps what it had.
        target.unlink(missing_ok=True)
        target.write_bytes(marked(encoded.tobytes(), suffix=target.suffix.lower()))
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return f"no annotated copy: {error.strerror}"
        raise refused(target, error) from error
    return None


def refused(path: Path, error: OSError) -> DataError:
    """What is told where the disk refuses a copy."""
    return DataError(f"{path} cannot be written ({error.strerror or error}): choose another --annotate folder")


def _short(name: Path) -> Path:
    """The name, cut where it is too long for a file system."""
    stem = name.stem
    while len(os.fsencode(stem)) + len(os.fsencode(name.suffix)) > _LONGEST_NAME:
        stem = stem[:-1]
    return name.with_stem(stem)


def _one_name(path: Path) -> str:
    """A path as disks compare it that take `Face.jpg` for `face.jpg`, and an accent of its own for none: those of macOS
    and Windows, and most sticks and cards."""
    return unicodedata.normalize("NFC", str(path)).casefold()


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return False


class AnnotatedVideo:
    """An annotated video that is being written, with a fixed number of frames a second.

    Args:
        path: of the file.
        frames_a_second: of the original, on average.

    Attributes:
        note: why there is none, although the disk takes files; else None.
    """

    def __init__(self, path: Path, *, frames_a_second: float) -> None:
        self.path = path
        # A slow one repeats its frames, so that pauses have about their length; of a faster one some are left out.
        self._rate = min(frames_a_second * max(1, math.ceil(SLOWEST / frames_a_second)), FASTEST)
        self.note: str | None = None
        self._names = ExitStack()
        self._name = self._names.enter_context(opencv_name(path))
        self._writer: cv2.VideoWriter | None = None
        self._shown_until = 0
        self._begun = self._written = 0
        self._last: Image | None = None

    def frame(self, image: Image, faces: list[Face], *, seconds: float) -> None:
        """Adds a frame that is shown from `seconds` on; all have the size of the first."""
        annotated = annotate(image, faces)
        if self._writer is None:
            code = cv2.VideoWriter.fourcc(*"mp4v")
            size = (annotated.shape[1], annotated.shape[0])
            with quiet_opencv():
                self._writer = cv2.VideoWriter(self._name, cv2.CAP_FFMPEG, code, self._rate, size)
            if not self._writer.isOpened():
                self.note = f"no annotated film: OpenCV cannot write one of {size[0]:,} x {size[1]:,} pixels there"
        self._show_last_until(seconds)
        self._last = annotated

    def close(self) -> None:
        """Ends the file; removes one of no frames.

        Raises:
            DataError: it cannot be read back as a whole, and is removed.
        """
        with self._names, quiet_opencv():
            if self._writer is not None and self._last is not None:
                self._write(self._last)
                self._writer.release()
            # Ctrl-C may have come before or after the frame that it ended.
            whole = self._writer is not None and self._written <= self._count() <= self._begun
        try:
            if whole:
                mark_film(self.path)
                return
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise refused(self.path, error) from error
        # OpenCV says nothing of a full disk.
        if self._writer is not None and self.note is None:
            raise DataError(f"{self.path} is not whole (is the disk full?): choose another --annotate folder")

    def _count(self) -> int:
        """The frames in the file; 0 where it cannot be read."""
        capture = cv2.VideoCapture(self._name, cv2.CAP_FFMPEG)
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() and capture.read()[0] else 0
        capture.release()
        return count

    def _show_last_until(self, seconds: float) -> None:
        if self._last is None:
            return
        until = max(self._shown_until, round(seconds * self._rate))
        for _ in range(min(until - self._shown_until, round(LONGEST_PAUSE * self._rate))):
            self._write(self._last)
        self._shown_until = until

    def _write(self, image: Image) -> None:
        assert self._writer is not None
        self._begun += 1
        with quiet_opencv():
            self._writer.write(image)
        self._written += 1
