"""FER+'s votes as training targets (Barsoum et al. 2016, arXiv 1608.01041, section 3).

Votes that stand alone in their column are taken for slips and dropped, as the paper does. What is left makes one of
five targets:

- `majority`: the emotion that more than half of the votes went to; faces without one are left out.
- `distribution`: the shares of the seven emotions, for a cross entropy against all of them.
- `probability`: a label drawn from these shares, anew every epoch.
- `blend`: the label and the shares at once, `data.label_weight` to the label; a face without usable votes has its
  label.
- `both`: the label and the shares side by side, for a net with a head for each; without usable votes the shares are 0.

The shares of all but `majority` leave a face out where the emotions together have no more than half of its votes, or
where contempt, "unknown" or "not a face" got more votes than any emotion. The paper's own code also cuts each
distribution to its three most voted emotions; that is not done here.

Only training looks at the votes, and at those of its own rows alone: selection and tests keep FER-2013's labels, so
that scores compare.
"""

import logging
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.labels import CONTEMPT, DROP, EMOTIONS, label_of
from fer.data.ferplus import FERPLUS_COLUMNS, votes_for
from fer.data.protocol import ProtocolSplit
from fer.data.samples import FaceSamples
from fer.data.selection import Selection

logger = logging.getLogger(__name__)

VoteMode = Literal["majority", "probability", "distribution", "blend", "both"]

_WORDS: Final = {
    "majority": "FER+ majority labels",
    "probability": "labels drawn from FER+ votes every epoch",
    "distribution": "FER+ vote distributions",
    "blend": "labels blended with FER+ vote distributions",
    "both": "labels, and FER+ vote distributions by a head of their own",
}


@dataclass(frozen=True, kw_only=True)
class VoteTargets:
    """What training takes each of N samples for.

    Attributes:
        mode: how training uses the votes.
        shares: float32 (N, K), shares of the labels, rows summing to 1; one-hot under `majority`, 0 where not usable.
        usable: bool (N,), whether the votes give a target.
        own_labels: int64 (N,), the samples' labels.
        label_weight: of `blend`, in [0, 1].
    """

    mode: VoteMode
    shares: npt.NDArray[np.float32]
    usable: npt.NDArray[np.bool_]
    own_labels: npt.NDArray[np.int64]
    label_weight: float = 0.5

    @property
    def heads(self) -> int:
        """How many heads the targets are for: 2 for labels and votes, else 1."""
        return 2 if self.mode == "both" else 1

    @property
    def needs_votes(self) -> bool:
        """Whether a face without usable votes cannot be trained on."""
        return self.mode not in ("blend", "both")

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """int64 (N,): the most voted emotion, the first of equals, 0 where not usable; FER-2013's label under `blend`
        and `both`."""
        if not self.needs_votes:
            return self.own_labels
        most: npt.NDArray[np.int64] = self.shares.argmax(axis=1)
        return most

    @cached_property
    def soft(self) -> npt.NDArray[np.float32] | None:
        """float32 (N, K), or (N, 2 K) under `both`: [one-hot label, shares]; None where targets are labels."""
        if self.mode == "distribution":
            return self.shares
        label_NK = np.eye(self.shares.shape[1], dtype=np.float32)[self.own_labels]
        if self.mode == "both":
            return np.concatenate([label_NK, self.shares], axis=1)
        if self.mode == "blend":
            blended = self.label_weight * label_NK + (1 - self.label_weight) * self.shares
            return np.where(self.usable[:, None], blended, label_NK).astype(np.float32)
        return None

    def epoch_labels(self, *, seed: int, epoch: int) -> npt.NDArray[np.int64]:
        """int64 (N,): under `probability`, each sample's label of this epoch, a function of (seed, epoch) alone; else
        `labels`."""
        if self.mode != "probability":
            return self.labels
        uniform_N1 = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch, 1]))).random(
            (len(self.shares), 1)
        )
        below_NK = uniform_N1 >= np.cumsum(self.shares, axis=1, dtype=np.float64)
        # Rounding may leave the last sum a little below 1.
        drawn: npt.NDArray[np.int64] = np.minimum(below_NK.sum(axis=1), self.shares.shape[1] - 1)
        return np.where(self.shares[np.arange(len(drawn)), drawn] > 0, drawn, self.labels)


