"""How a model's scores differ between groups of faces: rates by group, gaps between groups, with intervals.

Every measure is a share of faces, so that each can be counted and checked by hand:

- `accuracy`: faces of the group predicted as their label;
- `selection_rate` of an emotion: faces of the group predicted as it, whatever their label;
- `recall` of an emotion: faces with its label predicted as it (true positive rate);
- `false_positive_rate` of an emotion: faces without its label predicted as it.

A *gap* is the largest difference of a measure between two groups. The demographic-parity difference of an emotion is
the gap of its selection rate, its equalised-odds difference the larger of the gaps of its recall and its false positive
rate (Hardt, Price and Srebro 2016, arXiv 1610.02413, definition 2.1), each emotion one against the rest.

Rates have Wilson intervals, balanced accuracy that of a bootstrap stratified by group; see `fer.metrics.group_gaps` for
those of gaps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.metrics.bootstrap import resampled_confusions, stream
from fer.metrics.estimate import Estimate
from fer.metrics.group_gaps import Gap, largest_gaps
from fer.metrics.group_rates import (
    LEVEL,
    GroupScores,
    Measure,
    balanced_accuracy,
    measures,
    rate_counts,
    rates,
)
from fer.metrics.predictions import Floats, Predictions
from fer.metrics.scores import confusion_matrix

UNKNOWN: Final = ""
"""The group of a face whose group is not known; it is in no number."""


@dataclass(frozen=True, kw_only=True)
class GroupingScores:
    """One way of dividing the faces into groups.

    Attributes:
        name: of the grouping ("glasses").
        n: faces whose group is known.
        unknown: faces whose group is not.
        groups: every group, by name.
        gaps: one for each measure that two groups and more have enough faces for.
        comparisons: pairs of groups compared, over all measures.
    """

    name: str
    n: int
    unknown: int
    groups: tuple[GroupScores, ...]
    gaps: tuple[Gap, ...]
    comparisons: int

    def gap(self, measure: Measure, emotion: str | None = None) -> Gap | None:
        """The gap of one measure; None where fewer than two groups have enough faces."""
        return next((gap for gap in self.gaps if (gap.measure, gap.emotion) == (measure, emotion)), None)

    def demographic_parity(self, emotion: str | None = None) -> Gap | None:
        """The demographic-parity difference of an emotion, or of that where it is largest; None without one."""
        return self._largest(("selection_rate",), emotion)

    def equalized_odds(self, emotion: str | None = None) -> Gap | None:
        """The equalised-odds difference of an emotion, or of that where it is largest; None without one."""
        return self._largest(("recall", "false_positive_rate"), emotion)

    def _largest(self, measures: Sequence[Measure], emotion: str | None) -> Gap | None:
        found = [gap for gap in self.gaps if gap.measure in measures and emotion in (None, gap.emotion)]
        return max(found, key=lambda gap: gap.difference.value, default=None)


def score_groupings(
    predictions: Predictions,
    *,
    groupings: Mapping[str, npt.NDArray[np.str_]],
    min_group: int = 30,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[GroupingScores, ...]:
    """The scores of every group of every grouping, and the gaps between groups.

    Args:
        predictions: the table, N faces.
        groupings: name -> str array (N,), the group of each face, `UNKNOWN` where it is not known.
        min_group: a rate over fewer faces is None and in no gap; that holds for a group, and within it for the faces
            with an emotion's label, which its recall is a share of.
        resamples: bootstrap resamples behind each interval.
        seed: of the resampling.

    Raises:
        DataError: a grouping of another length than the table.
    """
    for name, column in groupings.items():
        if column.shape != (len(predictions),):
            raise DataError(
                f"grouping {name!r} has shape {column.shape} for {len(predictions):,} faces of {predictions.split}: "
                "give one group a face"
            )
    return tuple(
        _score_grouping(
            predictions,
            name=name,
            column=column,
            min_group=min_group,
            resamples=resamples,
            seed=(seed, number),
            # Bonferroni over groupings, on top of the joint quantile within each.
            level=1 - (1 - LEVEL) / len(groupings),
        )
        for number, (name, column) in enumerate(groupings.items())
    )


def accuracy_differences(
    predictions: Predictions, *, groupings: Mapping[str, npt.NDArray[np.str_]], min_group: int = 30
) -> dict[str, float]:
    """The largest difference of accuracy between two groups of each grouping, in [0, 1], without an interval.

    The values of `score_groupings`, quickly, for tables of many models; groupings without two groups of `min_group`
    faces are left out.
    """
    correct = predictions.predicted == predictions.labels
    differences = {}
    for name, column in groupings.items():
        groups, group, sizes = np.unique(column, return_inverse=True, return_counts=True)
        hits = np.bincount(group, weights=correct, minlength=len(groups))
        shares = (hits / sizes)[(sizes >= min_group) & (groups != UNKNOWN)]
        if len(shares) > 1:
            differences[name] = float(np.ptp(shares))
    return differences


def _score_grouping(
    predictions: Predictions,
    *,
    name: str,
    column: npt.NDArray[np.str_],
    min_group: int,
    resamples: int,
    seed: tuple[int, int],
    level: float,
) -> GroupingScores:
    known = column != UNKNOWN
    classes = predictions.classes
    names, sizes = np.unique(column[known], return_counts=True)
    large = [str(group) for group, size in zip(names, sizes, strict=True) if size >= min_group]
    scores = {
        str(group): _too_few(str(group), int(size), classes)
        for group, size in zip(names, sizes, strict=True)
        if group not in large
    }
    gaps: tuple[Gap, ...] = ()
    comparisons = 0
    if large:
        rows = np.flatnonzero(np.isin(column, large))
        labels, predicted = predictions.labels[rows], predictions.predicted[rows]
        confusions = np.stack(
            [
                confusion_matrix(labels[column[rows] == group], predicted[column[rows] == group], len(classes))
                for group in large
            ]
        )
        draws = np.stack(
            [
                resampled_confusions(
                    confusion, resamples=resamples, rng=stream(f"group {number} of grouping {seed[1]}", seed=seed[0])
                )
                for number, confusion in enumerate(confusions)
            ]
        )
        hits_GM, totals_GM = rate_counts(confusions)
        values_GM = np.where(totals_GM >= min_group, rates(hits_GM, totals_GM), np.nan)
        balanced_G = balanced_accuracy(hits_GM, totals_GM)
        for g, group in enumerate(large):
            scores[group] = _group_scores(group, classes, values_GM[g], float(balanced_G[g]), confusions[g], draws[g])
        gaps, comparisons = largest_gaps([scores[group] for group in large], values_GM, confusions, draws, level=level)
    return GroupingScores(
        name=name,
        n=int(known.sum()),
        unknown=int((~known).sum()),
        groups=tuple(scores[str(group)] for group in names),
        gaps=gaps,
        comparisons=comparisons,
    )


def _too_few(group: str, n: int, classes: tuple[str, ...]) -> GroupScores:
    none = dict.fromkeys(classes)
    return GroupScores(
        group=group,
        n=n,
        accuracy=None,
        balanced_accuracy=None,
        recall=none,
        false_positive_rate=none,
        selection_rate=none,
    )


def _group_scores(
    group: str,
    classes: tuple[str, ...],
    values_M: Floats,
    balanced: float,
    confusion: npt.NDArray[np.int64],
    draws_BCC: npt.NDArray[np.int64],
) -> GroupScores:
    hits_M, totals_M = rate_counts(confusion)
    counts_BM = rate_counts(draws_BCC)
    bounds = (100 * (1 - LEVEL) / 2, 100 * (1 + LEVEL) / 2)
    estimates: dict[Measure, dict[str | None, Estimate | None]] = {}
    for m, (measure, emotion) in enumerate(measures(classes)):
        estimates.setdefault(measure, {})[emotion] = (
            Estimate.of_share(int(hits_M[m]), int(totals_M[m])) if np.isfinite(values_M[m]) else None
        )
    low, high = np.percentile(balanced_accuracy(*counts_BM), bounds)
    n = int(confusion.sum())

    def of(measure: Measure) -> dict[str, Estimate | None]:
        return {emotion: estimates[measure][emotion] for emotion in classes}

    return GroupScores(
        group=group,
        n=n,
        accuracy=estimates["accuracy"][None],
        balanced_accuracy=Estimate(value=balanced, low=float(low), high=float(high), n=n).moved(),
        recall=of("recall"),
        false_positive_rate=of("false_positive_rate"),
        selection_rate=of("selection_rate"),
    )
