"""Figures of the tests of heat maps."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from fer.report.page.figures import LINE_STYLES, Palette, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fer.explain.faithfulness import Curves
    from fer.explain.sanity import Randomisation


def curves_figure(
    curves: "Mapping[str, Curves]",
    *,
    kind: Literal["deletion", "insertion"],
    titles: Mapping[str, str],
    palette: Palette,
) -> "Figure":
    """Mean deletion or insertion curves; what `titles` does not name is drawn as the random order."""
    figure = new_figure(5.4, 3.9, palette)
    axes = figure.subplots()
    number = 0
    for name, curve in curves.items():
        heights = 100 * (curve.deletion if kind == "deletion" else curve.insertion).mean(axis=0)
        if name in titles:
            colour, style = palette.series[number % len(palette.series)], LINE_STYLES[number % len(LINE_STYLES)]
            number += 1
            axes.plot(100 * curve.shares, heights, color=colour, linestyle=style, label=titles[name])
        else:
            axes.plot(100 * curve.shares, heights, color=palette.muted, linewidth=3.5, label="random order", zorder=1)
    axes.set_title("Deletion: low is good" if kind == "deletion" else "Insertion: high is good")
    axes.set_xlabel("share of the face covered (%)" if kind == "deletion" else "share of the face put back (%)")
    axes.set_xlim(0, 100)
    axes.set_ylim(0, None)
    axes.set_ylabel("mean probability of the prediction (%)")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def randomisation_figure(
    found: "Mapping[str, Randomisation]", *, titles: Mapping[str, str], threshold: float, palette: Palette
) -> "Figure":
    """Mean rank correlation with the trained net's maps as more of the layers are randomised."""
    figure = new_figure(5.4, 3.9, palette)
    axes = figure.subplots()
    for number, (name, course) in enumerate(found.items()):
        axes.plot(
            np.concatenate([[0.0], 100 * course.shares]),
            np.concatenate([[1.0], course.spearman.mean(axis=0)]),
            color=palette.series[number % len(palette.series)],
            linestyle=LINE_STYLES[number % len(LINE_STYLES)],
            marker="o",
            markersize=4,
            label=titles[name],
        )
    axes.axhline(threshold, color=palette.muted, linewidth=1.2, linestyle=":")
    axes.annotate(
        "passes below this line at 100 %",
        (100, threshold),
        (-2, 4),
        textcoords="offset points",
        ha="right",
        fontsize=9,
        color=palette.muted,
    )
    axes.set_xlim(0, 102)
    axes.set_xlabel("layers randomised, from the output down (%)")
    axes.set_ylabel("rank correlation with the map before")
    figure.legend(loc="outside upper left", ncols=2)
    return figure
