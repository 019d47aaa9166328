"""OpenCV's own cascade of Haar features (Viola and Jones, CVPR 2001; Lienhart and Maydt, ICIP 2002).

`haarcascade_frontalface_alt2` comes with OpenCV before 5, so it is there at once, and finds upright faces seen from the
front. The search runs on a reduced grey copy: what that costs and saves is measured by
`scripts/measure_framing.py detection` (docs/how-to/deploy.md).
"""

from contextlib import suppress
from pathlib import Path
from typing import Final

import cv2

from fer.common.errors import DataError
from fer.runtime.detection.detector import Detection, PartsDetector, inside, reduced
from fer.runtime.framing import HAAR, Image, grey

CASCADE: Final = "haarcascade_frontalface_alt2.xml"

STILL: Final = 640
"""Longest side searched in a photo: faces of 1/27 of it and more are found. Of a panorama, in each part of it."""


class HaarDetector(PartsDetector):
    """Upright frontal faces by OpenCV's cascade.

    Args:
        longest: pictures are searched at this length of their longer side at most, in pixels.
        step: factor between the face sizes tried, above 1.
        neighbours: how many overlapping hits make a face.
        smallest: smallest face, in pixels of the reduced picture; the cascade knows none below 20.
    """

    name = "haar"

    def __init__(self, *, longest: int = STILL, step: float = 1.1, neighbours: int = 3, smallest: int = 24) -> None:
        self._longest = longest
        self._step = step
        self._neighbours = neighbours
        self._smallest = smallest
        path = Path(cv2.__file__).parent / "data" / CASCADE
        self._cascade = _load(path)
        if self._cascade.empty():
            raise DataError(f"OpenCV's face cascade {path} cannot be read: reinstall opencv-python-headless below 5")

    @classmethod
    def live(cls) -> "HaarDetector":
        """For webcams and videos: a seventh of the time, for faces of a tenth of the picture's width and more.

        A face missed in one frame is found in the next.
        """
        return cls(longest=320, step=1.2, neighbours=2, smallest=30)

    def _search(self, image: Image, *, again: bool) -> list[Detection]:
        height, width = image.shape[:2]
        searched = reduced(image, longest=self._longest)
        across, down = width / searched.shape[1], height / searched.shape[0]
        hits = self._cascade.detectMultiScale(
            grey(searched),
            scaleFactor=self._step,
            minNeighbors=self._neighbours,
            minSize=(self._smallest, self._smallest),
        )
        detections = []
        for x, y, w, h in hits:
            hit = (x * across, y * down, w * across, h * down)
            box = inside(hit, width=width, height=height)
            if box is not None:
                detections.append(Detection(box, HAAR.frame(box)))
        return detections


def _load(path: Path) -> cv2.CascadeClassifier:
    """The cascade of a file, through memory: OpenCV ends the process on a path that is no UTF-8.

    One that cannot be read is empty.
    """
    cascade = cv2.CascadeClassifier()
    with suppress(OSError, cv2.error, SystemError):
        text = path.read_text(encoding="ascii")
        # Its nodes live as long as the storage.
        storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
        cascade.read(storage.getFirstTopLevelNode())
    return cascade
