"""The largest difference of each rate between two groups, with an interval that knows it was picked as the largest.

The two groups of a gap are chosen by looking at the scores, which makes every gap positive and every naive interval of
it exclude 0. So a gap's interval is simultaneous over all pairs of groups: its critical value is the 95 % quantile of
the largest studentised difference of the centred resamples (the max-T of Westfall and Young 1993; Hothorn, Bretz and
Westfall 2008, doi 10.1002/bimj.200810425). Standard errors are those of Agresti and Caffo (2000), never 0 for small
groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.metrics.estimate import Estimate
from fer.metrics.group_rates import LEVEL, GroupScores, Measure, measures, rate_counts, rates
from fer.metrics.predictions import Floats

_LEAST_CRITICAL: Final = 1.959964
"""97.5 % quantile of the normal distribution."""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The largest difference of a measure between two groups.

    Attributes:
        measure: of what.
        emotion: of which emotion; None for accuracy.
        low_group, high_group: the groups with the lowest and the highest rate.
        low, high: their rates.
        difference: `high - low`, in [0, 1]; its interval is simultaneous over all pairs of groups, in [-1, 1].
        ratio: `low / high`, in [0, 1], with the interval of the same critical value by the delta method on the
            logarithm; NaN where the highest rate is 0.
        significant: the difference's interval leaves out 0.
        corrected: it still does after correction for every comparison of all groupings.
    """

    measure: Measure
    emotion: str | None
    low_group: str
    high_group: str
    low: Estimate
    high: Estimate
    difference: Estimate
    ratio: Estimate
    significant: bool
    corrected: bool


def largest_gaps(
    large: Sequence[GroupScores],
    values_GM: Floats,
    confusions: npt.NDArray[np.int64],
    draws_GBCC: npt.NDArray[np.int64],
    *,
    level: float,
) -> tuple[tuple[Gap, ...], int]:
    """The gap of each measure that two groups have, and the number of pairs compared, over all measures.

    Args:
        large: the G groups with enough faces.
        values_GM: float64 (G, M), each rate of `measures`, NaN where it is over too few faces.
        confusions: int64 (G, K, K).
        draws_GBCC: int64 (G, B, K, K), the confusion matrices' bootstrap resamples.
        level: joint level of `Gap.corrected` over all pairs and measures of these groups.
    """
    hits_GM, totals_GM = rate_counts(confusions)
    # Agresti and Caffo (2000): one hit and one miss are added to each group.
    smooth_GM = (hits_GM + 1) / (totals_GM + 2)
    variance_GM = smooth_GM * (1 - smooth_GM) / (totals_GM + 2)
    centred_GBM = np.nan_to_num(rates(*rate_counts(draws_GBCC)) - rates(hits_GM, totals_GM)[:, None])
    known_GM = np.isfinite(values_GM)
    largest_BM = np.zeros(centred_GBM.shape[1:])
    comparisons = 0
    for one, other in combinations(range(len(large)), 2):
        both_M = known_GM[one] & known_GM[other]
        comparisons += int(both_M.sum())
        error_M = np.sqrt(variance_GM[one] + variance_GM[other])
        studentised_BM = np.abs(centred_GBM[one] - centred_GBM[other]) / error_M
        np.maximum(largest_BM, np.where(both_M, studentised_BM, 0), out=largest_BM)
    # Resamples of a rate of 0 or 1 do not vary: two normal groups are the least that is allowed for.
    critical_M = np.maximum(np.quantile(largest_BM, LEVEL, axis=0), _LEAST_CRITICAL)
    critical_of_all = max(float(np.quantile(largest_BM.max(axis=1), level)), _LEAST_CRITICAL)
    gaps = []
    for m, (measure, emotion) in enumerate(measures(tuple(large[0].recall))):
        if known_GM[:, m].sum() < 2:
            continue
        low, high = int(np.nanargmin(values_GM[:, m])), int(np.nanargmax(values_GM[:, m]))
        if low == high:  # equal rates everywhere: any two groups stand for it
            low, high = np.flatnonzero(known_GM[:, m])[:2].tolist()
        rate_low, rate_high = large[low].rate(measure, emotion), large[high].rate(measure, emotion)
        assert rate_low is not None
        assert rate_high is not None
        value = rate_high.value - rate_low.value
        ratio = rate_low.value / rate_high.value if rate_high.value > 0 else float("nan")
        n = rate_low.n + rate_high.n
        error = float(np.sqrt(variance_GM[low, m] + variance_GM[high, m]))
        reach = float(critical_M[m]) * error
        relative = np.sqrt((variance_GM[[low, high], m] / smooth_GM[[low, high], m] ** 2).sum())
        factor = float(np.exp(critical_M[m] * relative))
        # A lowest rate of 0 does not make its ratio certain.
        largest_ratio = factor * max(ratio, float(smooth_GM[low, m] / smooth_GM[high, m]))
        gaps.append(
            Gap(
                measure=measure,
                emotion=emotion,
                low_group=large[low].group,
                high_group=large[high].group,
                low=rate_low,
                high=rate_high,
                difference=Estimate(value=value, low=max(-1.0, value - reach), high=min(1.0, value + reach), n=n),
                ratio=Estimate(value=ratio, low=ratio / factor, high=largest_ratio, n=n),
                significant=value > reach,
                corrected=value > critical_of_all * error,
            )
        )
    return tuple(gaps), comparisons
