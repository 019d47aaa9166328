"""Pictures, videos and cameras, one after the other -> records of their faces: for `fer-predict` and `fer.predict`."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from fer.common.errors import DataError, FerError
from fer.common.wording import printable_path
from fer.runtime.detection.opening import open_detector
from fer.runtime.images import MAX_BYTES, ImageTooLarge, UnreadableImage, read_picture
from fer.runtime.predict.sources import Item
from fer.runtime.predict.video_source import VideoSource, open_video
from fer.runtime.predictor import Model, Predictor
from fer.runtime.record import Face
from fer.runtime.video import FaceTracker

if TYPE_CHECKING:
    from fer.runtime.framing import Image
    from fer.runtime.predict.annotated_writer import AnnotatedWriter


class Session:
    """Judges files in turn; one bad file among others is a record that says so.

    Args:
        model: what predicts.
        detector: name of what finds the faces.
        detector_model: its file, where it takes one.
        annotated: where copies with boxes and labels go; None for nowhere.
        interval: of videos, seconds between records; 0 for every frame.
        smoothing: of videos, seconds over which probabilities are averaged; 0 for none.
        tell: is told, in a line, what is to be known of a file.

    Raises:
        ConfigError: an unknown detector, or a file that it has no use for.
        DataError: its file cannot be used.
    """

    def __init__(
        self,
        model: Model,
        *,
        detector: str,
        detector_model: Path | None = None,
        annotated: "AnnotatedWriter | None" = None,
        interval: float = 0.0,
        smoothing: float = 0.3,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.predictor = Predictor(model, open_detector(detector, model=detector_model))
        self._live_detector = partial(open_detector, detector, model=detector_model, live=True)
        self._annotated = annotated
        self._interval = interval
        self._smoothing = smoothing
        self._tell = tell

    def files(self, items: Iterable[Item]) -> Iterator[list[Face]]:
        """The records of every file, in order: pictures in batches, videos frame by frame."""
        for kind, group in groupby(items, key=lambda item: item.kind):
            if kind == "video":
                for item in group:
                    yield from self._video(item)
            else:
                yield from self._pictures(group)

    def follow(self, video: VideoSource, item: Item, *, source: str, interval: float) -> Iterator[list[Face]]:
        """The records of a video or camera at every `interval` seconds; every frame is followed and goes into the copy.

        Args:
            video: opened.
            item: names its copy.
            source: its name, for the records.
            interval: seconds between records; 0 for every frame.
        """
        tracker = FaceTracker(self.predictor.model, self._live_detector(), smoothing=self._smoothing)
        copy = None if self._annotated is None else self._annotated.video(item, frames_a_second=video.rate)
        due = 0.0
        try:
            for frame in video.frames():
                faces = tracker.frame(frame.image, seconds=frame.seconds, source=source)
                if copy is not None:
                    copy.frame(frame.image, faces, seconds=frame.seconds)
                if frame.seconds >= due - 1e-6:
                    # The next whole interval, so that the distances do not grow by what a frame comes late.
                    due = interval * (math.floor(frame.seconds / interval + 1e-6) + 1) if interval > 0 else 0.0
                    yield faces
        finally:
            if copy is not None:
                copy.close()

    def _pictures(self, group: Iterator[Item]) -> Iterator[list[Face]]:
        waiting: list[tuple[Item, str | None]] = []

        def read() -> "Iterator[tuple[str, Image | FerError]]":
            for item in group:
                picture, note = self._read(item)
                waiting.append((item, note))
                yield printable_path(item.path), picture

        for prediction in self.predictor.images(read(), survive=True):
            item, note = waiting.pop(0)
            if self._annotated is not None and prediction.image is not None:
                self._annotated.picture(item, prediction.image, prediction.faces)
            yield [face if note is None else replace(face, reason=note) for face in prediction.faces]

    def _read(self, item: Item) -> "tuple[Image | FerError, str | None]":
        """A picture, and what is to be known of it; or the error that tells why there is none."""
        if item.kind == "missing":
            return DataError("there is no such file"), None
        try:
            size = item.path.stat().st_size
            if size > MAX_BYTES:
                return ImageTooLarge(f"the file has {size:,} bytes; the limit is {MAX_BYTES:,}"), None
            # Colour is for the copy, and for the networks, which were trained on it.
            grey = self._annotated is None and self.predictor.detector.name in ("haar", "none")
            picture = read_picture(item.path.read_bytes(), grey=grey, cut_off=True)
        except OSError as error:
            return DataError(error.strerror or str(error)), None
        except FerError as error:
            return error, None
        if picture.note is not None:
            self._tell(f"{printable_path(item.path)}: {picture.note}")
        return picture.pixels, picture.note

    def _video(self, item: Item) -> Iterator[list[Face]]:
        source, any_frame = printable_path(item.path), False
        try:
            with open_video(item.path) as video:
                for faces in self.follow(video, item, source=source, interval=self._interval):
                    any_frame = True
                    yield faces
            if not any_frame:
                raise UnreadableImage("the video holds no readable frame")
        except (ImageTooLarge, UnreadableImage) as error:
            yield [Face(source=source, status="unreadable", reason=str(error))]
