"""What a measurement found: every repeat, what is shown of them, and the machine it was found on."""

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from fer.common.environment import environment, physical_memory
from fer.common.processes import cores

_T = TypeVar("_T")
_GIB: Final = 2**30


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        label: what was measured.
        unit: of the values; "x" for a ratio.
        values: every repeat, in the order they were taken; none where nothing could be measured.
        centre: what stands for them: the median (of times, which others can only prolong) or the mean (of results
            that differ by their seed).
        note: the reason why there is no value, or what the value does not say of itself.
    """

    label: str
    unit: str
    values: tuple[float, ...]
    centre: Literal["median", "mean"] = "median"
    note: str = ""

    @property
    def middle(self) -> float | None:
        """Median or mean of the values."""
        if len(self.values) == 0:
            return None
        return statistics.median(self.values) if self.centre == "median" else statistics.fmean(self.values)

    @property
    def std(self) -> float | None:
        """Standard deviation over the repeats (n - 1); None for fewer than two."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        return {
            "label": self.label,
            "unit": self.unit,
            "values": list(self.values),
            self.centre: self.middle,
            "least": min(self.values, default=None),
            "most": max(self.values, default=None),
            "deviation": self.std,
            "note": self.note,
        }


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table of several scores for each contender.

    Attributes:
        head: headings; the first stands over the contenders.
        lines: a contender each, as shown.
    """

    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One part of the table.

    Attributes:
        key: the name by which `bench.what` asks for it.
        title: with the settings that all its rows share.
        rows: in the order of the table.
        grid: stands in their place where several scores belong side by side.
        notes: what a reader must know.
    """

    key: str
    title: str
    rows: tuple[Row, ...]
    grid: Grid | None = None
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        rows = [row.as_dict() for row in self.rows]
        grid = {} if self.grid is None else {"table": [list(self.grid.head), *map(list, self.grid.lines)]}
        return {"key": self.key, "title": self.title, "rows": rows, **grid, "notes": list(self.notes)}


def unmeasured(label: str, *, unit: str, reason: str) -> Row:
    """The row of what could not be measured."""
    return Row(label=label, unit=unit, values=(), note=reason)


def ratio(label: str, above: Row, below: Row) -> Row:
    """`above` over `below`, repeat by repeat: what slows the machine down for a while slows both of a repeat.

    Without a value where either has none.
    """
    if len(above.values) == 0 or len(below.values) == 0:
        missing = above if len(above.values) == 0 else below
        return unmeasured(label, unit="x", reason=f"{missing.label} was not measured")
    return Row(label=label, unit="x", values=tuple(a / b for a, b in zip(above.values, below.values, strict=True)))


def in_turn(items: Sequence[_T], number: int) -> list[_T]:
    """The items, beginning with another one each time, so that none always comes first."""
    start = number % len(items)
    return [*items[start:], *items[:start]]


def describe_machine(*, threads: int, device: str, precision: str) -> dict[str, Any]:
    """What a reader needs to judge the numbers, as plain values by the names of a table.

    Args:
        threads: of torch.
        device: in words.
        precision: Lightning's name, of the training.
    """
    import onnxruntime

    here, memory = environment(), physical_memory()
    return {
        "processor": here["machine"]["processor"],
        "cores": cores(),
        "memory, GiB": None if memory is None else round(memory / _GIB, 1),
        "device": device,
        "precision": precision,
        "threads of torch": threads,
        "system": here["machine"]["system"],
        "versions": {**here["versions"], "onnxruntime": onnxruntime.__version__},
        "git revision": here["git_revision"],
    }


def busy_cores() -> float | None:
    """Cores kept busy over the last minute, by everything on this machine; None where the system does not tell.

    The load average counts programs that wait for a core too, and so may be above the number of cores.
    """
    return min(os.getloadavg()[0], float(os.cpu_count() or 1)) if hasattr(os, "getloadavg") else None
