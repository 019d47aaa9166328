"""Faces as a network gives them, before they are sorted out."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from fer.runtime.detection.detector import SAME, Detection, inside
from fer.runtime.framing import Image, Landmarks, frame_from_landmarks

SMALLEST: Final = 10
"""Pixels of the smallest face that a network knows."""

HELD: Final = 0.65
"""A box of which a larger share lies in a better one shows a part of the same face."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be a face.

    Attributes:
        box: x, y, width and height in pixels, maybe beyond the picture.
        score: how sure the network is, 0 to 1.
        points: its landmarks (N, 2), (x, y) in pixels.
        landmarks: where those points lie in FER-2013's frame.
    """

    box: tuple[float, float, float, float]
    score: float
    points: npt.NDArray[np.float64]
    landmarks: Landmarks

    def moved(self, matrix_23: npt.NDArray[np.float64]) -> "Candidate":
        """The candidate in another picture, that a similarity (2, 3) leads to; its box stays upright.

        The matrix maps pixels as lengths from the corner of the picture, not from the middle of its first pixel.
        """
        x, y, width, height = self.box
        centre = matrix_23 @ (x + width / 2, y + height / 2, 1.0)
        scale = float(np.hypot(matrix_23[0, 0], matrix_23[1, 0]))
        width, height = width * scale, height * scale
        box = (float(centre[0]) - width / 2, float(centre[1]) - height / 2, width, height)
        return replace(self, box=box, points=self.points @ matrix_23[:, :2].T + matrix_23[:, 2])


class FaceNet(Protocol):
    """A network that finds faces; it may hold state, so one thread at a time may ask it."""

    def candidates(self, image: Image, *, least: float) -> list[Candidate]:
        """The faces of a BGR picture (H, W, 3) whose score is `least` or more, each once, best first."""
        ...


def similarity(*, degrees: float = 0.0, scale: float = 1.0) -> npt.NDArray[np.float64]:
    """The (2, 3) matrix of a turn clockwise (as pictures show it) and an enlargement about the picture's corner."""
    along, across = scale * np.cos(np.deg2rad(degrees)), scale * np.sin(np.deg2rad(degrees))
    return np.array([[along, -across, 0.0], [across, along, 0.0]])


def without_doubles(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Non-maximum suppression: of candidates that show the same face the best is kept; best first."""
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda one: -one.score):
        if all(_shared(candidate, better) <= 0.0 for better in kept):
            kept.append(candidate)
    return kept


def detections(candidates: Iterable[Candidate], *, width: int, height: int) -> list[Detection]:
    """Candidates as faces of a picture; what lies outside it, or is out of all proportion to it, is dropped."""
    found = []
    for candidate in candidates:
        box = inside(candidate.box, width=width, height=height)
        frame = frame_from_landmarks(candidate.points, landmarks=candidate.landmarks)
        if box is not None and 1.0 <= frame.side <= 2 * max(width, height):
            found.append(Detection(box, frame))
    return found


def colour(image: Image) -> Image:
    """The picture as BGR (H, W, 3)."""
    return image if image.ndim == 3 else np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)


def _shared(one: Candidate, better: Candidate) -> float:
    """Above 0 where both show the same face."""
    a, b = one.box, better.box
    across = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    down = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    common = max(across, 0.0) * max(down, 0.0)
    own, other = a[2] * a[3], b[2] * b[3]
    return max(common / (own + other - common) - SAME, common / min(own, other) - HELD)
