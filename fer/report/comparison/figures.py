"""Figures of several runs."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fer.metrics import Estimate
from fer.metrics.significance import Comparison
from fer.report.page.figures import LINE_STYLES, Palette, dots, new_figure, short_names
from fer.report.page.wording import points

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Beyond this many runs a cell of the matrix is too small for a number.
_CELLS_WITH_NUMBERS = 12


def comparison_figure(estimates: Mapping[str, Estimate], *, label: str, palette: Palette) -> "Figure":
    """One score of several runs with intervals, best on top."""
    names = sorted(estimates, key=lambda name: estimates[name].value)
    short = short_names(list(estimates))
    figure = new_figure(5.4, 1.1 + 0.36 * len(names), palette)
    axes = figure.subplots()
    dots(axes, [estimates[name] for name in names], np.arange(len(names)), palette.series[0], "o", label)
    axes.set_yticks(range(len(names)), [short[name] for name in names])
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel(f"{label} (%), 95 % intervals")
    axes.grid(visible=False, axis="y")
    return figure


def runs_figure(
    epochs_of: Mapping[str, Sequence[Mapping[str, Any]]], *, by: Literal["epoch", "seconds"], palette: Palette
) -> "Figure":
    """Selection accuracy of several runs by epoch, or by seconds spent in training batches.

    Args:
        epochs_of: lines of `metrics.jsonl` by run name; with `by="seconds"` every line holds `seconds`.
        by: the horizontal axis.
        palette: colours.
    """
    from matplotlib.ticker import MaxNLocator

    columns = 1 if len(epochs_of) <= 6 else 2
    figure = new_figure(5.4, 3.6 + 0.24 * -(-len(epochs_of) // columns), palette)
    axes = figure.subplots()
    longest = max(sum(epoch.get("seconds", 0) for epoch in epochs) for epochs in epochs_of.values())
    scale, unit = (60.0, "minutes") if longest >= 180 else (1.0, "seconds")
    for number, epochs in enumerate(epochs_of.values()):
        spent = accumulate(epoch.get("seconds", 0) / scale for epoch in epochs)
        places = spent if by == "seconds" else (epoch["epoch"] + 1 for epoch in epochs)
        known = [
            (place, 100 * epoch["valid/accuracy"])
            for place, epoch in zip(places, epochs, strict=True)
            if epoch.get("valid/accuracy") is not None
        ]
        axes.plot(
            [place for place, _ in known],
            [value for _, value in known],
            color=palette.series[number % len(palette.series)],
            linestyle=LINE_STYLES[(number // len(palette.series) + number) % len(LINE_STYLES)],
            # A run of one epoch is a point, which a line alone would not show.
            marker="o" if len(known) < 3 else None,
        )
    axes.set_xlabel("epoch" if by == "epoch" else f"{unit} of training")
    if by == "epoch":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_ylabel("selection accuracy (%)")
    # Named one by one: a legend of its own accord leaves out names that begin with an underscore.
    names = list(short_names(list(epochs_of)).values())
    figure.legend(axes.get_lines(), names, loc="outside upper left", ncols=columns)
    return figure


def differences_figure(
    comparisons: Sequence[Comparison], *, names: Sequence[str], alpha: float, palette: Palette
) -> "Figure":
    """Accuracy differences of all pairs as a matrix, row minus column, coloured where they are significant.

    Args:
        comparisons: every pair of `names` once.
        names: runs, in the order of rows and columns.
        alpha: adjusted p-values below it count as significant.
        palette: colours.
    """
    from matplotlib.patches import Rectangle

    place = {name: number for number, name in enumerate(names)}
    short = short_names(names, limit=16)
    largest = max(abs(one.difference.value) for one in comparisons)
    figure = new_figure(5.4, 2.0 + 0.36 * len(names), palette)
    axes = figure.subplots()
    for one in comparisons:
        for row, column, value in (
            (place[one.first], place[one.second], one.difference.value),
            (place[one.second], place[one.first], -one.difference.value),
        ):
            significant = one.adjusted_p < alpha
            if significant:
                colour = palette.series[0] if value > 0 else palette.series[1]
                strength = 0.18 + 0.42 * abs(value) / largest
                axes.add_patch(Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, color=colour, alpha=strength, lw=0))
            if len(names) <= _CELLS_WITH_NUMBERS:
                axes.text(
                    column,
                    row,
                    points(value, plus=True),
                    ha="center",
                    va="center",
                    fontsize=9,
                    fontweight="bold" if significant else "normal",
                    color=palette.ink if significant else palette.muted,
                )
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    labels = [short[name] for name in names]
    axes.set_xticks(range(len(names)), labels, rotation=40, ha="left", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), labels)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)
    return figure
