"""Calibration error of confidences, and the temperature and threshold that a model is given. NumPy only."""

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.metrics.estimate import wilson_interval
from fer.metrics.predictions import Floats, Predictions
from fer.metrics.selective import CONFIDENCE, risk_coverage, threshold_for_accuracy, threshold_for_share
from fer.metrics.temperature import TEMPERATURES, Probabilities, apply_temperature, fit_temperature

BINS: Final = 15
"""Equal-width bins of confidence, as in Guo et al. (arXiv 1706.04599) and most papers since: ECE depends on it."""

FEWEST_ACCEPTED: Final = 30
"""A threshold that reaches its accuracy on fewer accepted faces than these reached it by luck."""


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """Faces whose confidence lies in (`lower`, `upper`].

    Attributes:
        lower: edge of the bin, which is not in it (0 is in the first).
        upper: edge of the bin, which is in it.
        n: how many faces.
        confidence: their mean confidence; NaN for an empty bin.
        accuracy: their accuracy; NaN for an empty bin.
        low: lower end of the accuracy's 95 % Wilson interval (`wilson_interval`); NaN for an empty bin.
        high: upper end of it.
    """

    lower: float
    upper: float
    n: int
    confidence: float
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What makes a model's probabilities calibrated, and when it should abstain.

    Attributes:
        temperature: of `apply_temperature`, above 0; exactly 1 where none fits.
        threshold: lowest confidence, after the temperature, that is accepted; below it the model abstains. 0 accepts
            every face. None where no threshold reaches the target: then the model abstains on every face, for no
            confidence of it earns the accuracy that was asked for.
        rule: what the threshold was to reach: "accuracy" on the accepted faces, with 95 % confidence, or a "share" of
            faces accepted.
        target: that accuracy or share, in (0, 1].
        coverage: share of the fitting faces that is accepted; 0 without a threshold.
        accuracy: accuracy on these; None where none is accepted.
        n: fitting faces.
        split: what they are ("PublicTest", "Held-out part of Training"); never PrivateTest.
    """

    temperature: float
    threshold: float | None
    rule: Literal["accuracy", "share"]
    target: float
    coverage: float
    accuracy: float | None
    n: int
    split: str

    def apply(self, probabilities_NC: Probabilities) -> Floats:
        """float64 array (N, C): the probabilities after the temperature."""
        return apply_temperature(probabilities_NC, self.temperature)

    def abstains(self, confidence_N: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Bool array (N,): whether the model abstains on a face with that confidence, after the temperature."""
        if self.threshold is None:
            return np.ones(len(confidence_N), dtype=bool)
        return np.asarray(confidence_N) < self.threshold

    def as_dict(self) -> dict[str, float | int | str | None]:
        """Plain types by the names of the attributes, for JSON and for a model's metadata."""
        return asdict(self)


def fit_calibration(
    predictions: Predictions, *, target_accuracy: float = 0.8, answer_share: float | None = None
) -> Calibration:
    """Temperature, then the abstention threshold, fitted on one table.

    Where the temperature would be a bound of its range (every prediction correct, or none better than guesses), none
    fits, and 1 leaves the probabilities as they are.

    Without `answer_share` the threshold is one at which the accuracy of faces like these, where they are accepted,
    reaches `target_accuracy` with 95 % confidence, with `FEWEST_ACCEPTED` faces accepted at least; see
    `threshold_for_accuracy`. None where there is no such threshold.

    Args:
        predictions: of faces that neither trained the model nor will test it; at least one.
        target_accuracy: what the accepted faces are to reach, in (0, 1].
        answer_share: the share of faces to accept instead, in (0, 1]; this is always reached.

    Raises:
        DataError: the table is empty.
    """
    temperature = fit_temperature(predictions.probabilities, predictions.labels)
    if temperature in TEMPERATURES:
        temperature = 1.0
    confidence_N = apply_temperature(predictions.probabilities, temperature).max(axis=1)
    correct_N = predictions.predicted == predictions.labels
    curve = risk_coverage(confidence_N, correct_N)
    if answer_share is None:
        threshold = threshold_for_accuracy(curve, target_accuracy, at_least=FEWEST_ACCEPTED, confidence=CONFIDENCE)
    else:
        threshold = threshold_for_share(curve, answer_share)
    accepted_N = np.zeros(len(predictions), dtype=bool) if threshold is None else confidence_N >= threshold
    return Calibration(
        temperature=temperature,
        threshold=threshold,
        rule="accuracy" if answer_share is None else "share",
        target=target_accuracy if answer_share is None else answer_share,
        coverage=float(accepted_N.mean()),
        accuracy=float(correct_N[accepted_N].mean()) if accepted_N.any() else None,
        n=len(predictions),
        split=predictions.split,
    )


