"""The frames of a video, gathered into a record a face and second."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer.runtime.predictor import Model
from fer.runtime.record import Face, judged


@dataclass(slots=True)
class _Seen:
    """A face within one second: its first record, and its probabilities in all frames so far, summed."""

    first: Face
    total: npt.NDArray[np.float64]
    frames: int


class PerSecond:
    """Averages each face's probabilities over every whole second of a video.

    A record has the box, frame and time at which the face is first seen in that second. A second in which no frame
    shows a face has one record of status "no_face".

    Args:
        model: whose probabilities they are.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._second: int | None = None
        self._empty: Face | None = None
        self._seen: dict[int, _Seen] = {}

    def add(self, faces: list[Face]) -> list[list[Face]]:
        """Takes the records of the next frame; gives those of the second before, once it has ended, in one list."""
        assert faces[0].seconds is not None
        second = math.floor(faces[0].seconds + 1e-6)
        ended = self.end() if self._second is not None and second != self._second else []
        self._second = second
        for face in faces:
            if face.probabilities is None:
                self._empty = self._empty or face
                continue
            assert face.face is not None
            shares = np.array(list(face.probabilities.values()))
            seen = self._seen.get(face.face)
            if seen is None:
                self._seen[face.face] = _Seen(face, shares, 1)
            else:
                seen.total, seen.frames = seen.total + shares, seen.frames + 1
        return ended

    def end(self) -> list[list[Face]]:
        """The records of the last second, in one list; nothing where there is none."""
        seen, self._seen = self._seen, {}
        empty, self._empty = self._empty, None
        self._second = None
        if seen:
            return [[self._record(seen[number]) for number in sorted(seen)]]
        return [] if empty is None else [[empty]]

    def _record(self, seen: _Seen) -> Face:
        first, model = seen.first, self._model
        assert first.face is not None
        assert first.box is not None
        return judged(
            seen.total / seen.frames,
            labels=model.labels,
            uncertain_below=model.uncertain_below,
            source=first.source,
            face=first.face,
            box=first.box,
            prior=model.prior,
            track=first.track,
            frame=first.frame,
            seconds=first.seconds,
        )
