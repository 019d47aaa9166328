"""Pictures -> faces with their emotions."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from fer.common.errors import FerError
from fer.runtime.detection.candidate import SMALLEST
from fer.runtime.detection.detector import Detection, Detector
from fer.runtime.framing import Image, cut
from fer.runtime.record import Face, judged

logger = logging.getLogger(__name__)

BATCH_FACES: Final = 32
"""Faces asked about at a time across pictures; more is no faster on a CPU."""

HELD_BYTES: Final = 64 * 2**20
"""Pictures wait for their batch up to this size together, so that a folder of any length takes the same memory."""


class Model(Protocol):
    """What is asked of a model; `fer.runtime.model.EmotionModel` is one."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities."""
        ...

    @property
    def size(self) -> int:
        """Height and width of a face, in pixels."""
        ...

    @property
    def uncertain_below(self) -> float:
        """A label whose confidence is lower is uncertain."""
        ...

    @property
    def prior(self) -> str | None:
        """Name of the shares of the emotions that its probabilities were changed to; None for its own."""
        ...

    def probabilities(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Grey faces (N, size, size) -> probabilities (N, K)."""
        ...


@dataclass(frozen=True, slots=True)
class PicturePrediction:
    """What was found in one picture.

    Attributes:
        source: its name.
        image: the picture, None where it was unreadable.
        faces: its faces, largest first; one record of another status where there are none. Never empty.
    """

    source: str
    image: Image | None
    faces: list[Face]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A picture whose faces are not asked about yet."""

    source: str
    image: Image | None
    detections: list[Detection]
    reason: str | None


class Predictor:
    """Finds the faces of pictures and asks the model about them.

    Args:
        model: what is asked.
        detector: what finds the faces; it holds state, so a predictor belongs to one thread at a time.
    """

    def __init__(self, model: Model, detector: Detector) -> None:
        self.model = model
        self.detector = detector

    def image(self, image: Image, *, source: str) -> list[Face]:
        """The faces of one picture, largest first; a single record of status "no_face" where it shows none.

        Args:
            image: uint8, grey (H, W) or BGR (H, W, 3).
            source: its name, for the records.
        """
        (prediction,) = self.images([(source, image)])
        return prediction.faces

    def crops(self, image: Image, detections: list[Detection]) -> npt.NDArray[np.uint8]:
        """The detected faces as the model is shown them: uint8 (N, size, size), grey."""
        size = self.model.size
        faces = np.empty((len(detections), size, size), np.uint8)
        for row, found in enumerate(detections):
            faces[row] = cut(image, found.frame, size=size)
        return faces

    def images(
        self, pictures: Iterable[tuple[str, Image | FerError]], *, survive: bool = False
    ) -> Iterator[PicturePrediction]:
        """The predictions of a stream of pictures, in its order, made in batches across pictures.

        Holds no more than `BATCH_FACES` faces or `HELD_BYTES` of pictures at a time.

        Args:
            pictures: (name, picture); or (name, error) of one that could not be read, which becomes a record of status
                "unreadable" with the error's message.
            survive: make such a record, too, of a picture in which the search for faces breaks down.
        """
        waiting: list[_Waiting] = []
        crops: list[npt.NDArray[np.uint8]] = []
        faces, held = 0, 0
        for source, picture in pictures:
            if isinstance(picture, FerError):
                waiting.append(_Waiting(source, None, [], str(picture)))
            else:
                try:
                    detections = self.detector.detect(picture)
                    crops.append(self.crops(picture, detections))
                except Exception as error:  # OpenCV's own among them
                    if not survive:
                        raise
                    logger.exception("the search for faces in %s failed", source)
                    waiting.append(_Waiting(source, None, [], f"the search for faces failed: {type(error).__name__}"))
                    continue
                waiting.append(_Waiting(source, picture, detections, None))
                faces += len(detections)
                held += picture.nbytes
            if faces >= BATCH_FACES or held >= HELD_BYTES or len(waiting) >= BATCH_FACES:
                yield from self._predictions(waiting, crops)
                waiting, crops, faces, held = [], [], 0, 0
        yield from self._predictions(waiting, crops)

    def _predictions(self, waiting: list[_Waiting], crops: list[npt.NDArray[np.uint8]]) -> Iterator[PicturePrediction]:
        count = sum(len(part) for part in crops)
        probabilities = (
            self.model.probabilities(np.concatenate(crops))
            if count
            else np.zeros((0, len(self.model.labels)), np.float32)
        )
        at = 0
        for item in waiting:
            if item.reason is not None:
                faces = [Face(source=item.source, status="unreadable", reason=item.reason)]
            elif not item.detections:
                faces = [Face(source=item.source, status="no_face", reason=_why_none(item.image))]
            else:
                faces = [
                    judged(
                        probabilities[at + number],
                        labels=self.model.labels,
                        uncertain_below=self.model.uncertain_below,
                        source=item.source,
                        face=number,
                        box=found.box,
                        prior=self.model.prior,
                    )
                    for number, found in enumerate(item.detections)
                ]
                at += len(item.detections)
            yield PicturePrediction(item.source, item.image, faces)


def _why_none(image: Image | None) -> str:
    assert image is not None
    height, width = image.shape[:2]
    if min(height, width) < SMALLEST:
        return f"{width} x {height} pixels are too few for a face"
    return "no face was found"
