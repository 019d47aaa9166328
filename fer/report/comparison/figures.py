"""Figures of several runs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fer.metrics import Estimate
from fer.report.page.figure_parts import dots, line
from fer.report.page.figure_style import LINE_STYLES, Palette, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def comparison_figure(estimates: Mapping[str, Estimate], *, label: str, palette: Palette) -> "Figure":
    """One score of several runs with intervals, best on top."""
    names = sorted(estimates, key=lambda name: estimates[name].value)
    figure = new_figure(5.4, 1.1 + 0.36 * len(names), palette)
    axes = figure.subplots()
    dots(axes, [estimates[name] for name in names], np.arange(len(names)), palette.series[0], "o", label)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel(f"{label} (%), 95 % intervals")
    axes.grid(visible=False, axis="y")
    return figure


def runs_figure(epochs_of: Mapping[str, Sequence[Mapping[str, Any]]], *, palette: Palette) -> "Figure":
    """Selection accuracy by epoch of several runs."""
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(5.4, 3.6 + 0.2 * len(epochs_of), palette)
    axes = figure.subplots()
    for number, (name, epochs) in enumerate(epochs_of.items()):
        colour = palette.series[number % len(palette.series)]
        style = LINE_STYLES[(number // len(palette.series) + number) % len(LINE_STYLES)]
        line(axes, epochs, "valid/accuracy", 100, colour, style, name)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("selection accuracy (%)")
    # Named one by one: a legend of its own accord leaves out names that begin with an underscore.
    figure.legend(axes.get_lines(), list(epochs_of), loc="outside upper left", ncols=1)
    return figure
