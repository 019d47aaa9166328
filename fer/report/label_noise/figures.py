"""Figures of the label-noise analysis."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fer.metrics import Estimate
from fer.metrics.label_noise import VoteLevel
from fer.report.page.figures import Palette, dots, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def wrong_labels_figure(wrong_of: Mapping[str, Estimate], *, overall: float, palette: Palette) -> "Figure":
    """The estimated share of wrong labels among the faces of each label, highest on top."""
    names = sorted(wrong_of, key=lambda name: wrong_of[name].value)
    figure = new_figure(5.0, 1.2 + 0.34 * len(names), palette)
    axes = figure.subplots()
    axes.axvline(100 * overall, color=palette.muted, linestyle="--", linewidth=1.2, label="all labels")
    dots(axes, [wrong_of[name] for name in names], np.arange(len(names)), palette.series[0], "o", "label")
    axes.set_yticks(range(len(names)), [f"{name} ({wrong_of[name].n:,})" for name in names])
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlim(left=min(0, axes.get_xlim()[0]))
    axes.set_xlabel("share of wrong labels (%), 95 % intervals")
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def agreement_figure(levels: Sequence[VoteLevel], *, palette: Palette) -> "Figure":
    """Labels and answers against the votes, by how far people agree on a face."""
    figure = new_figure(5.4, 1.6 + 0.62 * len(levels), palette)
    axes = figure.subplots()
    places = np.arange(len(levels))[::-1]
    series = (
        ("answer is the most voted emotion", "o", 0.22, [level.top_accuracy for level in levels]),
        ("answer is the label", "s", 0.0, [level.accuracy for level in levels]),
        ("label is the most voted emotion", "^", -0.22, [level.label_is_top for level in levels]),
    )
    for number, (label, marker, shift, estimates) in enumerate(series):
        dots(axes, estimates, places + shift, palette.series[number], marker, label)
    axes.set_yticks(places, [f"{level.name} ({level.accuracy.n:,})" for level in levels])
    axes.set_ylim(-0.6, len(levels) - 0.4)
    axes.set_xlabel("share of the faces (%), 95 % intervals")
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper left", ncols=1)
    return figure
