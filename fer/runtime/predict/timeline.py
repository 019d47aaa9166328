"""A plot of the faces of a video over time, as SVG: a panel a face, a line an emotion."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Final

from fer.common.errors import DataError
from fer.common.label_set import are_emotions
from fer.common.labels import EMOTIONS
from fer.runtime.predict.copy_marks import MARK
from fer.runtime.record import Face

COLOURS: Final = ("#d55e00", "#009e73", "#7a5195", "#e69f00", "#0072b2", "#cc79a7", "#555555")
"""An emotion each, in the order of `EMOTIONS`: told apart by people who are colour-blind (Okabe and Ito, 2008)."""

DASHES: Final = ("", "6 3", "2 3", "", "8 3 2 3", "4 2", "")
"""So that lines differ without colour too."""

PANELS: Final = 20
"""Faces shown, those that are there for longest."""

_WIDE, _HIGH, _LEFT, _GAP, _TOP = 900, 130, 60, 40, 70
_LINE: Final = 18
"""Pixels from row to row of the legend."""

_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)


@dataclass
class Timeline:
    """Gathers the records of a video's seconds, and draws them.

    Attributes:
        title: the video's name.
        labels: what is predicted of each face.
    """

    title: str
    labels: tuple[str, ...] = EMOTIONS
    _tracks: dict[int, list[tuple[float, tuple[float, ...]]]] = field(default_factory=dict)
    _last: float = 0.0

    def add(self, seconds: Iterable[list[Face]]) -> None:
        """Takes records of a face and second."""
        for faces in seconds:
            for face in faces:
                assert face.seconds is not None
                self._last = max(self._last, face.seconds)
                if face.track is not None and face.probabilities is not None:
                    point = (face.seconds, tuple(face.probabilities.values()))
                    self._tracks.setdefault(face.track, []).append(point)

    def write(self, path: Path) -> None:
        """Writes the plot.

        Raises:
            DataError: the disk refuses it.
        """
        try:
            path.unlink(missing_ok=True)
            path.write_text(f"{self.svg()}<!-- {MARK.decode()} -->\n", encoding="utf-8")
        except OSError as error:
            raise DataError(f"{path} cannot be written ({error.strerror}): choose another --annotate folder") from error

    def svg(self) -> str:
        """The plot as an SVG document."""
        longest = sorted(self._tracks, key=lambda track: (-len(self._tracks[track]), track))[:PANELS]
        shown = sorted(longest)
        legend, rows = _legend(self.labels)
        start = _TOP + _LINE * (rows - 1)
        height = start + max(1, len(shown)) * (_HIGH + _GAP)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE + _LEFT + 20} {height}" '
            'font-family="sans-serif" font-size="12" fill="#222">',
            f"<title>{'Emotions' if are_emotions(self.labels) else 'Labels'} over time: {escape(self.title)}</title>",
            f'<rect width="100%" height="100%" fill="#fff"/><text x="{_LEFT}" y="20" font-size="15">'
            f"{escape(self.title)}</text>",
            legend,
        ]
        if not shown:
            parts.append(f'<text x="{_LEFT}" y="{start + 30}">no face found</text>')
        left_out = len(self._tracks) - len(shown)
        if left_out:
            parts.append(f'<text x="{_WIDE + _LEFT}" y="20" text-anchor="end">{left_out} more faces not shown</text>')
        parts += [self._panel(track, top=start + row * (_HIGH + _GAP)) for row, track in enumerate(shown)]
        return "\n".join([*parts, "</svg>\n"])

    def _panel(self, track: int, *, top: int) -> str:
        length = max(self._last, 1.0)
        step = next((step for step in _STEPS if length / step <= 12), _STEPS[-1])
        parts = [f'<text x="{_LEFT}" y="{top - 5}" font-weight="bold">face {track}</text>']
        for percent in (0, 50, 100):
            y = top + _HIGH * (1 - percent / 100)
            parts.append(
                f'<path d="M{_LEFT} {y:g}h{_WIDE}" stroke="#ddd"/>'
                f'<text x="{_LEFT - 6}" y="{y + 4:g}" text-anchor="end">{percent} %</text>'
            )
        for tick in range(0, int(length) + 1, step):
            x = _LEFT + _WIDE * tick / length
            parts.append(
                f'<path d="M{x:.1f} {top + _HIGH}v4" stroke="#888"/>'
                f'<text x="{x:.1f}" y="{top + _HIGH + 17}" text-anchor="middle">{_time(tick)}</text>'
            )
        points = self._tracks[track]
        for number, emotion in enumerate(self.labels):
            line = "".join(
                # A face that was away for a while has a gap.
                f"{'M' if place == 0 or at - points[place - 1][0] > 2.5 else 'L'}"
                f"{_LEFT + _WIDE * at / length:.1f} {top + _HIGH * (1 - shares[number]):.1f}"
                for place, (at, shares) in enumerate(points)
            )
            # The round cap shows a single second as a dot.
            parts.append(
                f'<path d="{line}l0 0" fill="none" stroke="{_colour(number)}" stroke-width="2" stroke-linecap="round" '
                f'stroke-dasharray="{_dashes(number)}"><title>{emotion}</title></path>'
            )
        return "\n".join(parts)


def _legend(labels: tuple[str, ...]) -> tuple[str, int]:
    """A line and a name for each label, and in how many rows."""
    wide = max(110, 40 + 8 * max(map(len, labels)))
    columns = max(1, _WIDE // wide)
    parts = []
    for number, emotion in enumerate(labels):
        x, y = _LEFT + number % columns * wide, 38 + _LINE * (number // columns)
        parts.append(
            f'<path d="M{x} {y}h24" stroke="{_colour(number)}" stroke-width="3" stroke-dasharray="{_dashes(number)}"/>'
            f'<text x="{x + 30}" y="{y + 4}">{emotion}</text>'
        )
    return "\n".join(parts), math.ceil(len(labels) / columns)


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _dashes(number: int) -> str:
    return DASHES[number % len(DASHES)]


def _time(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} s"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
