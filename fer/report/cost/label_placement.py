"""Names beside the points of a scatter plot, clear of each other."""

from collections.abc import Sequence
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from fer.report.page.figures import Palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Distances from the point in typographic points: beside it first, then further away with a line to it.
_DISTANCES: Final = (7.0, 18.0, 32.0, 48.0, 66.0)
_DIRECTIONS: Final = ((1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1))
_MARKER: Final = 5.0
"""Half the side of the square kept clear around each point."""

Boxes = npt.NDArray[np.float64]
"""Float64 array (N, 4): left, bottom, right, top in typographic points."""


def place_labels(
    axes: "Axes",
    x: Sequence[float],
    y: Sequence[float],
    labels: Sequence[str],
    *,
    line: Sequence[tuple[float, float]] = (),
    palette: Palette,
) -> None:
    """Writes each label near its point, where it covers no other label, no point and stays inside the axes.

    Greedy, from the most crowded point to the loneliest: of the places around its point, nearest first, each label
    takes the first free one, or the one that covers least. Everything is measured in typographic points, so the same
    places hold at every resolution.

    Args:
        axes: with its limits and scales set and everything else drawn.
        x: of the points, in data units.
        y: likewise.
        labels: one a point.
        line: corners of a line in data units that the labels keep clear of too.
        palette: colours.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = axes.figure.get_figure(root=True)
    assert figure is not None
    canvas: Any = FigureCanvasAgg(figure)
    # The layout moves the axes when the figure is drawn; only then are the points where they will stay.
    figure.draw_without_rendering()
    renderer = canvas.get_renderer()
    to_points = 72.0 / figure.dpi
    points_N2 = np.asarray(axes.transData.transform(np.column_stack([x, y]))) * to_points
    frame = axes.get_window_extent(renderer)
    inside = np.array([frame.x0, frame.y0, frame.x1, frame.y1]) * to_points
    sizes = []
    for label in labels:
        text = axes.text(0, 0, label, fontsize=9)
        extent = text.get_window_extent(renderer)
        sizes.append((extent.width * to_points, extent.height * to_points))
        text.remove()
    corners = np.asarray(axes.transData.transform(np.array(line))) * to_points if len(line) > 1 else np.zeros((0, 2))
    offsets = place_boxes(points_N2, np.array(sizes), inside=inside, obstacles=_along(corners))
    for place, label, offset in zip(zip(x, y, strict=True), labels, offsets, strict=True):
        far = float(np.abs(offset).max()) > _DISTANCES[0] + 1
        axes.annotate(
            label,
            xy=place,
            xytext=(float(offset[0]), float(offset[1])),
            textcoords="offset points",
            ha="left" if offset[0] > 0 else "right" if offset[0] < 0 else "center",
            va="bottom" if offset[1] > 0 else "top" if offset[1] < 0 else "center",
            fontsize=9,
            color=palette.ink,
            arrowprops={"arrowstyle": "-", "color": palette.muted, "linewidth": 0.7, "shrinkA": 1, "shrinkB": 4}
            if far
            else None,
        )


def place_boxes(
    points_N2: npt.NDArray[np.float64],
    sizes_N2: npt.NDArray[np.float64],
    *,
    inside: npt.NDArray[np.float64],
    obstacles: Boxes,
) -> npt.NDArray[np.float64]:
    """Offsets (N, 2) of the boxes from their points; a box lies on the side of its point that its offset's signs tell.

    Args:
        points_N2: (x, y) of the points.
        sizes_N2: (width, height) of the boxes.
        inside: (4,) left, bottom, right, top that boxes should keep to.
        obstacles: (M, 4) boxes to keep clear of beside the points; M can be 0.
    """
    taken = [*np.hstack([points_N2 - _MARKER, points_N2 + _MARKER]), *obstacles]
    distance_NN = np.abs(points_N2[:, None] - points_N2[None]).max(axis=2)
    crowd = (distance_NN < 40).sum(axis=1)
    offsets = np.zeros_like(points_N2)
    for index in np.argsort(-crowd, kind="stable"):
        candidates = np.array([(dx * far, dy * far) for far, (dx, dy) in product(_DISTANCES, _DIRECTIONS)])
        boxes = _boxes(points_N2[index], sizes_N2[index], candidates)
        others = np.array([box for place, box in enumerate(taken) if place != index])
        covered = _overlaps(boxes, others).sum(axis=1) if len(others) > 0 else np.zeros(len(boxes))
        left, bottom = np.clip(inside[:2] - boxes[:, :2], 0, None).T
        right, top = np.clip(boxes[:, 2:] - inside[2:], 0, None).T
        covered = covered + 2 * _MARKER * (left + bottom + right + top)
        best = int(covered.argmin())
        offsets[index] = candidates[best]
        taken.append(boxes[best])
    return offsets


def _along(corners_M2: npt.NDArray[np.float64]) -> Boxes:
    """Small boxes along a line, a few points apart."""
    half, apart = 1.5, 4.0
    pieces = [
        np.linspace(start, end, max(2, int(np.abs(end - start).max() / apart))) for start, end in pairwise(corners_M2)
    ]
    if len(pieces) == 0:
        return np.zeros((0, 4))
    places = np.concatenate(pieces)
    return np.hstack([places - half, places + half])


def _boxes(
    point_2: npt.NDArray[np.float64], size_2: npt.NDArray[np.float64], offsets_K2: npt.NDArray[np.float64]
) -> Boxes:
    """The box that each offset gives: to the right of it, to the left, or centred, by the offset's sign."""
    anchor_K2 = point_2 + offsets_K2
    low_K2 = np.where(offsets_K2 > 0, anchor_K2, np.where(offsets_K2 < 0, anchor_K2 - size_2, anchor_K2 - size_2 / 2))
    return np.hstack([low_K2, low_K2 + size_2])


def _overlaps(first_K4: Boxes, second_M4: Boxes) -> npt.NDArray[np.float64]:
    """Areas (K, M) that the boxes share."""
    low = np.maximum(first_K4[:, None, :2], second_M4[None, :, :2])
    high = np.minimum(first_K4[:, None, 2:], second_M4[None, :, 2:])
    area: npt.NDArray[np.float64] = np.clip(high - low, 0, None).prod(axis=2)
    return area
