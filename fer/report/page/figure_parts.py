"""Marks that several figures share."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fer.metrics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def line(
    axes: "Axes", epochs: Sequence[Mapping[str, Any]], key: str, scale: float, colour: str, style: Any, label: str
) -> None:
    """One score of every epoch that has it, `scale` times; `key` names it in `metrics.jsonl`."""
    known = [(epoch["epoch"] + 1, scale * epoch[key]) for epoch in epochs if epoch.get(key) is not None]
    places, values = ([place for place, _ in known], [value for _, value in known])
    # A run of one epoch is a point, which a line alone would not show.
    axes.plot(places, values, color=colour, linestyle=style, marker="o" if len(known) < 3 else None, label=label)


def dots(
    axes: "Axes",
    estimates: Sequence[Estimate],
    places: npt.NDArray[np.generic],
    colour: str,
    marker: str,
    label: str,
) -> None:
    """Dots with whiskers, in percent, along the horizontal axis."""
    value = 100 * np.array([estimate.value for estimate in estimates])
    low = 100 * np.array([estimate.low for estimate in estimates])
    high = 100 * np.array([estimate.high for estimate in estimates])
    axes.hlines(places, low, high, color=colour, linewidth=1.6, clip_on=False)
    axes.plot(value, places, linestyle="none", marker=marker, markersize=6, color=colour, label=label, clip_on=False)
