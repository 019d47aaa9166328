"""The weather corruptions of arXiv 1903.12261, section 3.1: snow, frost, fog, brightness.

Images are float32 (B, C, H, W) in [0, 1]; results may leave that range and are clipped by the caller. Levels are those
of CIFAR-10-C; lengths are its pixels over 32, fractions of the picture's shorter side.
"""

from typing import Final

import numpy as np

from fer.common.luma import LUMA
from fer.data.corruption.blur import trail
from fer.data.corruption.frost import panes
from fer.data.corruption.separable import enlarge_matrix, separable
from fer.data.corruption.streams import Floats, Streams, normal, uniform

SNOW: Final = (
    (0.10, 0.2, 1.00 / 32, 0.60, 3.0 / 32, 0.95),
    (0.10, 0.2, 1.00 / 32, 0.50, 4.0 / 32, 0.90),
    (0.15, 0.3, 1.75 / 32, 0.55, 4.0 / 32, 0.90),
    (0.25, 0.3, 2.25 / 32, 0.60, 6.0 / 32, 0.85),
    (0.30, 0.3, 1.25 / 32, 0.65, 12.0 / 32, 0.80),
)
"""(mean and standard deviation of the flakes' brightness, size of a flake, brightness below which there is none, length
of its fall, share of the picture that is not whitened), as in CIFAR-10-C."""

FROST: Final = ((1.0, 0.2), (0.95, 0.3), (0.9, 0.38), (0.86, 0.44), (0.82, 0.5))
"""(share of the picture, share of the ice): the first as in CIFAR-10-C, which ends at (.75, .45), and from there even
steps between its levels and those of Tiny-ImageNet-C (.7, .55). With CIFAR-10-C's own last three levels (.9, .4), (.85,
.4), (.75, .45) the darkening of the picture makes up for more and more of the brightness of the ice, and the distance
to the clean picture falls."""

FOG: Final = ((0.2, 3.0), (0.5, 3.0), (0.75, 2.5), (1.0, 2.0), (1.5, 1.75))
"""(strength, how much weaker each finer octave of the fog is), as in CIFAR-10-C."""

BRIGHTNESS: Final = (0.05, 0.10, 0.15, 0.20, 0.30)
"""Added to the value (of hue, saturation and value), as in CIFAR-10-C."""


def snow(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """Streaks of falling flakes over a whitened picture."""
    channels, height, width = x_BCHW.shape[1:]
    side = min(height, width)
    mean, std, flake, threshold, fall, kept = SNOW[severity - 1]
    cells = max(2, round(height / (flake * side))), max(2, round(width / (flake * side)))
    flakes_B1HW = separable(
        mean + std * normal(rngs, 1, *cells),
        enlarge_matrix(cells[0], height, cubic=False),
        enlarge_matrix(cells[1], width, cubic=False),
    )
    flakes_B1HW = np.where(flakes_B1HW < threshold, np.float32(0), np.minimum(flakes_B1HW, 1))
    # Downwards, up to 45 degrees to either side.
    angle_B = np.radians(-90 + 45 * (2 * uniform(rngs, 1)[:, 0] - 1))
    streaks_B1HW = trail(flakes_B1HW, angle_B, sigma=fall * side)
    grey_B1HW = x_BCHW if channels == 1 else np.einsum("bchw,c->bhw", x_BCHW, np.array(LUMA, np.float32))[:, None]
    whitened = kept * x_BCHW + (1 - kept) * np.maximum(x_BCHW, 1.5 * grey_B1HW + 0.5)
    y: Floats = whitened + streaks_B1HW + streaks_B1HW[:, :, ::-1, ::-1]
    return y.astype(np.float32, copy=False)


def frost(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """A random place of a frosted pane, turned and mirrored at random, mixed with the picture."""
    height, width = x_BCHW.shape[2:]
    bank = panes(max(height, width))
    share, ice = FROST[severity - 1]
    draw = uniform(rngs, 5)
    y = np.empty_like(x_BCHW)
    for image, (which, top, left, turn, mirror), frosted in zip(x_BCHW, draw.tolist(), y, strict=True):
        pane = bank[int(which * len(bank))]
        row, column = int(top * (pane.shape[0] - height + 1)), int(left * (pane.shape[1] - width + 1))
        # The whole pane is turned, so that pictures of any proportions fit.
        pane = np.rot90(pane, int(4 * turn))[:, :: -1 if mirror < 0.5 else 1]
        frosted[...] = share * image + ice * pane[row : row + height, column : column + width]
    return y


def fog(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """Plasma noise added, and the sum scaled back to the picture's own maximum."""
    height, width = x_BCHW.shape[2:]
    strength, decay = FOG[severity - 1]
    plasma_B1HW = np.zeros((len(x_BCHW), 1, height, width), np.float32)
    cells, weight = 3, 1.0
    # Sums of octaves: the diamond-square fractal of the paper without its creases along the axes.
    while cells <= min(height, width):
        octave = separable(
            2 * uniform(rngs, 1, cells, cells) - 1,
            enlarge_matrix(cells, height, cubic=True),
            enlarge_matrix(cells, width, cubic=True),
        )
        plasma_B1HW += np.float32(weight) * octave
        cells, weight = 2 * cells - 1, weight / decay
    plasma_B1HW -= plasma_B1HW.min(axis=(2, 3), keepdims=True)
    plasma_B1HW /= plasma_B1HW.max(axis=(2, 3), keepdims=True)
    peak_B111 = x_BCHW.max(axis=(1, 2, 3), keepdims=True)
    y: Floats = (x_BCHW + np.float32(strength) * plasma_B1HW) * (peak_B111 / (peak_B111 + np.float32(strength)))
    return y


def brightness(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """Value raised by a constant; hue and saturation stay, so that grey pictures are brightened by addition."""
    value_B1HW = x_BCHW.max(axis=1, keepdims=True)
    raised_B1HW = np.minimum(value_B1HW + np.float32(BRIGHTNESS[severity - 1]), 1)
    # A black pixel has no hue: it becomes grey.
    scale = np.divide(raised_B1HW, value_B1HW, out=np.zeros_like(value_B1HW), where=value_B1HW > 0)
    y: Floats = np.where(value_B1HW > 0, x_BCHW * scale, raised_B1HW)
    return y
