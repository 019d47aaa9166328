"""Pictures to records: one picture, many in batches, none with a face."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS
from fer.runtime.detection.detector import Detection, WholePicture
from fer.runtime.framing import Box, Frame, Image
from fer.runtime.predictor import BATCH_FACES, HELD_BYTES, Predictor


class ByBrightness:
    """Says the emotion whose number is the mean grey level over 30; remembers the batches it was asked about."""

    labels = EMOTIONS
    size = 48
    uncertain_below = 0.5
    prior = None

    def __init__(self, confidence: float = 0.7) -> None:
        self.confidence = confidence
        self.batches: list[int] = []

    def probabilities(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        assert faces.dtype == np.uint8
        assert faces.shape[1:] == (48, 48)
        self.batches.append(len(faces))
        answer = np.full((len(faces), 7), (1 - self.confidence) / 6, np.float32)
        answer[np.arange(len(faces)), (faces.mean(axis=(1, 2)) / 30).astype(int)] = self.confidence
        return answer


class Halves:
    """Two faces in every wide picture, none in a square one."""

    name = "halves"

    def detect(self, image: Image) -> list[Detection]:
        height, width = image.shape[:2]
        if height == width:
            return []
        boxes = [(0, 0, height, height), (width - height, 0, height, height)]
        return [Detection(box, Frame(box[0] + height / 2, height / 2, height)) for box in boxes]

    def faces(self, image: Image) -> list[Box]:
        return [found.box for found in self.detect(image)]


def flat(level: int, *, size: int = 48) -> npt.NDArray[np.uint8]:
    return np.full((size, size), level, np.uint8)


def test_the_record_is_the_contracts() -> None:
    (face,) = Predictor(ByBrightness(), WholePicture()).image(flat(100), source="a.png")
    assert face.as_dict() == {
        "source": "a.png",
        "face": 0,
        "box": [0, 0, 48, 48],
        "label": "happy",
        "confidence": pytest.approx(0.7),
        "uncertain": False,
        "probabilities": {name: pytest.approx(0.7 if name == "happy" else 0.05) for name in EMOTIONS},
        "status": "ok",
    }
    assert list(face.as_dict()["probabilities"]) == list(EMOTIONS)


def test_a_low_confidence_is_uncertain() -> None:
    (face,) = Predictor(ByBrightness(0.4), WholePicture()).image(flat(100), source="a")
    assert face.uncertain
    (face,) = Predictor(ByBrightness(0.5), WholePicture()).image(flat(100), source="a")
    assert not face.uncertain


def test_no_face_is_a_record() -> None:
    (face,) = Predictor(ByBrightness(), Halves()).image(flat(100), source="b")
    assert face.as_dict() == {
        "source": "b",
        "face": None,
        "box": None,
        "label": None,
        "confidence": None,
        "uncertain": None,
        "probabilities": None,
        "status": "no_face",
        "reason": "no face was found",
    }


def test_faces_keep_their_picture_and_order_across_batches() -> None:
    model = ByBrightness()
    levels = [(index * 37) % 180 for index in range(50)]

    def pictures() -> Iterator[tuple[str, Image | DataError]]:
        for index, level in enumerate(levels):
            if index % 7 == 3:
                yield f"{index}", DataError("broken")
            elif index % 7 == 5:
                yield f"{index}", flat(level)
            else:
                yield f"{index}", np.hstack([flat(level), flat(level + 30)])

    answers = list(Predictor(model, Halves()).images(pictures()))
    assert [answer.source for answer in answers] == [f"{index}" for index in range(50)]
    for index, (answer, level) in enumerate(zip(answers, levels, strict=True)):
        if index % 7 == 3:
            assert [(face.status, face.reason) for face in answer.faces] == [("unreadable", "broken")]
            assert answer.image is None
        elif index % 7 == 5:
            assert [face.status for face in answer.faces] == ["no_face"]
        else:
            expected = [EMOTIONS[level // 30], EMOTIONS[(level + 30) // 30]]
            assert [face.label for face in answer.faces] == expected
            assert [face.face for face in answer.faces] == [0, 1]
    assert max(model.batches) <= BATCH_FACES + 1
    assert len(model.batches) < 5


@pytest.mark.parametrize("size", [48, 4000])
def test_a_stream_is_never_held_whole(size: int) -> None:
    taken = 0

    def endless() -> Iterator[tuple[str, Image]]:
        nonlocal taken
        while True:
            taken += 1
            yield f"{taken}", flat(100, size=size)

    answers = Predictor(ByBrightness(), WholePicture()).images(endless())
    for done in range(1, 100 if size == 48 else 10):
        next(answers)
        assert taken - done <= min(BATCH_FACES, HELD_BYTES // size**2 + 1)
