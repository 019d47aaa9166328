"""The videos being watched: each page follows its own faces from picture to picture."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from fer.runtime.video import FaceTracker
from fer.runtime.web.watched import Watched

MAX_STREAMS: Final = 16
"""Videos followed at once; beyond, the one that has been silent for longest is forgotten."""

IDLE_SECONDS: Final = 10.0
"""A video that pauses for longer starts afresh: its faces are not where they were."""


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
    model: Watched
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
