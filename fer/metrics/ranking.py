"""ROC and precision-recall curves of one class against the others."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer.metrics.predictions import Floats


@dataclass(frozen=True, kw_only=True)
class RankingCurves:
    """What each threshold on a class's probability gives, from the highest to the lowest; ties go together.

    Attributes:
        threshold: float64 (K,), the distinct probabilities, falling.
        false_positive_rate: float64 (K,), share of the other faces above it.
        recall: float64 (K,), share of the class's faces above it (the true positive rate).
        precision: float64 (K,), share of the faces above it that are of the class.
        auc: area under the ROC curve, by trapezoids (Hanley and McNeil 1982).
        average_precision: sum over thresholds of precision x gain in recall, without interpolation.
        positives: faces of the class.
    """

    threshold: Floats
    false_positive_rate: Floats
    recall: Floats
    precision: Floats
    auc: float
    average_precision: float
    positives: int


def ranking_curves(positive_N: npt.NDArray[np.bool_], score_N: npt.NDArray[np.floating]) -> RankingCurves | None:
    """Both curves; None where there is no face of the class, or no other.

    Args:
        positive_N: which faces are of the class.
        score_N: its probability.
    """
    positives = int(positive_N.sum())
    if positives == 0 or positives == len(positive_N):
        return None
    order = np.argsort(-score_N, kind="stable")
    score = np.asarray(score_N, np.float64)[order]
    last = np.append(np.flatnonzero(np.diff(score)), len(order) - 1)
    hits = np.cumsum(positive_N[order])[last].astype(np.float64)
    above = last + 1.0
    recall, precision = hits / positives, hits / above
    false_positive_rate = (above - hits) / (len(order) - positives)
    return RankingCurves(
        threshold=score[last],
        false_positive_rate=false_positive_rate,
        recall=recall,
        precision=precision,
        auc=float(np.trapezoid(np.append(0.0, recall), np.append(0.0, false_positive_rate))),
        average_precision=float((np.diff(recall, prepend=0.0) * precision).sum()),
        positives=positives,
    )
