"""The CSV forms: fer2013.csv, icml_face_data.csv (spaces in its header), the challenge's train.csv and test.csv."""

from pathlib import PurePosixPath
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.labels import ALPHABETICAL, EMOTIONS, NUM_CLASSES, emotion_index
from fer.data.fer2013.counts import settle
from fer.data.fer2013.raw import SIDE, RawCopy
from fer.data.pixel_table import ColumnError, PixelTable, as_bytes, grey_levels, record_of, table_rows
from fer.data.samples import FaceSamples, Split
from fer.data.tree import Tree

_PIXELS: Final = SIDE * SIDE
_USAGES: Final = (Split.TRAINING, Split.PUBLIC, Split.PRIVATE)


def read_table(tree: Tree, table: PixelTable, *, source: str) -> RawCopy:
    """Reads every row of a labelled CSV; without a `Usage` column, all rows are `Split.TRAINING`.

    Ids are "<file name>:<row>", rows counted from 1 after the header, in the order of the file.

    Raises:
        DataError: a row without a label of 0 to 6, 2,304 pixels of 0 to 255 and an official usage; no rows.
    """
    name = PurePosixPath(table.name).name
    images: list[npt.NDArray[np.uint8]] = []
    codes: list[int] = []
    splits: list[str] = []
    for row, (line, fields) in enumerate(table_rows(tree, table), start=1):
        try:
            record = record_of(table, fields)
            codes.append(_label(record["emotion"]))
            splits.append(_usage(record["usage"]) if table.split else Split.TRAINING)
            images.append(_pixels(record["pixels"]))
        except ValueError as error:
            raise DataError(
                f"{tree.root}: {name} row {row} (line {line}) {error}; {_remedy(error, row)}, "
                "or download the file again"
            ) from error
    if not images:
        raise DataError(f"{tree.root}: {name} has a header but no rows; download the file again")
    all_codes = np.array(codes, dtype=np.int64)
    all_splits = np.array(splits, dtype="U11")
    present = {split: all_codes[all_splits == split] for split in _USAGES if split in all_splits}
    as_named = {str(split): split for split in present}
    _, class_names = settle(
        {str(split): part for split, part in present.items()},
        claims=[(as_named, EMOTIONS), (as_named, ALPHABETICAL)],
        claimed=True,
        origin=f"{tree.root}: {name}",
    )
    samples = FaceSamples(
        images=np.stack(images).reshape(-1, 1, SIDE, SIDE),
        labels=np.array([emotion_index(emotion) for emotion in class_names], dtype=np.int64)[all_codes],
        splits=all_splits,
        ids=np.array([f"{name}:{row}" for row in range(1, len(images) + 1)]),
        source=source,
    )
    return RawCopy(samples=samples, sizes={(SIDE, SIDE): len(images)})


def _remedy(error: ValueError, row: int) -> str:
    """What to do about a row; where the very first is wrong, so are most."""
    return error.remedy if isinstance(error, ColumnError) and row == 1 else "mend or delete the row"


def _label(text: str) -> int:
    plain = text.strip()
    if not plain.isdecimal() or int(plain) >= NUM_CLASSES:
        told = f"has emotion {plain!r}, expected 0 (angry) to 6 (neutral)"
        if plain.isdecimal():
            raise ValueError(f"{told} (another data set? data=folder reads it by data.mapping)")
        raise ColumnError(
            told,
            remedy="write the emotions of all rows as numbers: "
            + ", ".join(f"{number} {emotion}" for number, emotion in enumerate(EMOTIONS)),
        )
    return int(plain)


def _usage(text: str) -> str:
    plain = text.strip()
    if plain not in _USAGES:
        told = f"has Usage {plain!r}, expected one of {', '.join(_USAGES)}"
        if not plain:
            raise ValueError(told)
        raise ColumnError(told, remedy="write one of them into the Usage of all rows")
    return plain


def _pixels(text: str) -> npt.NDArray[np.uint8]:
    """2,304 grey levels separated by spaces -> uint8 array (2304,), rows of the image one after the other."""
    values = grey_levels(text)
    if len(values) != _PIXELS:
        raise ValueError(f"has {len(values):,} pixels, expected {_PIXELS:,} ({SIDE}x{SIDE})")
    return as_bytes(values)
