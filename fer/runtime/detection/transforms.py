"""Pictures brightened, turned and cut out, for looks at what the picture as it is does not show."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fer.runtime.detection.candidate import Candidate, similarity
from fer.runtime.framing import Image, frame_from_landmarks

_DARK: Final = 200
"""A picture of which 99 % is darker, in grey levels, is brightened."""

_DARKEST: Final = 8.0
"""Pictures are brightened as if this were their brightest level at least: below, there is only noise."""

_NOISE: Final = 1.5
"""Standard deviation in pixels of the blur that takes the noise out of a brightened picture."""


def brightened(image: Image) -> Image | None:
    """A dark picture with its range of grey widened and its noise smoothed; None where it is bright enough."""
    level = float(np.percentile(image, 99))
    if level >= _DARK:
        return None
    bright = cv2.convertScaleAbs(image, alpha=255 / max(level, _DARKEST))
    return np.asarray(cv2.GaussianBlur(bright, (0, 0), _NOISE), np.uint8)


def mirrored(image: Image) -> Image:
    """Left and right exchanged."""
    return np.ascontiguousarray(image[:, ::-1])


def turned_whole(image: Image, degrees: float) -> tuple[Image, npt.NDArray[np.float64]]:
    """The picture turned clockwise, no corner cut off, and the (2, 3) matrix that leads back to it."""
    height, width = image.shape[:2]
    turn = similarity(degrees=degrees)
    corners_42 = np.array([(0, 0), (width, 0), (0, height), (width, height)]) @ turn[:, :2].T
    low, high = corners_42.min(axis=0), corners_42.max(axis=0)
    turn[:, 2] = -low
    size = (max(1, round(float(high[0] - low[0]))), max(1, round(float(high[1] - low[1]))))
    if degrees % 90 == 0:
        turned = np.ascontiguousarray(np.rot90(image, round(-degrees / 90)))
    else:
        turned = _warped(image, turn, size)
    return turned, np.asarray(cv2.invertAffineTransform(turn), np.float64)


def cut_upright(image: Image, one: Candidate, *, margin: float, side: int) -> Image:
    """A candidate alone, turned upright by its landmarks: uint8 (side, side, 3), black beyond the picture.

    Args:
        image: BGR (H, W, 3).
        one: what is cut out, in pixels of the picture.
        margin: side of the cut-out over the longer side of the box.
        side: height and width, in pixels.
    """
    x, y, width, height = one.box
    scale = side / (margin * max(width, height))
    # Halves first, as linear interpolation leaves pixels out where it reduces by more.
    halvings = 0
    while scale < 0.5 and min(image.shape[:2]) >= 2:
        image = np.asarray(cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
        scale, halvings = 2 * scale, halvings + 1
    roll = frame_from_landmarks(one.points, landmarks=one.landmarks).roll
    matrix = similarity(degrees=-roll, scale=scale)
    centre = np.array((x + width / 2, y + height / 2)) / 2**halvings
    matrix[:, 2] = side / 2 - matrix[:, :2] @ centre
    return _warped(image, matrix, (side, side))


def _warped(image: Image, matrix_23: npt.NDArray[np.float64], size: tuple[int, int]) -> Image:
    # OpenCV counts from the middle of the first pixel.
    pixels = matrix_23.copy()
    pixels[:, 2] += pixels[:, :2] @ (0.5, 0.5) - 0.5
    return np.asarray(cv2.warpAffine(image, pixels, size, flags=cv2.INTER_LINEAR), np.uint8)
