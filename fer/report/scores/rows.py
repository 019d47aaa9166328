"""Rows of the score tables, the same on the page and in the model card."""

from typing import Any

from fer.common.labels import EMOTIONS
from fer.metrics import METRICS
from fer.report.page.section import cell
from fer.report.page.wording import percent
from fer.report.scores.evaluation import EvaluatedRun
from fer.report.scores.statements import takes_for


def score_rows(run: EvaluatedRun) -> list[dict[str, Any]]:
    """A table row for each set, alone and with test-time augmentation: title, tta, n, a cell for each metric."""
    return [
        {
            "title": scores.evaluation_set.title,
            "tta": None if views is None else views.title,
            "n": len(table.predictions),
            "cells": [cell(metric, table.metrics[metric]) for metric in METRICS],
        }
        for scores in run.sets.values()
        for views, table in ((None, scores.plain), (scores.views, scores.averaged))
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
