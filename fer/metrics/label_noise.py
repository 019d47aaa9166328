"""How far labels can be trusted: likely label errors, and predictions held against several people's votes.

Nothing here changes a label or leaves a face out of a score.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.label_set import MAX_LABELS
from fer.metrics.bootstrap import stream
from fer.metrics.estimate import Estimate, wilson_interval
from fer.metrics.predictions import Floats, Predictions
from fer.metrics.scores import confusion_matrix

OTHER_EMOTION = MAX_LABELS
"""A majority for an emotion that no label stands for (contempt, for FER-2013)."""

LEVELS = ("people agree", "in between", "people differ")
"""Thirds of the faces by the entropy of their votes, from agreement to ambiguity."""

# Resamples behind the share of wrong labels: each counts the confident joint anew, 2 ms for 3,589 faces.
_JOINT_RESAMPLES = 200

_BLOCK = 256

LEAST_ACCURACY: Final = 0.65
"""Accuracy below which no share of label errors is given.

In a simulation of calibrated models on 3,589 faces with 10 and 20 % of wrong labels, of the faces that confident
learning flagged 28 and 50 % were wrong at an accuracy of one half, 42 and 70 % at two thirds, 55 and 90 % at three
quarters; with no wrong label at all it still put their share at 29 % for a model that is 62 % right. Below this
accuracy, which is that of people on FER-2013 (arXiv 1307.0414), the number tells of the model more than of the labels.
"""


@dataclass(frozen=True, kw_only=True)
class LabelIssues:
    """Labels that a model's predictions speak against (confident learning: Northcutt, Jiang and Chuang
    2021, JAIR 70, arXiv 1911.00068).

    Attributes:
        rows: int64 (K,), rows of the table, the least believable label first.
        suggested: int64 (K,), the emotion the model finds most probable, never the label.
        scores: float64 (K,), probability of the given label, in [0, 1]; low is suspicious.
        confident_joint: int64 (K, K): faces with the label (row) that the model confidently takes for (column), that is
            with a probability at least the average that faces labelled so get for it. Counts of faces: cleanlab's own
            has at least 1 in each cell of the diagonal, face or not.
        wrong: estimated share of wrong labels: what lies off the diagonal of the joint distribution of given and true
            labels, the confident joint calibrated to the label counts; its interval holds the bootstrap's over faces
            and Wilson's, as no resample of faces without a doubt holds one.
        wrong_of: the same among the faces of each label; emotions without a face are left out.
    """

    rows: npt.NDArray[np.int64]
    suggested: npt.NDArray[np.int64]
    scores: Floats
    confident_joint: npt.NDArray[np.int64]
    wrong: Estimate
    wrong_of: Mapping[str, Estimate]


@dataclass(frozen=True, kw_only=True)
class VoteLevel:
    """The faces on which people agree to some degree.

    Attributes:
        name: one of `LEVELS`.
        lowest, highest: entropy of the votes on these faces, in nats.
        label_is_top: share whose label is the most voted emotion, one of several equals included.
        accuracy: share predicted as the label.
        top_accuracy: share predicted as the most voted emotion, one of several equals included.
    """

    name: str
    lowest: float
    highest: float
    label_is_top: Estimate
    accuracy: Estimate
    top_accuracy: Estimate


@dataclass(frozen=True, kw_only=True)
class VoteScores:
    """A model's predictions and the labels, held against votes; all shares in [0, 1], divergences in nats.

    Attributes:
        label_is_majority: share of the faces with a majority whose label is that majority.
        accuracy: share of the faces with a majority among the labels that are predicted as the label.
        majority_accuracy: share of the same faces that are predicted as the majority.
        kl: mean Kullback-Leibler divergence of the model's distribution from the votes', KL(votes || model).
        cross_entropy: mean cross-entropy of the model to the votes; `kl` plus `entropy`.
        entropy: mean entropy of the votes, the least a model's cross-entropy can be.
        levels: the thirds of the faces by agreement, those that hold a face.
        error_by_entropy: up to eight equal groups of faces by the entropy of their votes, rising: mean entropy in nats,
            and the share not predicted as the label.
    """

    label_is_majority: Estimate
    accuracy: Estimate
    majority_accuracy: Estimate
    kl: Estimate
    cross_entropy: Estimate
    entropy: Estimate
    levels: tuple[VoteLevel, ...]
    error_by_entropy: tuple[tuple[float, Estimate], ...]


def find_label_issues(predictions: Predictions, *, seed: int = 0) -> LabelIssues:
    """Likely label errors, by cleanlab; the model must not have been trained on these faces.

    It is the model's opinion: a face it cannot read looks to it like a wrong label.

    Args:
        predictions: the table, out of sample.
        seed: of the resampling behind the intervals.

    Raises:
        DataError: fewer than two emotions occur in the labels, so that none can be mistaken for another.
    """
    from cleanlab.count import compute_confident_joint
    from cleanlab.filter import find_label_issues as cleanlab_issues

    labels, classes = predictions.labels, predictions.classes
    if len(np.unique(labels)) < 2:
        raise DataError(f"the labels of {predictions.split} hold fewer than two emotions: no label errors can be found")
    probabilities = predictions.probabilities.astype(np.float64)

    def shares(rows: npt.NDArray[np.int64] | slice) -> Floats:
        """Wrong labels over all, and over those with each label (NaN where there is none): (1 + K,)."""
        joint = np.asarray(compute_confident_joint(labels[rows], probabilities[rows], calibrate=True), np.float64)
        given = joint.sum(axis=1)
        wrong = given - np.diagonal(joint)
        of = np.full(len(classes), np.nan)
        np.divide(wrong, given, out=of, where=given > 0)
        return np.concatenate([[wrong.sum() / given.sum()], of])

    rng = stream("faces by row", seed=seed)
    n = len(labels)
    with warnings.catch_warnings():
        # cleanlab warns of emotions too rare to be judged; the tables show how rare they are.
        warnings.simplefilter("ignore")
        joint = _confident_joint(labels, probabilities)
        rows = cleanlab_issues(labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
        value = shares(slice(None))
        draws = np.stack([shares(rng.integers(0, n, n)) for _ in range(_JOINT_RESAMPLES)])
    rows = np.asarray(rows, dtype=np.int64)
    counts = [n, *np.bincount(labels, minlength=len(classes)).tolist()]
    estimates = [_wider(Estimate.of_draws(float(value[i]), draws[:, i], counts[i])) for i in range(1 + len(classes))]
    return LabelIssues(
        rows=rows,
        suggested=predictions.predicted[rows],
        scores=probabilities[rows, labels[rows]],
        confident_joint=joint,
        wrong=estimates[0],
        wrong_of={name: estimate for name, estimate in zip(classes, estimates[1:], strict=True) if estimate.n > 0},
    )


def _confident_joint(labels: npt.NDArray[np.int64], probabilities: Floats) -> npt.NDArray[np.int64]:
    """int64 (K, K): faces with the label (row) that pass the mean confidence of a label (column)."""
    from cleanlab.count import get_confident_thresholds

    # The tolerance is cleanlab's.
    sure = probabilities >= np.asarray(get_confident_thresholds(labels, probabilities)) - 1e-6
    taken = np.where(sure.sum(axis=1) > 1, probabilities.argmax(axis=1), sure.argmax(axis=1))
    counted = sure.any(axis=1)
    return confusion_matrix(labels[counted], taken[counted], probabilities.shape[1])


def _wider(share: Estimate) -> Estimate:
    """The share with an interval that holds Wilson's too."""
    if share.n == 0:
        return share
    low, high = wilson_interval(np.array(share.value), np.array(share.n))
    return replace(share, low=float(np.fmin(share.low, low)), high=float(np.fmax(share.high, high)))


