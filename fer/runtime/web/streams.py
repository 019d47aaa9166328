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

MAX_STREAMS: Final = 16
"""Videos followed at once; beyond, the one that has been silent for longest is forgotten."""

IDLE_SECONDS: Final = 10.0
"""A video that pauses for longer starts afresh: its faces are not where they were."""


class RecordingModel:
    """A model that remembers its last faces, so that the drift log can look at them; one thread at a time.

    Attributes:
        faces: uint8 (N, size, size), the last ones it was asked about; none before.
        predictions: float32 (N, K), their probabilities.
    """

    def __init__(self, model: EmotionModel) -> None:
        self._model = model
        self.labels = model.labels
        self.size = model.size
        self.uncertain_below = model.uncertain_below
        self.prior = model.prior
        self.forget()

    def probabilities(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """float32 array (N, K), as the model's own."""
        predictions = self._model.probabilities(faces)
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
    """

    tracker: FaceTracker
    model: RecordingModel
    last: float | None = None
    sampled: float = float("-inf")
    lock: threading.Lock = field(default_factory=threading.Lock)


class Streams:
    """Videos by name; safe to use from several threads.

    Args:
        open_stream: makes the stream of a model, by the model's name.
        clock: seconds, monotonic.
    """

    def __init__(self, open_stream: Callable[[str], Stream], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._open = open_stream
        self._clock = clock
        self._streams: OrderedDict[tuple[str, str], Stream] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def next_picture(self, name: str, *, model: str) -> Iterator[tuple[Stream, float]]:
        """The stream and the time in seconds, within which nobody else uses it."""
        now = self._clock()
        with self._lock:
            stream = self._streams.pop((name, model), None)
            if stream is None or (stream.last is not None and now - stream.last > IDLE_SECONDS):
                stream = self._open(model)
            self._streams[name, model] = stream
            if len(self._streams) > MAX_STREAMS:
                self._streams.popitem(last=False)
        with stream.lock:
            # Two pictures of one video may wait for each other: time goes on, never back.
            stream.last = self._clock()
            yield stream, stream.last
