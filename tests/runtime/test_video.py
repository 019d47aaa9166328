"""Faces in moving pictures: followed, averaged over time, given up."""

import math

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from fer.common.labels import EMOTIONS
from fer.data.synthetic.source import render_face
from fer.runtime.detection.detector import Detection
from fer.runtime.detection.haar import HaarDetector
from fer.runtime.framing import Box, Frame, Image
from fer.runtime.video import FaceTracker

RATE = 25


class Scripted:
    """Answers one probability vector after the other."""

    labels = EMOTIONS
    size = 48
    uncertain_below = 0.5
    prior = None

    def __init__(self, answers: list[int]) -> None:
        self._answers = iter(answers)

    def probabilities(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        number = next(self._answers)
        return np.tile(np.eye(7, dtype=np.float32)[number], (len(faces), 1))


class Counted:
    """Asks another detector and counts."""

    name = "counted"

    def __init__(self, detector: HaarDetector) -> None:
        self._detector = detector
        self.asked = 0

    def detect(self, image: Image) -> list[Detection]:
        self.asked += 1
        return self._detector.detect(image)

    def faces(self, image: Image) -> list[Box]:
        return [found.box for found in self.detect(image)]


class Fixed:
    """Finds the same box in every picture."""

    name = "fixed"

    def detect(self, image: Image) -> list[Detection]:
        return [Detection((100, 60, 80, 80), Frame(140, 100, 80))]

    def faces(self, image: Image) -> list[Box]:
        return [(100, 60, 80, 80)]


class Scenes:
    """Finds what it is told to."""

    name = "scenes"
    found: list[Detection]

    def detect(self, image: Image) -> list[Detection]:
        return self.found

    def faces(self, image: Image) -> list[Box]:
        return [found.box for found in self.found]


@pytest.fixture(scope="module")
def portrait() -> npt.NDArray[np.uint8]:
    return render_face(3, "happy", size=160, zoom=0.7).image


def scene(portrait: npt.NDArray[np.uint8], x: int, y: int) -> npt.NDArray[np.uint8]:
    """A smooth background (240, 480) with the portrait's middle at (x, y), partly outside where that is so."""
    across = np.linspace(60, 180, 480)
    picture = np.tile(across, (240, 1)).astype(np.uint8)
    left, top = x - 80, y - 80
    x0, x1 = max(left, 0), min(left + 160, 480)
    y0, y1 = max(top, 0), min(top + 160, 240)
    if x1 > x0:
        picture[y0:y1, x0:x1] = portrait[y0 - top : y1 - top, x0 - left : x1 - left]
    return picture


def test_a_moving_face_keeps_its_number_and_the_detector_rests(portrait: npt.NDArray[np.uint8]) -> None:
    detector = Counted(HaarDetector(longest=320))
    tracker = FaceTracker(Scripted([3] * 40), detector, every=5)
    for step in range(40):
        x = 100 + 6 * step
        (face,) = tracker.frame(scene(portrait, x, 120), seconds=step / RATE, source="clip")
        assert face.status == "ok"
        assert (face.face, face.frame, face.label) == (0, step, "happy")
        assert face.box is not None
        left, _, width, _ = face.box
        assert abs(left + width / 2 - x) < 12
    assert detector.asked == 8


def test_probabilities_follow_the_time_constant_whatever_the_rate(portrait: npt.NDArray[np.uint8]) -> None:
    happy, sad = EMOTIONS.index("happy"), EMOTIONS.index("sad")
    for rate in (10, 60):
        frames = rate // 2
        tracker = FaceTracker(Scripted([sad, *[happy] * frames]), Fixed(), smoothing=0.4)
        picture = scene(portrait, 140, 100)
        for step in range(frames + 1):
            (face,) = tracker.frame(picture, seconds=step / rate)
        assert face.probabilities is not None
        assert face.probabilities["happy"] == pytest.approx(1 - math.exp(-0.5 / 0.4), abs=1e-4)
        assert sum(face.probabilities.values()) == pytest.approx(1.0, abs=1e-5)


def test_what_a_covered_face_showed_before_counts_by_the_time_that_passed(portrait: npt.NDArray[np.uint8]) -> None:
    happy, sad = EMOTIONS.index("happy"), EMOTIONS.index("sad")
    detector = Scenes()
    tracker = FaceTracker(Scripted([sad, sad, happy]), detector, every=1, smoothing=0.3)
    faces = []
    for seconds, there in ((0.0, True), (0.1, True), (0.2, False), (0.6, False), (0.9, True)):
        detector.found = Fixed().detect(portrait) if there else []
        picture = scene(portrait, 140, 100) if there else np.zeros((240, 480), np.uint8)
        faces += tracker.frame(picture, seconds=seconds)
    assert [(face.status, face.face) for face in faces[2:]] == [("no_face", None), ("no_face", None), ("ok", 0)]
    assert faces[-1].probabilities is not None
    assert faces[-1].probabilities["happy"] == pytest.approx(1 - math.exp(-0.8 / 0.3), abs=1e-4)


def test_a_face_upside_down_stays_so(portrait: npt.NDArray[np.uint8]) -> None:
    detector, shown = Scenes(), []
    tracker = FaceTracker(Scripted([3] * 2), detector, every=1)
    tracker._predictor.crops = lambda image, found: shown.append(found[0].frame.roll) or np.zeros((1, 48, 48), np.uint8)  # type: ignore[method-assign, func-returns-value]
    for step, roll in enumerate((179.0, -179.0)):
        detector.found = [Detection((100, 60, 80, 80), Frame(140, 100, 80, roll))]
        tracker.frame(scene(portrait, 140, 100), seconds=step / RATE)
    assert shown == [179.0, pytest.approx(180.0)]


def test_without_smoothing_each_frame_stands_for_itself(portrait: npt.NDArray[np.uint8]) -> None:
    answers = [3, 0, 6, 3]
    tracker = FaceTracker(Scripted(answers), Fixed(), smoothing=0)
    picture = scene(portrait, 140, 100)
    labels = [tracker.frame(picture, seconds=step / RATE)[0].label for step in range(4)]
    assert labels == [EMOTIONS[answer] for answer in answers]


def test_a_face_that_leaves_is_given_up_and_a_later_one_is_new(portrait: npt.NDArray[np.uint8]) -> None:
    tracker = FaceTracker(Scripted([3] * 100), HaarDetector(longest=320), every=3)
    places = [240 + 20 * step for step in range(20)] + [120] * 6
    seen = [tracker.frame(scene(portrait, x, 120), seconds=step / RATE)[0] for step, x in enumerate(places)]
    assert seen[0].face == 0
    assert any(face.status == "no_face" for face in seen[10:20])
    assert (seen[-1].status, seen[-1].face) == ("ok", 1)


def test_a_change_of_the_cameras_format_is_survived(portrait: npt.NDArray[np.uint8]) -> None:
    tracker = FaceTracker(Scripted([3] * 10), HaarDetector(longest=320))
    tracker.frame(scene(portrait, 200, 120), seconds=0)
    (face,) = tracker.frame(np.ascontiguousarray(scene(portrait, 200, 120)[:, 40:440]), seconds=0.1)
    assert face.status == "ok"


@pytest.mark.parametrize("ratio", [2, 0.75])
def test_a_face_is_followed_into_fewer_and_more_pixels(portrait: npt.NDArray[np.uint8], ratio: float) -> None:
    """Browsers change a camera's resolution while it runs; the small copy for optical flow keeps its size."""
    tracker = FaceTracker(Scripted([3] * 3), HaarDetector(longest=320))
    picture = scene(portrait, 200, 120)
    (before,) = tracker.frame(picture, seconds=0)
    for seconds in (0.04, 0.08):
        (after,) = tracker.frame(cv2.resize(picture, None, fx=ratio, fy=ratio), seconds=seconds)  # type: ignore[arg-type]
        assert after.face == before.face
        assert after.box is not None
        assert before.box is not None
        assert after.box == pytest.approx([ratio * side for side in before.box], abs=2)
