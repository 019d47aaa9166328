"""Figures of one model on several data sets."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fer.report.cross_data.measurement import CrossScore
from fer.report.page.figures import ON_DARK, ON_LIGHT, Palette, dots, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def transfer_figure(scores: Sequence[CrossScore], *, palette: Palette) -> "Figure":
    """Accuracy and macro F1 on each set with intervals, the first on top."""
    figure = new_figure(5.4, 1.5 + 0.52 * len(scores), palette)
    axes = figure.subplots()
    places = np.arange(len(scores))[::-1]
    for number, (metric, marker, label) in enumerate((("accuracy", "o", "accuracy"), ("macro_f1", "s", "macro F1"))):
        estimates = [score.metrics[metric] for score in scores]
        dots(axes, estimates, places + 0.16 - 0.32 * number, palette.series[number], marker, label)
    axes.set_yticks(places, [f"{score.title} ({score.n:,})" for score in scores])
    axes.set_ylim(-0.6, len(scores) - 0.4)
    axes.set_xlim(0, 100)
    axes.set_xlabel("%, 95 % intervals")
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def recall_figure(scores: Sequence[CrossScore], *, palette: Palette) -> "Figure":
    """Recall of each emotion on each set; emotions that a set lacks stay empty."""
    figure = new_figure(6.4, 1.7 + 0.5 * len(scores), palette)
    axes = figure.subplots()
    recalls = np.stack([score.recalls for score in scores])
    axes.imshow(np.ma.masked_invalid(recalls), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(recalls.shape):
        recall = recalls[row, column]
        known = bool(np.isfinite(recall))
        colour = palette.muted if not known else ON_DARK if recall > 0.68 else ON_LIGHT
        text = f"{100 * recall:.0f} %" if known else "none"
        axes.text(column, row, text, ha="center", va="center", fontsize=10, color=colour)
    axes.set_xticks(range(len(scores[0].labels)), scores[0].labels, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(scores)), [score.title for score in scores])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure
