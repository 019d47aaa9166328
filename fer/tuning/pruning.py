"""When to give a trial up: the median rule."""

import statistics
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from fer.common.section import Section

Curve = Sequence[tuple[float, float]]
"""(share of the training done, score so far on the selection faces; higher is better), in order."""

_ROUNDING: Final = 1e-9
"""By how much a share of a training may be off: those of equal epochs, and of the last fold, differ in their last
digits."""


class PruningSettings(Section):
    """When trials are given up.

    Attributes:
        enabled: give hopeless trials up at all.
        startup_trials: trials that must have run to their end before any is given up.
        warmup: share of its training that every trial is granted, in [0, 1].
    """

    enabled: bool = True
    startup_trials: int = 5
    warmup: float = 0.2


class MedianRule:
    """Gives a trial up whose best score so far is below the median of what finished trials had by then.

    The rule of Google Vizier (Golovin et al., KDD 2017, section 3.2.2) with the best score in place of the running
    average, since a trial is judged by one epoch, its best where the objective chooses it. Trials are compared at equal
    shares of their training, so that their lengths may differ.
    """

    def __init__(self, settings: PruningSettings) -> None:
        self.settings = settings
        self._finished: list[tuple[list[float], list[float]]] = []

    def finished(self, curve: Curve) -> None:
        """Adds the curve of a trial that ran to its end."""
        # Looked at after every epoch of every later trial: by halves, and not from its beginning.
        self._finished.append(([share for share, _ in curve], list(accumulate((score for _, score in curve), max))))

    def hopeless(self, curve: Curve) -> bool:
        """Whether a running trial should be given up after the last point of its curve."""
        share = curve[-1][0]
        settings = self.settings
        if not settings.enabled or share < settings.warmup or share >= 1.0 - _ROUNDING:
            return False
        if len(self._finished) < settings.startup_trials:
            return False
        until = [(bests, bisect_right(shares, share + _ROUNDING)) for shares, bests in self._finished]
        others = [bests[count - 1] for bests, count in until if count > 0]
        best = best_until(curve, share)
        assert best is not None
        return len(others) >= settings.startup_trials and best < statistics.median(others)


def best_until(curve: Curve, share: float) -> float | None:
    """The best score of the first `share` of a training; None where nothing was reported by then."""
    return max((score for done, score in curve if done <= share + _ROUNDING), default=None)