def bin_numbers(values: npt.NDArray[Any], bins: int = BINS) -> npt.NDArray[np.int64]:
    """int64 array of the shape of `values`: the number of the bin ((m / bins, (m + 1) / bins]) of each value in [0, 1].

    Bins hold their upper edge (arXiv 1706.04599, section 2); 0 falls into the first.
    """
    edges = np.linspace(0.0, 1.0, bins + 1)
    numbers: npt.NDArray[np.int64] = np.searchsorted(edges[1:-1], np.asarray(values, np.float64), side="left")
    return numbers


def reliability_bins(
    confidence_N: npt.NDArray[Any], correct_N: npt.NDArray[np.bool_], bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Accuracy against confidence in equal-width bins, from low to high; empty bins are among them.

    Args:
        confidence_N: probability of each prediction, in [0, 1].
        correct_N: whether each prediction is correct.
        bins: how many.

    Raises:
        DataError: no faces.
    """
    _check_not_empty(len(confidence_N))
    numbers = bin_numbers(confidence_N, bins)
    count = np.bincount(numbers, minlength=bins)
    faces = np.where(count > 0, count, np.nan)
    confidence = np.bincount(numbers, weights=np.asarray(confidence_N, np.float64), minlength=bins) / faces
    accuracy = np.bincount(numbers, weights=correct_N.astype(np.float64), minlength=bins) / faces
    low, high = wilson_interval(accuracy, faces)
    return tuple(
        ReliabilityBin(
            lower=m / bins,
            upper=(m + 1) / bins,
            n=int(count[m]),
            confidence=float(confidence[m]),
            accuracy=float(accuracy[m]),
            low=float(low[m]),
            high=float(high[m]),
        )
        for m in range(bins)
    )


def expected_calibration_error(
    probabilities_NC: Probabilities, labels_N: npt.NDArray[np.int64], *, bins: int = BINS
) -> float:
    """ECE: sum over bins of (share of faces) x |accuracy - mean confidence|, in [0, 1].

    Guo et al. 2017, arXiv 1706.04599, equation 3: confidence is the highest probability of a face, the prediction its
    class.

    Args:
        probabilities_NC: float array (N, C), rows sum to 1.
        labels_N: true classes.
        bins: equal-width bins.

    Raises:
        DataError: no faces.
    """
    _check_not_empty(len(labels_N))
    p_NC = probabilities_NC.astype(np.float64)
    confidence_N, correct_N = p_NC.max(axis=1), p_NC.argmax(axis=1) == labels_N
    return float(np.abs(_binned_sums(confidence_N, correct_N - confidence_N, bins)).sum() / len(labels_N))


def brier_scores(probabilities_NC: Probabilities, labels_N: npt.NDArray[np.int64]) -> Floats:
    """float64 array (N,): the squared distance of each face's probabilities from its label, in [0, 2].

    Their mean is the Brier score (Brier 1950, Monthly Weather Review 78:1): the sum over classes, not the half of it
    that some tools give.
    """
    off_NC = probabilities_NC.astype(np.float64)
    off_NC[np.arange(len(labels_N)), labels_N] -= 1.0
    scores: Floats = np.square(off_NC).sum(axis=1)
    return scores


def _binned_sums(values_N: Floats, residuals_N: Floats, bins: int) -> Floats:
    """float64 array (bins,): sums of the residuals of the faces whose value lies in each bin."""
    sums: Floats = np.bincount(bin_numbers(values_N, bins), weights=residuals_N, minlength=bins).astype(np.float64)
    return sums


def _check_not_empty(n: int) -> None:
    if n == 0:
        raise DataError("there are no faces, so there is no calibration to measure")
