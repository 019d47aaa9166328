"""From the turned head to pixels."""

from collections.abc import Iterable
from itertools import accumulate
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.data.synthetic.layers import SUBPIXEL, Layer
from fer.data.synthetic.scene import Scene

HALF_WIDTHS_PER_PICTURE: Final = 2.62
"""At zoom 1 the picture is this many half face widths wide: the face fills it, as in FER-2013."""

EYE_LINE: Final = 0.40
"""Height of the eyes in an unshifted picture, from its top."""


class Camera:
    """Weak perspective onto a square canvas.

    Args:
        scene: pose and framing.
        side: width and height of the canvas, in pixels.
    """

    def __init__(self, scene: Scene, side: int) -> None:
        self.side = side
        self.pixels_per_unit = side * scene.zoom / HALF_WIDTHS_PER_PICTURE
        self._sin_yaw, self._cos_yaw = float(np.sin(scene.yaw)), float(np.cos(scene.yaw))
        self._sin_pitch, self._cos_pitch = float(np.sin(scene.pitch)), float(np.cos(scene.pitch))
        sin, cos = float(np.sin(scene.roll)), float(np.cos(scene.roll))
        self.matrix = self.pixels_per_unit * np.array([[cos, sin], [-sin, cos]])
        """(2, 2), takes turned points as row vectors to pixels, before `offset` (2,) is added."""
        # The head tilts about its middle, which stays put; the eyes of an upright face lie on the eye line.
        pivot = np.array([0.0, 0.18])
        middle = side * np.array([0.5 + scene.shift_x, EYE_LINE + scene.shift_y]) + self.pixels_per_unit * pivot
        self.offset = middle - pivot @ self.matrix - 0.5

    def turn(
        self, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], depth: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Points (N,), (N,) of the head at `depth` (N,), NaN on the face's surface -> turned by yaw and pitch."""
        below = y - 0.1
        surface = np.sqrt(np.maximum(1.0 - 0.826 * x * x - 0.25 * below * below, 0.05))
        z = np.where(np.isnan(depth), surface, depth)
        # Outlines at the middle of the head keep their width: a skull is about as deep as it is wide.
        turned_x = x * (1.0 - (1.0 - self._cos_yaw) * np.minimum(z, 1.0)) + z * self._sin_yaw
        return turned_x, y * self._cos_pitch + (z - 0.35) * self._sin_pitch

    def project(self, layers: Iterable[Layer]) -> None:
        """Set the `outline` of all layers, strokes included, and of the layers inside them."""
        flat = [layer for outer in layers for layer in (outer, *outer.inside)]
        points = np.concatenate([layer.points for layer in flat])
        lengths = [len(layer.points) for layer in flat]
        ends = list(accumulate(lengths))
        total = ends[-1]
        depth, half_width = np.full(total, np.nan), np.zeros(total)
        for layer, length, end in zip(flat, lengths, ends, strict=True):
            if layer.depth is not None:
                depth[end - length : end] = layer.depth
            if layer.half_width is not None:
                half_width[end - length : end] = layer.half_width

        # All strokes are widened at once, as if they were one line, save at the ends of each.
        x, y = np.ascontiguousarray(points.T)
        last = np.array(ends) - 1
        first = last + 1 - np.array(lengths)
        along_x, along_y = _differences(x, first, last), _differences(y, first, last)
        scale = half_width / np.sqrt(along_x * along_x + along_y * along_y + 1e-18)
        across_x, across_y = along_y * scale, -along_x * scale
        x, y = self.turn(
            np.concatenate([x + across_x, x - across_x]),
            np.concatenate([y + across_y, y - across_y]),
            np.concatenate([depth, depth]),
        )
        (xx, xy), (yx, yy) = self.matrix.tolist()
        x0, y0 = self.offset.tolist()
        fixed = np.empty((2 * total, 2), np.int32)
        unit = 1 << SUBPIXEL
        fixed[:, 0] = np.rint((x * xx + y * yx + x0) * unit)
        fixed[:, 1] = np.rint((x * xy + y * yy + y0) * unit)

        for layer, length, end in zip(flat, lengths, ends, strict=True):
            layer.outline = fixed[end - length : end]
            if layer.half_width is not None:
                layer.outline = np.concatenate([layer.outline, fixed[total + end - length : total + end][::-1]])


def _differences(
    values: npt.NDArray[np.float64], first: npt.NDArray[np.int64], last: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Central differences along lines that lie end to end from `first` to `last`, one-sided at their ends."""
    out = np.empty_like(values)
    np.subtract(values[2:], values[:-2], out=out[1:-1])
    out[first] = values[first + 1] - values[first]
    out[last] = values[last] - values[last - 1]
    return out
