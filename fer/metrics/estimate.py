"""A score with its interval: Wilson's for a share of faces, the bootstrap's for everything else."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fer.metrics.bootstrap import stream
from fer.metrics.predictions import Floats

_NORMAL_97_5 = 1.959963984540054


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A score with its 95 % interval and the number of faces behind it; `why` it is undefined, where that is known."""

    value: float
    low: float
    high: float
    n: int
    why: str | None = None

    @classmethod
    def of_draws(cls, value: float, draws: Floats, n: int) -> "Estimate":
        """A score with the interval of its bootstrap draws; those that are not finite are left out."""
        defined = draws[np.isfinite(draws)]
        low, high = np.percentile(defined, (2.5, 97.5)) if len(defined) > 0 else (np.nan, np.nan)
        return cls(value=value, low=float(low), high=float(high), n=n)

    @classmethod
    def of_share(cls, hits: int, n: int) -> "Estimate":
        """`hits` of `n` faces with the Wilson interval; NaN for none.

        A bootstrap of 0 hits is always 0, and for rare emotions its interval covers too seldom (0.65 instead of 0.95
        for a recall of 0.02 over 55 faces); Wilson's does not (Brown, Cai and DasGupta 2001, Statistical Science 16).
        """
        if n == 0:
            return cls(value=np.nan, low=np.nan, high=np.nan, n=0)
        low, high = wilson_interval(np.array(hits / n), np.array(n))
        return cls(value=hits / n, low=float(low), high=float(high), n=n)

    def moved(self) -> "Estimate":
        """Without the interval where it is a point: no resample moves the score, as a bootstrap does not see the
        mistakes that have not happened yet.
        """
        return replace(self, low=np.nan, high=np.nan) if self.low == self.high else self

    @classmethod
    def of_f1(cls, hits: int, union: int, n: int) -> "Estimate":
        """F1 of an emotion with the Wilson interval carried over from its Jaccard index (Wilson indirect: Lam, Gopal
        and Qian 2023, arXiv 2309.14621); 0, without an interval, where the union is empty.

        F1 = 2 J / (1 + J) rises with J = hits / union, which is a share of the faces that carry the label, the
        prediction or both.

        Args:
            hits: faces with both.
            union: faces with either.
            n: the faces it is reported for.
        """
        if union == 0:
            return cls(value=0.0, low=np.nan, high=np.nan, n=n)
        jaccard = cls.of_share(hits, union)
        value, low, high = (2 * j / (1 + j) for j in (jaccard.value, jaccard.low, jaccard.high))
        return cls(value=value, low=low, high=high, n=n)

    def as_dict(self) -> dict[str, float | int | str | None]:
        """`{"value", "low", "high", "n"}` for JSON; an undefined score is null, and `reason` says why."""
        reason: dict[str, float | int | str | None] = {}
        if not np.isfinite(self.value):
            reason["reason"] = self.why or (
                "no faces to compute it from" if self.n == 0 else "not defined on these faces"
            )
        return {**self._numbers(), "n": self.n, **reason}

    def _numbers(self) -> dict[str, float | None]:
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        return {key: number if np.isfinite(number) else None for key, number in numbers.items()}

    def as_columns(self, name: str) -> dict[str, float | int | None]:
        """`{name, name_low, name_high}` for a row of a CSV; an undefined score is None."""
        numbers = self._numbers()
        return {name: numbers["value"], f"{name}_low": numbers["low"], f"{name}_high": numbers["high"]}


def share_difference(first: Estimate, second: Estimate) -> Estimate:
    """`first` less `second`, two shares of different faces with their Wilson intervals, with Newcombe's hybrid score
    interval (Newcombe 1998, Statistics in Medicine 17:873, method 10); `n` is the smaller of the two.
    """
    value = first.value - second.value
    below = np.hypot(first.value - first.low, second.high - second.value)
    above = np.hypot(first.high - first.value, second.value - second.low)
    return Estimate(value=value, low=float(value - below), high=float(value + above), n=min(first.n, second.n))


def mean_estimate(values: npt.NDArray[np.float64], *, resamples: int, seed: int) -> Estimate:
    """The mean of N faces' numbers with its 95 % percentile bootstrap interval over faces; undefined for none, and
    without an interval where all are equal, as one is, for every resample is the same.

    Estimates with the same N and seed draw the same faces, so differences of paired numbers are paired draws.
    """
    n = len(values)
    if n == 0:
        return Estimate(value=float("nan"), low=float("nan"), high=float("nan"), n=0)
    if np.ptp(values) == 0:
        return Estimate(value=float(values[0]), low=float("nan"), high=float("nan"), n=n)
    # How often each face is drawn: one multinomial draw is one resample.
    counts = stream("faces by weight", seed=seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    return Estimate.of_draws(float(values.mean()), counts @ values / n, n)


def wilson_interval(share: Floats, n: npt.NDArray[Any]) -> tuple[Floats, Floats]:
    """The 95 % score interval of shares of `n` (Wilson 1927, JASA 22:209): arrays like `share`, NaN where it is."""
    z2 = _NORMAL_97_5**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _NORMAL_97_5 * np.sqrt(share * (1 - share) / n + z2 / (4 * n**2)) / (1 + z2 / n)
    return np.clip(centre - half, 0.0, share), np.clip(centre + half, share, 1.0)
