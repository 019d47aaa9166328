"""The largest face of each of many pictures, cut as a model is shown it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer.common.errors import FerError
from fer.runtime.detection.opening import open_detector
from fer.runtime.framing import Frame, Image, cut
from fer.runtime.images import read_picture


@dataclass(frozen=True, kw_only=True)
class LargestFaces:
    """What was found in M pictures.

    Attributes:
        faces: uint8 (N, S, S), grey.
        places: int64 (N,), which picture each is of, rising.
        unreadable: how many of the M pictures cannot be read.
        without: in how many no face was found.
    """

    faces: npt.NDArray[np.uint8]
    places: npt.NDArray[np.int64]
    unreadable: int
    without: int


def largest_frames(
    contents: Iterable[bytes | FerError], *, detector: str = "auto"
) -> Iterator[tuple[Image, Frame] | FerError | None]:
    """Decodes pictures one after the other and finds the largest face of each, as `fer-predict` does.

    Args:
        contents: M files' bytes; an error stands for one that could not be read.
        detector: what finds the faces.

    Yields:
        Of each file the picture, uint8 BGR (H, W, 3) or grey (H, W), and the face's frame; the error of one that cannot
        be read; None where no face was found.
    """
    finder = open_detector(detector)
    for content in contents:
        try:
            if isinstance(content, FerError):
                raise content
            picture = read_picture(content, cut_off=True).pixels
        except FerError as error:
            yield error
            continue
        found = finder.detect(picture)
        yield (picture, found[0].frame) if found else None


def largest_faces(contents: Iterable[bytes | FerError], *, size: int, detector: str = "auto") -> LargestFaces:
    """Cuts the largest face out of each picture.

    Args:
        contents: M files' bytes; an error stands for one that could not be read.
        size: height and width of a face, in pixels.
        detector: what finds the faces.
    """
    faces, places, unreadable, without = [], [], 0, 0
    for place, found in enumerate(largest_frames(contents, detector=detector)):
        if isinstance(found, FerError):
            unreadable += 1
        elif found is None:
            without += 1
        else:
            faces.append(cut(*found, size=size))
            places.append(place)
    return LargestFaces(
        faces=np.stack(faces) if faces else np.zeros((0, size, size), np.uint8),
        places=np.array(places, dtype=np.int64),
        unreadable=unreadable,
        without=without,
    )
