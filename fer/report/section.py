"""What a section of the page is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fer.labels import EMOTIONS
from fer.metrics import METRICS, Estimate
from fer.report.evaluation import EvaluatedRun
from fer.report.figure_style import THEMED, inline_svg, styled
from fer.report.wording import interval, number, percent, takes_for

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Section:
    """One part of the page.

    Attributes:
        key: its anchor, and the name of its template `section_<key>.html.j2`.
        title: its heading.
        context: what its template shows; strings are escaped there.
    """

    key: str
    title: str
    context: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A score in a table: what is shown, its interval, and the number it sorts by."""

    text: str
    interval: str
    sort: float


def cell(metric: str, estimate: Estimate) -> Cell:
    """A score's cell."""
    return Cell(text=number(metric, estimate.value), interval=interval(metric, estimate), sort=estimate.value)


def score_rows(run: EvaluatedRun) -> list[dict[str, Any]]:
    """A table row for each set, alone and with test-time augmentation: title, tta, n, a cell for each metric."""
    return [
        {
            "title": scores.evaluation_set.title,
            "tta": tta,
            "n": len(table.predictions),
            "cells": [cell(metric, table.metrics[metric]) for metric in METRICS],
        }
        for scores in run.sets.values()
        for tta, table in ((False, scores.plain), (True, scores.flipped))
        if table is not None
    ]


def class_rows(run: EvaluatedRun) -> list[dict[str, Any]]:
    """A table row for each emotion of the headline set: name, cells (precision, recall, F1), support, taken for."""
    rows = []
    for c, emotion in enumerate(EMOTIONS):
        scores, other = run.headline.plain.classes[emotion], takes_for(run, c)
        # All three are shares, as accuracy is.
        cells = [cell("accuracy", estimate) for estimate in (scores.precision, scores.recall, scores.f1)]
        taken_for = (
            "never mistaken" if other is None else f"{EMOTIONS[other[0]]} ({percent(other[1] / scores.support, 0)})"
        )
        rows.append({"name": emotion, "cells": cells, "support": scores.support, "other": taken_for})
    return rows


def figure(make: Callable[[], "Figure"], key: str, caption: str) -> dict[str, str]:
    """A figure in the page's colours; `key` is unique on the page, `caption` names it for every reader."""
    with styled(THEMED):
        return {"svg": inline_svg(make(), key=f"figure-{key}", title=caption), "caption": caption}