def score_against_votes(
    predictions: Predictions,
    *,
    shares: npt.NDArray[np.float32] | Floats,
    usable: npt.NDArray[np.bool_],
    majority: npt.NDArray[np.int64],
    resamples: int = 2000,
    seed: int = 0,
) -> VoteScores:
    """Holds labels and predictions against people's votes; shares have 95 % Wilson intervals, means percentile
    bootstrap intervals over faces.

    Args:
        predictions: the table, N faces.
        shares: (N, K), shares of the emotions among the votes; rows of usable faces sum to 1.
        usable: bool (N,), whether the votes of a face are such a distribution; the others are in no divergence and no
            level.
        majority: int64 (N,), the emotion more than half of the votes went to, `OTHER_EMOTION` where it is no label,
            -1 where there is none.
        resamples: bootstrap resamples.
        seed: of the resampling.

    Raises:
        DataError: no face has a usable vote, or none a majority among the labels.
    """
    labels, predicted = predictions.labels, predictions.predicted
    clear, known = majority >= 0, (majority >= 0) & (majority < len(predictions.classes))
    if not usable.any() or not known.any():
        raise DataError(f"no face of {predictions.split} has votes that agree on one of the labels")
    rng = stream("votes", seed=seed)
    votes_MK = shares[usable].astype(np.float64)
    model_MK = predictions.probabilities[usable].astype(np.float64)
    model_MK = np.clip(model_MK, np.finfo(np.float32).eps, None)
    logs_MK = np.log(votes_MK, out=np.zeros_like(votes_MK), where=votes_MK > 0)
    # Rounded, so that equal votes for other emotions have equal entropies.
    entropy_M = np.abs((votes_MK * logs_MK).sum(axis=1)).round(12)
    cross_M = -(votes_MK * np.log(model_MK)).sum(axis=1)
    top_MK = votes_MK >= votes_MK.max(axis=1, keepdims=True) - 1e-6
    at = np.arange(len(votes_MK))
    label_is_top_M, top_hit_M = top_MK[at, labels[usable]], top_MK[at, predicted[usable]]
    hit_M = (predicted == labels)[usable]
    cuts = np.quantile(entropy_M, (1 / 3, 2 / 3)).round(12)
    # Few votes give few different entropies: equal ones stay together, so the thirds are rough.
    level_M = np.searchsorted(cuts, entropy_M, side="left")

    def share(hits: npt.NDArray[np.bool_]) -> Estimate:
        return Estimate.of_share(int(hits.sum()), len(hits))

    def mean(values: Floats) -> Estimate:
        n = len(values)
        draws = [
            values[rng.integers(0, n, (min(_BLOCK, resamples - start), n))].mean(axis=1)
            for start in range(0, resamples, _BLOCK)
        ]
        return Estimate.of_draws(float(values.mean()), np.concatenate(draws), n)

    # Equal entropies stay together here too.
    eighths = np.unique(np.quantile(entropy_M, np.linspace(0, 1, 9)[1:-1]).round(12))
    eighth_M = np.searchsorted(eighths, entropy_M, side="left")
    return VoteScores(
        label_is_majority=share(labels[clear] == majority[clear]),
        accuracy=share(predicted[known] == labels[known]),
        majority_accuracy=share(predicted[known] == majority[known]),
        kl=mean(cross_M - entropy_M),
        cross_entropy=mean(cross_M),
        entropy=mean(entropy_M),
        levels=tuple(
            VoteLevel(
                name=name,
                lowest=float(entropy_M[level_M == level].min()),
                highest=float(entropy_M[level_M == level].max()),
                label_is_top=share(label_is_top_M[level_M == level]),
                accuracy=share(hit_M[level_M == level]),
                top_accuracy=share(top_hit_M[level_M == level]),
            )
            for level, name in enumerate(LEVELS)
            if (level_M == level).any()
        ),
        error_by_entropy=tuple(
            (float(entropy_M[eighth_M == group].mean()), share(~hit_M[eighth_M == group]))
            for group in np.unique(eighth_M)
        ),
    )
