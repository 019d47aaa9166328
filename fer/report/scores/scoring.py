"""A model's answers on each evaluation set, and their scores."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fer.data.samples import FaceSamples
from fer.metrics import ClassScores, Estimate, Predictions, confusion_matrix, evaluate, evaluate_classes
from fer.report.scores.evaluation_sets import EvaluationSet
from fer.report.scores.views import Views

Answers = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""A model: images (N, C, H, W) -> probabilities (N, 7)."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Everything counted on one prediction table.

    Attributes:
        predictions: the table.
        metrics: a key of `fer.metrics.METRICS` -> score with interval.
        classes: emotion -> precision, recall, F1 with intervals.
        confusion: int64 array (7, 7), rows are true classes.
    """

    predictions: Predictions
    metrics: Mapping[str, Estimate]
    classes: Mapping[str, ClassScores]
    confusion: npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class SetScores:
    """One evaluation set: as the model answers (`plain`), and averaged with its answers to further `views`."""

    evaluation_set: EvaluationSet
    plain: Scores
    averaged: Scores | None
    views: Views | None


def score(predictions: Predictions, *, resamples: int, seed: int) -> Scores:
    """All scores of one table."""
    return Scores(
        predictions=predictions,
        metrics=evaluate(predictions, resamples=resamples, seed=seed),
        classes=evaluate_classes(predictions, resamples=resamples, seed=seed),
        confusion=confusion_matrix(predictions.labels, predictions.predicted),
    )


def score_sets(
    samples: FaceSamples,
    sets: Sequence[EvaluationSet],
    answers: Answers,
    *,
    views: Views | None,
    resamples: int,
    seed: int,
) -> dict[str, SetScores]:
    """The scores of every set by its key; a face in several sets is asked about once (and once in each view)."""
    rows = np.unique(np.concatenate([evaluation_set.rows for evaluation_set in sets]))
    images = samples.images[rows]
    probabilities_of: dict[bool, npt.NDArray[Any]] = {False: answers(images)}
    if views is not None:
        everything = [probabilities_of[False], *(answers(view) for view in views.of(images))]
        probabilities_of[True] = sum(everything[1:], start=everything[0]) / len(everything)

    def of(evaluation_set: EvaluationSet, averaged: bool) -> Scores:
        chosen = np.searchsorted(rows, evaluation_set.rows)
        table = Predictions(
            ids=samples.ids[evaluation_set.rows],
            labels=samples.labels[evaluation_set.rows],
            probabilities=probabilities_of[averaged][chosen],
            split=evaluation_set.title,
        )
        return score(table, resamples=resamples, seed=seed)

    return {
        evaluation_set.key: SetScores(
            evaluation_set=evaluation_set,
            plain=of(evaluation_set, averaged=False),
            averaged=None if views is None else of(evaluation_set, averaged=True),
            views=views,
        )
        for evaluation_set in sets
    }
