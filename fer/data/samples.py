"""The one form every source is read into."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.common.labels import EMOTIONS

_PIECE_BYTES: Final = 1 << 22


class Split(StrEnum):
    """The official splits, by the names of the Kaggle challenge's `Usage` column."""

    TRAINING = "Training"
    PUBLIC = "PublicTest"
    PRIVATE = "PrivateTest"
    # Public and Private merged, as some copies hand them out: cannot be told apart, so only a report may use it.
    MERGED_TEST = "Test"


@dataclass(frozen=True, kw_only=True)
class FaceSamples:
    """Labelled faces of one source, in an order that depends on their content alone.

    Attributes:
        images: uint8 array (N, C, H, W), C = 1 (grey) or 3 (RGB); may be memory-mapped and read-only.
        labels: int64 array (N,), indices into `classes`.
        splits: str array (N,), values of `Split`.
        ids: str array (N,), unique names that point back to the raw file ("train/angry/Training_3908.jpg",
            "fer2013.csv:17").
        source: what was read, in the words of a report ("FER-2013 (class folders, zip)").
        unreadable: names of the raw items that could not be decoded; they are in none of the arrays.
        groups: subgroup columns for the fairness report, name -> str array (N,).
        masks: ground-truth part masks, name -> bool array (N, H, W); synthetic faces only.
        subjects: str array (N,), the person each face shows, "" where unknown; None where no face's person is known.
            A person's faces stay on one side of every held-out split.
        notes: what was decided, dropped or changed on reading, a sentence each.
        original_rows: int64 array (N,), the row of each face in FER-2013 as it was published, -1 for faces that are not
            in it; None for other sources, and where most are not.
        classes: the labels' names, K of them, in the order of a model's outputs.
        copy: how the faces differ from those (`fer.data.fer2013.copy.CopyFacts.to_json`); empty for other sources.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    splits: npt.NDArray[np.str_]
    ids: npt.NDArray[np.str_]
    source: str
    unreadable: tuple[str, ...] = ()
    groups: Mapping[str, npt.NDArray[np.str_]] = field(default_factory=dict)
    masks: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    subjects: npt.NDArray[np.str_] | None = None
    notes: tuple[str, ...] = ()
    original_rows: npt.NDArray[np.int64] | None = None
    copy: Mapping[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = EMOTIONS

    def __post_init__(self) -> None:
        n = len(self.images)
        assert self.images.dtype == np.uint8, f"images are {self.images.dtype}, no uint8"
        assert self.images.ndim == 4, f"images are {self.images.shape}, no (N, C, H, W)"
        shapes = [column.shape for column in (self.labels, self.splits, self.ids)]
        assert shapes == [(n,)] * 3, f"labels, splits and ids are {shapes}, no (N,) for {n} images"
        assert np.issubdtype(self.labels.dtype, np.integer), f"labels are {self.labels.dtype}, no integers"
        assert self.subjects is None or self.subjects.shape == (n,)
        assert self.original_rows is None or self.original_rows.shape == (n,)
        assert n == 0 or (self.labels.min() >= 0 and self.labels.max() < len(self.classes)), (
            f"labels lie outside 0 to {len(self.classes) - 1}, the numbers of the classes"
        )

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: npt.NDArray[Any]) -> "FaceSamples":
        """The samples at `rows` (indices or a boolean mask), in that order."""
        return replace(
            self,
            images=self.images[rows],
            labels=self.labels[rows],
            splits=self.splits[rows],
            ids=self.ids[rows],
            groups={name: column[rows] for name, column in self.groups.items()},
            masks={name: mask[rows] for name, mask in self.masks.items()},
            subjects=None if self.subjects is None else self.subjects[rows],
            original_rows=None if self.original_rows is None else self.original_rows[rows],
        )

    def class_counts(self, split: Split | None = None) -> npt.NDArray[np.int64]:
        """int64 array (K,): samples per label, of one split or of all."""
        labels = self.labels if split is None else self.labels[self.splits == split]
        return np.bincount(labels, minlength=len(self.classes))


def content_hashes(images: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64] | None = None) -> npt.NDArray[np.str_]:
    """Str array (N,): SHA-1 of each image's pixels; equal exactly where the pixels are.

    Args:
        images: uint8 (M, C, H, W).
        rows: int64 (N,), which of them, so that they need not be copied first; None for all.
    """
    # Rows of a plain array: each slice of a memory-mapped one takes longer than its hash.
    plain = np.asarray(images)
    chosen = plain if rows is None else map(plain.__getitem__, rows.tolist())
    return np.array([hashlib.sha1(np.ascontiguousarray(image).data).hexdigest() for image in chosen], dtype="U40")


def canonical_rows(samples: FaceSamples) -> npt.NDArray[np.int64]:
    """int64 array (N,): the rows sorted by split, content and label, and by id where those are equal.

    The order is the same for every form of one data set, whatever the order of files or rows, and free of runs of one
    class.
    """
    split_rank = np.searchsorted(sorted(Split), samples.splits)
    return np.lexsort((samples.ids, samples.labels, content_hashes(samples.images), split_rank))


def canonical_order(samples: FaceSamples) -> FaceSamples:
    """The same samples in the order of `canonical_rows`, copied."""
    return samples.take(canonical_rows(samples))


def fingerprint(samples: FaceSamples, *, rows: npt.NDArray[np.int64] | None = None) -> str:
    """16 hex digits that name the content: pixels, labels and splits, and nothing of their order, names or paths.

    Two forms of one data set share it when their pixels are equal.

    Args:
        samples: in any order.
        rows: their `canonical_rows`, where they are known already.
    """
    rows = canonical_rows(samples) if rows is None else rows
    digest = hashlib.sha256()
    for array in (samples.labels, samples.splits.astype("U16")):
        digest.update(array[rows].tobytes())
    for piece in pieces(samples.images, rows):
        digest.update(piece)
    return digest.hexdigest()[:16]


def pieces(array: npt.NDArray[Any], rows: npt.NDArray[np.int64]) -> Iterator[bytes]:
    """The bytes of `array[rows]`, some megabytes at a time: an array need not be held in two orders."""
    row_bytes = array.itemsize * int(np.prod(array.shape[1:]))
    step = max(1, _PIECE_BYTES // max(1, row_bytes))
    for start in range(0, len(rows), step):
        yield array[rows[start : start + step]].tobytes()
