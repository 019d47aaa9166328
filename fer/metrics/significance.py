"""Whether two models differ by more than chance on the same faces.

McNemar's test looks only at the faces that one model gets right and the other wrong (McNemar 1947, Psychometrika
12:153); Dietterich (1998, Neural Computation 10:1895) recommends it where each model can be trained only once. It
compares two trained models, not two ways of training: another seed of the same recipe can win or lose such a test.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.metrics.bootstrap import stream
from fer.metrics.estimate import Estimate
from fer.metrics.predictions import Floats, Predictions

EXACT_BELOW: Final = 25
"""Discordant pairs below which the test is the exact binomial one: the chi-squared approximation is poor there."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two models on the same faces.

    Attributes:
        first: name of the first model.
        second: name of the second model.
        difference: accuracy of the first minus that of the second, in [-1, 1], with its paired interval
            (`accuracy_difference`).
        only_first: faces that the first alone gets right.
        only_second: faces that the second alone gets right.
        p: two-sided p-value of McNemar's test.
        adjusted_p: `p` after Holm's correction over the family it was tested in; equals `p` for a single comparison.
    """

    first: str
    second: str
    difference: Estimate
    only_first: int
    only_second: int
    p: float
    adjusted_p: float


def same_faces(first: Predictions, second: Predictions) -> bool:
    """Whether two tables hold the same faces, with the same labels, in the same order."""
    return (
        first.classes == second.classes
        and np.array_equal(first.ids, second.ids)
        and np.array_equal(first.labels, second.labels)
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value of McNemar's test, in [0, 1].

    Exact (binomial with p = 1/2) below `EXACT_BELOW` discordant pairs; chi-squared with one degree of freedom and
    the continuity correction of Edwards (1948) from there on.

    Args:
        only_first: faces that the first model alone gets right, 0 or more.
        only_second: faces that the second model alone gets right, 0 or more.
    """
    discordant = only_first + only_second
    if discordant == 0:
        return 1.0
    if discordant < EXACT_BELOW:
        tail = sum(math.comb(discordant, k) for k in range(min(only_first, only_second) + 1))
        return min(1.0, math.ldexp(tail, 1 - discordant))
    # Without the bound, two equal counts would be "corrected" to a difference of one.
    statistic = max(abs(only_first - only_second) - 1, 0) ** 2 / discordant
    # The upper tail of chi-squared with one degree of freedom.
    return math.erfc(math.sqrt(statistic / 2))


def holm(p_values: Sequence[float]) -> Floats:
    """float64 array (m,): p-values adjusted for m tests, in the order given (Holm 1979, Scand. J. Statist. 6:65).

    Calling those below 0.05 significant keeps the chance of any false alarm among the m tests below 5 %, whatever
    the tests' dependence.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def accuracy_difference(first: Predictions, second: Predictions, *, resamples: int = 2000, seed: int = 0) -> Estimate:
    """Accuracy of `first` minus that of `second`, with its 95 % paired percentile bootstrap interval.

    Each resample draws faces and takes both models' predictions for them, so that what is hard for both cancels out:
    the interval is narrower than two single intervals suggest. Of two models that are right on the very same faces it
    is the score interval, as no resample tells them apart.

    Raises:
        DataError: the tables hold different faces, or none.
    """
    only_first, only_second = _discordant(first, second)
    return _difference(only_first, only_second, n=len(first), resamples=resamples, seed=seed)


def compare(
    first: Predictions, second: Predictions, *, names: tuple[str, str], resamples: int = 2000, seed: int = 0
) -> Comparison:
    """McNemar's test and the paired interval of one pair.

    Raises:
        DataError: the tables hold different faces, or none.
    """
    only_first, only_second = _discordant(first, second)
    p = mcnemar(only_first, only_second)
    return Comparison(
        first=names[0],
        second=names[1],
        difference=_difference(only_first, only_second, n=len(first), resamples=resamples, seed=seed),
        only_first=only_first,
        only_second=only_second,
        p=p,
        adjusted_p=p,
    )


def adjust(comparisons: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """The comparisons as one family: `adjusted_p` is Holm's over all of them."""
    adjusted = holm([comparison.p for comparison in comparisons])
    return tuple(replace(one, adjusted_p=float(p)) for one, p in zip(comparisons, adjusted, strict=True))


def compare_all(tables: Mapping[str, Predictions], *, resamples: int = 2000, seed: int = 0) -> tuple[Comparison, ...]:
    """Every pair of models, in the order of `tables`, with Holm's correction over all pairs.

    Raises:
        DataError: the tables hold different faces, or none.
    """
    return adjust(
        [
            compare(tables[a], tables[b], names=(a, b), resamples=resamples, seed=seed)
            for a, b in combinations(tables, 2)
        ]
    )


