"""The videos being watched: each page follows its own faces from picture to picture."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.runtime.model import EmotionModel
from fer.runtime.video import FaceTracker
from fer.runtime.web.half_occlusion import with_half_covered

MAX_STREAMS: Final = 16
"""Videos followed at once; beyond, the one that has been silent for longest is forgotten."""

IDLE_SECONDS: Final = 10.0
"""A video that pauses for longer starts afresh: its faces are not where they were."""

BACK_SECONDS: Final = 1.0
"""So does one that goes back by more, to be seen again; by less, pictures on their way overtook one another."""


class RecordingModel:
    """A model that remembers its last faces, so that the drift log can look at them; one thread at a time.

    Args:
        model: what is asked.
        hide: the half of each face that it does not get to see, one of `half_occlusion.HALVES`, or None.

    Attributes:
        faces: uint8 (N, size, size), the last ones it was asked about, whole; none before.
        predictions: float32 (N, K), their probabilities.
    """

    def __init__(self, model: EmotionModel, *, hide: str | None = None) -> None:
        self._model = model
        self._hide = hide
        self.labels = model.labels
        self.size = model.size
        self.uncertain_below = model.uncertain_below
        self.prior = model.prior
        self.forget()

    def probabilities(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """float32 array (N, K), as the model's own."""
        predictions = self._model.probabilities(faces if self._hide is None else with_half_covered(faces, self._hide))
        self.faces, self.predictions = faces, predictions
        return predictions

    def forget(self) -> None:
        """As if no face had come."""
        self.faces = np.zeros((0, self.size, self.size), np.uint8)
        self.predictions = np.zeros((0, len(self.labels)), np.float32)


@dataclass
class Stream:
    """One video.

    Attributes:
        tracker: follows its faces.
        model: what the tracker asks.
        last: when its last picture came, in seconds; None before the first.
        sampled: when a face of it last went into the drift log.
        time: seconds into the video of its last picture; 0 before the first.
    """

    tracker: FaceTracker
    model: RecordingModel
    last: float | None = None
    sampled: float = float("-inf")
    time: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def is_over(self, now: float, seconds: float | None) -> bool:
        """Whether a picture that comes now, of that time in the video, follows on nothing that is known of it."""
        paused = self.last is not None and now - self.last > IDLE_SECONDS
        return paused or (seconds is not None and seconds < self.time - BACK_SECONDS)


class Streams:
    """Videos by name; safe to use from several threads.

    Args:
        open_stream: makes the stream of a model, by the model's name and the half hidden from it.
        clock: seconds, monotonic.
    """

    def __init__(
        self, open_stream: Callable[[str, str | None], Stream], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._open = open_stream
        self._clock = clock
        self._streams: OrderedDict[tuple[str, str, str | None], Stream] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def next_picture(
        self, name: str, *, model: str, hide: str | None = None, seconds: float | None = None
    ) -> Iterator[tuple[Stream, float]]:
        """The stream and the time in seconds, within which nobody else uses it.

        Args:
            name: of the video.
            model: of the model that is asked.
            hide: the half of each face hidden from it.
            seconds: when in the video the picture was taken, for a file; None: now, for a camera.
        """
        now = self._clock()
        key = (name, model, hide)
        with self._lock:
            stream = self._streams.pop(key, None)
            if stream is None or stream.is_over(now, seconds):
                stream = self._open(model, hide)
            self._streams[key] = stream
            if len(self._streams) > MAX_STREAMS:
                self._streams.popitem(last=False)
        with stream.lock:
            # Two pictures of one video may wait for each other: time goes on, never back.
            stream.last = self._clock()
            stream.time = max(stream.time, stream.last if seconds is None else seconds)
            yield stream, stream.time
