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
from fer.metrics.bootstrap import bootstrap_counts, stream
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
        difference: accuracy of the first minus that of the second, in [-1, 1], with its paired bootstrap interval.
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
    the interval is narrower than two single intervals suggest.

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
        difference: mean accuracy of the first minus that of the second, with the interval over seeds and faces.
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
    first: Sequence[Predictions],
    second: Sequence[Predictions],
    *,
    names: tuple[str, str],
    resamples: int = 2000,
    seed: int = 0,
) -> RecipeComparison:
    """Whether one way of training beats another: a bootstrap over seeds and faces together.

    Each draw takes faces with replacement, the same for all models, and seeds of each recipe with replacement
    (two-way bootstrap: Owen 2007, Annals of Applied Statistics 1:386). A draw of S seeds spreads by (S - 1) / S too
    little, which matters for few, so deviations from a recipe's mean are widened by sqrt(S / (S - 1)) (Rao and Wu 1988,
    JASA 83:231). The p-value is twice the smaller share of draws on one side of 0.

    Args:
        first: a table for each seed, two at least.
        second: the same of the other recipe, on the same faces.
        names: of the recipes.
        resamples: bootstrap draws.
        seed: of the draws.

    Raises:
        DataError: the tables hold different faces, or none.
    """
    for table in (*first, *second):
        _discordant(first[0], table)
    n = len(first[0])
    hits_SN = np.stack([table.predicted == table.labels for table in (*first, *second)]).astype(np.float64)
    drawn_SB = np.concatenate(
        [hits_SN @ counts_NB / n for counts_NB in bootstrap_counts(n, resamples=resamples, seed=seed)], axis=1
    )
    rng = stream("seeds", seed=seed)
    cut = len(first)
    draws_B = _mean_of_drawn(drawn_SB[:cut], rng) - _mean_of_drawn(drawn_SB[cut:], rng)
    value = float(hits_SN[:cut].mean() - hits_SN[cut:].mean())
    # One more draw on either side: no p-value of 0 from finitely many.
    below, above = (int((sign * draws_B <= 0).sum()) + 1 for sign in (1, -1))
    p = min(1.0, 2 * min(below, above) / (resamples + 1))
    return RecipeComparison(
        first=names[0],
        second=names[1],
        seeds=(len(first), len(second)),
        difference=Estimate.of_draws(value, draws_B, n),
        p=p,
        adjusted_p=p,
    )


def adjust_recipes(comparisons: Sequence[RecipeComparison]) -> tuple[RecipeComparison, ...]:
    """The comparisons as one family, as `adjust`."""
    adjusted = holm([comparison.p for comparison in comparisons])
    return tuple(replace(one, adjusted_p=float(p)) for one, p in zip(comparisons, adjusted, strict=True))


def _mean_of_drawn(accuracy_SB: Floats, rng: np.random.Generator) -> Floats:
    """float64 (B,): in each draw the mean of S seeds drawn with replacement, deviations widened."""
    seeds, draws = accuracy_SB.shape
    mean_B = accuracy_SB.mean(axis=0)
    wide_SB = mean_B + (accuracy_SB - mean_B) * np.sqrt(seeds / (seeds - 1))
    drawn_SB = rng.integers(0, seeds, (seeds, draws))
    mean: Floats = np.take_along_axis(wide_SB, drawn_SB, axis=0).mean(axis=0)
    return mean


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
    # Drawing faces with replacement and counting them by outcome is one multinomial draw: the same bootstrap.
    shares = np.array([only_first, only_second, n - only_first - only_second]) / n
    draws: npt.NDArray[np.int64] = stream("outcomes", seed=seed).multinomial(n, shares, size=resamples)
    return Estimate.of_draws((only_first - only_second) / n, (draws[:, 0] - draws[:, 1]) / n, n)
