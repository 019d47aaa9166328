"""What every detector gives; and the one that needs no search."""

import math
from dataclasses import dataclass, replace
from typing import Final, Protocol

import cv2
import numpy as np

from fer.runtime.framing import Box, Frame, Image

LONG: Final = 2.0
"""Longer over shorter side from which on a picture is searched in squares twice as long as high: reduced as a whole, a
panorama would lose its faces."""

LOOKED_AT_AGAIN: Final = 8
"""Parts up to which each gets second looks, which take ten times as long: a panorama of nine times its height."""

MOST_PARTS: Final = 48
"""Parts at most; those of a still longer picture are longer, and reduced."""

SAME: Final = 0.3
"""Least overlap (intersection over union) of boxes in two such parts that are one face."""


@dataclass(frozen=True, slots=True)
class Detection:
    """A face in a picture.

    Attributes:
        box: where it is, for people: within the picture.
        frame: what the model is shown of it, framed as FER-2013 frames faces.
    """

    box: Box
    frame: Frame


class Detector(Protocol):
    """Finds faces; may hold state, so one thread at a time may ask it."""

    name: str

    def detect(self, image: Image) -> list[Detection]:
        """The faces of a picture, grey (H, W) or BGR (H, W, 3), largest first; none is an empty list."""
        ...

    def faces(self, image: Image) -> list[Box]:
        """The boxes of `detect`."""
        return [found.box for found in self.detect(image)]


class PartsDetector(Detector, Protocol):
    """Searches a whole picture, or each part of a long one."""

    def detect(self, image: Image) -> list[Detection]:
        """The faces of a picture, grey (H, W) or BGR (H, W, 3), largest first."""
        return in_parts(image, self._search)

    def _search(self, image: Image, /, *, again: bool) -> list[Detection]:
        """The faces of a part, in any order; `again`: with second looks where there seem to be none."""
        ...


class WholePicture(Detector):
    """Takes the whole picture for one face, for crops that are framed already.

    A picture that is not square is cut to its middle square.
    """

    name = "none"

    def detect(self, image: Image) -> list[Detection]:
        """One face: the picture, or its middle square."""
        height, width = image.shape[:2]
        side = min(height, width)
        box = ((width - side) // 2, (height - side) // 2, side, side)
        return [Detection(box, Frame(box[0] + side / 2, box[1] + side / 2, side))]


class Search(Protocol):
    """Finds the faces of a part."""

    def __call__(self, image: Image, /, *, again: bool) -> list[Detection]:
        """The faces of a part, in any order; `again`: with second looks where there seem to be none."""
        ...


def in_parts(image: Image, search: Search) -> list[Detection]:
    """The faces of a picture of any shape, largest first: of a long one, part after part.

    The parts overlap by the shorter side, so that each face lies in one of them as a whole. However long a picture is,
    the work has a bound: beyond `LOOKED_AT_AGAIN` parts there is one look at each, beyond `MOST_PARTS` they grow.

    Args:
        image: grey (H, W) or BGR (H, W, 3).
        search: finds the faces of a part.
    """
    height, width = image.shape[:2]
    short, long = min(height, width), max(height, width)
    if short * LONG >= long:
        return largest_first(search(image, again=True))
    step = max(short, math.ceil((long - short) / MOST_PARTS))
    length = step + short
    starts = [*range(0, long - length, step), long - length]
    found: list[Detection] = []
    for start in starts:
        x, y = (start, 0) if width > height else (0, start)
        part = image[:, x : x + length] if width > height else image[y : y + length]
        found += [_moved(detection, x, y) for detection in search(part, again=len(starts) <= LOOKED_AT_AGAIN)]
    kept: list[Detection] = []
    # A face at the edge of one part, cut, comes behind itself in the next.
    for detection in largest_first(found):
        if all(overlap(detection.box, other.box) < SAME for other in kept):
            kept.append(detection)
    return kept


def overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Intersection over union of two boxes."""
    across = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    down = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(across, 0.0) * max(down, 0.0)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def _moved(found: Detection, x: int, y: int) -> Detection:
    left, top, width, height = found.box
    return Detection((left + x, top + y, width, height), replace(found.frame, x=found.frame.x + x, y=found.frame.y + y))


def reduced(image: Image, *, longest: int) -> Image:
    """The picture with a longer side of at most `longest` pixels."""
    height, width = image.shape[:2]
    ratio = longest / max(height, width)
    if ratio >= 1.0:
        return image
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def inside(box: tuple[float, float, float, float], *, width: int, height: int) -> Box | None:
    """The part of a box that lies in a picture, in whole pixels; None where nothing of it does."""
    x0, y0 = max(round(box[0]), 0), max(round(box[1]), 0)
    x1, y1 = min(round(box[0] + box[2]), width), min(round(box[1] + box[3]), height)
    return (x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None


def largest_first(detections: list[Detection]) -> list[Detection]:
    """Detections by area of their boxes; equal ones from left to right, then from top to bottom."""
    return sorted(detections, key=lambda found: (-found.box[2] * found.box[3], found.box[0], found.box[1]))
