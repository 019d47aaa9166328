"""FER+'s votes as training targets (Barsoum et al. 2016, arXiv 1608.01041, section 3).

Votes that stand alone in their column are taken for slips and dropped, as the paper does. What is left is held against
three rules, each stated with its count:

- `majority`: the emotion that more than half of the votes went to; faces without one are left out.
- `distribution`: the shares of the seven emotions, for a cross entropy against all of them.
- `probability`: a label drawn from these shares, anew every epoch.

For the last two, a face is left out where the emotions together have no more than half of its votes, or where contempt,
"unknown" or "not a face" got more votes than any emotion. The paper's own code also cuts each distribution to its three
most voted emotions; that is not done here.

Only training looks at the votes: selection and tests keep FER-2013's labels, so that scores compare.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.labels import DROP, EMOTIONS, canonical_name
from fer.data.ferplus import FERPLUS_COLUMNS, FerPlusVotes, ferplus_rows
from fer.data.protocol import ProtocolSplit
from fer.data.samples import FaceSamples

VoteMode = Literal["majority", "probability", "distribution", "both"]

_WORDS: Final = {
    "majority": "FER+ majority labels",
    "probability": "labels drawn from FER+ votes every epoch",
    "distribution": "FER+ vote distributions",
    "both": "labels and FER+ vote distributions, a head each",
}


@dataclass(frozen=True, kw_only=True)
class VoteTargets:
    """What the votes say of each sample.

    Attributes:
        mode: how training uses them.
        shares: float32 (N, 7), shares of the emotions, rows summing to 1; one-hot under `majority`, 0 where not usable.
        usable: bool (N,), whether the votes give a target.
    """

    mode: VoteMode
    shares: npt.NDArray[np.float32]
    usable: npt.NDArray[np.bool_]

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """int64 (N,): the most voted emotion, the first of equals; 0 where not usable."""
        most: npt.NDArray[np.int64] = self.shares.argmax(axis=1)
        return most

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
        drawn: npt.NDArray[np.int64] = np.minimum(below_NK.sum(axis=1), len(EMOTIONS) - 1)
        return np.where(self.shares[np.arange(len(drawn)), drawn] > 0, drawn, self.labels)


def vote_targets(samples: FaceSamples, *, votes: FerPlusVotes, mode: VoteMode, contempt: str) -> VoteTargets:
    """The targets of samples that were read from Kaggle's `fer2013.csv`.

    Args:
        samples: N samples of FER-2013.
        votes: FER+'s votes.
        mode: see the module.
        contempt: "drop", or the emotion that votes for contempt count as.

    Raises:
        DataError: the samples cannot be joined to the votes.
    """
    rows = ferplus_rows(samples, votes=votes)
    if rows is None:
        raise DataError(
            f"data.targets={mode}: FER+ follows the rows of Kaggle's fer2013.csv and names no file, so it cannot be "
            f"joined to {samples.source}; set data.root to fer2013.csv, or use data.targets=label"
        )
    shares, usable = vote_shares(votes.votes[rows], contempt=contempt, majority=mode == "majority")
    return VoteTargets(mode=mode, shares=shares, usable=usable)


def vote_shares(
    votes_NV: npt.NDArray[np.int64], *, contempt: str, majority: bool
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Shares float32 (N, 7) and usable bool (N,) of votes int64 (N, 10) for `FERPLUS_COLUMNS`; see the module."""
    emotion_NK = np.zeros((len(votes_NV), len(EMOTIONS)), dtype=np.int64)
    other_NJ = []
    for column, name in enumerate(FERPLUS_COLUMNS):
        emotion = canonical_name(name)
        if emotion == "contempt":
            emotion = None if contempt == DROP else contempt
        if emotion is None:
            other_NJ.append(votes_NV[:, column])
        else:
            emotion_NK[:, EMOTIONS.index(emotion)] += votes_NV[:, column]
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
    """The split without the training rows that the votes give no target for, and with that in its description.

    Raises:
        DataError: none is left.
    """
    if targets.mode == "both":
        # A face without a clear vote still has its label.
        return replace(split, description=f"{split.description}; trained on {_WORDS['both']}")
    kept = split.train[targets.usable[split.train]]
    if len(kept) == 0:
        raise DataError(f"data.targets={targets.mode} leaves no row to train on: no training face has a usable vote")
    told = (
        f"{split.description}; trained on {_WORDS[targets.mode]}: {len(kept):,} faces, "
        f"{len(split.train) - len(kept):,} without a clear vote left out"
    )
    return replace(split, train=kept, description=told)
