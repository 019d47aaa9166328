"""Hair, wool, cloth and out-of-focus rooms, computed once per process and the same in every process."""

from functools import cache
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from fer.data.synthetic.layers import Texture

Canvas = npt.NDArray[np.uint8]

CROWN: Final = (0.0, -1.15)
"""Where strands of hair start, in half face widths from the point between the eyes."""

_GRAIN: Final[dict[Texture, tuple[float, float]]] = {
    "curls": (3.4, 24.0),
    "stubble": (0.8, 13.0),
    "cloth": (14.0, 14.0),
}
"""Grain size on a canvas of 192 pixels, and contrast in grey levels, of the textures without direction."""


@cache
def texture(name: Texture, side: int) -> Canvas:
    """Uint8 canvas (2 side, 2 side) about 128; hair fans out from its middle."""
    rng = np.random.Generator(np.random.PCG64(2013))
    full = 2 * side
    pattern: npt.NDArray[Any]
    if name == "hair":
        # Noise that changes quickly with the angle and slowly with the distance; REFLECT_101 closes the circle.
        fine = rng.standard_normal((24, 384)).astype(np.float32)
        coarse = 2.2 * cv2.GaussianBlur(fine, (0, 0), sigmaX=4.0, sigmaY=2.0)
        strands = 0.9 * cv2.GaussianBlur(fine, (0, 0), sigmaX=0.8, sigmaY=1.5) + coarse
        y, x = (np.mgrid[0:full, 0:full].astype(np.float32) / full) - np.float32(0.5)
        angle = np.abs(np.arctan2(x, y)) * np.float32(383 / np.pi)
        distance = np.hypot(x, y)
        across = np.where(x < 0, np.float32(0), np.float32(11.5)) + np.minimum(distance * 16, 11)
        pattern = 2.0 * cv2.remap(strands, angle, across.astype(np.float32), cv2.INTER_LINEAR)
        # a ring of gloss round the crown
        pattern += 1.1 * np.exp(-(((distance - 0.12) / 0.035) ** 2))
        contrast = 15.0
    elif name == "knit":
        y, x = np.mgrid[0:full, 0:full].astype(np.float32) * np.float32(192.0 / side)
        pattern = np.sin(0.75 * x) + 0.5 * np.sin(0.9 * y)
        contrast = 14.0
    else:
        grain, contrast = _GRAIN[name]
        pattern = cv2.GaussianBlur(rng.standard_normal((full, full)).astype(np.float32), (0, 0), grain * side / 192.0)
        pattern = pattern / pattern.std()
    return np.asarray(np.clip(128.0 + contrast * pattern, 30, 235).astype(np.uint8))


@cache
def backdrop(seed: int, side: int) -> Canvas:
    """Uint8 canvas (side, side) about 128: an out-of-focus room, one of as many as there are seeds."""
    rng = np.random.Generator(np.random.PCG64([2013, seed]))
    ramp = np.linspace(-1.0, 1.0, 5)
    slope_x, slope_y = rng.standard_normal(2)
    coarse = rng.standard_normal((5, 5)) + slope_x * ramp[None, :] + slope_y * ramp[:, None]
    soft = cv2.resize(coarse.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(128.0 + 26.0 * soft, 20, 235).astype(np.uint8))
