"""Annotated copies: boxes, emotions and doubt, drawn to be read at any size of picture."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fer.common.wording import drawable
from fer.runtime.framing import Box, Image
from fer.runtime.record import Face

CERTAIN: Final = (70, 120, 0)
"""Green, in BGR; white letters on it have a contrast of 5.5 to 1."""

UNCERTAIN: Final = (64, 64, 64)
"""Dark grey: an uncertain face differs by its dashed box and by the word, not by colour alone."""

_WHITE: Final = (255, 255, 255)
_FONT: Final = cv2.FONT_HERSHEY_DUPLEX

_SMALLEST: Final = 0.45
"""Least scale of the letters: about ten pixels high."""


def annotate(image: Image, faces: Sequence[Face]) -> npt.NDArray[np.uint8]:
    """A copy (H, W, 3), BGR, with each face's box, emotion and confidence; "uncertain" in words and dashes.

    In videos each has the number of its track. A picture without a face says so in its lower left corner. OpenCV draws
    letters of ASCII alone: accents are left out, and a label in another script is told by its number, from 1.
    """
    copy = np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image.copy(), np.uint8)
    # Of a size to read when the picture is looked at as a whole.
    scale = min(max(max(copy.shape[:2]) / 1500, _SMALLEST), 4.0)
    for face in reversed(faces):  # the largest on top
        if face.box is None:
            _label(copy, "no face found", at=(0, copy.shape[0]), below=copy.shape[0], scale=scale, colour=UNCERTAIN)
            continue
        colour = UNCERTAIN if face.uncertain else CERTAIN
        _box(copy, face.box, colour=colour, thickness=max(1, round(3 * scale)), dashed=bool(face.uncertain))
        assert face.confidence is not None
        label = str(face.label)
        words = f"{drawable(label, list(face.probabilities or [label]))} {100 * face.confidence:.0f} %"
        number = "" if face.track is None else f"#{face.track} "
        text = f"{number}{'uncertain: ' if face.uncertain else ''}{words}"
        # In a crowd, labels much wider than the faces would hide the neighbours.
        wide = cv2.getTextSize(text, _FONT, scale, 1)[0][0]
        fitting = max(_SMALLEST, scale * min(1.0, 1.8 * face.box[2] / wide))
        _label(copy, text, at=(face.box[0], face.box[1]), below=face.box[1] + face.box[3], scale=fitting, colour=colour)
    return copy


def _box(image: npt.NDArray[np.uint8], box: Box, *, colour: tuple[int, int, int], thickness: int, dashed: bool) -> None:
    x, y, width, height = box
    corners = [(x, y), (x + width - 1, y), (x + width - 1, y + height - 1), (x, y + height - 1)]
    for start, end in zip(corners, corners[1:] + corners[:1], strict=True):
        length = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
        dash = max(8, 5 * thickness) if dashed else length
        for at in range(0, length, 2 * dash):
            until = min(at + dash, length)
            ends = [
                (start[0] + (end[0] - start[0]) * part // length, start[1] + (end[1] - start[1]) * part // length)
                for part in (at, until)
            ]
            # White below, so that a dark line shows on a dark picture.
            cv2.line(image, ends[0], ends[1], _WHITE, thickness + max(2, thickness // 2), cv2.LINE_AA)
            cv2.line(image, ends[0], ends[1], colour, thickness, cv2.LINE_AA)


def _label(
    image: npt.NDArray[np.uint8],
    text: str,
    *,
    at: tuple[int, int],
    below: int,
    scale: float,
    colour: tuple[int, int, int],
) -> None:
    """White words on a filled strip above `at`; where there is no room, from the row `below` on; else at the top."""
    width = image.shape[1]
    thickness = max(1, round(1.5 * scale))
    (wide, high), base = cv2.getTextSize(text, _FONT, scale, thickness)
    pad = max(2, high // 3)
    if wide + 2 * pad > width:
        scale *= (width - 2 * pad) / wide
        thickness = max(1, round(1.5 * scale))
        (wide, high), base = cv2.getTextSize(text, _FONT, scale, thickness)
    strip = high + base + pad
    left = max(0, min(at[0], width - wide - 2 * pad))
    top = at[1] - strip
    if top < 0:
        top = below if below + strip <= image.shape[0] else 0
    cv2.rectangle(image, (left, top), (left + wide + 2 * pad, top + strip), colour, cv2.FILLED)
    place = (left + pad, top + high + pad // 2)
    cv2.putText(image, text, place, _FONT, scale, _WHITE, thickness, cv2.LINE_AA)
