"""Faces in moving pictures: found now and then, followed in between, judged over time.

Searching every frame for faces costs more than all the rest, and single frames make labels flicker. So the detector
looks at every few frames, optical flow carries each face from frame to frame (pyramidal Lucas-Kanade; Bouguet, 2001),
a face that something covers for a moment is known again by its place, and each face's probabilities are averaged over
time with a fixed time constant, whatever the frame rate.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fer.runtime.detection.detector import SAME, Detection, Detector, inside, overlap
from fer.runtime.framing import Box, Frame, Image, grey
from fer.runtime.predictor import Model, Predictor
from fer.runtime.record import Face, judged

FLOW_SIDE: Final = 320
"""Longer side of the copy that optical flow works on, in pixels."""

GRID: Final = 6
"""Points a side followed on each face."""

SEARCH_SECONDS: Final = 0.5
"""The detector looks again after so long, in a slow video too: optical flow reaches no further."""

REMEMBERED: Final = 1.0
"""Seconds for which a face that was given up is known again where it was last: hands and heads pass before faces."""

STEADY: Final = 0.5
"""How far a followed box moves towards the newly found one: detectors jitter by a few pixels, faces do not."""


@dataclass(slots=True)
class _Track:
    """One face that is followed; its box and frame move together.

    Attributes:
        probabilities: averaged over time, up to the second `judged`; None before the first.
        missed: searches in a row that did not find it.
        seen: the last second in which it was followed.
    """

    number: int
    box: tuple[float, float, float, float]
    frame: Frame
    probabilities: npt.NDArray[np.float64] | None = None
    judged: float = 0.0
    missed: int = 0
    seen: float = 0.0


class FaceTracker:
    """Follows the faces of one video or camera; one thread at a time.

    Args:
        model: what is asked.
        detector: what finds the faces.
        every: the detector looks at every so many frames, after `SEARCH_SECONDS`, and at once where all faces were
            lost.
        smoothing: time constant of the average over time, in seconds; 0 takes each frame for itself.
        patience: searches without success after which a face that is still followed is given up.
    """

    def __init__(
        self, model: Model, detector: Detector, *, every: int = 5, smoothing: float = 0.3, patience: int = 2
    ) -> None:
        self._predictor = Predictor(model, detector)
        self._every = every
        self._smoothing = smoothing
        self._patience = patience
        self._tracks: list[_Track] = []
        self._lost: list[_Track] = []
        self._born = 0
        self._seen = 0
        self._last_search = (0, 0.0)
        self._last_flow: npt.NDArray[np.uint8] | None = None
        self._width = 0

    def frame(self, image: Image, *, seconds: float, source: str = "camera") -> list[Face]:
        """The faces of the next frame, by number; a single record of status "no_face" where there are none.

        Args:
            image: uint8, grey (H, W) or BGR (H, W, 3).
            seconds: when it was taken; must not go back.
            source: the video's name, for the records.
        """
        number, self._seen = self._seen, self._seen + 1
        flow, followed = _reduced(image), bool(self._tracks)
        if self._last_flow is not None and self._last_flow.shape != flow.shape:
            self._tracks, self._lost = [], []  # the camera changed its format: nothing to follow
        elif self._width not in (0, image.shape[1]):
            for track in (*self._tracks, *self._lost):  # the same picture in fewer pixels, or in more
                _enlarge(track, image.shape[1] / self._width)
        self._width = image.shape[1]
        before = self._tracks
        self._follow(flow, scale=image.shape[1] / flow.shape[1], width=image.shape[1], height=image.shape[0])
        self._remember(before, seconds=seconds)
        before = self._tracks
        lost = followed and not self._tracks
        frames, time = number - self._last_search[0], seconds - self._last_search[1]
        if number == 0 or lost or frames >= self._every or time >= SEARCH_SECONDS:
            self._last_search = (number, seconds)
            self._match(self._predictor.detector.detect(image))
        self._remember(before, seconds=seconds)
        self._last_flow = flow
        self._judge(image, seconds=seconds)
        if not self._tracks:
            return [Face(source=source, status="no_face", frame=number, seconds=round(seconds, 3))]
        return [self._record(track, image, source=source, number=number, seconds=seconds) for track in self._tracks]

    def _follow(self, flow: npt.NDArray[np.uint8], *, scale: float, width: int, height: int) -> None:
        """Moves each face with the pixels under it; gives up those whose pixels are lost or leave the picture."""
        if self._last_flow is None or not self._tracks:
            return
        points = np.concatenate([_grid(track.box) for track in self._tracks]).astype(np.float32) / np.float32(scale)
        arguments = {"winSize": (15, 15), "maxLevel": 2}
        ahead, good, _ = cv2.calcOpticalFlowPyrLK(self._last_flow, flow, points, None, **arguments)  # type: ignore[call-overload]
        # A point that does not come back to where it started was not followed (Kalal et al., ICPR 2010).
        back, good_back, _ = cv2.calcOpticalFlowPyrLK(flow, self._last_flow, ahead, None, **arguments)  # type: ignore[call-overload]
        returned = (good.ravel() == 1) & (good_back.ravel() == 1) & (np.abs(back - points).max(axis=1) < 1.0)
        kept = []
        per_face = GRID * GRID
        for place, track in enumerate(self._tracks):
            rows = slice(place * per_face, (place + 1) * per_face)
            chosen = returned[rows]
            if chosen.sum() < per_face // 3:
                continue
            old, new = points[rows][chosen] * scale, ahead[rows][chosen] * scale
            _move(track, old, new)
            box = inside(track.box, width=width, height=height)
            # Half of it has left the picture, or it shrank to nothing.
            if box is not None and box[2] * box[3] > track.box[2] * track.box[3] / 2 and min(box[2:]) >= 8:
                kept.append(track)
        self._tracks = kept

    def _match(self, found: list[Detection]) -> None:
        """Brings known and found faces together, those most alike first; the rest are new, or missed."""
        followed, known = len(self._tracks), [*self._tracks, *self._lost]
        pairs = sorted(
            ((_likeness(track, detection), t, d) for t, track in enumerate(known) for d, detection in enumerate(found)),
            reverse=True,
        )
        matched: dict[int, int] = {}
        for shared, t, d in pairs:
            if shared >= SAME and t not in matched and d not in matched.values():
                matched[t] = d
        for t, track in enumerate(known):
            if t not in matched:
                track.missed += 1
                continue
            detection = found[matched[t]]
            track.missed = 0
            if t >= followed:
                self._lost.remove(track)
                track.box, track.frame = tuple(map(float, detection.box)), detection.frame  # type: ignore[assignment]
                self._tracks.append(track)
                continue
            track.box = tuple(  # type: ignore[assignment]
                _between(a, b) for a, b in zip(track.box, detection.box, strict=True)
            )
            track.frame = Frame(
                _between(track.frame.x, detection.frame.x),
                _between(track.frame.y, detection.frame.y),
                _between(track.frame.side, detection.frame.side),
                # The shorter way round: a face upside down is turned by 179 or by -179 degrees.
                track.frame.roll + STEADY * math.remainder(detection.frame.roll - track.frame.roll, 360),
            )
        self._tracks = [track for track in self._tracks if track.missed < self._patience]
        for d, detection in enumerate(found):
            if d not in matched.values():
                x, y, w, h = detection.box
                self._tracks.append(_Track(self._born, (float(x), float(y), float(w), float(h)), detection.frame))
                self._born += 1
        self._tracks.sort(key=lambda track: track.number)

    def _remember(self, before: list[_Track], *, seconds: float) -> None:
        """Keeps faces that were given up just now, and forgets those that are lost for long."""
        here = {track.number for track in self._tracks}
        gone = [track for track in before if track.number not in here]
        known = {track.number: track for track in (*self._lost, *gone)}
        self._lost = [track for track in known.values() if seconds - track.seen <= REMEMBERED]
        for track in self._tracks:
            track.seen = seconds

    def _judge(self, image: Image, *, seconds: float) -> None:
        if not self._tracks:
            return
        detections = [Detection((0, 0, 0, 0), track.frame) for track in self._tracks]
        predictions = self._predictor.model.probabilities(self._predictor.crops(image, detections))
        for track, prediction in zip(self._tracks, predictions.astype(np.float64), strict=True):
            # A face that was covered meanwhile has changed for longer than since the last frame.
            elapsed, before = max(seconds - track.judged, 0.0), track.probabilities
            share = 1.0 if self._smoothing == 0 else 1.0 - math.exp(-elapsed / self._smoothing)
            track.probabilities = prediction if before is None else before + share * (prediction - before)
            track.judged = seconds

    def _record(self, track: _Track, image: Image, *, source: str, number: int, seconds: float) -> Face:
        model = self._predictor.model
        assert track.probabilities is not None
        return judged(
            track.probabilities,
            labels=model.labels,
            uncertain_below=model.uncertain_below,
            source=source,
            face=track.number,
            box=_shown(track.box, image),
            prior=model.prior,
            track=track.number,
            frame=number,
            seconds=round(seconds, 3),
        )


def _likeness(track: _Track, found: Detection) -> float:
    """How much a found face lies where a known one is, 0 to 1: by their boxes, or by the squares that landmarks place,
    which stay where they are when hair, hands or a turn of the head move the box."""
    return max(overlap(track.box, found.box), overlap(_square(track.frame), _square(found.frame)))


def _square(frame: Frame) -> tuple[float, float, float, float]:
    return frame.x - frame.side / 2, frame.y - frame.side / 2, frame.side, frame.side


def _reduced(image: Image) -> npt.NDArray[np.uint8]:
    """A small grey copy for optical flow."""
    height, width = image.shape[:2]
    ratio = FLOW_SIDE / max(height, width)
    if ratio < 1.0:
        size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return grey(image)


def _grid(box: tuple[float, float, float, float]) -> npt.NDArray[np.float64]:
    """(GRID * GRID, 2): points spread over the middle of a box, where there is face and no background."""
    x, y, width, height = box
    steps = np.linspace(0.2, 0.8, GRID)
    across, down = np.meshgrid(x + steps * width, y + steps * height)
    return np.stack([across.ravel(), down.ravel()], axis=1)


def _move(track: _Track, old: npt.NDArray[np.float32], new: npt.NDArray[np.float32]) -> None:
    """Carries box and frame along: the median shift and the median change of distance between points.

    The median flow of Kalal et al. (ICPR 2010), which outliers up to half do not disturb.
    """
    shift = np.median(new - old, axis=0)
    middle_old, middle_new = old.mean(axis=0), new.mean(axis=0)
    far = np.linalg.norm(old - middle_old, axis=1)
    chosen = far > 1e-3
    ratios = np.linalg.norm(new - middle_new, axis=1)[chosen] / far[chosen]
    growth = float(np.median(ratios)) if chosen.any() else 1.0
    x, y, width, height = track.box
    centre_x, centre_y = x + width / 2, y + height / 2
    off_x, off_y = (track.frame.x - centre_x) * growth, (track.frame.y - centre_y) * growth
    centre_x, centre_y = centre_x + float(shift[0]), centre_y + float(shift[1])
    width, height = width * growth, height * growth
    track.box = (centre_x - width / 2, centre_y - height / 2, width, height)
    track.frame = replace(track.frame, x=centre_x + off_x, y=centre_y + off_y, side=track.frame.side * growth)


def _enlarge(track: _Track, ratio: float) -> None:
    """Box and frame in a picture that is so many times as wide."""
    x, y, width, height = track.box
    track.box = (x * ratio, y * ratio, width * ratio, height * ratio)
    frame = track.frame
    track.frame = replace(frame, x=frame.x * ratio, y=frame.y * ratio, side=frame.side * ratio)


def _between(old: float, new: float) -> float:
    return old + STEADY * (new - old)


def _shown(box: tuple[float, float, float, float], image: Image) -> Box:
    shown = inside(box, width=image.shape[1], height=image.shape[0])
    assert shown is not None, "a face outside the picture is given up"
    return shown
