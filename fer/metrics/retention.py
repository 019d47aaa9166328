"""How much of a score is kept when faces are changed, and how much of the loss another model brings back.

All tables hold the same faces in the same order, so every interval is a paired percentile bootstrap over faces: a
resample draws a face together with all predictions for it.
"""

from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np

from fer.common.errors import DataError
from fer.metrics.bootstrap import stream
from fer.metrics.estimate import Estimate
from fer.metrics.predictions import Floats, Predictions
from fer.metrics.significance import same_faces


def retention(clean: Predictions, changed: Predictions, *, resamples: int = 2000, seed: int = 0) -> Estimate:
    """Accuracy on `changed` as a share of that on `clean`: 1 where nothing is lost; NaN where `clean` has no hit.

    Args:
        clean: predictions for the faces as they are.
        changed: predictions for the same faces, hidden, corrupted or otherwise changed.
        resamples: bootstrap resamples.
        seed: of the resampling.

    Raises:
        DataError: the tables hold different faces, or none.
    """

    def kept(accuracy_K: Floats) -> Floats:
        clean_B, changed_B = accuracy_K
        return _share(changed_B, clean_B)

    return _paired((clean, changed), kept, resamples=resamples, seed=seed)


def loss_recovered(
    clean: Predictions, changed: Predictions, tuned: Predictions, *, resamples: int = 2000, seed: int = 0
) -> Estimate:
    """The share of the accuracy lost from `clean` to `changed` that `tuned` brings back.

    0 where `tuned` is no better than `changed`, 1 where it reaches `clean`; below 0 or above 1 beyond these. NaN, with
    a NaN interval, where the loss cannot be told from none (its own 95 % interval reaches 0): a share of nothing.

    Args:
        clean: predictions of the first model for the faces as they are.
        changed: its predictions to the changed faces.
        tuned: another model's predictions to the changed faces.
        resamples: bootstrap resamples.
        seed: of the resampling.

    Raises:
        DataError: the tables hold different faces, or none.
    """
    lost = _paired((clean, changed), lambda accuracy_K: accuracy_K[0] - accuracy_K[1], resamples=resamples, seed=seed)
    if lost.low <= 0:
        return Estimate(value=float("nan"), low=float("nan"), high=float("nan"), n=len(clean))

    def recovered(accuracy_K: Floats) -> Floats:
        clean_B, changed_B, tuned_B = accuracy_K
        return _share(tuned_B - changed_B, clean_B - changed_B)

    return _paired((clean, changed, tuned), recovered, resamples=resamples, seed=seed)


def _share(part_B: Floats, whole_B: Floats) -> Floats:
    share_B: Floats = np.full_like(whole_B, np.nan)
    np.divide(part_B, whole_B, out=share_B, where=whole_B > 0)
    return share_B


def _paired(
    tables: Sequence[Predictions], statistic: Callable[[Floats], Floats], *, resamples: int, seed: int
) -> Estimate:
    """A statistic of several accuracies on the same faces: float64 (K, B), an accuracy a table, -> (B,)."""
    first = tables[0]
    if len(first) == 0:
        raise DataError(f"predictions of {first.split} hold no faces, so there is nothing to compare")
    for other in tables[1:]:
        if not same_faces(first, other):
            raise DataError(
                f"the predictions of {first.split} ({len(first):,} faces) and of {other.split} ({len(other):,} faces) "
                "are of different faces or labels, so they cannot be compared face by face"
            )
    hits = [(table.predicted == table.labels).astype(np.int64) for table in tables]
    outcomes = 2 ** len(hits)
    # Which predictions for a face were right, as the bits of one number. Drawing faces with replacement and counting
    # them by it is one multinomial draw: the same bootstrap.
    pattern_N = reduce(lambda so_far, hit: 2 * so_far + hit, hits)
    counts = np.bincount(pattern_N, minlength=outcomes)
    places = np.arange(len(hits) - 1, -1, -1)
    right_KP = (np.arange(outcomes) >> places[:, None]) & 1
    draws_BP = stream("outcomes", seed=seed).multinomial(len(first), counts / len(first), size=resamples)
    value = float(statistic(right_KP @ counts[:, None] / len(first))[0])
    return Estimate.of_draws(value, statistic(right_KP @ draws_BP.T / len(first)), len(first))
