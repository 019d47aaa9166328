"""Means over faces with their intervals."""

import numpy as np
import numpy.typing as npt

from fer.metrics import Estimate


def mean_estimate(values: npt.NDArray[np.float64], *, resamples: int, seed: int) -> Estimate:
    """The mean of N faces' numbers with its 95 % percentile bootstrap interval over faces; undefined for none.

    Estimates with the same N and seed draw the same faces, so differences of paired numbers are paired draws.
    """
    n = len(values)
    if n == 0:
        return Estimate(value=float("nan"), low=float("nan"), high=float("nan"), n=0)
    # How often each face is drawn: one multinomial draw is one resample.
    counts = np.random.default_rng([seed, 4]).multinomial(n, np.full(n, 1 / n), size=resamples)
    return Estimate.of_draws(float(values.mean()), counts @ values / n, n)
