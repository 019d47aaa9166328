"""Selective prediction (Geifman and El-Yaniv 2017, arXiv 1705.08500) with intervals: coverage, and accuracy where the
model does not abstain. NumPy only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.metrics.bootstrap import bootstrap_counts
from fer.metrics.estimate import Estimate
from fer.metrics.predictions import Floats, Predictions
from fer.metrics.selective import RiskCoverage, descending_groups, risk_coverage

LEVELS: Final = tuple(np.linspace(0.02, 1.0, 50).tolist())
"""Coverages at which the risk has an interval."""


@dataclass(frozen=True, kw_only=True)
class SelectiveCurve:
    """The risk-coverage curve of one table.

    Attributes:
        curve: every point of it.
        area: AURC with its interval; lower is better.
        low: float64 array of `LEVELS`, lower end of the 95 % bootstrap interval of the risk at each coverage.
        high: upper end of it.
    """

    curve: RiskCoverage
    area: Estimate
    low: Floats
    high: Floats


@dataclass(frozen=True, kw_only=True)
class Selective:
    """Faces of one kind under a threshold.

    Attributes:
        support: how many there are.
        accepted: on how many the model does not abstain.
        coverage: share of them that is accepted.
        accuracy: accuracy on all of them.
        selective_accuracy: accuracy on the accepted ones; NaN where none is.
    """

    support: int
    accepted: int
    coverage: Estimate
    accuracy: Estimate
    selective_accuracy: Estimate


def evaluate_curve(
    confidence_N: Floats, correct_N: npt.NDArray[np.bool_], *, resamples: int = 2000, seed: int = 0
) -> SelectiveCurve:
    """The risk-coverage curve with 95 % percentile bootstrap intervals over faces.

    Args:
        confidence_N: confidence of each prediction.
        correct_N: whether each prediction is correct.
        resamples: bootstrap draws.
        seed: of the draws.

    Raises:
        DataError: no faces.
    """
    curve = risk_coverage(confidence_N, correct_N)
    order, last = descending_groups(confidence_N)
    wrong_N = ~correct_N[order]
    n = len(order)
    areas, risks = [], []
    for weights_NB in bootstrap_counts(n, resamples=resamples, seed=seed):
        weights_NB = weights_NB[order]
        accepted_KB = weights_NB.cumsum(axis=0)[last]
        wrong_KB = (weights_NB * wrong_N[:, None]).cumsum(axis=0)[last]
        # Groups that a draw leaves out at the top accept nobody; their weight is 0 as well.
        risk_KB = wrong_KB / np.maximum(accepted_KB, 1.0)
        drawn_KB = np.diff(accepted_KB, axis=0, prepend=0.0)
        areas.append((drawn_KB * risk_KB).sum(axis=0) / n)
        for b in range(weights_NB.shape[1]):
            place = np.searchsorted(accepted_KB[:, b], np.array(LEVELS) * n - 1e-9)
            risks.append(risk_KB[place, b])
    low, high = np.percentile(np.array(risks), (2.5, 97.5), axis=0)
    area = Estimate.of_draws(curve.area, np.concatenate(areas), n).moved()
    return SelectiveCurve(curve=curve, area=area, low=low, high=high)


def evaluate_abstention(
    predictions: Predictions, accepted_N: npt.NDArray[np.bool_]
) -> tuple[Selective, Mapping[str, Selective]]:
    """Coverage and accuracy of all faces, and of those predicted as each emotion by name, with 95 % Wilson intervals.

    By predicted emotion, because that is what a user of the model sees: its true emotion is not known.

    Args:
        predictions: the table, at least one face.
        accepted_N: bool array (N,), which faces are accepted.
    """
    correct_N = predictions.predicted == predictions.labels
    cells = (predictions.predicted * 2 + accepted_N) * 2 + correct_N
    counts = np.bincount(cells, minlength=4 * len(predictions.classes))
    counts_CAR = counts.reshape(-1, 2, 2)
    whole = _selective(counts_CAR.sum(axis=0))
    return whole, {name: _selective(counts_CAR[c]) for c, name in enumerate(predictions.classes)}


def _selective(counts_AR: npt.NDArray[np.int64]) -> Selective:
    """Counts by (accepted, right) -> scores."""
    support, accepted = int(counts_AR.sum()), int(counts_AR[1].sum())
    return Selective(
        support=support,
        accepted=accepted,
        coverage=Estimate.of_share(accepted, support),
        accuracy=Estimate.of_share(int(counts_AR[:, 1].sum()), support),
        selective_accuracy=Estimate.of_share(int(counts_AR[1, 1]), accepted),
    )
