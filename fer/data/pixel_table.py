"""CSV files with the grey levels of a face in each row: the form of the Kaggle challenge, also of other sets."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.data.csv_table import header_of, open_rows, refuse_doubled
from fer.data.tree import Tree, damage_told

_A_FEW: Final = 64
"""More numbers than this in a cell are pixels."""


@dataclass(frozen=True)
class PixelTable:
    """A CSV file with a `pixels` column, by its header.

    Attributes:
        name: of the file, in its tree.
        columns: names in lower case.
    """

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


class ColumnError(ValueError):
    """What is most probably wrong with every row, as whoever wrote the file meant something by it.

    Args:
        message: what the row has.
        remedy: what to do to the column.
    """

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


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


def table_rows(tree: Tree, table: PixelTable) -> Iterator[tuple[int, list[str]]]:
    """(line number, fields) of every row after the header that is not blank.

    Raises:
        DataError: the file is damaged, or no CSV.
    """
    with damage_told(tree, table.name), tree.open_table(table.name) as file:
        _, rows = open_rows(file, origin=f"{tree.root}: {table.name}")
        yield from rows


def record_of(table: PixelTable, fields: list[str]) -> dict[str, str]:
    """The fields of a row by their columns.

    Raises:
        ValueError: more or fewer of them than columns.
    """
    if len(fields) != len(table.columns):
        raise ValueError(f"has {len(fields)} columns, expected {len(table.columns)} ({', '.join(table.columns)})")
    return dict(zip(table.columns, fields, strict=True))


def grey_levels(text: str) -> npt.NDArray[np.int64]:
    """The whole numbers of a cell, which spaces separate.

    Raises:
        ColumnError: something else is in it.
    """
    with warnings.catch_warnings():
        # NumPy stops at what is no number and only deprecates that.
        warnings.simplefilter("error", DeprecationWarning)
        try:
            return np.fromstring(text, dtype=np.int64, sep=" ")
        except (DeprecationWarning, ValueError):
            raise ColumnError(
                "has pixels that are not whole numbers separated by spaces",
                remedy="write the pixels of all rows as whole numbers with nothing but spaces between them",
            ) from None


def as_bytes(levels: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Grey levels as uint8.

    Raises:
        ValueError: one below 0 or above 255.
    """
    if levels.min(initial=0) < 0 or levels.max(initial=0) > 255:
        wrong = levels[(levels < 0) | (levels > 255)][0]
        raise ValueError(f"has a pixel of {wrong}, expected 0 to 255")
    return levels.astype(np.uint8)
