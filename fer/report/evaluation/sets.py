"""Which faces a score is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.wording import counted
from fer.data.samples import FaceSamples, Split, content_hashes

Rows = npt.NDArray[np.int64]

SET_TITLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "private": "PrivateTest",
        "private_dedup": "PrivateTest, deduplicated",
        "public": "PublicTest",
        "folder7178": "Test folder (Public + Private)",
        "heldout": "Held-out part of Training",
    }
)
"""Every set a report may hold, by its key in `metrics.json`, in reading order."""


@dataclass(frozen=True, kw_only=True)
class EvaluationSet:
    """Test faces under a name.

    Attributes:
        key: a key of `SET_TITLES`.
        rows: int64 array (N,), rows of the samples.
        description: which faces these are and how many, in a sentence.
    """

    key: str
    rows: Rows
    description: str

    @property
    def title(self) -> str:
        """The name for tables."""
        return SET_TITLES[self.key]


@dataclass(frozen=True, kw_only=True)
class Deduplication:
    """PrivateTest without what a model may have seen, or sees twice.

    Attributes:
        kept: rows of PrivateTest that remain.
        of_training: PrivateTest faces with the very pixels of a Training face.
        of_public: those with the pixels of a PublicTest face (a face can be both).
        within: faces left out because an earlier PrivateTest face has the same pixels.
        removed: rows of PrivateTest left out.
    """

    kept: Rows
    removed: Rows
    of_training: int
    of_public: int
    within: int


def deduplicate(samples: FaceSamples) -> Deduplication:
    """PrivateTest without pixel-for-pixel copies of Training and PublicTest faces, one kept of each group within."""
    hashes = content_hashes(samples.images)
    private = np.flatnonzero(samples.splits == Split.PRIVATE)
    in_training = np.isin(hashes[private], hashes[samples.splits == Split.TRAINING])
    in_public = np.isin(hashes[private], hashes[samples.splits == Split.PUBLIC])
    _, first = np.unique(hashes[private], return_index=True)
    repeats = np.ones(len(private), dtype=bool)
    repeats[first] = False
    repeats &= ~(in_training | in_public)
    out = in_training | in_public | repeats
    return Deduplication(
        kept=private[~out],
        removed=private[out],
        of_training=int(in_training.sum()),
        of_public=int(in_public.sum()),
        within=int(repeats.sum()),
    )


def _all_of(count: int, split: str) -> str:
    return f"The only face of the {split} split." if count == 1 else f"All {count:,} faces of the {split} split."


def _is_fer2013(samples: FaceSamples) -> bool:
    return samples.source.startswith("FER-2013")


def evaluation_sets(samples: FaceSamples) -> tuple[tuple[EvaluationSet, ...], tuple[str, ...]]:
    """The sets that `samples` allow, in reading order, and a note on each that they do not.

    PrivateTest labels are read here, and so in the report alone.
    """
    rows_of = {split: np.flatnonzero(samples.splits == split) for split in Split}
    private, public, merged = rows_of[Split.PRIVATE], rows_of[Split.PUBLIC], rows_of[Split.MERGED_TEST]
    sets, notes = [], []
    if len(private) > 0:
        sets.append(
            EvaluationSet(
                key="private",
                rows=private,
                description=_all_of(len(private), "PrivateTest"),
            )
        )
        copies = deduplicate(samples)
        if len(copies.kept) > 0:
            description = (
                f"PrivateTest without {counted(copies.of_training, 'face')} with the pixels of a Training face, "
                f"{copies.of_public:,} with those of a PublicTest face (some equal both), and "
                f"{counted(copies.within, 'further repeat')} within PrivateTest: {counted(len(copies.kept), 'face')}."
                if len(copies.removed) > 0
                else "No PrivateTest face is a pixel-for-pixel copy of another, so this is PrivateTest itself."
            )
            sets.append(EvaluationSet(key="private_dedup", rows=copies.kept, description=description))
        else:
            notes.append("Every PrivateTest face is a pixel-for-pixel copy of a face of another split.")
    if len(public) > 0:
        sets.append(EvaluationSet(key="public", rows=public, description=_all_of(len(public), "PublicTest")))
    mixed = merged if len(merged) > 0 else np.concatenate([public, private])
    if len(merged) > 0 or (len(public) > 0 and len(private) > 0):
        description = (
            f"The {counted(len(mixed), 'face')} of PublicTest and PrivateTest together"
            f"{', as copies of the data set with one test folder score them' if _is_fer2013(samples) else ''}."
        )
        sets.append(EvaluationSet(key="folder7178", rows=np.sort(mixed), description=description))
    if len(private) == 0 and len(merged) > 0:
        notes.append(
            "This copy of the data merges PublicTest and PrivateTest into one test set, so neither can be scored on "
            "its own, and no number here can be set beside a PrivateTest result. Use a copy with the official splits "
            "(a Usage column, or PublicTest_ and PrivateTest_ file names) for a PrivateTest score."
        )
    elif len(private) == 0:
        known = " (as Kaggle's challenge files, whose test.csv has none)" if _is_fer2013(samples) else ""
        notes.append(
            f"This copy of the data has no PrivateTest faces with labels{known}, so no PrivateTest score is possible."
        )
    return tuple(sets), tuple(notes)
