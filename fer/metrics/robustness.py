"""How much of a score survives corruption: retention, chance-corrected retention, mCE and relative mCE (Hendrycks
and Dietterich 2019, arXiv 1903.12261, section 4.2).

Every accuracy comes with its 95 % Wilson interval, everything else with a percentile bootstrap interval over faces. A
resample draws the same faces for the clean and for every corrupted set, and for both models of a comparison, so that
what makes a face easy or hard cancels in ratios. The intervals do not cover the choice of the corruptions or of the
training seed. A ratio whose denominator is not above 0 is undefined (NaN); one that is undefined in over 2.5 % of the
resamples has no interval (NaN ends).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.metrics.bootstrap import stream
from fer.metrics.estimate import Estimate
from fer.metrics.predictions import Floats

Classes = npt.NDArray[np.int64]

# Resamples per block: at 3,589 faces one block of weights is 0.9 MB and stays in the processor's cache.
_BLOCK = 64

# Share of resamples that may leave a ratio undefined: what lies beyond one end of a 95 % interval.
_MISSING = 0.025


@dataclass(frozen=True, kw_only=True)
class AccuracyGrid:
    """Accuracies of one model on the same faces, clean and corrupted: observed at index 0 of axis R, then resampled.

    Attributes:
        names: the K corruptions.
        severities: the S severities of each.
        n: faces.
        clean: float64 array (R,), accuracy on the untouched faces.
        majority: float64 array (R,), accuracy of always predicting the emotion most common among these faces.
        corrupted: float64 array (R, K, S).
    """

    names: tuple[str, ...]
    severities: tuple[int, ...]
    n: int
    clean: Floats
    majority: Floats
    corrupted: Floats

    @property
    def clean_accuracy(self) -> Estimate:
        """Accuracy on the untouched faces."""
        return self._share(self.clean)

    def accuracy(self, name: str, severity: int) -> Estimate:
        """Accuracy under one corruption at one severity."""
        return self._share(self.corrupted[:, self.names.index(name), self.severities.index(severity)])

    def mean_accuracy(self, names: Sequence[str], severity: int | None = None) -> Estimate:
        """Mean accuracy over `names`, at one severity or over all."""
        return self._estimate(self._mean(names, severity))

    def retention(self, names: Sequence[str], severity: int | None = None) -> Estimate:
        """Share of the clean accuracy that is left: mean accuracy over `names` and severities / clean accuracy.

        1 is nothing lost. Undefined (NaN) where the clean accuracy is 0.
        """
        return self._estimate(_ratio(self._mean(names, severity), self.clean))

    def corrected_retention(self, names: Sequence[str], severity: int | None = None) -> Estimate:
        """Share of what the model knows beyond chance that is left: (accuracy - chance) / (clean accuracy - chance).

        Chance is the accuracy of always predicting the emotion most common among these faces, not one in seven: a model
        that sees nothing can still know which emotion is the most frequent, and plain retention credits it for that. 0
        is no better than that, below 0 is worse. Undefined (NaN) where the clean accuracy is not above chance.
        """
        return self._estimate(_ratio(self._mean(names, severity) - self.majority, self.clean - self.majority))

    def corruption_error(self, baseline: "AccuracyGrid", names: Sequence[str]) -> Estimate:
        """Mean corruption error over `names` (mCE; of one name, its CE); Hendrycks and Dietterich 2019, section 4.2.

        CE is the sum of the errors over the severities over the same sum of the baseline's. 1 is as good as the
        baseline, less is better. Undefined (NaN) where the baseline makes no error.

        Raises:
            DataError: the baseline was measured on other faces, corruptions, severities or resamples.
        """
        return self._estimate(self._mean_ratio(baseline, names, 1.0, 1.0))

    def relative_corruption_error(self, baseline: "AccuracyGrid", names: Sequence[str]) -> Estimate:
        """Relative mCE over `names`, of the same section: errors beyond the clean error, over the baseline's.

        It compares what corruption costs the two models, apart from how good they are on clean faces. Undefined (NaN)
        where a corruption costs the baseline nothing.

        Raises:
            DataError: as `corruption_error`.
        """
        return self._estimate(self._mean_ratio(baseline, names, self.clean, baseline.clean))

    def worst(self) -> tuple[str, int]:
        """The corruption and severity with the lowest accuracy; the first of equals."""
        corruption, severity = np.unravel_index(int(self.corrupted[0].argmin()), self.corrupted[0].shape)
        return self.names[corruption], self.severities[severity]

    def _mean(self, names: Sequence[str], severity: int | None) -> Floats:
        """float64 array (R,)."""
        chosen = self.corrupted[:, [self.names.index(name) for name in names]]
        if severity is not None:
            chosen = chosen[:, :, [self.severities.index(severity)]]
        mean: Floats = chosen.mean(axis=(1, 2))
        return mean

    def _mean_ratio(
        self, baseline: "AccuracyGrid", names: Sequence[str], top: Floats | float, bottom: Floats | float
    ) -> Floats:
        """float64 array (R,): mean over `names` of the ratio of mean accuracies short of `top` and of `bottom`."""
        same = (
            (self.names, self.severities, self.n, len(self.clean))
            == (baseline.names, baseline.severities, baseline.n, len(baseline.clean))
            and np.array_equal(self.majority, baseline.majority)
        )  # fmt: skip
        if not same:
            raise DataError(
                "the baseline was measured on other faces, corruptions, severities or resamples: measure both models "
                "on the same"
            )
        ratios = [_ratio(top - self._mean((name,), None), bottom - baseline._mean((name,), None)) for name in names]
        mean: Floats = np.mean(ratios, axis=0)
        return mean

    def _share(self, accuracy_R: Floats) -> Estimate:
        return Estimate.of_share(round(float(accuracy_R[0]) * self.n), self.n)

    def _estimate(self, statistic: Floats) -> Estimate:
        defined = np.isfinite(statistic)
        # With more of them missing, an end of the interval would be that of the draws that happen to be defined.
        known = defined[0] and defined[1:].mean() >= 1 - _MISSING
        low, high = np.percentile(statistic[1:][defined[1:]], (2.5, 97.5)) if known else (np.nan, np.nan)
        return Estimate(value=float(statistic[0]), low=float(low), high=float(high), n=self.n)


def accuracy_grid(
    labels_N: Classes,
    *,
    clean_N: Classes,
    corrupted_SN: Mapping[str, Classes],
    severities: Sequence[int],
    resamples: int = 2000,
    seed: int = 0,
) -> AccuracyGrid:
    """Accuracies of a model's predictions, with bootstrap resamples of the faces.

    Args:
        labels_N: int64 array (N,), true classes.
        clean_N: int64 array (N,), predictions for the untouched faces.
        corrupted_SN: corruption -> int64 array (S, N), predictions for the same faces at each severity.
        severities: the S severities.
        resamples: bootstrap resamples.
        seed: of the resampling; grids of equal N and seed draw the same faces.

    Raises:
        DataError: no faces, no corruptions, or arrays of other shapes.
    """
    n = len(labels_N)
    shapes = {name: of.shape for name, of in corrupted_SN.items() if of.shape != (len(severities), n)}
    if n == 0 or len(corrupted_SN) == 0 or clean_N.shape != (n,) or shapes:
        raise DataError(
            f"robustness needs predictions of shape ({len(severities)}, {n}) for at least one face and one corruption; "
            f"got clean {clean_N.shape}, {len(corrupted_SN)} corruptions, of other shape: {shapes or 'none'}"
        )
    commonest = int(np.bincount(labels_N).argmax())
    hits_MN = np.concatenate(
        [(clean_N == labels_N)[None], (labels_N == commonest)[None], *(a == labels_N for a in corrupted_SN.values())]
    )
    accuracy_RM = _with_resamples(hits_MN, resamples, seed)
    return AccuracyGrid(
        names=tuple(corrupted_SN),
        severities=tuple(severities),
        n=n,
        clean=accuracy_RM[:, 0],
        majority=accuracy_RM[:, 1],
        corrupted=accuracy_RM[:, 2:].reshape(1 + resamples, len(corrupted_SN), len(severities)),
    )


def _with_resamples(hits_MN: npt.NDArray[np.bool_], resamples: int, seed: int) -> Floats:
    """float64 array (1 + resamples, M): mean of each row, over the faces and over each resample of them."""
    n = hits_MN.shape[1]
    rng = stream("faces", seed=seed)
    # Sums of float32 counts are exact below 2^24 faces.
    hits_NM = np.ascontiguousarray(hits_MN.T, dtype=np.float32)
    rows = [hits_MN.mean(axis=1)[None]]
    for start in range(0, resamples, _BLOCK):
        block = min(_BLOCK, resamples - start)
        drawn = rng.integers(0, n, size=(block, n)) + n * np.arange(block)[:, None]
        weights_BN = np.bincount(drawn.ravel(), minlength=block * n).reshape(block, n).astype(np.float32)
        rows.append((weights_BN @ hits_NM).astype(np.float64) / n)
    return np.concatenate(rows)


def _ratio(top: npt.ArrayLike, bottom: npt.ArrayLike) -> Floats:
    """`top / bottom`, NaN where `bottom` is not above 0."""
    numerator, denominator = np.broadcast_arrays(np.asarray(top, np.float64), np.asarray(bottom, np.float64))
    quotient: Floats = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator > 0)
    return quotient
