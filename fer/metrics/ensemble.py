"""Several models as one: the mean of their probabilities, and weights that fit it to labelled faces.

A linear opinion pool (Stone 1961, Ann. Math. Statist. 32:1339). With equal weights its NLL is never above the mean NLL
of its members, because the logarithm is concave.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.metrics.bootstrap import stream
from fer.metrics.predictions import Floats, Predictions
from fer.metrics.significance import same_faces

# A label's probability below this counts as this: one certain mistake must not decide all weights.
_SMALLEST = 1e-12


def uniform_weights(members: int) -> Floats:
    """float64 array (members,): equal weights that sum to 1."""
    return np.full(members, 1.0 / members)


def average(members: Sequence[Predictions], weights: npt.ArrayLike | None = None) -> Predictions:
    """The weighted mean of several models' probabilities of the same faces.

    Args:
        members: one table a model, at least one.
        weights: (R,), 0 or more, summing to 1; None for equal weights.

    Returns:
        A table of the members' faces; probabilities float64 (N, K), rows sum to 1.

    Raises:
        DataError: no members, members of different faces, or weights that are no weights.
    """
    first = _check(members)
    shares = uniform_weights(len(members)) if weights is None else np.asarray(weights, dtype=np.float64)
    if shares.shape != (len(members),) or (shares < 0).any() or abs(shares.sum() - 1) > 1e-6:
        raise DataError(f"weights {shares.tolist()} must be {len(members)} numbers from 0 up that sum to 1")
    stacked_RNC = np.stack([member.probabilities.astype(np.float64) for member in members])
    mixed_NC = np.einsum("r,rnc->nc", shares, stacked_RNC)
    return Predictions(
        ids=first.ids,
        labels=first.labels,
        probabilities=mixed_NC / mixed_NC.sum(axis=1, keepdims=True),
        split=first.split,
        classes=first.classes,
    )


def fit_weights(members: Sequence[Predictions]) -> Floats:
    """float64 array (R,): the weights, 0 or more and summing to 1, whose mean of probabilities has the lowest NLL.

    The problem is convex, so the optimum does not depend on the start; equal members share their weight equally.
    Fit on PublicTest, never on faces the ensemble is then scored on.

    Args:
        members: one table a model, at least one, of the faces to fit on.

    Raises:
        DataError: no members, no faces, or members of different faces.
    """
    _check(members)
    return _fit(_label_probabilities(members))


def resampled_weights(members: Sequence[Predictions], *, resamples: int = 100, seed: int = 0) -> Floats:
    """float64 array (B, R): `fit_weights` of B bootstrap resamples of the faces, to show how firm the weights are.

    Raises:
        DataError: as `fit_weights`.
    """
    n = len(_check(members))
    probability_RN = _label_probabilities(members)
    rng = stream("faces by weight", seed=seed)
    start = _fit(probability_RN)
    counts_BN = rng.multinomial(n, np.full(n, 1 / n), size=resamples)
    return np.stack([_fit(probability_RN, counts_N=counts_N, start=start) for counts_N in counts_BN])


def _check(members: Sequence[Predictions]) -> Predictions:
    if len(members) == 0:
        raise DataError("an ensemble needs at least one model")
    first = members[0]
    if len(first) == 0:
        raise DataError(f"predictions of {first.split} hold no faces, so there is nothing to average")
    if not all(same_faces(first, member) for member in members[1:]):
        raise DataError(
            f"the members' predictions of {first.split} are of different faces or labels: score every model on one set"
        )
    return first


def _label_probabilities(members: Sequence[Predictions]) -> Floats:
    """float64 array (R, N): each model's probability of each face's label."""
    rows = np.arange(len(members[0]))
    probability_RN: Floats = np.stack([member.probabilities[rows, member.labels] for member in members]).astype(
        np.float64
    )
    return np.maximum(probability_RN, _SMALLEST)


def _fit(probability_RN: Floats, *, counts_N: npt.NDArray[Any] | None = None, start: Floats | None = None) -> Floats:
    from scipy import optimize

    minimize: Any = optimize.minimize
    members, n = probability_RN.shape
    if members == 1:
        return np.ones(1)
    share_N = np.full(n, 1.0 / n) if counts_N is None else counts_N / counts_N.sum()

    def nll(weights_R: Floats) -> tuple[float, Floats]:
        mixed_N = np.maximum(weights_R @ probability_RN, _SMALLEST)
        return -float(share_N @ np.log(mixed_N)), -(probability_RN @ (share_N / mixed_N))

    found = minimize(
        nll,
        uniform_weights(members) if start is None else start,
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * members,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1.0, "jac": np.ones_like},
        options={"ftol": 1e-12, "maxiter": 500},
    )
    positive_R: Floats = np.clip(found.x, 0.0, None)
    weights_R: Floats = positive_R / positive_R.sum()
    return weights_R
