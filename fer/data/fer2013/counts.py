"""The class counts of the official splits: a fingerprint that tells label orders and merged splits apart.

Counted on the 35,887 images of the Kaggle challenge (arXiv 1307.0414, section 3).
"""

import logging
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS, NUM_CLASSES
from fer.data.samples import FaceSamples, Split

logger = logging.getLogger(__name__)

_PUBLIC = (467, 56, 496, 895, 653, 415, 607)
_PRIVATE = (491, 55, 528, 879, 594, 416, 626)

OFFICIAL_COUNTS: Final[Mapping[Split, tuple[int, ...]]] = MappingProxyType(
    {
        Split.TRAINING: (3995, 436, 4097, 7215, 4830, 3171, 4965),
        Split.PUBLIC: _PUBLIC,
        Split.PRIVATE: _PRIVATE,
        Split.MERGED_TEST: tuple(public + private for public, private in zip(_PUBLIC, _PRIVATE, strict=True)),
    }
)
"""Images per emotion, in the order of `fer.common.labels.EMOTIONS`."""

ClassNames = tuple[str, ...]
"""Emotion of each label code: `class_names[code]`."""


def settle(
    codes: Mapping[str, npt.NDArray[np.int64]],
    *,
    claims: Sequence[tuple[Mapping[str, Split], ClassNames]],
    claimed: bool,
    origin: str,
) -> tuple[Mapping[str, Split], ClassNames]:
    """Decides which split each part of a source is, and which emotion each label code.

    The first of `claims` whose class counts are exactly the official ones wins. Where none is (a part of the set, a
    changed set), the first claim holds if the source itself makes it (`claimed`); it is never guessed.

    Args:
        codes: label codes of each part, int64 arrays with values 0 to 6.
        claims: (split of each part, class_names), the source's own first.
        claimed: whether the first claim comes from the source (names in its metadata, its known column names).
        origin: what was read, for messages.

    Raises:
        DataError: no claim by the source, and counts that fit no known label order.
    """
    for rank, (splits, class_names) in enumerate(claims):
        if all(_counts(part_codes, class_names) == OFFICIAL_COUNTS[splits[part]] for part, part_codes in codes.items()):
            if rank > 0 and claimed:
                logger.warning(
                    "%s: the class counts are exactly those of FER-2013 with labels %s and splits %s, "
                    "which is not what the source itself says; going by the counts",
                    origin,
                    ", ".join(class_names),
                    ", ".join(f"{part} = {split}" for part, split in splits.items()),
                )
            return splits, class_names
    if not claimed:
        raise DataError(
            f"{origin}: label codes without names, and class counts that fit no known order of FER-2013: "
            "cannot tell which code is which emotion; use a copy with class names, or fer2013.csv"
        )
    return claims[0]


def count_differences(samples: FaceSamples) -> list[str]:
    """How the samples differ from the full official splits they hold, in words; empty where they do not."""
    differences = []
    for split in Split:
        counts = samples.class_counts(split)
        expected = OFFICIAL_COUNTS[split]
        if counts.sum() == 0 or tuple(counts) == expected:
            continue
        classes = [f"{name} {n:,} of {m:,}" for name, n, m in zip(EMOTIONS, counts, expected, strict=True) if n != m]
        differences.append(f"{split} has {counts.sum():,} of {sum(expected):,} images ({', '.join(classes)})")
    return differences


def _counts(codes: npt.NDArray[np.int64], class_names: ClassNames) -> tuple[int, ...]:
    by_code = np.bincount(codes, minlength=NUM_CLASSES)
    return tuple(int(by_code[class_names.index(name)]) for name in EMOTIONS)
