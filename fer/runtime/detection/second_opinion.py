"""A closer look at what may only look like a face: at a glance, a network takes wheels, balls and flowers for one.

What neither network is sure of is cut out, turned upright, and shown to both, and its mirror image too. A face is one
to both; what is not, to one of them, or from one side. The least score is chosen on photographs of faces, also turned,
dark and half hidden, and on pictures without faces (`scripts/measure_detection.py`).
"""

from typing import Final

from fer.runtime.detection.blazeface import BlazeFace
from fer.runtime.detection.candidate import Candidate, FaceNet
from fer.runtime.detection.detector import SAME, overlap
from fer.runtime.detection.transforms import brightened, cut_upright, mirrored
from fer.runtime.detection.yunet import YuNet
from fer.runtime.framing import Image

SURE: Final = 0.85
"""Score from which on a candidate needs no second opinion."""

LEAST: Final = 0.32
"""Least mean of the two networks' scores: half hidden faces have as little, two in a hundred of them less."""

SMALL_SIDE: Final = 64
"""Longest side of a small face, in pixels."""

LEAST_SMALL: Final = 0.62
"""The same of those: where little is to be seen, a face has to be seen as a whole. Faces of 30 pixels have 0.67 and
more, half of what is none has less than 0.6."""

SIDE: Final = 128
"""Height and width of what is shown, in pixels."""

_MARGINS: Final = (1.8, 1.6)
"""Side of what BlazeFace and YuNet are shown, over that of the box."""

_FAINT: Final = 0.02
"""Scores below count as none."""


def _least(one: Candidate) -> float:
    """The score from which on a candidate of that size is a face."""
    return LEAST_SMALL if max(one.box[2:]) <= SMALL_SIDE else LEAST


class SecondOpinion:
    """Asks both networks about one candidate after the other."""

    def __init__(self, blazeface: BlazeFace, yunet: YuNet) -> None:
        self._nets: tuple[tuple[FaceNet, float], ...] = tuple(zip((blazeface, yunet), _MARGINS, strict=True))

    def believed(self, image: Image, candidates: list[Candidate]) -> list[Candidate]:
        """Those candidates of a BGR picture (H, W, 3) that are faces on a closer look, too."""
        return [one for one in candidates if one.score >= SURE or self.score(image, one) >= _least(one)]

    def score(self, image: Image, one: Candidate) -> float:
        """0 to 1: the mean of both networks' scores of a candidate."""
        return sum(_seen(net, image, one, margin) for net, margin in self._nets) / len(self._nets)


def _seen(net: FaceNet, image: Image, one: Candidate, margin: float) -> float:
    """The mean score of a cut-out and its mirror image; of a dark one, or of the brightened one where that is more."""
    shown = cut_upright(image, one, margin=margin, side=SIDE)
    side = SIDE / margin
    there = ((SIDE - side) / 2, (SIDE - side) / 2, side, side)

    def score(view: Image) -> float:
        seen = net.candidates(view, least=_FAINT)
        return max((other.score for other in seen if overlap(other.box, there) >= SAME), default=0.0)

    bright = brightened(shown)
    views = [shown] if bright is None else [shown, bright]
    return max((score(view) + score(mirrored(view))) / 2 for view in views)
