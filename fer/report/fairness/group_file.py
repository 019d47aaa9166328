"""Groups of faces from a person's CSV: a column that names the faces, one column a grouping."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import ConfigError, DataError, nearest
from fer.common.paths import expanded
from fer.common.wording import counted
from fer.data.csv_table import open_rows, refuse_doubled
from fer.metrics.fairness import UNKNOWN

_FACE_COLUMNS: Final = ("id", "file", "filename", "name", "image", "imagename", "path")
"""Headings, in lower case and without spaces and underscores, of the column that names the faces."""

NO_VALUE: Final = frozenset({"NA", "<NA>", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null"})
"""What R, pandas, SQL and spreadsheets write into a cell without a value. Not "None" or "none", which may be an answer
("glasses: none").
"""

MAX_GROUPS: Final = 20
"""A column of more different values is no grouping (an age in years, a remark)."""


@dataclass(frozen=True, kw_only=True)
class GroupTable:
    """A CSV of groups, read.

    Attributes:
        path: the file.
        face_column: heading of the column that names the faces.
        faces: a name for each row.
        groupings: heading -> the group of each row, `UNKNOWN` where the cell is empty or one of `NO_VALUE`.
        left_out: columns that nobody named and that are no groupings, with how many different values they have.
        no_value: heading -> how many cells are one of `NO_VALUE`; columns without such a cell are left out.
    """

    path: Path
    face_column: str
    faces: tuple[str, ...]
    groupings: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, int] = field(default_factory=dict)
    no_value: Mapping[str, int] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the file makes no group, a sentence each."""
        left_out = [
            f"The column {heading!r} of {self.path.name} is left out: with {values} different values it is no grouping "
            "(sort them into bands)."
            for heading, values in self.left_out.items()
        ]
        no_value = [
            f"In the column {heading!r} of {self.path.name} {counted(cells, 'cell')} like “NA” or “NaN” "
            f"{'is' if cells == 1 else 'are'} taken for unknown and {'makes' if cells == 1 else 'make'} no group."
            for heading, cells in self.no_value.items()
        ]
        return (*left_out, *no_value)


@dataclass(frozen=True, kw_only=True)
class MatchedGroups:
    """The groups of N faces.

    Attributes:
        groupings: heading -> str array (N,), `UNKNOWN` where the face is in no row or its cell says nothing.
        by_id: faces whose id a row names in full.
        by_name: faces found by the end of their path or their bare file name.
        unmatched: faces that no row names.
        ambiguous: faces left out because a row's file name belongs to several faces.
        stray_rows: rows that name no face of the data set.
    """

    groupings: Mapping[str, npt.NDArray[np.str_]]
    by_id: int
    by_name: int
    unmatched: int
    ambiguous: int
    stray_rows: int


def read_groups(path: Path, *, columns: Sequence[str] | None) -> GroupTable:
    """The CSV behind `fairness.groups`, in any form that `fer.data.csv_table` reads.

    Args:
        path: the file.
        columns: headings of the groupings to use; None for every column besides the face names.

    Raises:
        ConfigError: no such file, not a CSV, no column of face names, a column of `columns` that is not there or
            has too many different values, none with few enough, no rows, or two rows that contradict each other.
    """
    path = expanded(path)
    rows, numbers = _rows(path)
    headings = rows[0]
    face_column = _face_column(path, headings)
    chosen = _chosen(path, [heading for heading in headings if heading != face_column], columns)
    at = headings.index(face_column)
    faces = tuple(row[at].strip().replace("\\", "/").removeprefix("./") for row in rows[1:])
    told = {heading: tuple(row[headings.index(heading)].strip() for row in rows[1:]) for heading in chosen}
    groupings = {
        heading: tuple(UNKNOWN if cell in NO_VALUE else cell for cell in cells) for heading, cells in told.items()
    }
    values_of = {heading: len(set(cells) - {UNKNOWN}) for heading, cells in groupings.items()}
    left_out = {heading: values for heading, values in values_of.items() if values > MAX_GROUPS}
    if left_out and (columns is not None or len(left_out) == len(groupings)):
        heading, values = next(iter(left_out.items()))
        raise ConfigError(
            f"fairness.groups={path}: column {heading!r} has {values} different values, more than the "
            f"{MAX_GROUPS} a grouping may have: sort them into bands, or leave it out with fairness.columns=[...]"
        )
    groupings = {heading: cells for heading, cells in groupings.items() if heading not in left_out}
    _check_consistent(path, faces, numbers, groupings)
    no_value = {heading: sum(cell in NO_VALUE for cell in told[heading]) for heading in groupings}
    return GroupTable(
        path=path,
        face_column=face_column,
        faces=faces,
        groupings=groupings,
        left_out=left_out,
        no_value={heading: count for heading, count in no_value.items() if count > 0},
    )


