"""The figures of the calibration analysis."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fer.metrics.calibration import ReliabilityBin
from fer.metrics.selective import perfect_ranking
from fer.metrics.selective_scores import LEVELS, Selective, SelectiveCurve
from fer.report.page.figures import Palette, dots, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEW = 30
"""Bins with fewer faces are drawn hollow."""


def reliability_figure(bins: Sequence[ReliabilityBin], *, title: str, palette: Palette) -> "Figure":
    """Accuracy against confidence, and below it how many faces have that confidence (arXiv 1706.04599, figure 1)."""
    figure = new_figure(5.0, 5.4, palette)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    filled = [each for each in bins if each.n > 0]
    confidence = 100 * np.array([each.confidence for each in filled])
    accuracy = 100 * np.array([each.accuracy for each in filled])
    low, high = (100 * np.array([getattr(each, end) for each in filled]) for end in ("low", "high"))
    many = np.array([each.n >= FEW for each in filled])
    upper.plot([0, 100], [0, 100], color=palette.muted, linestyle="--", linewidth=1.2, label="perfect calibration")
    # Nothing is drawn of no marks at all: for an empty one the layout makes room in the picture's corner.
    if many.any():
        upper.vlines(
            confidence[many],
            confidence[many],
            accuracy[many],
            color=palette.series[1],
            alpha=0.45,
            linewidth=7,
            label="gap",
        )
    for chosen, face, width in ((many, palette.series[0], 1.6), (~many, palette.surface, 0.8)):
        if not chosen.any():
            continue
        upper.vlines(confidence[chosen], low[chosen], high[chosen], color=palette.series[0], linewidth=width)
        upper.plot(
            confidence[chosen],
            accuracy[chosen],
            linestyle="none",
            marker="o",
            markersize=6,
            color=palette.series[0],
            markerfacecolor=face,
            zorder=3,
            clip_on=False,
        )
    upper.set_title(title)
    upper.set_xlim(0, 100)
    upper.set_ylim(0, 100)
    upper.set_ylabel("right (%)")
    upper.legend(loc="upper left")
    n = sum(each.n for each in bins)
    edges = 100 * np.array([(each.lower, each.upper) for each in bins])
    lower.bar(
        edges.mean(axis=1),
        [100 * each.n / n for each in bins],
        width=0.9 * (edges[0, 1] - edges[0, 0]),
        color=palette.muted,
        alpha=0.45,
    )
    mean_confidence = sum(each.n * each.confidence for each in filled) / n
    mean_accuracy = sum(each.n * each.accuracy for each in filled) / n
    lower.axvline(100 * mean_confidence, color=palette.series[1], linestyle="--", label="mean confidence")
    lower.axvline(100 * mean_accuracy, color=palette.series[0], label="accuracy")
    lower.set_xlabel("confidence (%)")
    lower.set_ylabel("% of faces")
    lower.grid(visible=False, axis="x")
    figure.legend(*lower.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def risk_coverage_figure(curve: SelectiveCurve, *, chosen: tuple[float, float] | None, palette: Palette) -> "Figure":
    """Share of wrong predictions among the accepted faces, by coverage; `chosen` is (coverage, risk)."""
    figure = new_figure(5.0, 4.4, palette)
    axes = figure.subplots()
    found = curve.curve
    n, num_wrong = found.n, round(float(found.risk[-1]) * found.n)
    levels = 100 * np.array(LEVELS)
    axes.fill_between(
        levels,
        100 * curve.low,
        100 * curve.high,
        color=palette.series[0],
        alpha=0.18,
        linewidth=0,
        label="95 % interval",
    )
    # Among the first few faces one wrong prediction moves the curve by many points.
    shown = found.coverage >= LEVELS[0]
    axes.plot(100 * found.coverage[shown], 100 * found.risk[shown], color=palette.series[0], label="this model")
    coverage, risk = perfect_ranking(n, num_wrong)
    axes.plot(
        100 * coverage, 100 * risk, color=palette.series[2], linestyle="-.", linewidth=1.4, label="perfect ranking"
    )
    axes.axhline(
        100 * num_wrong / n, color=palette.muted, linestyle="--", linewidth=1.2, label="confidence that says nothing"
    )
    if chosen is not None:
        axes.plot(
            100 * chosen[0],
            100 * chosen[1],
            linestyle="none",
            marker="D",
            markersize=8,
            color=palette.series[1],
            label="the threshold",
            zorder=4,
        )
    axes.set_xlim(0, 100)
    axes.set_ylim(0, None)
    axes.set_xlabel("faces accepted (%)")
    axes.set_ylabel("wrong among the accepted (%)")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def coverage_figure(classes: Mapping[str, Selective], *, palette: Palette) -> "Figure":
    """Of each true emotion the coverage, and the share right among all and among the accepted."""
    names = sorted(
        (name for name in classes if classes[name].support > 0), key=lambda name: classes[name].coverage.value
    )
    figure = new_figure(5.0, 4.8 * min(4.0, max(1.0, len(names) / 8)), palette)
    axes = figure.subplots()
    marks = (
        ("coverage", "accepted", "o", 0.22),
        ("selective_accuracy", "right among the accepted", "s", 0.0),
        ("accuracy", "right among all", "^", -0.22),
    )
    for number, (key, label, marker, shift) in enumerate(marks):
        estimates = [getattr(classes[name], key) for name in names]
        dots(axes, estimates, np.arange(len(names)) + shift, palette.series[number], marker, label)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of the faces predicted so")
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def class_reliability_figure(bins_of: Mapping[str, Sequence[ReliabilityBin]], *, palette: Palette) -> "Figure":
    """How often an emotion is the label against the probability the model gives it, one panel an emotion."""
    columns = min(4, len(bins_of))
    rows = -(-len(bins_of) // columns)
    figure = new_figure(7.2, 0.6 + 1.9 * rows, palette)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, (name, bins) in zip(panels, bins_of.items(), strict=False):
        filled = [each for each in bins if each.n > 0]
        places = 100 * np.array([each.confidence for each in filled])
        axes.plot([0, 100], [0, 100], color=palette.muted, linestyle="--", linewidth=1)
        axes.vlines(
            places,
            [100 * each.low for each in filled],
            [100 * each.high for each in filled],
            color=palette.series[0],
            linewidth=1,
        )
        axes.plot(
            places,
            [100 * each.accuracy for each in filled],
            linestyle="none",
            marker="o",
            markersize=4,
            color=palette.series[0],
        )
        axes.set(title=name, xlim=(0, 100), ylim=(0, 100))
    for axes in panels[len(bins_of) :]:
        axes.set_visible(False)
    figure.supxlabel("probability of the emotion (%)", fontsize=11)
    figure.supylabel("labelled so (%)", fontsize=11)
    return figure
