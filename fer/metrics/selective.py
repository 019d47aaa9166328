"""Selective prediction (classification with a reject option): risk against coverage, and thresholds. NumPy only.

A face is accepted where its confidence is at least the threshold; elsewhere the model abstains. Coverage is the share
of faces accepted, risk the share of wrong predictions among these (El-Yaniv and Wiener 2010, JMLR 11:1605; Geifman and
El-Yaniv 2017, arXiv 1705.08500).
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.metrics.predictions import Floats


@dataclass(frozen=True, kw_only=True)
class RiskCoverage:
    """Every choice of accepted faces that some threshold makes, from the fewest to all.

    Attributes:
        threshold: float64 array (K,), the distinct confidences, falling.
        accepted: int64 array (K,), faces with at least that confidence; the last is all of them.
        risk: float64 array (K,), share of wrong predictions among these.
    """

    threshold: Floats
    accepted: npt.NDArray[np.int64]
    risk: Floats

    @property
    def n(self) -> int:
        """How many faces there are."""
        return int(self.accepted[-1])

    @property
    def coverage(self) -> Floats:
        """float64 array (K,): share of the faces that is accepted, in (0, 1]."""
        shares: Floats = self.accepted / self.n
        return shares

    @property
    def area(self) -> float:
        """AURC: the risk averaged over the thresholds that the faces' own confidences set (Geifman, Uziel and El-Yaniv
        2019, arXiv 1805.08206).

        Faces of equal confidence are accepted together, so their order does not matter.
        """
        return float((np.diff(self.accepted, prepend=0) * self.risk).sum() / self.n)


def risk_coverage(confidence_N: npt.NDArray[Any], correct_N: npt.NDArray[np.bool_]) -> RiskCoverage:
    """The curve of risk against coverage (Geifman and El-Yaniv 2017, arXiv 1705.08500).

    Args:
        confidence_N: confidence of each prediction.
        correct_N: whether each prediction is correct.

    Raises:
        DataError: no faces.
    """
    if len(confidence_N) == 0:
        raise DataError("there are no faces, so there is no risk-coverage curve")
    order, last = descending_groups(confidence_N)
    accepted = last + 1
    wrong = np.cumsum(~correct_N[order])[last]
    return RiskCoverage(
        threshold=np.asarray(confidence_N, np.float64)[order][last], accepted=accepted, risk=wrong / accepted
    )


def descending_groups(confidence_N: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The order of falling confidence, and the place in it where each group of equal confidences ends."""
    order = np.argsort(-np.asarray(confidence_N, np.float64), kind="stable")
    last = np.append(np.flatnonzero(np.diff(np.asarray(confidence_N)[order])), len(order) - 1)
    return order, last


def perfect_ranking(n: int, num_wrong: int) -> tuple[Floats, Floats]:
    """Coverage and risk, float64 arrays (n,), with every correct prediction surer than every wrong one."""
    accepted = np.arange(1, n + 1)
    return accepted / n, np.maximum(accepted - (n - num_wrong), 0) / accepted


CONFIDENCE: Final = 0.95
"""How sure an abstention threshold is of its accuracy."""


def threshold_for_accuracy(
    curve: RiskCoverage, accuracy: float, *, at_least: int = 1, confidence: float = CONFIDENCE
) -> float | None:
    """A low threshold at which faces like these, where they are accepted, are predicted with an accuracy.

    Taking the lowest threshold at which the fitting faces reach the accuracy falls short of it on other faces half of
    the time, because the luckiest threshold is chosen. Here a binary search over the thresholds asks each for the lower
    Clopper-Pearson bound of its accuracy, at 1 - (1 - confidence) / steps for all steps together (selection with
    guaranteed risk: Geifman and El-Yaniv 2017, arXiv 1705.08500, algorithm 1).

    It lies halfway between the lowest confidence accepted and the next one below, so that rounding moves no face
    across; 0 where accepting all is accurate enough.

    Args:
        curve: of the faces that set the threshold.
        accuracy: what to reach, in (0, 1].
        at_least: how many faces must be accepted.
        confidence: the share of fits that keep the promise, in (0, 1).

    Returns:
        None where no threshold tried reaches it with so many faces.
    """
    first, last = int(np.searchsorted(curve.accepted, at_least)), len(curve.accepted) - 1
    steps = max(1, int(np.ceil(np.log2(max(last - first + 1, 1)))) + 1)
    # Risks are ratios of counts: counts do not round.
    right = np.rint(curve.accepted * (1 - curve.risk)).astype(np.int64)
    found = None
    while first <= last:
        middle = (first + last + 1) // 2
        if lower_bound(int(right[middle]), int(curve.accepted[middle]), (1 - confidence) / steps) >= accuracy:
            found, first = middle, middle + 1
        else:
            last = middle - 1
    return None if found is None else _below(curve, found)


def threshold_reaching(curve: RiskCoverage, accuracy: float, *, at_least: int = 1) -> float | None:
    """The lowest threshold at which the accepted faces' own accuracy reaches a value.

    Unlike `threshold_for_accuracy` it promises nothing of other faces, of which half of all draws fall short a little.

    Args:
        curve: of the faces that set the threshold.
        accuracy: what to reach, in (0, 1].
        at_least: how many faces must be accepted.

    Returns:
        None where no threshold reaches it with so many faces.
    """
    reached = np.flatnonzero((1 - curve.risk >= accuracy - 1e-12) & (curve.accepted >= at_least))
    return _below(curve, int(reached[-1])) if len(reached) else None


def lower_bound(hits: int, n: int, miss: float) -> float:
    """The one-sided lower bound of a share that lies above it in at most `miss` of all draws (Clopper and Pearson 1934,
    Biometrika 26:404).
    """
    from scipy import special

    quantile: Any = special.betaincinv
    return 0.0 if hits == 0 else float(quantile(hits, n - hits + 1, miss))


def threshold_for_share(curve: RiskCoverage, share: float) -> float:
    """The highest threshold that accepts at least a share of the faces, in (0, 1].

    Faces of equal confidence go together. It lies halfway between two confidences, as that of `threshold_for_accuracy`;
    0 where it accepts all.
    """
    enough = np.flatnonzero(curve.accepted >= share * curve.n - 1e-9)
    return _below(curve, int(enough[0]))


def _below(curve: RiskCoverage, k: int) -> float:
    """A threshold that accepts exactly the faces of the curve's point `k`."""
    if k == len(curve.threshold) - 1:
        return 0.0
    upper, lower = float(curve.threshold[k]), float(curve.threshold[k + 1])
    middle = lower + (upper - lower) / 2
    # Between neighbouring floats there is no middle.
    return middle if middle > lower else upper
