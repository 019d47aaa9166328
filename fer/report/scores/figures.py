"""The figures of a report; each takes plain numbers and a palette."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from fer.metrics import ClassScores, normalise_rows
from fer.report.page.figures import LINE_STYLES, ON_DARK, ON_LIGHT, Palette, dots, line, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_MOST_NUMBERED: Final = 30
"""Labels whose cells still have room for a number."""


def confusion_figure(
    confusion: npt.NDArray[np.int64], *, labels: Sequence[str], normalised: bool, caption: str, palette: Palette
) -> "Figure":
    """The confusion matrix as a heat map, counts or shares of each true class."""
    grown = min(3.0, max(1.0, len(labels) / 8))
    figure = new_figure(6.4 * grown, 6.0 * grown, palette)
    axes = figure.subplots()
    shares = normalise_rows(confusion)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(confusion.shape if len(labels) <= _MOST_NUMBERED else (0, 0)):
        share = shares[row, column]
        text = f"{100 * share:.0f} %" if normalised else f"{confusion[row, column]:,}"
        axes.text(column, row, text, ha="center", va="center", fontsize=10, color=ON_DARK if share > 0.68 else ON_LIGHT)
    ticks = range(len(labels))
    axes.set_xticks(ticks, labels, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, labels)
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
    figure = new_figure(4.6, 4.8 * min(4.0, max(1.0, len(classes) / 8)), palette)
    axes = figure.subplots()
    names = sorted(classes, key=lambda name: classes[name].f1.value)
    marks = (("f1", "o", 0.22), ("recall", "s", 0.0), ("precision", "^", -0.22))
    for number, (key, marker, shift) in enumerate(marks):
        estimates = [getattr(classes[name], key) for name in names]
        dots(axes, estimates, np.arange(len(names)) + shift, palette.series[number], marker, {"f1": "F1"}.get(key, key))
    told = [name if classes[name].support > 0 else f"{name} (not tested)" for name in names]
    axes.set_yticks(range(len(names)), told)
    axes.set_xlim(0, 100)
    axes.set_xlabel("%")
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper left", ncols=3)
    return figure


def loss_figure(epochs: Sequence[Mapping[str, Any]], *, palette: Palette, scored: int | None = None) -> "Figure":
    """Training and selection loss by epoch; `scored` is that of the checkpoint, from 0, where it is known."""
    series = {"training": "train/loss", "selection": "valid/loss"}
    return _curves(epochs, series, scale=1, title="Loss (nats)", palette=palette, scored=scored)


def score_figure(epochs: Sequence[Mapping[str, Any]], *, palette: Palette, scored: int | None = None) -> "Figure":
    """Selection accuracy and macro F1 by epoch, and training accuracy where it was recorded; as `loss_figure`."""
    series = {"selection accuracy": "valid/accuracy", "selection macro F1": "valid/macro_f1"}
    if any(epoch.get("train/accuracy") is not None for epoch in epochs):
        series["training accuracy"] = "train/accuracy"
    return _curves(epochs, series, scale=100, title="Scores (%)", palette=palette, scored=scored)


def learning_rate_figure(
    epochs: Sequence[Mapping[str, Any]], *, palette: Palette, scored: int | None = None
) -> "Figure":
    """The learning rate by epoch, as it ended; as `loss_figure`."""
    series = {"learning rate": "lr"}
    figure = _curves(epochs, series, scale=1, title="Learning rate", palette=palette, scored=scored)
    figure.axes[0].set_ylim(bottom=0)
    return figure


def distribution_figure(
    shares: Mapping[str, npt.NDArray[np.int64]], *, labels: Sequence[str], palette: Palette
) -> "Figure":
    """Share of each label in each split; `shares` holds int64 counts (K,) by the split's name."""
    figure = new_figure(5.4 * min(4.0, max(1.0, len(labels) / 12)), 3.6, palette)
    axes = figure.subplots()
    width = 0.8 / len(shares)
    for number, (name, counts) in enumerate(shares.items()):
        places = np.arange(len(labels)) + (number - (len(shares) - 1) / 2) * width
        total = max(1, int(counts.sum()))
        axes.bar(
            places,
            100 * counts / total,
            width=0.92 * width,
            color=palette.series[number],
            label=f"{name} ({counts.sum():,})",
        )
    axes.set_xticks(range(len(labels)), labels, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_ylabel("% of the split")
    axes.grid(visible=False, axis="x")
    # Side by side, three names with their numbers are wider than the figure.
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def _curves(
    epochs: Sequence[Mapping[str, Any]],
    series: Mapping[str, str],
    *,
    scale: float,
    title: str,
    palette: Palette,
    scored: int | None,
) -> "Figure":
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(5.0, 3.4, palette)
    axes = figure.subplots()
    for number, (label, key) in enumerate(series.items()):
        line(axes, epochs, key, scale, palette.series[number], LINE_STYLES[number], label)
    if scored is not None:
        mark = f"checkpoint, epoch {scored + 1}"
        axes.axvline(scored + 1, color=palette.muted, linestyle=":", linewidth=1.2, label=mark)
    axes.set_title(title)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    figure.legend(loc="outside lower left", ncols=2)
    return figure
