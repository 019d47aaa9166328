"""The default: both networks of the package, and second looks where they find nothing.

YuNet finds small faces and BlazeFace those that are large, turned, hidden or dark; what both find is taken once. A
picture without a face so far is looked at again: brightened, turned, enlarged. What neither is sure of gets a second
opinion. The scores that make a face, and the order of the looks, are chosen on photographs
(`scripts/measure_detection.py`). OpenCV's cascade is no part of it: what is left to find are profiles and blurs, which
it does not know.
"""

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np

from fer.runtime.detection.blazeface import BlazeFace
from fer.runtime.detection.candidate import SMALLEST, Candidate, colour, detections, similarity, without_doubles
from fer.runtime.detection.detector import LONG, SAME, Detection, PartsDetector, overlap, reduced
from fer.runtime.detection.second_opinion import SMALL_SIDE, SecondOpinion
from fer.runtime.detection.transforms import brightened, mirrored, turned_whole
from fer.runtime.detection.yunet import YuNet
from fer.runtime.framing import Image, frame_from_landmarks

STILL: Final = 640
"""Longest side searched in a photo, in pixels."""

LIVE: Final = 320
"""The same for webcams and videos, and for photos that a face fills: YuNet knows none above 300 pixels."""

FILLS: Final = 0.4
"""A face fills a picture where its box takes this share of the longer side."""

ENLARGED: Final = 1280
"""Longest side of a second look for small faces."""

FIRST: Final = 0.7
"""Least score, of either network, at first sight."""

BRIGHT: Final = 0.7
"""The same in a brightened picture."""

TURNED: Final = 0.85
"""The same in a turned picture: of five turns each may err."""

SMALL: Final = 0.75
"""Least score of YuNet in an enlarged picture, which has four times the places to err."""

WEAK: Final = 0.6
"""Least score of BlazeFace, the mean of a picture and its mirror image, that is believed where no second look finds
anything: faces, also half hidden, have like scores in both, what only looks like one has not."""

_EITHER: Final = 0.5
"""The least of the two."""

TILTED: Final = 15.0
"""Degrees from which on a head is looked at once more, upright: at 45, BlazeFace's landmarks are 9 degrees off."""

_TURNS: Final = (90, -90, 180, 45, -45)


class AutoDetector(PartsDetector):
    """Faces by all that comes with the package.

    Args:
        live: for webcams and videos: a smaller copy and no second looks; a face missed in one frame is found in the
            next.
    """

    name = "auto"

    def __init__(self, *, live: bool = False) -> None:
        self._live = live
        self._yunet = YuNet()
        self._blazeface = BlazeFace()
        self._opinion = SecondOpinion(self._blazeface, self._yunet)

    def _search(self, image: Image, *, again: bool) -> list[Detection]:
        height, width = image.shape[:2]
        if min(height, width) < SMALLEST:
            return []
        searched = colour(reduced(image, longest=LIVE if self._live else STILL))
        found = self._believed(searched, self._at_first_sight(searched)) or self._at_last(searched, again=again)
        back = similarity(scale=max(width, height) / max(searched.shape[:2]))
        return detections((one.moved(back) for one in found), width=width, height=height)

    def _at_first_sight(self, image: Image) -> list[Candidate]:
        sure = self._blazeface.candidates(image, least=FIRST)
        longest = max(image.shape[:2])
        filled = any(max(one.box[2:]) >= FILLS * longest for one in sure)
        small = reduced(image, longest=LIVE) if filled else image
        back = similarity(scale=longest / max(small.shape[:2]))
        return without_doubles([*(one.moved(back) for one in self._yunet.candidates(small, least=FIRST)), *sure])

    def _at_last(self, image: Image, *, again: bool) -> list[Candidate]:
        height, width = image.shape[:2]
        if again and not self._live and max(height, width) <= LONG * min(height, width):
            for seen in self._second_looks(image):
                found = self._believed(image, without_doubles(seen))
                if found:
                    return found
        return self._believed(image, self._weak(image))

    def _weak(self, image: Image) -> list[Candidate]:
        seen = self._blazeface.candidates(image, least=_EITHER)
        if not seen:
            return []
        width = image.shape[1]
        in_the_mirror = self._blazeface.candidates(mirrored(image), least=_EITHER)
        believed = []
        for one in seen:
            x, y, *size = one.box
            there = (width - x - size[0], y, size[0], size[1])
            again = max((other.score for other in in_the_mirror if overlap(other.box, there) >= SAME), default=0.0)
            if (one.score + again) / 2 >= WEAK:
                believed.append(one)
        return believed

    def _second_looks(self, image: Image) -> Iterator[list[Candidate]]:
        bright = brightened(image)
        if bright is not None:
            yield self._both(bright, least=BRIGHT)
        small = reduced(image, longest=LIVE)
        for degrees in _TURNS:
            turned, back = turned_whole(small, degrees)
            back = similarity(scale=max(image.shape[:2]) / max(small.shape[:2])) @ np.vstack([back, (0, 0, 1)])
            yield [one.moved(back) for one in self._both(turned, least=TURNED)]
        ratio = min(ENLARGED / max(image.shape[:2]), 4.0)
        if ratio > 1.0:
            large = np.asarray(cv2.resize(image, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_LINEAR), np.uint8)
            shrink = similarity(scale=image.shape[1] / large.shape[1])
            found = (one.moved(shrink) for one in self._yunet.candidates(large, least=SMALL))
            # A larger one was seen at first.
            yield [one for one in found if max(one.box[2:]) <= SMALL_SIDE]

    def _believed(self, image: Image, candidates: list[Candidate]) -> list[Candidate]:
        return self._opinion.believed(image, [self._levelled(image, one) for one in candidates])

    def _levelled(self, image: Image, one: Candidate) -> Candidate:
        """A tilted face as the networks see it upright, where they do."""
        roll = frame_from_landmarks(one.points, landmarks=one.landmarks).roll
        if abs(roll) < TILTED:
            return one
        small = reduced(image, longest=LIVE)
        turned, back = turned_whole(small, -roll)
        back = similarity(scale=max(image.shape[:2]) / max(small.shape[:2])) @ np.vstack([back, (0, 0, 1)])
        seen = (upright.moved(back) for upright in self._both(turned, least=FIRST))
        same = (upright for upright in seen if overlap(upright.box, one.box) >= SAME)
        return max(same, key=lambda upright: upright.score, default=one)

    def _both(self, image: Image, *, least: float) -> list[Candidate]:
        return [*self._yunet.candidates(image, least=least), *self._blazeface.candidates(image, least=least)]
