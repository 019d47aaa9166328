"""The occlusion numbers as files, and as rows of the page's tables."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from fer.common.labels import EMOTIONS
from fer.data.face_masks import STUDY_MASKS
from fer.metrics import METRICS
from fer.report.occlusion.scoring import MaskScores, RunUnderMasks
from fer.report.occlusion.statements import Recovery
from fer.report.page.section import cell
from fer.report.page.wording import percent

SHOWN: Final = ("accuracy", "macro_f1", "weighted_f1", "weighted_auc")
"""Metrics of the study's tables."""


def csv_rows(runs: Sequence[RunUnderMasks], *, evaluated_on: str) -> list[dict[str, Any]]:
    """`occlusion.csv`: a row for each run and test mask."""
    rows = []
    for one in runs:
        for key, scores in one.scores.items():
            row: dict[str, Any] = {
                "run": one.run.record.name,
                "training_mask": one.trained_on,
                "test_mask": key,
                "hidden_area": float(scores.mask.hidden),
                "set": evaluated_on,
                "n": len(scores.predictions),
            }
            for name in METRICS:
                row |= scores.metrics[name].as_columns(name)
            row |= scores.retention.as_columns("retention")
            for emotion in EMOTIONS:
                row |= scores.recall[emotion].as_columns(f"recall_{emotion}")
            rows.append(row)
    return rows


def metrics_tree(
    detail: RunUnderMasks,
    study: Sequence[RunUnderMasks],
    found: Sequence[Recovery],
    *,
    evaluated_on: str,
    protocol: str,
) -> dict[str, Any]:
    """What `metrics.json` holds under `occlusion`."""
    tree: dict[str, Any] = {
        "set": evaluated_on,
        "protocol": protocol,
        "run": detail.run.record.name,
        "training_mask": detail.trained_on,
        "masks": {key: _scores_tree(scores) for key, scores in detail.scores.items()},
    }
    if study:
        tree["study"] = {
            one.run.record.name: {
                "training_mask": one.trained_on,
                "test_masks": {key: _scores_tree(scores) for key, scores in one.scores.items()},
            }
            for one in study
        }
        tree["recovered"] = {one.half: one.recovered.as_dict() for one in found}
    return tree


def mask_rows(one: RunUnderMasks) -> list[dict[str, Any]]:
    """A table row for each mask: title, hidden area, retention, a cell for each metric shown."""
    return [
        {
            "title": scores.mask.title,
            "hidden": (percent(scores.mask.hidden, 0), scores.mask.hidden),
            # A share, as accuracy is.
            "retention": cell("accuracy", scores.retention),
            "cells": [cell(metric, scores.metrics[metric]) for metric in SHOWN],
        }
        for scores in one.scores.values()
    ]


def recall_rows(one: RunUnderMasks) -> list[dict[str, Any]]:
    """A heat-table row for each mask: recall of each emotion and its change against whole faces, in points."""
    whole = one.scores["full"]
    support = np.bincount(whole.predictions.labels, minlength=len(EMOTIONS))
    rows = []
    for key, scores in one.scores.items():
        change = [100 * (scores.recall[emotion].value - whole.recall[emotion].value) for emotion in EMOTIONS]
        # Emotions without a face have no recall to lose.
        worst = min((c for c in range(len(EMOTIONS)) if support[c] > 0), key=lambda c: change[c])
        rows.append(
            {
                "title": scores.mask.title,
                "cells": [
                    {
                        "share": round(scores.recall[emotion].value, 3),
                        "text": f"{100 * scores.recall[emotion].value:.0f}" if support[c] > 0 else "",
                        "change": "" if key == "full" or support[c] == 0 else _signed(change[c]),
                        "worst": key != "full" and c == worst and change[c] < 0,
                    }
                    for c, emotion in enumerate(EMOTIONS)
                ],
            }
        )
    return rows


def study_tables(study: Sequence[RunUnderMasks]) -> list[dict[str, Any]]:
    """The table of training mask by test mask in each metric shown; shades run from a table's least to its greatest."""
    masks = {one.trained_on for one in study}
    repeated = len(masks) < len(study)
    tables = []
    for metric in SHOWN:
        values = np.array([[one.scores[mask.key].metrics[metric].value for mask in STUDY_MASKS] for one in study])
        low, high = np.nanmin(values), np.nanmax(values)
        rows = []
        for one in study:
            cells = []
            for mask in STUDY_MASKS:
                estimate = one.scores[mask.key].metrics[metric]
                share = (estimate.value - low) / (high - low) if high > low else 0.5
                cells.append(
                    {
                        "share": round(float(np.nan_to_num(share)), 3),
                        "text": _short(metric, estimate.value),
                        "half": f"±{_short(metric, (estimate.high - estimate.low) / 2)}",
                        "own": mask.key == one.trained_on,
                    }
                )
            name = f"{one.trained_on} ({one.run.record.name})" if repeated else one.trained_on
            rows.append({"name": name, "cells": cells})
        tables.append({"key": metric, "title": METRICS[metric], "rows": rows})
    return tables


def columns(runs: Sequence[RunUnderMasks]) -> Mapping[str, Mapping[str, Any]]:
    """Columns of `model_eval.csv`: accuracy under each mask."""
    return {
        one.run.record.name: {
            f"occlusion_{key}_accuracy": scores.metrics["accuracy"].value
            for key, scores in one.scores.items()
            if key != "full"
        }
        for one in runs
    }


def _scores_tree(scores: MaskScores) -> dict[str, Any]:
    return {
        **{name: estimate.as_dict() for name, estimate in scores.metrics.items()},
        "retention": scores.retention.as_dict(),
        "recall": {emotion: estimate.as_dict() for emotion, estimate in scores.recall.items()},
    }


def _short(metric: str, value: float) -> str:
    if not np.isfinite(value):
        return "?"
    return f"{value:.3f}" if metric == "weighted_auc" else f"{100 * value:.1f}"


def _signed(change: float) -> str:
    """A change in whole points, with a real minus sign."""
    rounded = round(change)
    return "0" if rounded == 0 else f"{'+' if rounded > 0 else '−'}{abs(rounded)}"
