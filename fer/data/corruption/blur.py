"""The blur corruptions of arXiv 1903.12261, section 3.1.

Images are float32 (B, C, H, W) in [0, 1]. Lengths are fractions of the picture's shorter side, read off CIFAR-10-C's
pixels over 32, so that a blur hides the same features of a face at any size; Tiny-ImageNet-C's pixels over 64 agree
with them at severity 5 (defocus: 3 / 64 and 1.5 / 32).
"""

from functools import lru_cache
from typing import Final

import cv2
import numpy as np

from fer.data.corruption.separable import gaussian_matrix, separable, zoom_matrix
from fer.data.corruption.streams import Floats, Streams, uniform

DEFOCUS_RADIUS: Final = (0.018, 0.029, 0.036, 0.042, 0.051)
"""Radius of the disc. CIFAR-10-C rounds its discs to whole pixels and blurs them again; these exact discs have the
standard deviation of its kernels (.28 .46 .58 .63 .82 px of 32), the fourth a little more to keep even steps."""

GLASS: Final = ((0.0016, 0.014), (0.004, 0.018), (0.007, 0.023), (0.010, 0.034), (0.0125, 0.044))
"""(standard deviation of the blur before and after, greatest shift of a pixel). CIFAR-10-C swaps neighbours one after
another, once or twice, with shifts of at most 1 px of 32 (.031) and standard deviations of .05 to .4 px (.0016 to
.0125). Here every pixel shows one neighbour, all drawn at once, which needs no loop over pixels; as its second round
carries pixels further, the shift grows instead of the number of rounds, and both numbers rise with the severity, which
they do not there (.25 .4 .25 .4)."""

MOTION_SIGMA: Final = (0.031, 0.047, 0.062, 0.070, 0.078)
"""Length constant of the half-Gaussian trail: 1 1.5 2 2 2.5 px of 32; the fourth between its neighbours, because there
it differs from the third in nothing but where the trail is cut off."""

MOTION_DEGREES: Final = 45.0
"""The trail leans at most this much from the horizontal, as published."""

ZOOM_REACH: Final = (0.05, 0.10, 0.15, 0.20, 0.25)
"""Greatest enlargement beyond 1, as published; it has no length, so it is the same at every size."""

_ZOOM_STEP: Final = 0.01


def defocus_blur(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """Convolution with a disc, as of a lens out of focus."""
    kernel = disc(DEFOCUS_RADIUS[severity - 1] * min(x_BCHW.shape[2:]))
    y = np.empty_like(x_BCHW)
    for plane, blurred in zip(_planes(x_BCHW), _planes(y), strict=True):
        cv2.filter2D(plane, -1, kernel, dst=blurred, borderType=cv2.BORDER_REFLECT_101)
    return y


def glass_blur(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """Every pixel shows a random near neighbour, softened before and after, as through frosted glass."""
    batch, channels, height, width = x_BCHW.shape
    sigma, shift = (length * min(height, width) for length in GLASS[severity - 1])
    rows, columns = gaussian_matrix(height, sigma), gaussian_matrix(width, sigma)
    move_B2HW = np.rint((2 * uniform(rngs, 2, height, width) - 1) * np.float32(shift)).astype(np.int64)
    row_BHW = np.clip(np.arange(height)[:, None] + move_B2HW[:, 0], 0, height - 1)
    column_BHW = np.clip(np.arange(width) + move_B2HW[:, 1], 0, width - 1)
    place_B1N = (row_BHW * width + column_BHW).reshape(batch, 1, height * width)
    soft_BCN = separable(x_BCHW, rows, columns).reshape(batch, channels, height * width)
    shuffled = np.take_along_axis(soft_BCN, place_B1N, axis=2).reshape(x_BCHW.shape)
    return separable(shuffled, rows, columns)


def motion_blur(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """A trail in a random direction near the horizontal, as of a moving head or camera."""
    angle_B = np.radians(MOTION_DEGREES * (2 * uniform(rngs, 1)[:, 0] - 1))
    return trail(x_BCHW, angle_B, sigma=MOTION_SIGMA[severity - 1] * min(x_BCHW.shape[2:]))


def zoom_blur(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """Mean of the picture and its enlargements about the centre, as of a camera that moves towards the face."""
    height, width = x_BCHW.shape[2:]
    steps = round(ZOOM_REACH[severity - 1] / _ZOOM_STEP)
    # The picture itself stands in the mean twice, as published.
    y = 2 * x_BCHW
    for step in range(1, steps + 1):
        factor = 1 + step * _ZOOM_STEP
        y += separable(x_BCHW, zoom_matrix(height, factor), zoom_matrix(width, factor))
    return y / np.float32(steps + 2)


def trail(x_BCHW: Floats, angle_B: Floats, *, sigma: float) -> Floats:
    """Convolution of each image with a half-Gaussian trail along its own direction.

    The trail is centred on its mean, so that the picture does not move: what is measured is the blur, not a shift.

    Args:
        x_BCHW: float32 images.
        angle_B: directions in radians, 0 to the right, positive upwards.
        sigma: length constant in pixels.
    """
    length = np.arange(0.0, 3 * sigma + 0.25, 0.25)
    weight = np.exp(-0.5 * (length / sigma) ** 2)
    weight /= weight.sum()
    length = length - (weight * length).sum()
    reach = int(np.ceil(np.abs(length).max()))
    y = np.empty_like(x_BCHW)
    cell = np.arange(-reach, reach + 1)
    for image, angle, blurred in zip(x_BCHW, angle_B.tolist(), y, strict=True):
        across = np.maximum(0, 1 - np.abs(np.cos(angle) * length[:, None] - cell))
        down = np.maximum(0, 1 - np.abs(-np.sin(angle) * length[:, None] - cell))
        kernel = (down.T @ (across * weight[:, None])).astype(np.float32)
        for plane, target in zip(image, blurred, strict=True):
            cv2.filter2D(plane, -1, kernel, dst=target, borderType=cv2.BORDER_REPLICATE)
    return y


@lru_cache(maxsize=32)
def disc(radius: float) -> Floats:
    """float32 (K, K), sum 1: a disc of `radius` pixels, each cell by its covered area (16 x 16 samples)."""
    reach = int(np.ceil(radius + 0.5))
    fine = (np.arange((2 * reach + 1) * 16) + 0.5) / 16 - reach - 0.5
    inside = (fine[:, None] ** 2 + fine**2 <= radius**2).astype(np.float64)
    kernel = inside.reshape(2 * reach + 1, 16, 2 * reach + 1, 16).mean(axis=(1, 3))
    normalised: Floats = (kernel / kernel.sum()).astype(np.float32)
    return normalised


def _planes(x_BCHW: Floats) -> Floats:
    """View (B * C, H, W) of contiguous images."""
    return x_BCHW.reshape(-1, *x_BCHW.shape[2:])
