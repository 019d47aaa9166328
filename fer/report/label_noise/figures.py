"""Figures of the label-noise analysis, and the contact sheet of the least believable labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fer.common.wording import drawable
from fer.metrics import Estimate
from fer.metrics.label_noise import VoteLevel
from fer.report.explanations.gallery import SIDE, draw
from fer.report.page.figures import Palette, dots, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def wrong_labels_figure(wrong_of: Mapping[str, Estimate], *, overall: float, palette: Palette) -> "Figure":
    """Model-label disagreement among the faces of each label, highest on top."""
    names = sorted(wrong_of, key=lambda name: wrong_of[name].value)
    figure = new_figure(5.0, 1.2 + 0.34 * len(names), palette)
    axes = figure.subplots()
    axes.axvline(100 * overall, color=palette.muted, linestyle="--", linewidth=1.2, label="all labels")
    dots(axes, [wrong_of[name] for name in names], np.arange(len(names)), palette.series[0], "o", "label")
    axes.set_yticks(range(len(names)), [f"{name} ({wrong_of[name].n:,})" for name in names])
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlim(left=min(0, axes.get_xlim()[0]))
    axes.set_xlabel("model-label disagreement (%), 95 % intervals")
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def agreement_figure(levels: Sequence[VoteLevel], *, own: bool, palette: Palette) -> "Figure":
    """Labels and predictions against the votes, by how far people agree on a face.

    Args:
        levels: the thirds.
        own: whether the votes gave the labels: then the three are one.
        palette: colours.
    """
    figure = new_figure(5.4, 1.6 + 0.62 * len(levels), palette)
    axes = figure.subplots()
    places = np.arange(len(levels))[::-1]
    series = (
        ("prediction is the most voted emotion", "o", 0.22, [level.top_accuracy for level in levels]),
        ("prediction is the label", "s", 0.0, [level.accuracy for level in levels]),
        ("label is the most voted emotion", "^", -0.22, [level.label_is_top for level in levels]),
    )
    for number, (label, marker, shift, estimates) in enumerate(series[:1] if own else series):
        dots(axes, estimates, places + shift, palette.series[number], marker, label)
    axes.set_yticks(places, [f"{level.name} ({level.accuracy.n:,})" for level in levels])
    axes.set_ylim(-0.6, len(levels) - 0.4)
    axes.set_xlabel("share of the faces (%), 95 % intervals")
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper left", ncols=1)
    return figure


def entropy_figure(groups: Sequence[tuple[float, Estimate]], *, palette: Palette) -> "Figure":
    """Error against the entropy of the votes."""
    figure = new_figure(5.0, 3.4, palette)
    axes = figure.subplots()
    places = [entropy for entropy, _ in groups]
    low, value, high = ([100 * getattr(of, end) for _, of in groups] for end in ("low", "value", "high"))
    axes.vlines(places, low, high, color=palette.series[0], linewidth=1.6)
    axes.plot(places, value, color=palette.series[0], marker="o", markersize=5)
    axes.set(xlabel="entropy of the votes (nats)", ylabel="not predicted as the label (%)")
    axes.set_ylim(0, min(105, max(high) + 5))
    return figure


Images = npt.NDArray[np.uint8]

_COLUMNS = 6
_GAP = 8


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """One face with a label that may be wrong.

    Attributes:
        id: its name.
        given, suggested: the label and the emotion the model finds most probable.
        score: the label's probability.
        picture: uint8 array (`SIDE`, `SIDE`, 3), RGB.
    """

    id: str
    given: str
    suggested: str
    score: float
    picture: Images


def draw_suspect(image_CHW: Images, *, name: str, given: str, suggested: str, score: float) -> Suspect:
    """A face as the sheet shows it."""
    return Suspect(id=name, given=given, suggested=suggested, score=score, picture=draw(image_CHW, None))


def contact_sheet(suspects: Sequence[Suspect], labels: Sequence[str]) -> Images:
    """uint8 array (H, W, 3), RGB: the faces in rows of six, least believable first; label and suggestion below each.

    `labels`: all of them; one that OpenCV has no letters for is told by its place among them.
    """
    import cv2

    caption = 34
    lines = -(-len(suspects) // _COLUMNS)
    columns = min(_COLUMNS, len(suspects))
    sheet: Any = np.full(
        (_GAP + lines * (SIDE + caption + _GAP), _GAP + columns * (SIDE + _GAP), 3), 255, dtype=np.uint8
    )
    for number, face in enumerate(suspects):
        top = _GAP + number // _COLUMNS * (SIDE + caption + _GAP)
        left = _GAP + number % _COLUMNS * (SIDE + _GAP)
        sheet[top : top + SIDE, left : left + SIDE] = face.picture
        told = [drawable(label, labels) for label in (face.given, face.suggested)]
        for line, text in enumerate((f"label: {told[0]}", f"model: {told[1]}")):
            cv2.putText(
                sheet,
                text,
                (left, top + SIDE + 13 + 15 * line),
                cv2.FONT_HERSHEY_SIMPLEX,
                0.42,
                (27, 31, 36),
                1,
                cv2.LINE_AA,
            )
    return np.asarray(sheet, dtype=np.uint8)