@dataclass(frozen=True, kw_only=True)
class RecipeComparison:
    """Two ways of training on the same faces, each with several seeds.

    Attributes:
        first, second: names.
        seeds: how many of each.
        difference: mean accuracy of the first minus that of the second, with the 95 % interval over seeds and faces.
        p: two-sided, of no difference.
        adjusted_p: after Holm's correction over the family it was tested in.
    """

    first: str
    second: str
    seeds: tuple[int, int]
    difference: Estimate
    p: float
    adjusted_p: float


def compare_recipes(
    first: Sequence[Predictions], second: Sequence[Predictions], *, names: tuple[str, str]
) -> RecipeComparison:
    """Whether one way of training beats another, for other seeds and other faces than these.

    Seeds and faces are both drawn at random, as readers and cases are in studies of radiologists, whose test this is
    (Obuchowski and Rockette 1995, Communications in Statistics B 24:285; degrees of freedom as Hillis 2007, Statistics
    in Medicine 26:596, by Satterthwaite's rule). The variance of the difference is that of the seeds' accuracies, plus
    that of the faces' differences, less what chance of single answers adds to both; it is never taken for less than
    either. With few seeds that differ much, t has few degrees of freedom and the interval is wide.

    Args:
        first: a table for each seed, two at least.
        second: the same of the other recipe, on the same faces.
        names: of the recipes.

    Raises:
        DataError: the tables hold different faces, or none.
    """
    for table in (*first, *second):
        _discordant(first[0], table)
    n = len(first[0])
    recipes = [np.stack([table.predicted == table.labels for table in of]).astype(float) for of in (first, second)]
    value = float(recipes[0].mean() - recipes[1].mean())
    by_seed = [hits_SN.mean(axis=1).var(ddof=1) / len(hits_SN) for hits_SN in recipes]
    by_face = (recipes[0].mean(axis=0) - recipes[1].mean(axis=0)).var(ddof=1) / n
    answers = [
        (hits_SN - hits_SN.mean(axis=1, keepdims=True)).var(axis=0, ddof=1).mean() / (len(hits_SN) * n)
        for hits_SN in recipes
    ]
    variance = max(sum(by_seed) + by_face - sum(answers), by_face, sum(by_seed))
    spread = sum(part**2 / (len(of) - 1) for part, of in zip(by_seed, recipes, strict=True))
    low, high, p = _t_test(value, variance, degrees=variance**2 / spread if spread > 0 else math.inf)
    return RecipeComparison(
        first=names[0],
        second=names[1],
        seeds=(len(first), len(second)),
        difference=Estimate(value=value, low=low, high=high, n=n),
        p=p,
        adjusted_p=p,
    )


def _t_test(value: float, variance: float, *, degrees: float) -> tuple[float, float, float]:
    """Ends of the 95 % interval of a difference of shares, and the two-sided p-value of 0."""
    from scipy.special import stdtr, stdtrit

    if variance == 0:
        return value, value, 1.0 if value == 0 else 0.0
    error = math.sqrt(variance)
    # Beyond a million degrees of freedom t is normal to ten digits.
    freedom = min(degrees, 1e6)
    half = float(stdtrit(freedom, 0.975)) * error
    return max(-1.0, value - half), min(1.0, value + half), float(2 * stdtr(freedom, -abs(value) / error))


def adjust_recipes(comparisons: Sequence[RecipeComparison]) -> tuple[RecipeComparison, ...]:
    """The comparisons as one family, as `adjust`."""
    adjusted = holm([comparison.p for comparison in comparisons])
    return tuple(replace(one, adjusted_p=float(p)) for one, p in zip(comparisons, adjusted, strict=True))


def _discordant(first: Predictions, second: Predictions) -> tuple[int, int]:
    """Faces that only the first, and only the second, gets right."""
    if len(first) == 0:
        raise DataError(f"predictions of {first.split} hold no faces, so there is nothing to compare")
    if not same_faces(first, second):
        raise DataError(
            f"the predictions of {first.split} ({len(first):,} faces) and of {second.split} ({len(second):,} faces) "
            "are of different faces or labels, so they cannot be compared pair by pair: score both models on one set"
        )
    right_first, right_second = (table.predicted == table.labels for table in (first, second))
    return int((right_first & ~right_second).sum()), int((right_second & ~right_first).sum())


def _difference(only_first: int, only_second: int, *, n: int, resamples: int, seed: int) -> Estimate:
    if only_first == only_second == 0:
        # No resample of such faces differs. The score interval (Tango 1998, Statistics in Medicine 17:891) is Wilson's
        # of no face in n to either side then.
        bound = Estimate.of_share(0, n).high
        return Estimate(value=0.0, low=-bound, high=bound, n=n)
    # Drawing faces with replacement and counting them by outcome is one multinomial draw: the same bootstrap.
    shares = np.array([only_first, only_second, n - only_first - only_second]) / n
    draws: npt.NDArray[np.int64] = stream("outcomes", seed=seed).multinomial(n, shares, size=resamples)
    return Estimate.of_draws((only_first - only_second) / n, (draws[:, 0] - draws[:, 1]) / n, n)
