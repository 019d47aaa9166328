"""Which samples train a model and which select it; the rows nobody may train or select on never come out of here."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from fer.common.errors import ConfigError, DataError
from fer.data.partition import held_out_bins
from fer.data.samples import FaceSamples, Split, content_hashes

Protocol = Literal["official", "stratified", "kfold", "folder7178"]

SELECTION_SHARE: Final = 0.1
"""Share of Training held out for selection under `folder7178`, so that its test images never choose anything."""


@dataclass(frozen=True, kw_only=True)
class ProtocolSplit:
    """Rows of a `FaceSamples`, disjoint and ascending.

    Attributes:
        train: int64 array, rows that train the net; all of the official Training split.
        valid: int64 array, rows that select (early stopping, checkpoints, temperature).
        valid_name: "public" (the official PublicTest) or "heldout" (a part of Training).
        description: the protocol and its sizes, in the words of a report.
    """

    train: npt.NDArray[np.int64]
    valid: npt.NDArray[np.int64]
    valid_name: Literal["public", "heldout"]
    description: str


def split_rows(
    samples: FaceSamples,
    *,
    protocol: Protocol,
    seed: int = 0,
    folds: int = 5,
    fold: int = 0,
    holdout: float = 0.3,
    dedup: bool = False,
) -> ProtocolSplit:
    """Splits `samples` into training and selection rows.

    `official`: Training and PublicTest (arXiv 1307.0414). `stratified`: a share `holdout` of Training is held out.
    `kfold`: fold `fold` of `folds` of Training is held out. `folder7178`: 10 % of Training is held out, and the 7,178
    other images are for the report alone. No protocol gives rows of PrivateTest or of the merged test.

    Held-out parts are stratified by class, and images with equal pixels or of one person stay on one side. They depend
    on content, `seed` and the shares alone: not on the order of the samples, the machine or the version of a random
    generator.

    Args:
        samples: one source, all splits.
        protocol: one of the four above.
        seed: names the random partition.
        folds: number of folds, 2 or more; `kfold` only.
        fold: the one held out, 0 to folds - 1; `kfold` only.
        holdout: share held out, in (0, 1); `stratified` only.
        dedup: leave out of training every image whose pixels also occur outside the Training split, every group of
            equal images that carry different labels, and all but one of other equal images. Selection rows stay as
            they are, so that scores with and without it compare. Pixels decide; labels outside Training are not read.

    Raises:
        ConfigError: a protocol or number that cannot be.
        DataError: the source lacks the rows the protocol needs.
    """
    _check(protocol, folds=folds, fold=fold, holdout=holdout)
    training = np.flatnonzero(samples.splits == Split.TRAINING)
    if len(training) == 0:
        raise DataError(
            f"{samples.source} has no Training rows, so nothing can be trained on it: "
            "set data.root to a copy with the training images"
        )

    valid_name: Literal["public", "heldout"] = "heldout"
    if protocol == "official":
        train, valid = training, _public_rows(samples)
        valid_name, told = "public", "official: trained on Training, selected on PublicTest"
    else:
        if protocol == "kfold":
            shares, held = [1.0 / folds] * folds, fold
            told = f"kfold: trained on Training without fold {fold} of {folds} (seed {seed}), selected on that fold"
        else:
            share = holdout if protocol == "stratified" else SELECTION_SHARE
            shares, held = [share, 1.0 - share], 0
            told = (
                f"{protocol}: trained on {1 - share:.0%} of Training, selected on the other {share:.0%} "
                f"(stratified, seed {seed})"
            )
        bins = held_out_bins(samples, training, shares=shares, seed=seed)
        train, valid = training[bins != held], training[bins == held]
        if len(train) == 0 or len(valid) == 0:
            raise DataError(
                f"data.protocol={protocol} leaves no rows to {'train' if len(train) == 0 else 'select'} on: "
                f"the {len(training)} images of Training are too few; use a larger copy or another share"
            )
    sizes = f"{len(train):,} and {len(valid):,} images"
    if dedup:
        kept = _without_copies(samples, train)
        sizes += f"; {len(train) - len(kept):,} copies and contradictions left out of training"
        if len(kept) == 0:
            raise DataError(
                "data.dedup=true leaves nothing to train on: every training image is a copy or contradicts one; "
                "set data.dedup=false"
            )
        train = kept
    return ProtocolSplit(train=train, valid=valid, valid_name=valid_name, description=f"{told} ({sizes})")


def _check(protocol: str, *, folds: int, fold: int, holdout: float) -> None:
    if protocol not in get_args(Protocol):
        raise ConfigError(f"data.protocol={protocol} is unknown: use one of {', '.join(get_args(Protocol))}")
    if protocol == "kfold" and folds < 2:
        raise ConfigError(f"data.folds={folds} is too few: data.protocol=kfold needs 2 or more")
    if protocol == "kfold" and not 0 <= fold < folds:
        raise ConfigError(f"data.fold={fold} is not there: with data.folds={folds} use 0 to {folds - 1}")
    if protocol == "stratified" and not 0.0 < holdout < 1.0:
        raise ConfigError(f"data.holdout={holdout} is no share: use a number between 0 and 1, such as 0.3")


def _public_rows(samples: FaceSamples) -> npt.NDArray[np.int64]:
    public = np.flatnonzero(samples.splits == Split.PUBLIC)
    if len(public) > 0:
        return public
    if np.any(samples.splits == Split.MERGED_TEST):
        raise DataError(
            f"data.protocol=official needs PublicTest, but {samples.source} merges it with PrivateTest: "
            "use data.protocol=folder7178 (or stratified, kfold), or a copy with the official splits "
            "(fer2013.csv, the Kaggle zip)"
        )
    raise DataError(
        f"data.protocol=official needs PublicTest, which {samples.source} does not hold: "
        "use data.protocol=stratified or kfold, or set data.root"
    )


def _without_copies(samples: FaceSamples, train: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The rows of `train` without copies of images of other splits, contradictions and repetitions."""
    hashes = content_hashes(samples.images)
    elsewhere = set(hashes[samples.splits != Split.TRAINING].tolist())
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for row in train.tolist():
        if hashes[row] not in elsewhere:
            groups[hashes[row]].append(row)
    kept = [
        min(rows, key=lambda row: str(samples.ids[row]))
        for rows in groups.values()
        if len(set(samples.labels[rows].tolist())) == 1
    ]
    return np.array(sorted(kept), dtype=np.int64)
