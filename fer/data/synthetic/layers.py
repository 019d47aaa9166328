"""What a drawing is made of: filled outlines and strokes on the head, in painter's order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from fer.data.synthetic.curves import Points, spline

Part = Literal["mouth", "eyes", "brows"]
PARTS: tuple[Part, ...] = ("mouth", "eyes", "brows")

Texture = Literal["hair", "curls", "stubble", "knit", "cloth"]

SUBPIXEL = 4
"""Fractional bits of projected corners, OpenCV's `shift`."""


@dataclass(slots=True)
class Layer:
    """One filled outline, or one stroke of varying width.

    Attributes:
        points: outline, or centre line of a stroke (N, 2), in units of half a face width.
        tone: albedo, a grey level in [0, 255]; in the soft film over the skin (folds, brows, beard) the share of
            light that passes, in [0, 1].
        depth: distance in front of the head's centre, one number or (N,); None lies on the face's surface.
        half_width: of a stroke, (N,); None is an outline.
        lit: True starts a region shaded by the face's relief, False one without relief and film; None leaves both.
        inside: layers seen only through this outline (iris in the eye's opening, teeth in the mouth's).
        texture: modulates the tone.
        outline: corners on the canvas (M, 2), set by `camera.Camera.project`: fixed-point pixels with `SUBPIXEL`
            fractional bits, pixel centres at integers.
    """

    points: Points
    tone: float
    depth: float | npt.NDArray[np.float64] | None = None
    half_width: npt.NDArray[np.float64] | None = None
    lit: bool | None = None
    inside: tuple["Layer", ...] = ()
    texture: Texture | None = None
    outline: npt.NDArray[np.int32] = field(init=False, repr=False)


@cache
def _taper(samples: int, thickest: float) -> npt.NDArray[np.float64]:
    """Float64 array (samples,): 0 at both ends, 1 at `thickest` in (0, 1)."""
    t = np.linspace(0.0, 1.0, samples)
    return np.asarray(np.sin(np.pi * t ** (np.log(0.5) / np.log(thickest))) ** 0.8)


def crease(
    knots: Sequence[tuple[float, float]],
    half_width: float,
    tone: float,
    *,
    depth: float | None = None,
    thickest: float = 0.5,
    samples: int = 8,
) -> Layer:
    """A stroke through the knots that tapers to nothing at both ends and is thickest at `thickest` of its length."""
    return Layer(spline(knots, samples), tone, depth, half_width * _taper(samples, thickest))
