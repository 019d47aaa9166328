"""Scores of prediction tables, each with an interval over faces. NumPy only; nothing here knows a net.

Conventions where a ratio has no denominator, those of scikit-learn with `zero_division=0`:

- precision, recall and F1 of a class are 0 where undefined;
- macro F1 averages over the classes that occur in the labels or in the predictions;
- balanced accuracy averages recall over the classes that occur in the labels;
- weighted AUC leaves out classes without a positive or without a negative; with none left it is NaN.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.labels import NUM_CLASSES
from fer.metrics.bootstrap import bootstrap_counts, resampled_confusions, stream
from fer.metrics.estimate import Estimate
from fer.metrics.predictions import Floats, Predictions
from fer.metrics.roc_areas import RocAreas

METRICS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "accuracy": "Accuracy",
        "balanced_accuracy": "Balanced accuracy",
        "macro_f1": "Macro F1",
        "weighted_f1": "Weighted F1",
        "weighted_auc": "Weighted AUC",
        "nll": "NLL",
    }
)
"""Every metric of `evaluate` by key, with its name for tables. All but `nll` (nats, lower is better) lie in [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """How one label fares.

    Attributes:
        precision, recall, f1: in [0, 1].
        support: faces that carry its label, which recall is a share of.
        called: faces predicted as it, which precision is a share of.
    """

    precision: Estimate
    recall: Estimate
    f1: Estimate
    support: int
    called: int


def confusion_matrix(
    labels: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], num_classes: int = NUM_CLASSES
) -> npt.NDArray[np.int64]:
    """int64 array (C, C): faces of true class (row) predicted as (column)."""
    cells = np.bincount(labels * num_classes + predicted, minlength=num_classes * num_classes)
    return cells.reshape(num_classes, num_classes)


def _confusion(predictions: Predictions) -> npt.NDArray[np.int64]:
    return confusion_matrix(predictions.labels, predictions.predicted, len(predictions.classes))


def normalise_rows(confusion: npt.NDArray[np.int64]) -> Floats:
    """float64 array (C, C): shares of each true class, so that the diagonal is recall; rows without faces are 0."""
    return _ratio(confusion.astype(np.float64), confusion.sum(axis=-1, keepdims=True))


def headline(predictions: Predictions) -> dict[str, float]:
    """Every metric of `METRICS`, without intervals.

    Raises:
        DataError: the table is empty.
    """
    _check_not_empty(predictions)
    summary = _summary_scores(_confusion(predictions))
    scores = {key: float(score) for key, score in summary.items()}
    scores |= {"nll": float(_log_losses(predictions).mean()), "weighted_auc": weighted_auc(predictions)}
    return {key: scores[key] for key in METRICS}


def evaluate(predictions: Predictions, *, resamples: int = 2000, seed: int = 0) -> dict[str, Estimate]:
    """Every metric of `METRICS` with its interval.

    Intervals are 95 % intervals over faces: Wilson's for accuracy, which is a share of faces, and those of the
    percentile bootstrap (Efron 1979) for the others. They tell how much the score would move with another draw of test
    faces, not with another training seed. A score that no resample moves (macro F1 of a model without a mistake, any
    score of one face) has none: the bootstrap does not see the mistakes that have not happened yet.

    Args:
        predictions: the table, at least one face.
        resamples: bootstrap resamples.
        seed: of the resampling; the same seed gives the same interval.

    Raises:
        DataError: the table is empty.
    """
    value_of = headline(predictions)
    confusion = _confusion(predictions)
    n = len(predictions)
    draws_of = _summary_scores(
        resampled_confusions(confusion, resamples=resamples, rng=stream("confusion matrix", seed=seed))
    )
    draws_of |= _resampled_rank_scores(predictions, _log_losses(predictions), resamples, seed)
    scores = {key: Estimate.of_draws(value, draws_of[key], n).moved() for key, value in value_of.items()}
    scores |= {
        key: replace(score, why=undefined_reason(predictions))
        for key, score in scores.items()
        if not np.isfinite(score.value)
    }
    return scores | {"accuracy": Estimate.of_share(int(np.trace(confusion)), n)}


def undefined_reason(predictions: Predictions) -> str:
    """Why a metric of finite probabilities is undefined: no class has faces both in it and outside it."""
    classes = np.unique(predictions.labels)
    assert len(classes) == 1
    n = len(predictions)
    faces = f"all {n:,} faces of {predictions.split} are" if n > 1 else f"the only face of {predictions.split} is"
    return f"{faces} of one class ({predictions.classes[int(classes[0])]})"


