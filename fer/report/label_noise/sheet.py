"""The contact sheet: the faces whose labels the model believes least."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fer.report.explanations.gallery import SIDE, draw

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


def contact_sheet(suspects: Sequence[Suspect]) -> Images:
    """uint8 array (H, W, 3), RGB: the faces in rows of six, least believable first; label and suggestion below each."""
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
        for line, text in enumerate((f"label: {face.given}", f"model: {face.suggested}")):
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
