"""The rates that groups of faces are compared by, counted on confusion matrices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from fer.metrics.estimate import Estimate
from fer.metrics.predictions import Floats

Measure = Literal["accuracy", "recall", "false_positive_rate", "selection_rate"]

_BY_LABEL: Final[tuple[Measure, ...]] = ("recall", "false_positive_rate", "selection_rate")

LEVEL: Final = 0.95
"""Of every interval."""


def measures(classes: Sequence[str]) -> tuple[tuple[Measure, str | None], ...]:
    """Every rate with its label, in the order of each axis M: accuracy, then each of the others for every label."""
    return ("accuracy", None), *((measure, name) for measure in _BY_LABEL for name in classes)


@dataclass(frozen=True, kw_only=True)
class GroupScores:
    """The scores of one group; a rate over fewer than `min_group` faces is None.

    Attributes:
        group: its name.
        n: its faces.
        accuracy, balanced_accuracy: with Wilson and percentile bootstrap intervals.
        recall, false_positive_rate, selection_rate: the same for each emotion; `n` of each counts the faces the rate
            is a share of.
    """

    group: str
    n: int
    accuracy: Estimate | None
    balanced_accuracy: Estimate | None
    recall: Mapping[str, Estimate | None]
    false_positive_rate: Mapping[str, Estimate | None]
    selection_rate: Mapping[str, Estimate | None]

    def rate(self, measure: Measure, emotion: str | None = None) -> Estimate | None:
        """One measure, by name; None where it is over too few faces."""
        if emotion is None:
            assert measure == "accuracy", measure
            return self.accuracy
        by_emotion: Mapping[str, Estimate | None] = getattr(self, measure)
        return by_emotion[emotion]

    @property
    def too_few(self) -> bool:
        """Whether the group is too small for any number."""
        return self.accuracy is None


def rate_counts(confusion: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Confusion matrices (..., C, C) -> hits and totals (..., M): each rate is their quotient."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)
    support, called = confusion.sum(axis=-1).astype(np.float64), confusion.sum(axis=-2).astype(np.float64)
    n = support.sum(axis=-1, keepdims=True)
    tops = (hits.sum(axis=-1, keepdims=True), hits, called - hits, called)
    bottoms = (n, support, n - support, np.broadcast_to(n, called.shape))
    return np.concatenate(tops, axis=-1), np.concatenate(bottoms, axis=-1)


def rates(hits: Floats, totals: Floats) -> Floats:
    """`hits / totals`, NaN where there is no face."""
    quotient: Floats = np.full(hits.shape, np.nan)
    np.divide(hits, totals, out=quotient, where=totals > 0)
    return quotient


def balanced_accuracy(hits_M: Floats, totals_M: Floats) -> Floats:
    """Recall averaged over the labels that occur: hits and totals (..., M) -> (...)."""
    recall = slice(1, 1 + (hits_M.shape[-1] - 1) // len(_BY_LABEL))
    recalls, occurs = rates(hits_M[..., recall], totals_M[..., recall]), totals_M[..., recall] > 0
    average: Floats = np.where(occurs, recalls, 0).sum(axis=-1) / occurs.sum(axis=-1)
    return average
