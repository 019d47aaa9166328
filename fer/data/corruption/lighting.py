"""Changes of light, as they meet a camera: exposure, contrast, gamma, and a lamp at the side.

Images are float32 (B, C, H, W) in [0, 1], coded as displays expect (light is about value to the power 2.2); results may
leave that range and are clipped by the caller. Nothing here is random. No paper fixes levels for faces: they are chosen
by what a camera's automatics commonly leave over (1) to what a person still reads with effort (5), before any model was
measured.
"""

from typing import Final, Literal

import numpy as np

from fer.data.corruption.streams import Floats, Streams

DISPLAY_GAMMA: Final = 2.2
"""Exponent from coded values to light (sRGB's mean slope, IEC 61966-2-1)."""

BRIGHTER_STOPS: Final = (0.3, 0.6, 0.9, 1.2, 1.6)
"""Doublings of the light; values beyond white are lost."""

DARKER_STOPS: Final = (0.5, 1.0, 1.5, 2.0, 3.0)
"""Halvings of the light; the 8 bits of the result lose what falls between them. Larger than those above, because
darkness loses less than white does."""

LOW_CONTRAST: Final = (0.8, 0.65, 0.5, 0.4, 0.3)
"""What is left of the deviations from the mean: haze on the lens or a grey sky. It ends between levels 4 and 5 of the
corruption "contrast", which goes beyond what light does."""

GAMMA: Final = (1.2, 1.4, 1.6, 1.9, 2.3)
"""Exponent ("up", darker) or its inverse ("down", lighter) on coded values; 2.2 is a display curve applied once too
often."""

SIDE_SHARE: Final = (0.30, 0.45, 0.60, 0.75, 0.90)
"""Share of the light that comes from the lamp; the rest is even."""

SIDE_DEGREES: Final = 60.0
"""Angle between the lamp and the camera, seen from the face."""

_HEAD_CURVE: Final = 0.9
"""Sine of the angle by which the face has turned away at the edge of the picture."""

Direction = Literal["left", "right", "above", "below"]


def brighter(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """More light, in stops."""
    return x_BCHW * np.float32(2 ** (BRIGHTER_STOPS[severity - 1] / DISPLAY_GAMMA))


def darker(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """Less light, in stops."""
    return x_BCHW * np.float32(2 ** (-DARKER_STOPS[severity - 1] / DISPLAY_GAMMA))


def low_contrast(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """Every pixel drawn towards the mean of the picture."""
    mean_B111 = x_BCHW.mean(axis=(1, 2, 3), keepdims=True)
    y: Floats = mean_B111 + np.float32(LOW_CONTRAST[severity - 1]) * (x_BCHW - mean_B111)
    return y


def gamma_up(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """Middle tones darkened; black and white stay."""
    return x_BCHW ** np.float32(GAMMA[severity - 1])


def gamma_down(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """Middle tones lightened; black and white stay."""
    return x_BCHW ** np.float32(1 / GAMMA[severity - 1])


def light_from_left(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """A lamp on the left of the picture."""
    return side_light(x_BCHW, "left", share=SIDE_SHARE[severity - 1])


def light_from_right(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """A lamp on the right of the picture."""
    return side_light(x_BCHW, "right", share=SIDE_SHARE[severity - 1])


def light_from_above(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """A lamp above."""
    return side_light(x_BCHW, "above", share=SIDE_SHARE[severity - 1])


def light_from_below(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """A lamp below."""
    return side_light(x_BCHW, "below", share=SIDE_SHARE[severity - 1])


def side_light(x_BCHW: Floats, direction: Direction, *, share: float) -> Floats:
    """A lamp at the side, by Lambert's law on a face that curves like a cylinder across the picture.

    Its normal n turns from side to side, and the light that reaches it is (1 - share) + share * max(0, n . l) over its
    mean, so that the picture as a whole gets as much light as before.

    Args:
        x_BCHW: float32 images in [0, 1].
        direction: where the lamp stands, as one sees the picture.
        share: of the light that comes from it, in [0, 1].
    """
    height, width = x_BCHW.shape[2:]
    along_row = direction in ("left", "right")
    n = width if along_row else height
    place = (2 * np.arange(n) + 1) / n - 1
    if direction in ("right", "below"):
        place = -place
    turned = _HEAD_CURVE * place
    lamp = np.radians(SIDE_DEGREES)
    reached = np.maximum(0, np.cos(lamp) * np.sqrt(1 - turned**2) - np.sin(lamp) * turned)
    light = 1 - share + share * reached / reached.mean()
    coded = (light ** (1 / DISPLAY_GAMMA)).astype(np.float32)
    y: Floats = x_BCHW * (coded if along_row else coded[:, None])
    return y
