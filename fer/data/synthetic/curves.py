"""Smooth outlines through few points, the pen of every facial feature."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
"""float64 array (N, 2): x to the right, y down."""


@cache
def _spline_basis(knots: int, samples: int, closed: bool) -> npt.NDArray[np.float64]:
    """Float64 array (samples, knots) that maps knots to points of a Catmull-Rom spline (Catmull, Rom 1974)."""
    spans = knots if closed else knots - 1
    position = np.arange(samples) * spans / samples if closed else np.linspace(0.0, spans, samples)
    span = np.minimum(position.astype(int), spans - 1)
    t = position - span
    weights = 0.5 * np.stack(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3], axis=1
    )
    basis = np.zeros((samples, knots))
    for row in range(samples):
        for offset in range(4):
            knot = span[row] + offset - 1
            if closed:
                basis[row, knot % knots] += weights[row, offset]
            elif knot < 0:  # the curve goes on straight beyond its ends
                basis[row, 0] += 2 * weights[row, offset]
                basis[row, 1] -= weights[row, offset]
            elif knot >= knots:
                basis[row, -1] += 2 * weights[row, offset]
                basis[row, -2] -= weights[row, offset]
            else:
                basis[row, knot] += weights[row, offset]
    return basis


def spline(knots: Sequence[tuple[float, ...]], samples: int) -> Points:
    """float64 array (samples, 2): an open smooth curve through all knots."""
    return np.asarray(_spline_basis(len(knots), samples, False) @ np.array(knots))


def loop(knots: Sequence[tuple[float, ...]], samples: int) -> Points:
    """float64 array (samples, 2): a closed smooth curve through all knots."""
    return np.asarray(_spline_basis(len(knots), samples, True) @ np.array(knots))


@cache
def _unit_circle(samples: int) -> Points:
    angle = np.arange(samples) * (2 * np.pi / samples)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def ellipse(x: float, y: float, radius_x: float, radius_y: float, samples: int) -> Points:
    """float64 array (samples, 2): an upright ellipse about (x, y)."""
    return _unit_circle(samples) * (radius_x, radius_y) + (x, y)
