"""Figures of an ensemble."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fer.metrics import Estimate
from fer.metrics.predictions import Floats
from fer.report.page.figures import Palette, dots, new_figure, short_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def gains_figure(
    plain: Mapping[str, Estimate], averaged: Mapping[str, Estimate], *, of_what: str, label: str, palette: Palette
) -> "Figure":
    """Accuracy of members and ensembles with intervals, without and with test-time augmentation.

    Args:
        plain: by name, from top to bottom.
        averaged: by name, among those of `plain`; empty without test-time augmentation.
        of_what: what is averaged, for the legend.
        label: of the axis.
        palette: colours.
    """
    names = list(plain)
    short = short_names(names)
    figure = new_figure(5.4, 1.5 + 0.42 * len(names), palette)
    axes = figure.subplots()
    places = np.arange(len(names), 0, -1)
    shift = 0.14 if averaged else 0.0
    dots(axes, list(plain.values()), places + shift, palette.series[0], "o", "as it is")
    if averaged:
        lower = np.array([place for name, place in zip(names, places, strict=True) if name in averaged])
        dots(axes, list(averaged.values()), lower - shift, palette.series[1], "s", of_what)
    axes.set_yticks(places, [short[name] for name in names])
    axes.set_ylim(0.4, len(names) + 0.6)
    axes.set_xlabel(f"{label} (%), 95 % intervals")
    axes.grid(visible=False, axis="y")
    if averaged:
        figure.legend(loc="outside upper left", ncols=2)
    return figure


def weights_figure(
    names: Sequence[str], weights: Mapping[str, tuple[Floats, tuple[Floats, Floats]]], *, palette: Palette
) -> "Figure":
    """Fitted weights of the members with the spread of refits, and where equal weights would stand.

    Args:
        names: of the members, from top to bottom.
        weights: label -> weights (R,) and their low and high ends (R,).
        palette: colours.
    """
    short = short_names(names)
    figure = new_figure(5.4, 1.5 + 0.42 * len(names), palette)
    axes = figure.subplots()
    places = np.arange(len(names), 0, -1)
    marks = ("o", "s")
    for number, (label, (values, (low, high))) in enumerate(weights.items()):
        estimates = [
            Estimate(value=float(v), low=float(a), high=float(b), n=0)
            for v, a, b in zip(values, low, high, strict=True)
        ]
        shift = 0.0 if len(weights) == 1 else 0.14 * (1 - 2 * number)
        dots(axes, estimates, places + shift, palette.series[number], marks[number], label)
    axes.axvline(100 / len(names), color=palette.muted, linewidth=1.2, linestyle="--", label="equal weights")
    axes.set_yticks(places, [short[name] for name in names])
    axes.set_ylim(0.4, len(names) + 0.6)
    axes.set_xlim(left=0)
    axes.set_xlabel("fitted weight (%), 95 % of refits on resampled faces")
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper left", ncols=1)
    return figure
