"""The figures of the robustness analysis, and one face under every corruption."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fer.data.corruption.registry import CORRUPTIONS, corrupt
from fer.metrics import Estimate
from fer.metrics.robustness import AccuracyGrid
from fer.report.page.figures import LINE_STYLES, Palette, dots, new_figure
from fer.report.page.section import data_uri, webp

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARKERS = ("o", "s", "^", "D", "v")


def groups_of(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Group -> its corruptions among `names`, both in the order of the registry."""
    groups = dict.fromkeys(CORRUPTIONS[name].group for name in names)
    return {group: tuple(name for name in names if CORRUPTIONS[name].group == group) for group in groups}


def retention_figure(retention: Mapping[str, Estimate], *, goal: float, palette: Palette) -> "Figure":
    """Chance-corrected retention of each corruption with its interval, in percent; dashed: the goal for lighting."""
    names = list(retention)
    figure = new_figure(5.2, 1.6 + 0.27 * len(names), palette)
    axes = figure.subplots()
    axes.axvline(100, color=palette.muted, linewidth=1)
    axes.axvline(100 * goal, color=palette.muted, linewidth=1, linestyle="--")
    place_of = {name: len(names) - 1 - number for number, name in enumerate(names)}
    groups = groups_of(names)
    for number, (group, members) in enumerate(groups.items()):
        places = np.array([place_of[name] for name in members])
        dots(axes, [retention[name] for name in members], places, palette.series[number], _MARKERS[number], group)
    for artist in (*axes.collections, *axes.lines):
        artist.set_clip_on(True)
    axes.set_yticks(list(place_of.values()), [CORRUPTIONS[name].title for name in names])
    axes.set_ylim(-0.7, len(names) - 0.3)
    # Corrupted faces can score better by chance; a model that knows nothing has intervals without end.
    ends = [100 * estimate.high for estimate in retention.values() if np.isfinite(estimate.high)]
    starts = [100 * estimate.low for estimate in retention.values() if np.isfinite(estimate.low)]
    axes.set_xlim(max(-50, min([0, *starts])), min(150, max([105, *ends])))
    axes.set_xlabel("% of the accuracy beyond chance kept")
    axes.grid(visible=False, axis="y")
    if len(groups) > 1:
        figure.legend(loc="outside upper left", ncols=3)
    return figure


def severity_figure(grid: AccuracyGrid, *, palette: Palette) -> "Figure":
    """Mean accuracy of each group by severity, the clean faces at 0; the dashed line is the most common emotion."""
    figure = new_figure(5.2, 4.0, palette)
    axes = figure.subplots()
    axes.axhline(100 * grid.majority[0], color=palette.muted, linestyle="--", linewidth=1)
    clean = grid.clean_accuracy
    severities = (0, *grid.severities)
    for number, (group, members) in enumerate(groups_of(grid.names).items()):
        points = [clean, *(grid.mean_accuracy(members, severity) for severity in grid.severities)]
        colour = palette.series[number]
        low, high = ([100 * getattr(point, end) for point in points] for end in ("low", "high"))
        axes.fill_between(severities, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(
            severities,
            [100 * point.value for point in points],
            color=colour,
            linestyle=LINE_STYLES[number],
            marker=_MARKERS[number],
            markersize=5,
            label=group,
        )
    axes.set_xticks(severities, ["clean", *map(str, grid.severities)])
    axes.set_xlabel("severity")
    axes.set_ylabel("accuracy (%)")
    axes.set_ylim(0, None)
    figure.legend(loc="outside upper left", ncols=3)
    return figure


_SIDE = 96
"""Height and width of a shown face in pixels: twice 48."""


@dataclass(frozen=True, kw_only=True)
class Strip:
    """The face untouched and at each severity, side by side.

    Attributes:
        name: the corruption.
        uri: the picture as the page carries it.
        width: in pixels.
        height: in pixels.
    """

    name: str
    uri: str
    width: int
    height: int


def strips(
    image_CHW: npt.NDArray[np.uint8], *, names: Sequence[str], severities: Sequence[int], seed: int
) -> tuple[Strip, ...]:
    """A strip for each corruption, of one uint8 face (C, H, W)."""
    drawn = []
    for name in names:
        faces = [
            image_CHW,
            *(corrupt(image_CHW[None], name=name, severity=severity, seed=seed)[0] for severity in severities),
        ]
        picture = np.concatenate([_draw(face) for face in faces], axis=1)
        drawn.append(
            Strip(
                name=name,
                uri=data_uri(webp(picture), "image/webp"),
                width=picture.shape[1],
                height=picture.shape[0],
            )
        )
    return tuple(drawn)


def _draw(image_CHW: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    import cv2

    rgb = np.repeat(image_CHW, 3, axis=0) if image_CHW.shape[0] == 1 else image_CHW
    return np.asarray(
        cv2.resize(np.ascontiguousarray(rgb.transpose(1, 2, 0)), (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC),
        dtype=np.uint8,
    )
