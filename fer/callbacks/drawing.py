"""The pictures of a training; each function takes plain numbers and gives a figure, and `save` writes one."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from fer.common.files import write_atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Those of Okabe and Ito (2008), told apart with any colour vision."""
_MUTED: Final = "#57606a"
_STYLES: Final = ("-", "--", "-.", ":")
_DOTS_AN_INCH: Final = 120
_ACROSS: Final = 20
"""Faces side by side on a sheet: those of 100 labels would make it 15,000 pixels wide."""
_MOST_NUMBERED: Final = 30
"""Labels whose cells have room for a number; 10,000 numbers, of 100 labels, take minutes to lay out besides."""

Epochs = Sequence[Mapping[str, Any]]
"""Lines of `metrics.jsonl`."""


def save(figure: "Figure", path: Path) -> None:
    """Writes a figure as PNG; the folder is made, and the file is whole or not there."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=_DOTS_AN_INCH, facecolor="white")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, content.getbuffer())


def confusion_figure(counts_CC: npt.NDArray[np.int64], *, names: Sequence[str], title: str) -> "Figure":
    """Faces of each true class (row) by predicted class (column), coloured by the share of the true class."""
    grown = min(3.0, max(1.0, len(names) / 8))
    figure = _figure(6.4 * grown, 6.0 * grown)
    axes = figure.subplots()
    shares_CC = counts_CC / np.maximum(counts_CC.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares_CC, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(counts_CC.shape if len(names) <= _MOST_NUMBERED else (0, 0)):
        ink = "#ffffff" if shares_CC[row, column] > 0.68 else "#1b1f24"
        axes.text(column, row, f"{counts_CC[row, column]:,}", ha="center", va="center", fontsize=9, color=ink)
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_title(title, fontsize=10)
    return figure


def learning_curves(epochs: Epochs) -> "Figure":
    """Losses, scores and learning rate by epoch."""
    figure = _figure(11.0, 3.6)
    loss, score, rate = figure.subplots(1, 3)
    _lines(loss, epochs, {"training": "train/loss", "validation": "valid/loss"}, title="Loss (nats)")
    _lines(
        score,
        epochs,
        {
            "validation accuracy": "valid/accuracy",
            "validation macro F1": "valid/macro_f1",
            "accuracy of plain training faces": "plain/accuracy",
        },
        title="Scores (%)",
        scale=100,
    )
    _lines(rate, epochs, {"highest of all layers": "lr"}, title="Learning rate")
    return figure


def parting_curves(epochs: Epochs, *, parted: int | None) -> "Figure":
    """Loss and accuracy of plain training faces beside the validation faces'; a line marks the epoch they part at."""
    figure = _figure(8.6, 3.6)
    loss, score = figure.subplots(1, 2)
    _lines(loss, epochs, {"training faces, plain": "plain/loss", "validation faces": "valid/loss"}, title="Loss (nats)")
    _lines(
        score,
        epochs,
        {"training faces, plain": "plain/accuracy", "validation faces": "valid/accuracy"},
        title="Accuracy (%)",
        scale=100,
    )
    if parted is not None:
        for axes in (loss, score):
            axes.axvline(parted + 1, color=_MUTED, linewidth=1, linestyle=":", label=f"they part at {parted + 1}")
            axes.legend(frameon=False, fontsize=8)
    return figure


def rate_curve(
    rates_N: npt.NDArray[np.float64],
    losses_N: npt.NDArray[np.float64],
    *,
    configured: float,
    suggested: float | None,
) -> "Figure":
    """The smoothed loss by learning rate, with the rate that is set and the one that is suggested."""
    figure = _figure(5.6, 3.6)
    axes = figure.subplots()
    axes.plot(rates_N, losses_N, color=_COLOURS[0])
    axes.axvline(configured, color=_MUTED, linestyle=":", label=f"set: {configured:.2g}")
    if suggested is not None:
        axes.axvline(suggested, color=_COLOURS[1], linestyle="--", label=f"suggested: {suggested:.2g}")
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss, smoothed (nats)")
    axes.legend(frameon=False, fontsize=8)
    _tidy(axes)
    return figure


def heat_map_sheet(
    faces_NHW: npt.NDArray[np.uint8],
    maps: Mapping[str, npt.NDArray[np.float32]],
    *,
    captions: Sequence[str],
    title: str,
) -> "Figure":
    """Faces in the first row, and under them one row of heat maps a method, laid over the faces; of many faces, several
    such bands.

    Args:
        faces_NHW: grey or RGB (N, H, W, 3).
        maps: title of a method -> float32 (N, H, W) in [0, 1].
        captions: a short line over each face.
        title: over the sheet.
    """
    count, high = len(faces_NHW), 1 + len(maps)
    columns = min(count, _ACROSS)
    bands = -(-count // columns)
    figure = _figure(1.25 * columns + 0.9, 1.3 * high * bands + 0.5)
    grid = figure.subplots(high * bands, columns, squeeze=False)
    for face in range(bands * columns):
        band, column = divmod(face, columns)
        for row, name in enumerate([None, *maps]):
            axes = grid[high * band + row, column]
            if face >= count:
                axes.set_visible(False)
                continue
            axes.imshow(faces_NHW[face], cmap="gray", vmin=0, vmax=255)
            if name is not None:
                heat_HW = maps[name][face]
                axes.imshow(heat_HW, cmap="inferno", vmin=0, vmax=1, alpha=0.15 + 0.55 * heat_HW)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
            if column == 0:
                axes.set_ylabel("face" if name is None else name, fontsize=8)
        if face < count:
            grid[high * band, column].set_title(captions[face], fontsize=7)
    figure.suptitle(title, fontsize=9)
    return figure


def _figure(width: float, height: float) -> "Figure":
    """An empty figure of that size in inches; no pyplot, so no global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _lines(axes: "Axes", epochs: Epochs, series: Mapping[str, str], *, title: str, scale: float = 1.0) -> None:
    from matplotlib.ticker import MaxNLocator

    for number, (label, key) in enumerate(series.items()):
        known = [(line["epoch"] + 1, scale * line[key]) for line in epochs if line.get(key) is not None]
        if known:
            axes.plot(
                [place for place, _ in known],
                [value for _, value in known],
                color=_COLOURS[number],
                linestyle=_STYLES[number],
                marker="o" if len(known) < 3 else None,
                label=label,
            )
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if axes.lines:
        axes.legend(frameon=False, fontsize=8)
    _tidy(axes)


def _tidy(axes: "Axes") -> None:
    axes.grid(visible=True, color="#d8dee4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