def evaluate_classes(predictions: Predictions) -> dict[str, ClassScores]:
    """Precision, recall and F1 of each label, by name, with Wilson intervals (`Estimate.of_share`, `of_f1`).

    What is undefined counts 0, without an interval.

    Raises:
        DataError: the table is empty.
    """
    _check_not_empty(predictions)
    confusion = _confusion(predictions)
    scores = {}
    for c, name in enumerate(predictions.classes):
        hits, support, called = int(confusion[c, c]), int(confusion[c].sum()), int(confusion[:, c].sum())
        scores[name] = ClassScores(
            precision=_share_or_zero(hits, called),
            recall=_share_or_zero(hits, support),
            f1=Estimate.of_f1(hits, support + called - hits, support),
            support=support,
            called=called,
        )
    return scores


def _share_or_zero(hits: int, n: int) -> Estimate:
    return Estimate.of_share(hits, n) if n > 0 else Estimate(value=0.0, low=np.nan, high=np.nan, n=0)


def weighted_auc(predictions: Predictions) -> float:
    """One-vs-rest area under the ROC curve, averaged by support; NaN where the labels hold one class only."""
    areas, weights = RocAreas(predictions.labels, predictions.probabilities).weighted(np.ones((len(predictions), 1)))
    return float(_ratio((areas * weights).sum(axis=0), weights.sum(axis=0), undefined=np.nan)[0])


def _check_not_empty(predictions: Predictions) -> None:
    if len(predictions) == 0:
        raise DataError(f"predictions of {predictions.split} hold no faces, so there is nothing to score")


def _ratio(top: npt.ArrayLike, bottom: npt.ArrayLike, undefined: float = 0.0) -> Floats:
    """`top / bottom` in float64, `undefined` where `bottom` is 0."""
    numerator, denominator = np.broadcast_arrays(np.asarray(top, np.float64), np.asarray(bottom, np.float64))
    quotient: Floats = np.full(numerator.shape, undefined)
    np.divide(numerator, denominator, out=quotient, where=denominator > 0)
    return quotient


def _class_scores(confusion: npt.NDArray[np.int64]) -> dict[str, Floats]:
    """Confusion matrices (..., C, C) -> precision, recall, F1, each (..., C)."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    support, called = confusion.sum(axis=-1), confusion.sum(axis=-2)
    return {
        "precision": _ratio(hits, called),
        "recall": _ratio(hits, support),
        "f1": _ratio(2 * hits, support + called),
    }


def _summary_scores(confusion: npt.NDArray[np.int64]) -> dict[str, Floats]:
    """Confusion matrices (..., C, C) -> the metrics that need nothing else, each (...)."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    support, called = confusion.sum(axis=-1), confusion.sum(axis=-2)
    scores = _class_scores(confusion)
    total = support.sum(axis=-1)
    return {
        "accuracy": _ratio(hits.sum(axis=-1), total),
        "balanced_accuracy": _ratio(scores["recall"].sum(axis=-1), (support > 0).sum(axis=-1)),
        "macro_f1": _ratio(scores["f1"].sum(axis=-1), (support + called > 0).sum(axis=-1)),
        "weighted_f1": _ratio((scores["f1"] * support).sum(axis=-1), total),
    }


def _log_losses(predictions: Predictions) -> Floats:
    """float64 array (N,): -ln of the true class's probability, clipped like scikit-learn's `log_loss`."""
    p_N = predictions.probabilities[np.arange(len(predictions)), predictions.labels]
    eps = np.finfo(p_N.dtype).eps
    return -np.log(np.clip(p_N.astype(np.float64), eps, 1.0 - eps))


def _resampled_rank_scores(predictions: Predictions, losses_N: Floats, resamples: int, seed: int) -> dict[str, Floats]:
    """Scores that need each face, over B resamples: how often a face was drawn becomes its weight."""
    n = len(predictions)
    roc_areas = RocAreas(predictions.labels, predictions.probabilities)
    nll, auc = [], []
    for counts_NB in bootstrap_counts(n, resamples=resamples, seed=seed):
        weights_NB = counts_NB.astype(np.float32)
        nll.append(losses_N @ weights_NB / n)
        areas, support = roc_areas.weighted(weights_NB)
        auc.append(_ratio((areas * support).sum(axis=0), support.sum(axis=0), undefined=np.nan))
    return {"nll": np.concatenate(nll), "weighted_auc": np.concatenate(auc)}
