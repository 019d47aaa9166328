"""Figures of the fairness analysis."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fer.metrics import Estimate
from fer.metrics.fairness import GroupingScores
from fer.report.fairness.tables import labels_of
from fer.report.page.figures import Palette, dots, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def accuracy_figure(scores: Sequence[GroupingScores], *, overall: float, palette: Palette) -> "Figure":
    """Accuracy of every group with its interval, a block for each grouping, against the accuracy on all faces."""
    rows: list[tuple[str, Estimate | None, bool, str]] = []
    for grouping in scores:
        gap = grouping.gap("accuracy")
        ends = {gap.low_group, gap.high_group} if gap is not None and gap.significant else set()
        rows.append((grouping.name.replace("_", " "), None, False, "heading"))
        rows += [
            (f"{group.group} ({group.n:,})", group.accuracy, group.group in ends, "" if group.accuracy else "too few")
            for group in grouping.groups
        ]
    figure = new_figure(5.4, 1.2 + 0.27 * len(rows), palette)
    axes = figure.subplots()
    places = np.arange(len(rows))[::-1]
    axes.axvline(100 * overall, color=palette.muted, linestyle="--", linewidth=1.2, label="all faces")
    for differs, marker, colour, label in (
        (False, "o", palette.series[0], "group"),
        (True, "D", palette.series[1], "groups whose gap leaves out 0"),
    ):
        chosen = [
            (estimate, place)
            for (_, estimate, ends_gap, _), place in zip(rows, places, strict=True)
            if estimate is not None and ends_gap is differs
        ]
        if chosen:
            at = np.array([place for _, place in chosen])
            dots(axes, [estimate for estimate, _ in chosen], at, colour, marker, label)
    left, right = axes.get_xlim()
    for (_, _, _, note), place in zip(rows, places, strict=True):
        if note == "too few":
            axes.text(left, float(place), note, va="center", fontsize=9, color=palette.muted)
        elif note == "heading" and place < len(rows) - 1:
            axes.axhline(float(place) + 0.5, color=palette.grid, linewidth=0.8)
    axes.set_xlim(left, right)
    axes.set_yticks(places, [name for name, _, _, _ in rows])
    for tick, (_, _, _, note) in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_fontweight("bold" if note == "heading" else "normal")
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.7, len(rows) - 0.4)
    axes.set_xlabel("accuracy (%), 95 % intervals")
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper left", ncols=1)
    return figure


def recall_gap_figure(scores: Sequence[GroupingScores], *, palette: Palette) -> "Figure":
    """For each grouping, how far apart the recall of each emotion lies in the two groups furthest apart."""
    shown = [grouping for grouping in scores if any(gap.measure == "recall" for gap in grouping.gaps)]
    columns = min(2, len(shown))
    lines = -(-len(shown) // columns)
    figure = new_figure(5.6, 0.9 + 2.3 * lines, palette)
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for panel in panels[len(shown) :]:
        panel.set_visible(False)
    for panel, grouping in zip(panels, shown, strict=False):
        panel.axvline(0, color=palette.ink, linewidth=1)
        labels = labels_of(grouping)
        for significant, marker, colour in ((False, "o", palette.series[0]), (True, "D", palette.series[1])):
            gaps = [gap for gap in grouping.gaps if gap.measure == "recall" and gap.significant is significant]
            at = np.array([len(labels) - 1 - labels.index(gap.emotion or "") for gap in gaps], dtype=np.int64)
            if gaps:
                dots(panel, [gap.difference for gap in gaps], at, colour, marker, "")
        for place, emotion in zip(range(len(labels))[::-1], labels, strict=True):
            if grouping.gap("recall", emotion) is None:
                panel.text(1, place, "too few", va="center", fontsize=8.5, color=palette.muted)
        panel.set_title(grouping.name.replace("_", " "))
        panel.set_yticks(range(len(labels))[::-1], labels)
        panel.set_ylim(-0.6, len(labels) - 0.4)
        panel.grid(visible=False, axis="y")
        panel.tick_params(labelbottom=True)
    figure.supxlabel("gap of recall (points), 95 % intervals", fontsize=11)
    return figure