def match_groups(table: GroupTable, *, ids: Sequence[str], all_ids: Sequence[str]) -> MatchedGroups:
    """The groups of the faces `ids`, found by the names of the table's rows.

    A row names a face by its id ("test/angry/PrivateTest_1.jpg"), by the end of its path, by a path that ends with its
    id, or by its file name with or without the suffix. The most exact of these counts. A short name that belongs to
    several faces of the data set is used for none of them.

    Args:
        table: of `read_groups`.
        ids: the N faces.
        all_ids: every face of the data set, so that a name is known to be of one face alone.

    Raises:
        ConfigError: no face of the data set is named.
    """
    known = set(all_ids)
    faces_of: dict[str, set[str]] = {}
    for name in known:
        for end in _ends(name):
            faces_of.setdefault(end, set()).add(name)
    row_of: dict[str, tuple[int, int]] = {}
    ambiguous: set[str] = set()
    stray = 0
    for row, face in enumerate(table.faces):
        found, exactness = _find(face, known, faces_of)
        stray += not found
        if len(found) > 1:
            ambiguous |= found
        for name in found if len(found) == 1 else ():
            if name not in row_of or exactness < row_of[name][0]:
                row_of[name] = (exactness, row)
    if not row_of:
        raise ConfigError(
            f"fairness.groups={table.path}: none of the {len(table.faces):,} names in column {table.face_column!r} "
            f"belongs to one face of the data (the first is {table.faces[0]!r}; a face is named like {ids[0]!r}): name "
            "the faces by that id or by their file name"
        )
    rows = [row_of.get(name) for name in ids]
    return MatchedGroups(
        groupings={
            heading: np.array([UNKNOWN if row is None else cells[row[1]] for row in rows], dtype=np.str_)
            for heading, cells in table.groupings.items()
        },
        by_id=sum(row is not None and row[0] == 0 for row in rows),
        by_name=sum(row is not None and row[0] > 0 for row in rows),
        unmatched=sum(row is None for row in rows),
        ambiguous=sum(row is None and name in ambiguous for name, row in zip(ids, rows, strict=True)),
        stray_rows=stray,
    )


def _find(face: str, known: set[str], faces_of: Mapping[str, set[str]]) -> tuple[set[str], int]:
    """The faces that a row's name may mean, and how inexact it is: 0 for an id, more the less of a path agrees."""
    if face in known:
        return {face}, 0
    for inexactness, end in enumerate(_ends(face), start=1):
        if end in faces_of:
            return faces_of[end], inexactness
    return set(), 0


def _ends(name: str) -> list[str]:
    """What may stand for a path, most exact first: its ends at each slash, then its file name without the suffix."""
    parts = name.split("/")
    ends = ["/".join(parts[start:]) for start in range(len(parts))]
    stem, dot, suffix = parts[-1].rpartition(".")
    # "fer2013.csv:17" is a row of a file, not a file with a suffix.
    return [*ends, stem] if dot and stem and suffix.isalnum() and len(suffix) <= 4 else ends


def _rows(path: Path) -> tuple[list[list[str]], list[int]]:
    """The heading and every row that is not blank, each as long as the heading; and the rows' line numbers."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"fairness.groups={path} cannot be read ({error.strerror}): give a CSV with a column `id` or `file` and "
            "one column a grouping"
        ) from error
    origin = f"fairness.groups={path}"
    try:
        heading, numbered = open_rows(io.BytesIO(data), origin=origin)
        # Spreadsheets leave columns without a heading behind.
        refuse_doubled(heading, [name for name in heading if name], origin=origin)
        rows = list(numbered)
    except DataError as error:
        raise ConfigError(str(error)) from error
    if not rows:
        raise ConfigError(f"{origin} has no rows: give a heading and a row for each face")
    for number, row in rows:
        if len(row) != len(heading):
            raise ConfigError(
                f"{origin}, line {number} has {len(row)} cells, the heading {len(heading)}: mend the line"
            )
    return [heading, *(row for _, row in rows)], [number for number, _ in rows]


def _face_column(path: Path, headings: Sequence[str]) -> str:
    plain = {"".join(heading.lower().replace("_", " ").replace("-", " ").split()): heading for heading in headings}
    for name in _FACE_COLUMNS:
        if name in plain:
            return plain[name]
    raise ConfigError(
        f"fairness.groups={path} has no column that names the faces, only {', '.join(map(repr, headings))}: call it "
        "`id` or `file`"
    )


def _chosen(path: Path, headings: Sequence[str], columns: Sequence[str] | None) -> list[str]:
    if columns is None:
        # Spreadsheets leave columns without a heading behind.
        named = [heading for heading in headings if heading]
        if not named:
            raise ConfigError(
                f"fairness.groups={path} has no column besides the names of the faces: add one for each grouping, "
                "such as `age` or `glasses`"
            )
        return named
    for column in columns:
        if column not in headings:
            raise ConfigError(
                f"fairness.columns: {path} has no column {column!r}{nearest(column, headings)}; it has "
                f"{', '.join(map(repr, headings)) or 'none besides the names of the faces'}"
            )
    return list(columns)


def _check_consistent(
    path: Path, faces: Sequence[str], numbers: Sequence[int], groupings: Mapping[str, Sequence[str]]
) -> None:
    first_of: dict[str, int] = {}
    for row, face in enumerate(faces):
        first = first_of.setdefault(face, row)
        for heading, cells in groupings.items():
            if cells[row] != cells[first]:
                raise ConfigError(
                    f"fairness.groups={path}: lines {numbers[first]} and {numbers[row]} both name {face!r} but say "
                    f"{cells[first]!r} and {cells[row]!r} in column {heading!r}: keep one of them"
                )
