"""A score with its interval."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer.metrics.predictions import Floats


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A score with its 95 % percentile bootstrap interval and the number of faces behind it."""

    value: float
    low: float
    high: float
    n: int

    @classmethod
    def of_draws(cls, value: float, draws: Floats, n: int) -> "Estimate":
        """A score with the interval of its bootstrap draws; those that are not finite are left out."""
        defined = draws[np.isfinite(draws)]
        low, high = np.percentile(defined, (2.5, 97.5)) if len(defined) > 0 else (np.nan, np.nan)
        return cls(value=value, low=float(low), high=float(high), n=n)

    def as_dict(self) -> dict[str, float | int | None]:
        """`{"value", "low", "high", "n"}` for JSON; an undefined score is null."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        return {**{key: number if np.isfinite(number) else None for key, number in numbers.items()}, "n": self.n}

    def as_columns(self, name: str) -> dict[str, float | int | None]:
        """`{name, name_low, name_high}` for a row of a CSV; an undefined score is None."""
        numbers = self.as_dict()
        return {name: numbers["value"], f"{name}_low": numbers["low"], f"{name}_high": numbers["high"]}


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
