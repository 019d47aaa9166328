"""Annotated copies of pictures and videos, below one folder."""

from pathlib import Path
from typing import Final

import cv2

from fer.common.errors import ConfigError, DataError
from fer.runtime.framing import Image
from fer.runtime.predict.drawing import annotate
from fer.runtime.predict.sources import Item
from fer.runtime.record import Face

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

    def picture(self, item: Item, image: Image, faces: list[Face]) -> Path:
        """Writes one picture's copy; where it is."""
        suffix = item.name.suffix.lower()
        name = item.name if suffix in _AS_THEY_ARE else item.name.with_name(item.name.name + ".png")
        target = self._free(item, name)
        if not cv2.imwrite(str(target), annotate(image, faces)):
            raise DataError(f"{target} cannot be written: choose another --annotate folder")
        return target

    def video(self, item: Item, *, frames_a_second: float) -> "AnnotatedVideo":
        """What writes a video's copy, frame by frame."""
        return AnnotatedVideo(self._free(item, item.name.with_suffix(".mp4")), frames_a_second=frames_a_second)

    def _free(self, item: Item, name: Path) -> Path:
        """A path of its own for each item, and never the original's."""
        number, target = 1, self._folder / name
        while target in self._taken:
            number += 1
            target = self._folder / name.with_stem(f"{name.stem}-{number}")
        if target.exists() and item.path.exists() and target.samefile(item.path):
            raise ConfigError(f"--annotate {self._folder} would write over {item.path}: name another folder")
        self._taken.add(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        return target


class AnnotatedVideo:
    """An annotated video that is being written."""

    def __init__(self, path: Path, *, frames_a_second: float) -> None:
        self.path = path
        self._rate = frames_a_second
        self._writer: cv2.VideoWriter | None = None

    def frame(self, image: Image, faces: list[Face]) -> None:
        """Adds one frame; all have the size of the first."""
        annotated = annotate(image, faces)
        if self._writer is None:
            code = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(str(self.path), code, self._rate, (annotated.shape[1], annotated.shape[0]))
            if not self._writer.isOpened():
                raise DataError(f"{self.path} cannot be written: choose another --annotate folder")
        self._writer.write(annotated)

    def close(self) -> None:
        """Ends the file."""
        if self._writer is not None:
            self._writer.release()
