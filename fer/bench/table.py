"""The table of a bench, for a terminal and as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fer.bench.result import Grid, Measurement, Row

_SPREADS: Final = {"median": "least to most", "mean": "standard deviation"}


def as_text(measurements: Sequence[Measurement]) -> str:
    """Aligned columns, a block a measurement."""
    cells = {measurement.key: [_cells(row) for row in measurement.rows] for measurement in measurements}
    heads = [_head(measurement) for measurement in measurements if measurement.rows]
    every = [*heads, *(row for rows in cells.values() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*every, strict=True)]
    blocks = []
    for measurement in measurements:
        lines = [measurement.title, *([_aligned(_head(measurement), widths)] if measurement.rows else [])]
        lines += [] if measurement.grid is None else _grid_text(measurement.grid)
        for row, shown in zip(measurement.rows, cells[measurement.key], strict=True):
            lines.append(f"{_aligned(shown, widths)}{'  ' + row.note if row.note else ''}".rstrip())
        lines += [f"  {note}" for note in measurement.notes]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def as_markdown(measurements: Sequence[Measurement], *, machine: Mapping[str, Any], command: str) -> str:
    """The same as a page, with the command and the machine."""
    lines = ["# fer-bench", "", f"`{command}`", "", "| machine | |", "|---|---|"]
    lines += [f"| {name} | {_plain(value)} |" for name, value in machine.items()]
    for measurement in measurements:
        lines += ["", f"## {measurement.title}", ""]
        if measurement.grid is not None:
            lines += ["| " + " | ".join(map(_escaped, measurement.grid.head)) + " |"]
            lines += ["|---" + "|---:" * (len(measurement.grid.head) - 1) + "|"]
            lines += ["| " + " | ".join(map(_escaped, line)) + " |" for line in measurement.grid.lines]
        if measurement.rows:
            _, middle, _, spread, _ = _head(measurement)
            lines += [f"| measured | {middle} | | {spread} | every repeat | |", "|---|---:|---|---|---|---|"]
        for row in measurement.rows:
            label, shown, unit, spread, _ = _cells(row)
            every = ", ".join(number(value) for value in row.values)
            lines.append("| " + " | ".join(map(_escaped, (label, shown, unit, spread, every, row.note))) + " |")
        lines += [""] * bool(measurement.notes)
        lines += [f"- {note}" for note in measurement.notes]
    return "\n".join(lines) + "\n"


def _grid_text(grid: Grid) -> list[str]:
    """A block a contender, because many columns do not fit a terminal."""
    width = max(map(len, grid.head[1:]))
    lines = []
    for name, *cells in grid.lines:
        lines.append(f"  {name}")
        lines += [f"    {head:{width}}  {cell}" for head, cell in zip(grid.head[1:], cells, strict=True)]
    return lines


def number(value: float) -> str:
    """Four digits that matter, or all before the point where there are more."""
    size = abs(value)
    digits = next((digits for limit, digits in ((1000, 0), (100, 1), (10, 2), (1, 3)) if size >= limit), 4)
    return f"{value:,.{digits}f}"


def _head(measurement: Measurement) -> tuple[str, str, str, str, str]:
    # The rows of a measurement have one kind of repeat, and so one centre.
    centre = measurement.rows[0].centre
    return "", centre, "", _SPREADS[centre], "repeats"


def _cells(row: Row) -> tuple[str, str, str, str, str]:
    """Label, middle, unit, spread and number of repeats."""
    if row.middle is None:
        return f"  {row.label}", "-", "", "not measured", "0"
    if row.centre == "mean":
        spread = "" if row.std is None else number(row.std)
    elif len(row.values) > 1:
        spread = f"{number(min(row.values))} to {number(max(row.values))}"
    else:
        spread = ""
    return f"  {row.label}", number(row.middle), row.unit, spread, str(len(row.values))


def _aligned(cells: tuple[str, str, str, str, str], widths: Sequence[int]) -> str:
    label, middle, unit, spread, repeats = cells
    return (
        f"{label:{widths[0]}}  {middle:>{widths[1]}} {unit:{widths[2]}}  {spread:{widths[3]}}  {repeats:>{widths[4]}}"
    )


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return _escaped(", ".join(f"{name} {entry}" for name, entry in value.items()))
    return _escaped(str(value))


def _escaped(text: str) -> str:
    return text.strip().replace("|", "\\|")
