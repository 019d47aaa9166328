"""The fingerprint of FER-2013 as the challenge published it: what is measured of each picture, its label and split.

`original.npz` beside this file holds no picture and nothing a picture could be made from.
`scripts/fingerprint_fer2013.py` makes it from the challenge's `fer2013.csv` (MD5 f8428a1edbd21e88f42c73edd2a14f95,
the sum that torchvision pins too).

The labels of PrivateTest in it are for those who read raw files, for the audit and for the report, as the labels of a
copy are.
"""

import io
import zlib
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.data.fer2013.signature import (
    BITS,
    FINE_BITS,
    SKETCH_STEPS,
    coefficients,
    means_and_stds,
    packed_signs,
    sketches,
    unpacked_signs,
)
from fer.data.samples import Split

CSV_MD5: Final = "f8428a1edbd21e88f42c73edd2a14f95"
"""Of `fer2013.csv`, 301,072,766 bytes; torchvision.datasets.FER2013 checks for the same."""

ASSET: Final = "original.npz"

SPLIT_SIZES: Final = {Split.TRAINING: 28_709, Split.PUBLIC: 3_589, Split.PRIVATE: 3_589}
"""The CSV's rows, in this order."""

NEAR_BITS: Final = 16
"""Pictures with another one this many signs off, or fewer, have a fine signature."""

STD_STEP: Final = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Original:
    """N rows of `fer2013.csv`, and M different pictures, in the order of their first rows.

    Attributes:
        labels: uint8 (N,), indices into `fer.common.labels.EMOTIONS`.
        repeats: uint16 (R,), rows whose picture is that of an earlier row, ascending.
        repeated: uint16 (R,), that earlier row.
        signs: uint8 (M, 18), packed signatures.
        fine_pictures: uint16 (F,), the pictures with a fine signature, ascending.
        fine_signs: uint8 (F, 32), packed.
        checks: uint16 (M,), half a CRC-32 of the pixels (`checksums`).
        means: uint8 (M,), mean grey level.
        deviations: uint8 (M,), deviation in half grey levels.
        sketches: int8 (M, 3), in `SKETCH_STEPS`.
    """

    labels: npt.NDArray[np.uint8]
    repeats: npt.NDArray[np.uint16]
    repeated: npt.NDArray[np.uint16]
    signs: npt.NDArray[np.uint8]
    fine_pictures: npt.NDArray[np.uint16]
    fine_signs: npt.NDArray[np.uint8]
    checks: npt.NDArray[np.uint16]
    means: npt.NDArray[np.uint8]
    deviations: npt.NDArray[np.uint8]
    sketches: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def picture_of(self) -> npt.NDArray[np.int64]:
        """int64 (N,): the picture of each row."""
        first = np.ones(len(self), dtype=bool)
        first[self.repeats] = False
        pictures = np.cumsum(first) - 1
        pictures[self.repeats] = pictures[self.repeated]
        return pictures

    @cached_property
    def rows_of(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """(rows grouped by picture, ascending in each; int64 (M + 1,) where each picture's rows begin)."""
        order = np.argsort(self.picture_of, kind="stable")
        begins = np.searchsorted(self.picture_of[order], np.arange(len(self.signs) + 1))
        return order, begins

    @cached_property
    def splits(self) -> npt.NDArray[np.str_]:
        """str (N,): values of `Split`."""
        return np.repeat(np.array([split.value for split in SPLIT_SIZES]), list(SPLIT_SIZES.values()))

    @cached_property
    def blank(self) -> npt.NDArray[np.int64]:
        """int64: pictures with one value at every pixel."""
        return np.flatnonzero(self.deviations == 0)

    @cached_property
    def fine_place(self) -> npt.NDArray[np.int64]:
        """int64 (M,): each picture's place in `fine_signs`, -1 for none."""
        place = np.full(len(self.signs), -1)
        place[self.fine_pictures] = np.arange(len(self.fine_pictures))
        return place

    @cached_property
    def fine_unpacked(self) -> npt.NDArray[np.int8]:
        """int8 (F, 256): 1 and -1."""
        return unpacked_signs(self.fine_signs)


def measure(images_NHW: npt.NDArray[np.uint8], *, labels: npt.NDArray[np.int64]) -> Original:
    """The fingerprint of the 35,887 pictures (48 x 48, grey) of `fer2013.csv`, in its order."""
    assert len(images_NHW) == len(labels) == sum(SPLIT_SIZES.values())
    flat = images_NHW.reshape(len(images_NHW), -1)
    _, first, group = np.unique(flat, axis=0, return_index=True, return_inverse=True)
    first_row = first[group.reshape(-1)]
    is_first = first_row == np.arange(len(flat))
    pictures = images_NHW[is_first]
    measured = coefficients(pictures, count=BITS + FINE_BITS)
    near = _nearest_distance(measured[:, :BITS]) <= NEAR_BITS
    stats = means_and_stds(pictures)
    sketch = np.round(sketches(pictures) / np.array(SKETCH_STEPS))
    return Original(
        labels=labels.astype(np.uint8),
        repeats=np.flatnonzero(~is_first).astype(np.uint16),
        repeated=first_row[~is_first].astype(np.uint16),
        signs=packed_signs(measured[:, :BITS]),
        fine_pictures=np.flatnonzero(near).astype(np.uint16),
        fine_signs=packed_signs(measured[near, BITS:]),
        checks=checksums(pictures),
        means=np.round(stats[:, 0]).astype(np.uint8),
        deviations=np.ceil(stats[:, 1] / STD_STEP).astype(np.uint8),
        sketches=np.clip(sketch, -127, 127).astype(np.int8),
    )


def checksums(images_NHW: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    """uint16 (N,): the lower half of the CRC-32 of each picture's pixels."""
    sums = [zlib.crc32(np.ascontiguousarray(image).data) & 0xFFFF for image in images_NHW]
    return np.array(sums, dtype=np.uint16)


def to_bytes(original: Original) -> bytes:
    """The asset's content; equal fingerprints give equal bytes under one version of zlib."""
    file = io.BytesIO()
    np.savez_compressed(file, **{field.name: getattr(original, field.name) for field in fields(original)})
    return file.getvalue()


@lru_cache(maxsize=1)
def load_original() -> Original:
    """The shipped fingerprint, read once a process."""
    with (files(__package__) / ASSET).open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return Original(**{name: stored[name] for name in stored.files})


def _nearest_distance(coefficients_MK: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """int64 (M,): signs that differ between each picture and the one most like it."""
    signs = np.where(coefficients_MK >= 0, 1, -1).astype(np.float32)
    nearest = np.empty(len(signs), dtype=np.int64)
    for start in range(0, len(signs), 512):
        agreement = signs[start : start + 512] @ signs.T
        at = np.arange(len(agreement))
        agreement[at, start + at] = -BITS
        nearest[start : start + 512] = np.round((BITS - agreement.max(axis=1)) / 2)
    return nearest
