"""Figures of the occlusion analysis."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fer.data.face_masks import HALF_MASKS, PART_MASKS
from fer.data.regions import EXTENTS
from fer.report.occlusion.measurement import Recovery, RunUnderMasks
from fer.report.page.figures import Palette, dots, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def masks_figure(*, palette: Palette) -> "Figure":
    """What each named mask hides, over a schematic face."""
    from matplotlib.patches import Rectangle

    figure = new_figure(5.4, 2.9, palette)
    shown = (*HALF_MASKS, *PART_MASKS)
    for axes, mask in zip(figure.subplots(2, 3).ravel(), shown, strict=True):
        _face(axes, palette)
        top, bottom, left, right = EXTENTS[mask.region]
        boxes = [(top, bottom, left, right)]
        if mask.kind == "keep":
            whole = {"upper": (0.5, 1, 0, 1), "lower": (0, 0.5, 0, 1), "left": (0, 1, 0.5, 1), "right": (0, 1, 0, 0.5)}
            boxes = [whole[mask.region]]
        for top, bottom, left, right in boxes:
            box = Rectangle((left, top), right - left, bottom - top, facecolor=palette.muted, linewidth=0, zorder=3)
            axes.add_patch(box)
        axes.set_title(mask.title, fontsize=9.5, fontweight="normal", loc="center")
    return figure


def accuracy_figure(one: RunUnderMasks, *, palette: Palette) -> "Figure":
    """Accuracy under each named mask, with intervals, against whole faces and the most common emotion."""
    masks = [scores for key, scores in one.scores.items() if key != "full" and scores.mask.kind != "patches"]
    figure = new_figure(5.4, 1.5 + 0.36 * len(masks), palette)
    axes = figure.subplots()
    places = np.arange(len(masks))[::-1]
    dots(axes, [scores.metrics["accuracy"] for scores in masks], places, palette.series[0], "o", "under the mask")
    _references(axes, one, palette, vertical=True)
    axes.set_yticks(places, [scores.mask.title for scores in masks])
    axes.set_ylim(-0.6, len(masks) - 0.4)
    axes.set_xlim(left=0)
    axes.set_xlabel("accuracy (%), 95 % intervals")
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper left", ncols=3, columnspacing=1.0, handlelength=1.4)
    return figure


def patches_figure(one: RunUnderMasks, *, palette: Palette) -> "Figure":
    """Accuracy by the share of the picture hidden in random patches, with an interval band."""
    steps = [scores for key, scores in one.scores.items() if key == "full" or scores.mask.kind == "patches"]
    hidden = [100 * scores.mask.hidden for scores in steps]
    accuracy = [scores.metrics["accuracy"] for scores in steps]
    figure = new_figure(5.4, 3.6, palette)
    axes = figure.subplots()
    low, high = ([100 * bound for bound in bounds] for bounds in zip(*((e.low, e.high) for e in accuracy), strict=True))
    axes.fill_between(hidden, low, high, color=palette.series[0], alpha=0.2, linewidth=0)
    axes.plot(hidden, [100 * e.value for e in accuracy], color=palette.series[0], marker="o", label="accuracy")
    _references(axes, one, palette, vertical=False)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("% of the picture hidden in random patches")
    axes.set_ylabel("accuracy (%)")
    figure.legend(loc="outside upper left", ncols=3, columnspacing=1.0, handlelength=1.4)
    return figure


def recovery_figure(found: Sequence[Recovery], *, palette: Palette) -> "Figure":
    """For each half: the full-face model on it, and the one trained on it, against whole faces."""
    figure = new_figure(5.4, 1.6 + 0.62 * len(found), palette)
    axes = figure.subplots()
    places = np.arange(len(found))[::-1]
    for one, place in zip(found, places, strict=True):
        axes.plot(
            [100 * one.masked.value, 100 * one.tuned.value], [place, place], color=palette.grid, linewidth=5, zorder=1
        )
    dots(axes, [one.masked for one in found], places + 0.12, palette.series[1], "s", "trained on whole faces")
    dots(axes, [one.tuned for one in found], places - 0.12, palette.series[0], "o", "trained on this half")
    axes.axvline(100 * found[0].before.value, color=palette.muted, linestyle="--", linewidth=1.4, label="whole faces")
    axes.set_yticks(places, [f"{one.half} half visible" for one in found])
    axes.set_ylim(-0.6, len(found) - 0.4)
    axes.set_xlabel("accuracy (%), 95 % intervals")
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper left", ncols=3, columnspacing=1.0, handlelength=1.4)
    return figure


def _references(axes: "Axes", one: RunUnderMasks, palette: Palette, *, vertical: bool) -> None:
    whole = one.scores["full"]
    counts = np.bincount(whole.predictions.labels)
    draw = axes.axvline if vertical else axes.axhline
    if vertical:
        value = 100 * whole.metrics["accuracy"].value
        draw(value, color=palette.muted, linestyle="--", linewidth=1.4, label="whole face")
    majority = 100 * counts.max() / counts.sum()
    draw(majority, color=palette.muted, linestyle=":", linewidth=1.4, label="most common emotion")


def _face(axes: "Axes", palette: Palette) -> None:
    """A schematic face where FER-2013's mean face has its parts; places as fractions of the picture."""
    from matplotlib.patches import Arc, Ellipse, Rectangle

    axes.add_patch(Rectangle((0, 0), 1, 1, edgecolor=palette.grid, facecolor="none", linewidth=1.2))
    axes.add_patch(Ellipse((0.5, 0.52), 0.86, 1.06, edgecolor=palette.ink, facecolor="none", linewidth=1.2))
    for x in (0.31, 0.69):
        axes.add_patch(Ellipse((x, 0.37), 0.15, 0.08, edgecolor=palette.ink, facecolor="none", linewidth=1.2))
        axes.add_patch(Ellipse((x, 0.37), 0.05, 0.06, color=palette.ink))
        axes.add_patch(Arc((x, 0.32), 0.24, 0.12, theta1=190, theta2=350, color=palette.ink, linewidth=1.4))
    axes.plot([0.5, 0.46, 0.53], [0.42, 0.62, 0.63], color=palette.ink, linewidth=1.2)
    axes.add_patch(Arc((0.5, 0.78), 0.34, 0.16, theta1=10, theta2=170, color=palette.ink, linewidth=1.6))
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(1.02, -0.02)
    axes.set_aspect("equal")
    axes.axis("off")
