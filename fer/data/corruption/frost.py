"""Frost on a window pane, drawn: ferns of ice over a haze.

arXiv 1903.12261 takes crops of photographs. Their licence is unclear and they would have to be shipped, so the panes
are generated here: five of them, four times as wide as the face, of which each face gets a place of its own.
"""

from functools import lru_cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fer.data.corruption.streams import Floats

PANES: Final = 5
SPAN: Final = 4
"""Side of a pane in sides of a face."""

_CANVAS: Final = 768
"""Side of the drawing in pixels; a face covers a quarter of it in each direction."""

_ROWS: Final = 8
"""One fern starts in each cell of a grid of this many rows and columns."""


@lru_cache(maxsize=8)
def panes(side: int) -> Floats:
    """float32 (`PANES`, `SPAN` * side, `SPAN` * side) in [0, 1]: the panes for pictures of `side` pixels.

    They are the same on every call and in every process.
    """
    target = SPAN * side
    order = cv2.INTER_AREA if target < _CANVAS else cv2.INTER_LINEAR
    return np.stack(
        [np.asarray(cv2.resize(pane, (target, target), interpolation=order), np.float32) for pane in _drawn()]
    )


@lru_cache(maxsize=1)
def _drawn() -> tuple[Floats, ...]:
    """The panes as drawn, each float32 (`_CANVAS`, `_CANVAS`); drawing them takes half a second."""
    return tuple(_pane(np.random.default_rng([1903, 12261, number])) for number in range(PANES))


def _pane(rng: np.random.Generator) -> Floats:
    """float32 (`_CANVAS`, `_CANVAS`) in [0, 1]."""
    ice = np.zeros((_CANVAS, _CANVAS), np.uint8)
    cell = _CANVAS / _ROWS
    for row in range(_ROWS):
        for column in range(_ROWS):
            place = (cell * (column + rng.random()), cell * (row + rng.random()))
            _fern(ice, rng, place=place, heading=rng.uniform(0, 2 * np.pi), length=rng.uniform(130, 280))
    fern = np.asarray(cv2.GaussianBlur(ice, (0, 0), 1.5), np.float32) / 255
    haze = np.asarray(cv2.GaussianBlur(fern, (0, 0), 34.0), np.float32)
    cloud = np.asarray(
        cv2.resize(rng.random((9, 9), dtype=np.float32), (_CANVAS, _CANVAS), interpolation=cv2.INTER_CUBIC)
    )
    grain = np.asarray(cv2.GaussianBlur(rng.standard_normal(fern.shape, dtype=np.float32), (0, 0), 2.0)) * 3.5
    pane = 0.10 + 0.28 * cloud + haze / haze.max() * (0.34 + 0.10 * grain) + 0.6 * fern
    clipped: Floats = np.clip(pane, 0, 1).astype(np.float32)
    return clipped


def _fern(
    ice: npt.NDArray[np.uint8],
    rng: np.random.Generator,
    *,
    place: tuple[float, float],
    heading: float,
    length: float,
) -> None:
    """A bent stem with branches on both sides that shorten towards its tip, and twigs on those, each at 60 degrees."""
    step = 11.0
    bend = rng.normal(0, 0.012)
    x, y = place
    count = int(length / step)
    for number in range(count):
        rest = 1 - number / count
        nx, ny = x + step * np.cos(heading), y + step * np.sin(heading)
        _line(ice, (x, y), (nx, ny), tone=rng.uniform(0.75, 1.0), width=2 + round(2 * rest))
        for sign in (-1, 1):
            direction = heading + sign * np.radians(60) + rng.normal(0, 0.08)
            reach = 0.34 * length * rest * rng.uniform(0.5, 1.0)
            tip = (nx + reach * np.cos(direction), ny + reach * np.sin(direction))
            _line(ice, (nx, ny), tip, tone=rng.uniform(0.45, 0.9), width=1 + round(rest))
            for share in (0.4, 0.7):
                base = (nx + share * (tip[0] - nx), ny + share * (tip[1] - ny))
                twig = 0.3 * reach * (1.1 - share)
                end = (base[0] + twig * np.cos(heading), base[1] + twig * np.sin(heading))
                _line(ice, base, end, tone=rng.uniform(0.35, 0.8), width=1)
        x, y, heading = nx, ny, heading + bend


def _line(
    ice: npt.NDArray[np.uint8], start: tuple[float, float], end: tuple[float, float], *, tone: float, width: int
) -> None:
    """An antialiased line in place; ends are in pixels, to a sixteenth."""
    ends = [(round(16 * x), round(16 * y)) for x, y in (start, end)]
    cv2.line(ice, ends[0], ends[1], (255 * tone,), width, cv2.LINE_AA, 4)
