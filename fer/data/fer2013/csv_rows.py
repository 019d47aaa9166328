"""The CSV forms: fer2013.csv, icml_face_data.csv (spaces in its header), the challenge's train.csv and test.csv."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.labels import ALPHABETICAL, EMOTIONS, NUM_CLASSES, emotion_index
from fer.data.csv_table import header_of, open_rows, refuse_doubled
from fer.data.fer2013.counts import settle
from fer.data.fer2013.raw import SIDE, RawCopy
from fer.data.samples import FaceSamples, Split
from fer.data.tree import Tree, damage_told

_PIXELS: Final = SIDE * SIDE
_A_FEW: Final = 64
"""More numbers than this in a cell are pixels."""
_USAGES: Final = (Split.TRAINING, Split.PUBLIC, Split.PRIVATE)


@dataclass(frozen=True)
class PixelTable:
    """A CSV file with a `pixels` column, by its header."""

    name: str
    columns: tuple[str, ...]

    @property
    def labelled(self) -> bool:
        """Whether its rows say the emotion."""
        return "emotion" in self.columns

    @property
    def split(self) -> bool:
        """Whether its rows say their official split."""
        return "usage" in self.columns


def find_tables(tree: Tree) -> list[PixelTable]:
    """The CSV files of `tree` that hold faces as pixels, told by their header line; others are left alone.

    Raises:
        DataError: a header that names one of our columns twice, or pixels without a header.
    """
    tables = []
    for name in tree.names:
        if not name.lower().endswith(".csv"):
            continue
        with damage_told(tree, name), tree.open_table(name) as file:
            columns = tuple(column.lower() for column in header_of(file))
        if "pixels" in columns:
            refuse_doubled(columns, ("emotion", "pixels", "usage"), origin=f"{tree.root}: {name}")
            tables.append(PixelTable(name, columns))
        elif any(len(cell.split()) > _A_FEW and cell.replace(" ", "").isdecimal() for cell in columns):
            raise DataError(
                f"{tree.root}: {name} begins with pixels: write the line that names its columns above them, such as "
                "emotion,pixels,Usage"
            )
    return tables


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
    for row, (line, fields) in enumerate(_rows(tree, table), start=1):
        try:
            if len(fields) != len(table.columns):
                raise ValueError(
                    f"has {len(fields)} columns, expected {len(table.columns)} ({', '.join(table.columns)})"
                )
            record = dict(zip(table.columns, fields, strict=True))
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


class _ColumnError(ValueError):
    """What is most probably wrong with every row, as whoever wrote the file meant something by it.

    Args:
        message: what the row has.
        remedy: what to do to the column.
    """

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def _remedy(error: ValueError, row: int) -> str:
    """What to do about a row; where the very first is wrong, so are most."""
    return error.remedy if isinstance(error, _ColumnError) and row == 1 else "mend or delete the row"


def _rows(tree: Tree, table: PixelTable) -> Iterator[tuple[int, list[str]]]:
    """(line number, fields) of every row after the header that is not blank."""
    with damage_told(tree, table.name), tree.open_table(table.name) as file:
        _, rows = open_rows(file, origin=f"{tree.root}: {table.name}")
        yield from rows


def _label(text: str) -> int:
    plain = text.strip()
    if not plain.isdecimal() or int(plain) >= NUM_CLASSES:
        told = f"has emotion {plain!r}, expected 0 (angry) to 6 (neutral)"
        if plain.isdecimal():
            raise ValueError(f"{told} (another data set? data=folder reads its pictures from a folder for each class)")
        raise _ColumnError(
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
        raise _ColumnError(told, remedy="write one of them into the Usage of all rows")
    return plain


def _pixels(text: str) -> npt.NDArray[np.uint8]:
    """2,304 grey levels separated by spaces -> uint8 array (2304,), rows of the image one after the other."""
    with warnings.catch_warnings():
        # NumPy stops at what is no number and only deprecates that.
        warnings.simplefilter("error", DeprecationWarning)
        try:
            values = np.fromstring(text, dtype=np.int64, sep=" ")
        except (DeprecationWarning, ValueError):
            raise _ColumnError(
                "has pixels that are not whole numbers separated by spaces",
                remedy="write the pixels of all rows as whole numbers with nothing but spaces between them",
            ) from None
    if len(values) != _PIXELS:
        raise ValueError(f"has {len(values):,} pixels, expected {_PIXELS:,} ({SIDE}x{SIDE})")
    if values.min() < 0 or values.max() > 255:
        wrong = values[(values < 0) | (values > 255)][0]
        raise ValueError(f"has a pixel of {wrong}, expected 0 to 255")
    return values.astype(np.uint8)
