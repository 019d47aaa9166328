"""Names in the cells of CSV files, which people open in spreadsheets."""

from typing import Final

_FORMULA: Final = ("=", "+", "-", "@")
"""What formulas begin with in spreadsheets, which run them: anybody may have named a file."""

_HERE: Final = "./"


def cell_of(name: str) -> str:
    """A path, or the id of a face, that a spreadsheet takes for no formula; it leads to the same file."""
    return f"{_HERE}{name}" if name.startswith(_FORMULA) else name


def name_in(cell: str) -> str:
    """What `cell_of` made a cell of."""
    name = cell.removeprefix(_HERE)
    return name if name.startswith(_FORMULA) else cell
