"""How much each setting matters for the objective: permutation importance in a random forest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from fer.metrics import Estimate
from fer.report.sweep.trials import SweepTrials, loss_of

FEWEST: Final = 20
"""Scored trials below which no forest is grown."""
TREES: Final = 300
SHUFFLES: Final = 20
ABSENT: Final = -9.0
"""What a setting of an unchosen branch counts as: outside the range of every other value."""


@dataclass(frozen=True, kw_only=True)
class Importance:
    """What a forest learned of the settings.

    Attributes:
        explained: share of the variance of the loss that it predicts for trials it did not see (out of bag), at most 1;
            near or below 0, it learned nothing and the shares mean nothing.
        shares: setting -> share of the loss's variance that is lost when the setting is shuffled, with the 2.5 and 97.5
            percentiles over shuffles; most important first.
        n: trials it was grown on.
    """

    explained: float
    shares: Mapping[str, Estimate]
    n: int


def importance(trials: SweepTrials) -> Importance | None:
    """Permutation importance (Breiman, Machine Learning 45, 2001, section 10) of every setting; None with few trials or
    equal ones.

    Trials given up half-way count with what they had by then, which is below what the median of finished ones had.
    """
    if len(trials.scored) < FEWEST:
        return None
    from scipy.stats import rankdata
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    settings = trials.settings
    x_NS = np.nan_to_num(np.stack([trials.column(setting) for setting in settings], axis=1), nan=ABSENT)
    # Ranks: one trial that diverged must not be all that there is to explain.
    y_N = rankdata([loss_of(record) for record in trials.scored])
    if y_N.min() == y_N.max():
        return None
    forest: Any = RandomForestRegressor  # scikit-learn has no annotations
    forest = forest(TREES, min_samples_leaf=2, oob_score=True, random_state=0, n_jobs=1)
    forest.fit(x_NS, y_N)
    shuffled = permutation_importance(forest, x_NS, y_N, n_repeats=SHUFFLES, random_state=0, n_jobs=1)
    shares = {}
    for setting, lost_R in zip(settings, shuffled.importances, strict=True):
        low, high = np.percentile(lost_R, [2.5, 97.5])
        shares[setting] = Estimate(value=float(lost_R.mean()), low=float(low), high=float(high), n=len(y_N))
    ranked = dict(sorted(shares.items(), key=lambda entry: -entry[1].value))
    return Importance(explained=float(forest.oob_score_), shares=ranked, n=len(y_N))
