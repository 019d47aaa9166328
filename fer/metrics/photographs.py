"""Photographs whose faces must be found before they can be read: what was found, and how much of it is right."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.common.labels import EMOTIONS
from fer.metrics.bootstrap import stream
from fer.metrics.estimate import Estimate, wilson_interval
from fer.metrics.predictions import Floats

NO_FACE: Final = -1
"""In place of a predicted emotion: no face was found."""

ENOUGH: Final = 30
"""Photographs of an emotion from which its recall counts in the balanced accuracy, unless it is told which count."""

OTHER: Final = -2
"""In place of a predicted emotion: a face was found and called something outside the seven emotions, which is wrong."""


@dataclass(frozen=True, kw_only=True)
class PhotographScores:
    """How one reader of photographs did.

    Attributes:
        found: share of the photographs in which it found a face.
        right_of_found: share of those that it called as people do.
        right_of_all: share of all photographs in which it found a face and called it as people do.
        balanced: mean of the recalls among the found, over the emotions of `balanced_over`.
        balanced_over: the emotions that count in it.
        recalls: emotion -> its recall among the found; those without a photograph are left out.
        persons: people in the photographs; None where it is not known who is who.
    """

    found: Estimate
    right_of_found: Estimate
    right_of_all: Estimate
    balanced: Estimate
    balanced_over: tuple[str, ...]
    recalls: dict[str, Estimate]
    persons: int | None

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        named = ("found", "right_of_found", "right_of_all", "balanced")
        return {
            "persons": self.persons,
            "balanced_over": list(self.balanced_over),
            **{name: getattr(self, name).as_dict() for name in named},
            "recall": {name: estimate.as_dict() for name, estimate in self.recalls.items()},
        }


def score_photographs(
    labels_N: npt.NDArray[np.int64],
    predicted_N: npt.NDArray[np.int64],
    *,
    persons_N: npt.NDArray[np.str_] | None,
    balanced_over: tuple[str, ...] | None = None,
    resamples: int,
    seed: int,
) -> PhotographScores:
    """Scores of one reader.

    Args:
        labels_N: what people call the face, index of an emotion.
        predicted_N: what the reader calls it: index of an emotion, `NO_FACE` or `OTHER`.
        persons_N: who is on it; photographs of one person are not independent, and widen the intervals. None: each
            photograph counts as a person of its own.
        balanced_over: the emotions whose recalls are averaged; None takes those of `ENOUGH` photographs, found or not.
        resamples: bootstrap resamples of persons behind the balanced accuracy, the one score that is no share.
        seed: of the resampling.
    """
    found, right = predicted_N != NO_FACE, predicted_N == labels_N
    who = np.arange(len(labels_N)) if persons_N is None else np.unique(persons_N, return_inverse=True)[1]
    present = [c for c in range(len(EMOTIONS)) if (found & (labels_N == c)).any()]
    counts = np.bincount(labels_N, minlength=len(EMOTIONS))
    enough = tuple(name for name, count in zip(EMOTIONS, counts.tolist(), strict=True) if count >= ENOUGH)
    over = enough if balanced_over is None else balanced_over
    averaged = [EMOTIONS.index(emotion) for emotion in over]
    return PhotographScores(
        found=clustered_share(found, who),
        right_of_found=clustered_share(right[found], who[found]),
        right_of_all=clustered_share(right, who),
        balanced=_balanced(labels_N[found], right[found], who[found], averaged, resamples=resamples, seed=seed),
        balanced_over=over,
        recalls={
            EMOTIONS[c]: clustered_share(right[found & (labels_N == c)], who[found & (labels_N == c)]) for c in present
        },
        persons=None if persons_N is None else len(np.unique(persons_N)),
    )


def clustered_share(hits_N: npt.NDArray[np.bool_], clusters_N: npt.NDArray[np.integer[Any]]) -> Estimate:
    """A share with the Wilson interval of the effective sample size; undefined for none.

    The design effect is the share's variance between clusters over that of independent draws, never taken below 1
    (Kish 1965, section 5.4; Korn and Graubard 1998, Survey Methodology 24). A share of 0 or 1 tells of no
    variance: its effective size is the number of clusters.

    Args:
        hits_N: one truth each.
        clusters_N: number of the cluster each belongs to.
    """
    n = len(hits_N)
    if n == 0:
        return Estimate(value=np.nan, low=np.nan, high=np.nan, n=0)
    share, size = float(hits_N.mean()), float(n)
    _, members = np.unique(clusters_N, return_inverse=True)
    count = int(members.max()) + 1
    if count < n:
        if 0 < share < 1 and count > 1:
            sums = np.bincount(members, weights=hits_N - share, minlength=count)
            between = count / (count - 1) * float((sums**2).sum()) / n**2
            size = n / max(1.0, between / (share * (1 - share) / n))
        else:
            size = float(count)
    low, high = wilson_interval(np.array(share), np.array(size))
    return Estimate(value=share, low=float(low), high=float(high), n=n)


def _balanced(
    labels_N: npt.NDArray[np.int64],
    right_N: npt.NDArray[np.bool_],
    who_N: npt.NDArray[np.integer[Any]],
    averaged: list[int],
    *,
    resamples: int,
    seed: int,
) -> Estimate:
    """Mean of the recalls; persons are drawn with all their photographs."""
    if len(averaged) == 0 or not set(averaged) <= set(labels_N.tolist()):
        return Estimate(value=np.nan, low=np.nan, high=np.nan, n=0)
    _, who_N = np.unique(who_N, return_inverse=True)
    persons = int(who_N.max()) + 1
    shape = (persons, len(EMOTIONS))
    hits_PC, all_PC = np.zeros(shape), np.zeros(shape)
    np.add.at(hits_PC, (who_N, labels_N), right_N)
    np.add.at(all_PC, (who_N, labels_N), 1.0)
    rng = stream("photographs", seed=seed)
    drawn_RP = rng.multinomial(persons, np.full(persons, 1 / persons), size=resamples).astype(np.float64)
    value = float(_mean_recall(hits_PC.sum(axis=0)[None, averaged], all_PC.sum(axis=0)[None, averaged])[0])
    draws = _mean_recall((drawn_RP @ hits_PC)[:, averaged], (drawn_RP @ all_PC)[:, averaged])
    # Photographs of one person alone make every resample the same.
    return Estimate.of_draws(value, draws, len(labels_N)).moved()


def _mean_recall(hits_RC: Floats, all_RC: Floats) -> Floats:
    """A resample that misses an emotion altogether is undefined."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((hits_RC / all_RC).mean(axis=1))
