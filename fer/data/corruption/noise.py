"""The noise corruptions of arXiv 1903.12261, section 3.1.

Images are float32 (B, C, H, W) in [0, 1]; results may leave that range and are clipped by the caller.

The same noise hurts a small picture more than a large one, whose features span more pixels. The authors publish levels
for 32 px (CIFAR-10-C) and 64 px (Tiny-ImageNet-C); 48 px lies in the middle, so each level here is the mean of theirs
(the geometric mean for the photon count, which is a ratio scale). Colour channels get noise of their own.
"""

from typing import Final

import numpy as np

from fer.data.corruption.streams import Floats, Streams, normal, uniform

GAUSSIAN_SIGMA: Final = (0.04, 0.07, 0.10, 0.12, 0.14)
"""Standard deviation; published: .04 .06 .08 .09 .10 at 32 px, .04 .08 .12 .15 .18 at 64 px."""

SHOT_PHOTONS: Final = (350.0, 160.0, 70.0, 47.0, 27.0)
"""Photons that make white; published: 500 250 100 75 50 at 32 px, 250 100 50 30 15 at 64 px."""

IMPULSE_SHARE: Final = (0.01, 0.02, 0.04, 0.065, 0.105)
"""Share of values set to black or white, half each; published: .01 .02 .03 .05 .07 and .01 .02 .05 .08 .14."""


def gaussian_noise(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """Additive normal noise, as of a sensor in low light."""
    y: Floats = x_BCHW + GAUSSIAN_SIGMA[severity - 1] * normal(rngs, *x_BCHW.shape[1:])
    return y


def shot_noise(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """Poisson noise, that of counting photons: its standard deviation grows with the root of the brightness."""
    photons = SHOT_PHOTONS[severity - 1]
    y = np.empty_like(x_BCHW)
    for rng, image, noisy in zip(rngs, x_BCHW * photons, y, strict=True):
        noisy[...] = rng.poisson(image)
    return y / np.float32(photons)


def impulse_noise(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """Salt and pepper, as of bit errors."""
    half = np.float32(IMPULSE_SHARE[severity - 1] / 2)
    draw = uniform(rngs, *x_BCHW.shape[1:])
    return np.where(draw < half, np.float32(0), np.where(draw >= 1 - half, np.float32(1), x_BCHW))
