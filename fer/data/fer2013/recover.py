"""A copy held against the original: what it is, and the official splits where its layout does not say them.

A copy whose layout says the splits keeps them, and differences are told; where so many pictures came into PrivateTest
or out of it that its score would be none, the copy is refused (`data.splits=original` puts every picture back). A
merged test part is told apart again, a flat folder is split, pictures without class folders are labelled as in the
original.
"""

import logging
from dataclasses import replace
from typing import Final, Literal

import numpy as np

from fer.common.errors import DataError
from fer.data.fer2013.copy import CopyFacts, describe_copy
from fer.data.fer2013.original import load_original
from fer.data.fer2013.raw import NO_SPLIT, SIDE, RawCopy
from fer.data.fer2013.recognise import recognise
from fer.data.resize import fit_images
from fer.data.samples import FaceSamples, Split

logger = logging.getLogger(__name__)

Splits = Literal["copy", "original"]

_LEAST_LEAK: Final = 5
_LEAK_SHARE: Final = 0.001
"""Share of a copy's pictures that may have crossed the border of PrivateTest: 36 change a score by 0.3 points."""


_ELSEWHERE: Final = (
    "another data set, or altered beyond recognition; read it with data=folder, which takes a folder for each emotion "
    "(write the pictures of a parquet or CSV file into such folders first)"
)


def hold_against_original(raw: RawCopy, *, origin: str, splits: Splits) -> FaceSamples:
    """The samples with their rows of the original, what differs, and the splits.

    Args:
        raw: what was read.
        origin: what was read, for messages.
        splits: `copy` keeps the splits that the layout says; `original` puts every recognised picture into its own.

    Raises:
        DataError: a split is needed and the pictures are not FER-2013's, or PrivateTest was mixed with other splits.
    """
    samples, original = raw.samples, load_original()
    grey = fit_images(samples.images, size=SIDE, channels=1)[:, 0]
    labels = samples.labels if raw.labelled else np.full(len(samples), -1)
    found = recognise(grey, labels=labels, splits=samples.splits, original=original)
    known = found.rows >= 0
    if not raw.labelled:
        labels = np.where(known, original.labels[found.rows], -1)
    facts = describe_copy(
        grey, labels=labels, splits=samples.splits, found=found, original=original, resized_from=raw.resized
    )
    if facts.verdict == "unknown":
        _refuse_what_cannot_be_fer2013(raw, facts, origin)
    own = original.splits[found.rows]
    wanted = known & (samples.splits == NO_SPLIT)
    wanted |= known & (samples.splits == Split.MERGED_TEST) & (own != Split.TRAINING)
    if splits == "original":
        wanted |= known
    elif facts.leaked > max(_LEAST_LEAK, _LEAK_SHARE * len(samples)):
        raise DataError(
            f"{origin}: {facts.leaked:,} pictures are on another side of PrivateTest than in FER-2013 ({facts.moved:,} "
            "moved in all): the copy was split anew, and its PrivateTest score would be of faces that were trained on; "
            "set data.splits=original, which puts every picture back"
        )
    notes = [f"{facts.headline} {facts.recognised:,} of {facts.pictures:,} pictures were recognised."]
    if facts.differences:
        notes.append(f"Held against the original's 35,887: {facts.differences}.")
    if raw.resized:
        notes.append(f"Pictures of {raw.resized} were brought to {SIDE} x {SIDE}.")
    changed = int((wanted & (samples.splits != own)).sum())
    if changed:
        notes.append(f"{changed:,} pictures were put into the split they have in the original.")
    told = np.where(wanted, own, samples.splits).astype("U11")
    if not raw.labelled:
        notes.append("The files say no labels: they are the original's.")
    kept = (told != NO_SPLIT) & (labels >= 0)
    if not kept.all():
        notes.append(f"{(~kept).sum():,} pictures without a split or a label are not FER-2013's and were left out.")
    return replace(
        samples,
        labels=labels,
        splits=told,
        notes=(*samples.notes, *notes),
        # The few that an unknown copy may have in common with FER-2013 make no FER-2013 of it.
        original_rows=None if facts.verdict == "unknown" else found.rows,
        copy=facts.to_json(),
    ).take(kept)


def _refuse_what_cannot_be_fer2013(raw: RawCopy, facts: CopyFacts, origin: str) -> None:
    """Refuses pictures that are not FER-2013's where nothing else says what they are.

    Raises:
        DataError: no splits, no labels or another size.
    """
    reason = f"only {facts.recognised:,} of {facts.pictures:,} pictures are recognised as FER-2013's"
    if not raw.labelled:
        raise DataError(f"{origin}: images in no class folder, and {reason}: sort them into a folder for each emotion")
    if (raw.samples.splits == NO_SPLIT).any():
        raise DataError(f"{origin}: no train/<emotion>/ and test/<emotion>/, and {reason}: {_ELSEWHERE}")
    if raw.resized:
        raise DataError(
            f"{origin}: the pictures have {raw.resized}, FER-2013's have {SIDE} x {SIDE}, and {reason}: {_ELSEWHERE}"
        )
