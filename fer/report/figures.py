"""The figures of a report; each takes plain numbers and a palette."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fer.labels import EMOTIONS
from fer.metrics import ClassScores, Estimate, normalise_rows
from fer.report.figure_style import LINE_STYLES, Palette, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def confusion_figure(confusion: npt.NDArray[np.int64], *, normalised: bool, caption: str, palette: Palette) -> "Figure":
    """The confusion matrix as a heat map, counts or shares of each true class."""
    figure = new_figure(6.4, 6.0, palette)
    axes = figure.subplots()
    shares = normalise_rows(confusion)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(confusion.shape):
        share = shares[row, column]
        text = f"{100 * share:.0f} %" if normalised else f"{confusion[row, column]:,}"
        axes.text(
            column, row, text, ha="center", va="center", fontsize=10, color="#ffffff" if share > 0.68 else "#1b1f24"
        )
    ticks = range(len(EMOTIONS))
    axes.set_xticks(ticks, EMOTIONS, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, EMOTIONS)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    what = "share of each true class" if normalised else "faces, coloured by share of the true class"
    axes.set_title(f"Confusion matrix: {what}\n{caption}", fontsize=10, fontweight="normal")
    return figure


def class_figure(classes: Mapping[str, ClassScores], *, palette: Palette) -> "Figure":
    """Precision, recall and F1 of each emotion with intervals, the hardest emotion at the bottom."""
    figure = new_figure(4.6, 4.8, palette)
    axes = figure.subplots()
    names = sorted(classes, key=lambda name: classes[name].f1.value)
    marks = (("f1", "o", 0.22), ("recall", "s", 0.0), ("precision", "^", -0.22))
    for number, (key, marker, shift) in enumerate(marks):
        estimates = [getattr(classes[name], key) for name in names]
        _dots(
            axes, estimates, np.arange(len(names)) + shift, palette.series[number], marker, {"f1": "F1"}.get(key, key)
        )
    axes.set_yticks(range(len(names)), names)
    axes.set_xlim(0, 100)
    axes.set_xlabel("%")
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper left", ncols=3)
    return figure


def loss_figure(epochs: Sequence[Mapping[str, Any]], *, palette: Palette) -> "Figure":
    """Training and selection loss by epoch."""
    series = {"training": "train/loss", "selection": "valid/loss"}
    return _curves(epochs, series, scale=1, title="Loss (nats)", palette=palette)


def score_figure(epochs: Sequence[Mapping[str, Any]], *, palette: Palette) -> "Figure":
    """Selection accuracy and macro F1 by epoch."""
    series = {"accuracy": "valid/accuracy", "macro F1": "valid/macro_f1"}
    return _curves(epochs, series, scale=100, title="Selection scores (%)", palette=palette)


def distribution_figure(shares: Mapping[str, npt.NDArray[np.int64]], *, palette: Palette) -> "Figure":
    """Share of each emotion in each split; `shares` holds int64 counts (7,) by the split's name."""
    figure = new_figure(5.4, 3.6, palette)
    axes = figure.subplots()
    width = 0.8 / len(shares)
    for number, (name, counts) in enumerate(shares.items()):
        places = np.arange(len(EMOTIONS)) + (number - (len(shares) - 1) / 2) * width
        total = max(1, int(counts.sum()))
        axes.bar(
            places,
            100 * counts / total,
            width=0.92 * width,
            color=palette.series[number],
            label=f"{name} ({counts.sum():,})",
        )
    axes.set_xticks(range(len(EMOTIONS)), EMOTIONS, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_ylabel("% of the split")
    axes.grid(visible=False, axis="x")
    figure.legend(loc="outside upper left", ncols=len(shares))
    return figure


def comparison_figure(estimates: Mapping[str, Estimate], *, label: str, palette: Palette) -> "Figure":
    """One score of several runs with intervals, best on top."""
    names = sorted(estimates, key=lambda name: estimates[name].value)
    figure = new_figure(5.4, 1.1 + 0.36 * len(names), palette)
    axes = figure.subplots()
    _dots(axes, [estimates[name] for name in names], np.arange(len(names)), palette.series[0], "o", label)
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
        _line(axes, epochs, "valid/accuracy", 100, colour, style, name)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("selection accuracy (%)")
    # Named one by one: a legend of its own accord leaves out names that begin with an underscore.
    figure.legend(axes.get_lines(), list(epochs_of), loc="outside upper left", ncols=1)
    return figure


def _curves(
    epochs: Sequence[Mapping[str, Any]], series: Mapping[str, str], *, scale: float, title: str, palette: Palette
) -> "Figure":
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(5.0, 3.4, palette)
    axes = figure.subplots()
    for number, (label, key) in enumerate(series.items()):
        _line(axes, epochs, key, scale, palette.series[number], LINE_STYLES[number], label)
    axes.set_title(title)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    return figure


def _line(
    axes: "Axes", epochs: Sequence[Mapping[str, Any]], key: str, scale: float, colour: str, style: Any, label: str
) -> None:
    known = [(epoch["epoch"] + 1, scale * epoch[key]) for epoch in epochs if epoch.get(key) is not None]
    places, values = ([place for place, _ in known], [value for _, value in known])
    # A run of one epoch is a point, which a line alone would not show.
    axes.plot(places, values, color=colour, linestyle=style, marker="o" if len(known) < 3 else None, label=label)


def _dots(
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