def vote_targets(
    samples: FaceSamples,
    *,
    rows: npt.NDArray[np.int64],
    mode: VoteMode,
    contempt: str = DROP,
    label_weight: float = 0.5,
    path: Path | None = None,
) -> VoteTargets:
    """The targets of training rows.

    Args:
        samples: N samples of FER-2013.
        rows: int64 (M,), those that train; no votes of others are read, and those are not usable.
        mode: see the module.
        contempt: "drop", or the emotion that votes for contempt count as.
        label_weight: of `blend`, in [0, 1].
        path: a fer2013new.csv of one's own; None for the votes that come with the package.

    Raises:
        DataError: the samples cannot be joined to the votes.
    """
    joined = votes_for(replace(samples.take(rows), groups={}, masks={}), path=path)
    if joined is None:
        raise DataError(
            f"data.targets={mode}: FER+ holds votes on FER-2013's pictures, and none of {samples.source} is one: use "
            " data.targets=label"
        )
    labels = samples.classes
    found_shares, found_usable = vote_shares(
        joined.votes, contempt=contempt, majority=mode == "majority", labels=labels
    )
    shares = np.zeros((len(samples), len(labels)), dtype=np.float32)
    usable = np.zeros(len(samples), dtype=bool)
    shares[rows], usable[rows] = found_shares, found_usable
    voted = int((joined.votes[:, FERPLUS_COLUMNS.index("contempt")] > 1).sum())
    if voted and label_of(CONTEMPT, labels) is None:
        told = "dropped" if contempt == DROP else f"counted as {contempt}"
        logger.info("FER+: votes for contempt on %s training faces are %s (data.contempt)", f"{voted:,}", told)
    return VoteTargets(
        mode=mode, shares=shares, usable=usable, own_labels=np.asarray(samples.labels), label_weight=label_weight
    )


def vote_shares(
    votes_NV: npt.NDArray[np.int64], *, contempt: str, majority: bool, labels: tuple[str, ...] = EMOTIONS
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Shares float32 (N, K) and usable bool (N,) of votes int64 (N, 10) for `FERPLUS_COLUMNS`; see the module.

    Votes for an emotion that is no label count as those for "unknown" do, contempt's by its rule.
    """
    emotion_NK = np.zeros((len(votes_NV), len(labels)), dtype=np.int64)
    other_NJ = []
    for column, name in enumerate(FERPLUS_COLUMNS):
        label = label_of(name, labels)
        if label is None and name == CONTEMPT and contempt != DROP:
            label = contempt
        if label is None:
            other_NJ.append(votes_NV[:, column])
        else:
            emotion_NK[:, labels.index(label)] += votes_NV[:, column]
    other_NV = np.stack(other_NJ, axis=1)
    emotion_NK = np.where(emotion_NK > 1, emotion_NK, 0)
    other_NV = np.where(other_NV > 1, other_NV, 0)
    most_N, together_N = emotion_NK.max(axis=1), emotion_NK.sum(axis=1)
    total_N = together_N + other_NV.sum(axis=1)
    if majority:
        usable_N = 2 * most_N > total_N
        counts_NK = np.where(emotion_NK == most_N[:, None], 1, 0)
    else:
        usable_N = (2 * together_N > total_N) & (most_N >= other_NV.max(axis=1))
        counts_NK = emotion_NK
    sums_N1 = np.maximum(1, counts_NK.sum(axis=1, keepdims=True))
    return np.where(usable_N[:, None], counts_NK / sums_N1, 0).astype(np.float32), usable_N


def train_on_votes(split: ProtocolSplit, targets: VoteTargets) -> ProtocolSplit:
    """The split without the training rows that have no target, and with that in its description.

    Raises:
        DataError: none is left.
    """
    if targets.needs_votes:
        kept = split.train[targets.usable[split.train]]
        aside = f"{len(split.train) - len(kept):,} without a clear vote left out"
    else:
        kept = split.train
        aside = f"{(~targets.usable[kept]).sum():,} without a clear vote have the label alone"
    if len(kept) == 0:
        raise DataError(f"data.targets={targets.mode} leaves no row to train on: no training face has a usable vote")
    words = _WORDS[targets.mode] + (f" (weight {targets.label_weight:g})" if targets.mode == "blend" else "")
    return replace(
        split, train=kept, description=f"{split.description}; trained on {words}: {len(kept):,} faces, {aside}"
    )


def votes_step(
    given: Selection, *, mode: VoteMode, contempt: str = DROP, label_weight: float = 0.5, path: Path | None = None
) -> Selection:
    """The step of a selection that trains its rows on votes; arguments as for `vote_targets`.

    Raises:
        DataError: the samples cannot be joined to the votes, or none of them has a usable one.
    """
    targets = vote_targets(
        given.samples, rows=given.split.train, mode=mode, contempt=contempt, label_weight=label_weight, path=path
    )
    return replace(given, split=train_on_votes(given.split, targets), targets=targets)
