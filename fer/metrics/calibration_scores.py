"""Calibration of a prediction table with intervals, before and after a temperature (Guo et al. 2017, arXiv 1706.04599).
NumPy and SciPy.

A bootstrap draw weighs every face by how often it was drawn, and each score is a sum over faces or a sum of absolute
sums over bins. So one sparse matrix times the weights gives every score of every draw.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.metrics.bootstrap import bootstrap_counts, stream
from fer.metrics.calibration import BINS, bin_numbers, brier_scores
from fer.metrics.estimate import Estimate
from fer.metrics.predictions import Floats, Predictions
from fer.metrics.sparse import sparse_matrix
from fer.metrics.temperature import Probabilities, apply_temperature, log_probabilities, slopes

if TYPE_CHECKING:
    from scipy.sparse import csr_array

CALIBRATION_METRICS: Final[Mapping[str, str]] = MappingProxyType(
    {"ece": "ECE", "classwise_ece": "Classwise ECE", "brier": "Brier score", "nll": "NLL"}
)
"""Every score of `evaluate_calibration` by key, with its name for tables; of all of them lower is better."""

_BINNED: Final = ("ece", "classwise_ece")

# Draws at a time.
_BLOCK = 64


@dataclass(frozen=True, kw_only=True)
class CalibrationScores:
    """How calibrated one set of probabilities is.

    Attributes:
        metrics: a key of `CALIBRATION_METRICS` -> score with interval.
        chance: "ece" and "classwise_ece" -> what a perfectly calibrated model with these probabilities shows on so many
            faces on average, by the luck of the draw alone (consistency resampling, Bröcker and Smith 2007).
    """

    metrics: Mapping[str, Estimate]
    chance: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class CalibrationChange:
    """Calibration before and after a temperature.

    Attributes:
        before: of the probabilities as they are.
        after: of those after the temperature; None without one.
        change: "brier" and "nll" -> after less before, with the interval over paired draws; below 0 is better. None
            without a temperature. ECE has none: its bias differs before and after, and spoils an interval of the
            difference.
    """

    before: CalibrationScores
    after: CalibrationScores | None
    change: Mapping[str, Estimate] | None


def evaluate_calibration(
    predictions: Predictions, *, temperature: float | None = None, resamples: int = 2000, seed: int = 0
) -> CalibrationChange:
    """Every score of `CALIBRATION_METRICS` with its 95 % bootstrap interval over faces.

    Brier score and NLL have percentile intervals, as all other scores have. ECE and classwise ECE are sums of absolute
    values, which noise in the bins pushes up; a bootstrap draw adds that noise a second time, and the percentile
    interval of a well calibrated model misses the true value nearly always. So theirs begins at the lower end of the
    basic interval (Davison and Hinkley 1997, section 5.2), which takes the bias off, or at 0 where a perfectly
    calibrated model reaches the score in more than 2.5 % of simulated draws; it ends at the upper end of the percentile
    interval. It holds the score, and in simulations it held the true value in 91 to 99 % of cases.

    Args:
        predictions: at least one face.
        temperature: compare with the probabilities after it; None scores them as they are alone.
        resamples: bootstrap draws, and simulated draws of a perfectly calibrated model.
        seed: of both.

    Raises:
        DataError: the table is empty.
    """
    n = len(predictions)
    if n == 0:
        raise DataError(f"predictions of {predictions.split} hold no faces, so there is no calibration to measure")
    tables: list[Probabilities] = [predictions.probabilities.astype(np.float64)]
    if temperature is not None:
        tables.append(apply_temperature(predictions.probabilities, temperature))
    eps = float(np.finfo(predictions.probabilities.dtype).eps)
    parts = [_Parts.of(table, predictions.labels, eps=eps) for table in tables]
    draws: list[list[Mapping[str, Floats]]] = [[] for _ in parts]
    for counts_NB in bootstrap_counts(n, resamples=resamples, seed=seed):
        for part, found in zip(parts, draws, strict=True):
            found.append(part.scores(counts_NB.astype(np.float64)))
    chances = [_chance(table, resamples=resamples, seed=seed) for table in tables]
    values = [part.scores(np.ones((n, 1))) for part in parts]
    joined = [{key: np.concatenate([block[key] for block in found]) for key in CALIBRATION_METRICS} for found in draws]
    scored = [
        CalibrationScores(
            metrics={
                key: _estimate(float(value[key][0]), draw[key], n, chance=chance.get(key))
                for key in CALIBRATION_METRICS
            },
            chance={key: float(by_chance.mean()) for key, by_chance in chance.items()},
        )
        for value, draw, chance in zip(values, joined, chances, strict=True)
    ]
    if temperature is None:
        return CalibrationChange(before=scored[0], after=None, change=None)
    change = {
        key: _estimate(float(values[1][key][0] - values[0][key][0]), joined[1][key] - joined[0][key], n)
        for key in ("brier", "nll")
    }
    return CalibrationChange(before=scored[0], after=scored[1], change=change)


def evaluate_temperature(
    predictions: Predictions, temperature: float, *, resamples: int = 2000, seed: int = 0
) -> Estimate:
    """A temperature fitted on a table, with its 95 % percentile bootstrap interval over the table's faces.

    The slope of a draw's loss is the weighted mean of its faces' slopes, and its root that draw's temperature. Slopes
    are counted at inverse temperatures up to seven standard errors (White 1982) away and joined by straight lines.

    Args:
        predictions: what the temperature was fitted on.
        temperature: of `fit_calibration`; 1, which stands for none, has no interval.
        resamples: bootstrap draws.
        seed: of the draws.
    """
    n = len(predictions)
    logits_NC, inverse = log_probabilities(predictions.probabilities), 1 / temperature
    at_NG = np.column_stack([slopes(logits_NC, predictions.labels, inverse * by) for by in (0.999, 1.0, 1.001)])
    curvature = (at_NG[:, 2] - at_NG[:, 0]).mean() / (0.002 * inverse)
    if temperature == 1.0 or curvature <= 0:
        return Estimate(value=temperature, low=np.nan, high=np.nan, n=n)
    error = at_NG[:, 1].std() / (np.sqrt(n) * curvature)
    grid_G = np.linspace(max(inverse - 7 * error, inverse / 100), inverse + 7 * error, 57)
    slopes_NG = np.column_stack([slopes(logits_NC, predictions.labels, float(place)) for place in grid_G])
    found = [
        [float(np.interp(0.0, rising_G, grid_G)) for rising_G in counts_NB.T @ slopes_NG]
        for counts_NB in bootstrap_counts(n, resamples=resamples, seed=seed)
    ]
    low, high = np.percentile(1 / np.concatenate(found), (2.5, 97.5))
    return Estimate(value=temperature, low=float(low), high=float(high), n=n)


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """What each face adds to each score: rows are the bins of ECE, those of each class, Brier score, NLL."""

    matrix: "csr_array"
    num_classes: int

    @classmethod
    def of(cls, probabilities_NC: Probabilities, labels_N: npt.NDArray[np.int64], *, eps: float) -> "_Parts":
        p_NC = np.asarray(probabilities_NC, np.float64)
        n, num_classes = p_NC.shape
        confidence_N = p_NC.max(axis=1)
        hit_N = p_NC.argmax(axis=1) == labels_N
        of_label_NC = labels_N[:, None] == np.arange(num_classes)
        p_label_N = np.clip(p_NC[np.arange(n), labels_N], eps, 1.0 - eps)
        first_brier = (num_classes + 1) * BINS
        # Each list holds, for every face, where its part goes and what it is.
        rows = np.column_stack(
            [
                bin_numbers(confidence_N),
                bin_numbers(p_NC) + BINS * (1 + np.arange(num_classes)),
                np.full(n, first_brier),
                np.full(n, first_brier + 1),
            ]
        )
        parts = np.column_stack(
            [hit_N - confidence_N, of_label_NC - p_NC, brier_scores(p_NC, labels_N), -np.log(p_label_N)]
        )
        faces = np.repeat(np.arange(n), rows.shape[1])
        matrix = sparse_matrix(parts.ravel(), rows.ravel(), faces, shape=(first_brier + 2, n))
        return cls(matrix=matrix, num_classes=num_classes)

    def scores(self, weights_NB: Floats) -> dict[str, Floats]:
        """The scores of B weightings of the faces, float64 arrays (B,); each weighting adds up to N."""
        sums_RB = self.matrix @ weights_NB / len(weights_NB)
        binned_RB = np.abs(sums_RB[:-2])
        return {
            "ece": binned_RB[:BINS].sum(axis=0),
            "classwise_ece": binned_RB[BINS:].sum(axis=0) / self.num_classes,
            "brier": sums_RB[-2],
            "nll": sums_RB[-1],
        }


def _chance(probabilities_NC: Probabilities, *, resamples: int, seed: int) -> dict[str, Floats]:
    """ECE and classwise ECE, float64 arrays (B,), where labels are drawn from the probabilities themselves."""
    p_NC = np.asarray(probabilities_NC, np.float64)
    n, num_classes = p_NC.shape
    upper_NC = p_NC.cumsum(axis=1)
    upper_NC[:, -1] = 1.0
    predicted_N = p_NC.argmax(axis=1)
    faces = np.arange(n)

    def members(values_N: Floats) -> "csr_array":
        return sparse_matrix(np.ones(n), bin_numbers(values_N), faces, shape=(BINS, n))

    top, each = members(p_NC.max(axis=1)), [members(p_NC[:, c]) for c in range(num_classes)]
    rng = stream("labels by chance", seed=seed)
    found: dict[str, list[Floats]] = {key: [] for key in _BINNED}
    for start in range(0, resamples, _BLOCK):
        chosen_NB = rng.random((n, min(_BLOCK, resamples - start)))
        label_NB = sum((chosen_NB >= upper_NC[:, c, None]).astype(np.int8) for c in range(num_classes - 1))
        off_MB = top @ ((label_NB == predicted_N[:, None]) - p_NC.max(axis=1)[:, None])
        found["ece"].append(np.abs(off_MB).sum(axis=0) / n)
        off_B = sum(np.abs(each[c] @ ((label_NB == c) - p_NC[:, c, None])).sum(axis=0) for c in range(num_classes))
        found["classwise_ece"].append(off_B / (n * num_classes))
    return {key: np.concatenate(blocks) for key, blocks in found.items()}


def _estimate(value: float, draws: Floats, n: int, *, chance: Floats | None = None) -> Estimate:
    """A score with its interval; `chance` are the draws of a perfectly calibrated model, for the binned scores."""
    low, high = (float(end) for end in np.percentile(draws, (2.5, 97.5)))
    if chance is not None:
        low = 0.0 if value <= np.percentile(chance, 97.5) else max(0.0, 2 * value - high)
        high = max(high, value)
    return Estimate(value=value, low=low, high=high, n=n).moved()
