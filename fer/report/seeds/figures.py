"""The figure of seeds."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from fer.metrics import Estimate
from fer.report.page.figures import Palette, dots, new_figure, short_names
from fer.report.seeds.measurement import Spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def seeds_figure(estimates: Mapping[str, Estimate], over_seeds: Spread, *, label: str, palette: Palette) -> "Figure":
    """Accuracy of each seed with its interval over faces, and the mean over seeds with one standard deviation.

    Args:
        estimates: by the run's name.
        over_seeds: their spread.
        label: of the axis.
        palette: colours.
    """
    short = short_names(list(estimates))
    figure = new_figure(5.4, 1.6 + 0.34 * len(estimates), palette)
    axes = figure.subplots()
    places = np.arange(len(estimates), 0, -1)
    mean, std = 100 * over_seeds.mean, 100 * over_seeds.std
    axes.axvspan(mean - std, mean + std, color=palette.series[1], alpha=0.18, linewidth=0)
    axes.axvline(mean, color=palette.series[1], linewidth=1.2)
    dots(axes, list(estimates.values()), places, palette.series[0], "o", "one seed, 95 % interval over faces")
    axes.errorbar(
        [mean],
        [0],
        xerr=[std],
        color=palette.series[1],
        marker="D",
        markersize=6,
        linewidth=1.6,
        capsize=4,
        linestyle="none",
        label="mean of seeds ± standard deviation",
    )
    axes.set_yticks([*places, 0], [*(short[name] for name in estimates), "all seeds"])
    axes.set_ylim(-0.6, len(estimates) + 0.6)
    axes.set_xlabel(f"{label} (%)")
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper left", ncols=1)
    return figure
