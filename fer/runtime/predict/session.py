"""Pictures, videos and cameras, one after the other -> records of their faces: for `fer-predict` and `fer.predict`."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain, groupby, islice
from typing import TYPE_CHECKING, Final

from fer.common.errors import DataError, FerError
from fer.common.wording import printable_path
from fer.runtime.detection.detector import Detector
from fer.runtime.images import ImageTooLarge, UnreadableImage
from fer.runtime.predict.pictures import Job, Outcome, outcomes
from fer.runtime.predict.seconds import PerSecond
from fer.runtime.predict.sources import Item
from fer.runtime.predict.timeline import Timeline
from fer.runtime.predict.video_source import VideoSource, open_video
from fer.runtime.predictor import Model, Predictor
from fer.runtime.record import Face
from fer.runtime.video import FaceTracker

if TYPE_CHECKING:
    from fer.runtime.predict.annotated_writer import AnnotatedVideo, AnnotatedWriter
    from fer.runtime.predict.pool import WorkerPool
    from fer.runtime.predict.recipe import Recipe

FEW: Final = 16
"""So many pictures are done before further processes have started."""


class Session:
    """Judges files in turn; one bad file among others is a record that says so. Use in a `with`.

    Args:
        model: what predicts.
        open_detector: opens what finds the faces, for moving pictures where its argument is true.
        annotated: where copies with boxes and labels go; None for nowhere.
        interval: of videos, seconds between records, 0 for every frame; None for a record a face and second.
        smoothing: of videos, seconds over which probabilities are averaged; 0 for none.
        recipe: model and detector for other processes; None where they cannot be told.
        workers: processes that look at pictures; 1 for this one.
        tell: is told, in a line, what is to be known of a file.

    Attributes:
        done: files of which all is told.

    Raises:
        ConfigError: an unknown detector, or a file that it has no use for.
        DataError: its file cannot be used.
    """

    def __init__(
        self,
        model: Model,
        *,
        open_detector: Callable[[bool], Detector],
        annotated: "AnnotatedWriter | None" = None,
        interval: float | None = None,
        smoothing: float = 0.3,
        recipe: "Recipe | None" = None,
        workers: int = 1,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.predictor = Predictor(model, open_detector(False))
        self._open_detector = open_detector
        self._annotated = annotated
        self._interval = interval
        self._smoothing = smoothing
        self._recipe = recipe
        self._workers = workers
        self._tell = tell
        self._pool: WorkerPool | None = None
        self._open = ExitStack()
        self.done = 0

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def files(self, items: Iterable[Item]) -> Iterator[Outcome]:
        """What comes of every file, in order: pictures side by side, videos moment by moment.

        Raises:
            ConfigError, DataError: an annotated copy cannot be written.
        """
        for kind, group in groupby(items, key=lambda item: item.kind):
            if kind == "video":
                for item in group:
                    yield from self._video(item)
                    self.done += 1
            else:
                for outcome in self._pictures(group):
                    self.done += 1
                    if outcome.note is not None:
                        self._tell(outcome.note)
                    yield outcome

    def follow(self, video: VideoSource, item: Item, *, source: str, interval: float | None) -> Iterator[list[Face]]:
        """The records of a video or camera; every frame is followed and goes into the copy.

        Args:
            video: opened.
            item: names its copy.
            source: its name, for the records.
            interval: as in the class.

        Raises:
            UnreadableImage: it breaks in the middle.
            DataError: the copy cannot be written; told after the records.
        """
        model = self.predictor.model
        tracker = FaceTracker(model, self._open_detector(True), smoothing=self._smoothing)
        copy = None if self._annotated is None else self._annotated.video(item, frames_a_second=video.rate)
        seconds, timeline, due = PerSecond(model), Timeline(source, model.labels), 0.0
        failure: DataError | None = None
        try:
            try:
                for frame in video.frames():
                    faces = tracker.frame(frame.image, seconds=frame.seconds, source=source)
                    ended = seconds.add(faces)
                    if copy is not None:
                        timeline.add(ended)
                        copy.frame(frame.image, faces, seconds=frame.seconds)
                    if interval is None:
                        yield from ended
                    elif frame.seconds >= due - 1e-6:
                        # The next whole interval, so that the distances do not grow by what a frame comes late.
                        due = interval * (math.floor(frame.seconds / interval + 1e-6) + 1) if interval > 1e-6 else 0.0
                        yield faces
            finally:
                # Of a video that is broken or stopped in the middle, too.
                last = seconds.end()
                timeline.add(last)
                if copy is not None:
                    failure = self._end(copy, timeline)
        except UnreadableImage as error:
            if interval is None:
                yield from last
            if failure is not None:
                raise failure from error
            raise
        if interval is None:
            yield from last
        if failure is not None:
            raise failure

    def _end(self, copy: "AnnotatedVideo", timeline: Timeline) -> DataError | None:
        """Ends a film and its timeline; gives what is to be told when the records are out."""
        try:
            copy.close()
            timeline.write(copy.path.with_suffix(".svg"))
        except DataError as error:
            return error
        if copy.note is not None:
            self._tell(f"{timeline.title}: {copy.note}")
        return None

    def _pictures(self, group: Iterator[Item]) -> Iterator[Outcome]:
        copies = self._annotated
        jobs = (Job(item, None if copies is None or item.kind == "missing" else copies.place(item)) for item in group)
        if self._workers == 1 or self._recipe is None:
            return outcomes(jobs, self.predictor)
        first = list(islice(jobs, FEW + 1))
        if len(first) <= FEW and self._pool is None:
            return outcomes(first, self.predictor)
        if self._pool is None:
            from fer.runtime.predict.pool import WorkerPool

            pool = WorkerPool(self._recipe, count=self._workers, tell=self._tell)
            self._pool = self._open.enter_context(pool)
        return self._pool.outcomes(chain(first, jobs))

    def _video(self, item: Item) -> Iterator[Outcome]:
        source = printable_path(item.path)
        # One moment behind: what is to be known of the film is known at its end, and told with its last records.
        last: list[Face] | None = None
        try:
            with open_video(item.path) as video:
                for faces in self.follow(video, item, source=source, interval=self._interval):
                    if last is not None:
                        yield Outcome(last, video=True, moment=True)
                    last = faces
            if last is None:
                raise UnreadableImage("the video holds no readable frame")
            if video.note is not None:
                last = [replace(face, reason=video.note) for face in last]
                self._tell(f"{source}: {video.note}")
            yield Outcome(last, video=True, moment=True)
        except FerError as error:
            if last is not None:
                yield Outcome(last, video=True, moment=True)
            if not isinstance(error, ImageTooLarge | UnreadableImage):
                raise
            yield Outcome([Face(source=source, status="unreadable", reason=str(error))], video=True)
