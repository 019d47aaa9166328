"""Mean and spread of a score over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fer.metrics import METRICS
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.scores.tables import tables


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A score of several seeds.

    Attributes:
        mean: over seeds.
        deviation: sample standard deviation (divisor seeds - 1).
        low: the lowest seed's score.
        high: the highest seed's score.
        seeds: how many.
        n: faces of the set.
    """

    mean: float
    deviation: float
    low: float
    high: float
    seeds: int
    n: int


def spread(scores: Sequence[float], *, n: int) -> Spread:
    """The spread of at least two seeds' scores on `n` faces."""
    values = np.asarray(scores, dtype=np.float64)
    return Spread(
        mean=float(values.mean()),
        deviation=float(values.std(ddof=1)),
        low=float(values.min()),
        high=float(values.max()),
        seeds=len(values),
        n=n,
    )


def spreads(runs: Sequence[EvaluatedRun]) -> dict[str, dict[str, Spread]]:
    """Set (`<set>_tta` with test-time augmentation) -> metric -> spread, for the sets that every run was scored on.

    A held-out part of Training is left out: each seed holds out other faces.
    """
    scored = [tables(run) for run in runs]
    common = [key for key in scored[0] if key != "heldout" and all(key in sets for sets in scored)]
    return {
        key: {
            metric: spread(
                [sets[key].metrics[metric].value for sets in scored],
                n=len(scored[0][key].predictions),
            )
            for metric in METRICS
        }
        for key in common
    }
