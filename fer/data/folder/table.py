"""A data set as one CSV with a face a row: class, grey levels, perhaps the split (`ckextended.csv` and its like)."""

from math import isqrt
from pathlib import PurePosixPath
from typing import Final

from fer.common.errors import DataError
from fer.common.wording import printable_path
from fer.data.class_folders import split_of
from fer.data.csv_table import refuse_doubled
from fer.data.decode import UnreadableError
from fer.data.image_files import LabelledImage, Listing
from fer.data.pixel_table import ColumnError, PixelTable, as_bytes, find_tables, grey_levels, record_of, table_rows
from fer.data.tree import Tree

LABELS: Final = ("emotion", "label", "class")
SPLITS: Final = ("usage", "split")
"""Columns that say a face's class and its split, the first that is there."""


def find_table(tree: Tree) -> PixelTable | None:
    """The CSV of faces among the files; None where there is none.

    Raises:
        DataError: several, one whose rows have no class or two, or a single CSV without faces.
    """
    tables = find_tables(tree)
    if not tables:
        if len(tree.names) == 1 and tree.names[0].lower().endswith(".csv"):
            raise DataError(
                f"{tree.root}: {printable_path(tree.names[0])} has no column pixels, and so no faces: call the column "
                "that holds the grey levels of a face pixels, or set data.root to another file"
            )
        return None
    if len(tables) > 1:
        names = ", ".join(printable_path(table.name) for table in tables[:4])
        raise DataError(f"{tree.root} holds several tables of faces ({names}): set data.root to one of them")
    [table] = tables
    origin = f"{tree.root}: {printable_path(table.name)}"
    if _first(table, LABELS) is None:
        raise DataError(
            f"{origin} has the columns {', '.join(table.columns)}, and none that says a face's class: call it "
            f"{', '.join(LABELS[:-1])} or {LABELS[-1]}"
        )
    refuse_doubled(table.columns, (*LABELS, *SPLITS), origin=origin)
    return table


def list_table(tree: Tree, table: PixelTable) -> Listing:
    """Every face of a table; its id is "<file name>:<row>", rows counted from 1 after the header.

    A row whose pixels are no square picture of grey levels is one that cannot be read, as a damaged file is.

    Raises:
        DataError: a row of more or fewer columns, or of a split without a meaning; or pixels that no row has as they
            must be written.
    """
    name = PurePosixPath(table.name).name
    label, split = _first(table, LABELS), _first(table, SPLITS)
    assert label is not None
    images: list[LabelledImage] = []
    pictures: dict[str, bytes | str] = {}
    otherwise: ColumnError | None = None
    for row, (line, fields) in enumerate(table_rows(tree, table), start=1):
        try:
            record = record_of(table, fields)
            part = None if split is None else split_of(record[split].strip())
            if split is not None and part is None:
                raise ValueError(f"has {split} {record[split]!r}, expected Training, PublicTest or PrivateTest")
        except ValueError as error:
            raise DataError(
                f"{tree.root}: {printable_path(table.name)} row {row} (line {line}) {error}; mend or delete the row"
            ) from error
        path = f"{name}:{row}"
        images.append(LabelledImage(path=path, label=record[label].strip(), split=part))
        try:
            pictures[path] = _pgm(record["pixels"])
        except ValueError as error:
            pictures[path] = str(error)
            otherwise = error if isinstance(error, ColumnError) else otherwise
    if otherwise is not None and all(isinstance(picture, str) for picture in pictures.values()):
        raise DataError(f"{tree.root}: {printable_path(table.name)} {otherwise}: {otherwise.remedy}")

    def read(path: str) -> bytes:
        picture = pictures[path]
        if isinstance(picture, str):
            raise UnreadableError(picture)
        return picture

    by_split = "no column that says their split" if split is None else f"their splits by {split}"
    return Listing(
        name=f"Table {printable_path(name)}",
        layout="a row a face",
        images=images,
        notes=[
            f"Faces are rows of {printable_path(name)}: their classes by {label}, {by_split}.",
            "Whose face a row shows is not known: one person may be in several splits.",
        ],
        read=read,
    )


def _first(table: PixelTable, columns: tuple[str, ...]) -> str | None:
    return next((column for column in columns if column in table.columns), None)


def _pgm(text: str) -> bytes:
    """A picture of grey levels in the form that every decoder reads (Netpbm's P5).

    Raises:
        ValueError: no square of numbers from 0 to 255.
    """
    levels = as_bytes(grey_levels(text))
    side = isqrt(len(levels))
    if side == 0 or side * side != len(levels):
        raise ValueError(f"{len(levels):,} pixels, which is no square")
    return b"P5 %d %d 255\n" % (side, side) + levels.tobytes()
