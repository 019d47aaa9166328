"""The emotions of the faces in pictures, arrays and videos, without torch."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, overload

import numpy as np
import numpy.typing as npt

from fer.api.pictures import array_of, read, several
from fer.api.tables import data_frame, html_picture, html_table
from fer.common.errors import ConfigError, DataError
from fer.common.notebook_bar import NotebookBar
from fer.common.paths import expanded
from fer.common.wording import printable_path
from fer.runtime.record import Face

if TYPE_CHECKING:
    from pandas import DataFrame

    from fer.api.forms import Form
    from fer.runtime.predict.sources import Item

_SHOWN: Final = 12
"""Pictures and rows that a result shows of itself; the rest is counted."""

_COLUMNS: Final = ("source", "status", "face", "x", "y", "width", "height", "label", "confidence", "uncertain")
"""Of every table."""

_WIDEST: Final = 640
"""Longer side of a picture in a notebook, in pixels."""


class Faces(Sequence[Face]):
    """What was found in the pictures, a record a face; a picture without one has a record that says so.

    Args:
        records: in the order of the pictures, faces from large to small.
        pictures: source -> array (H, W) or BGR (H, W, 3), of those that were given as arrays.
        files: source -> its file, from the root of the file system.
        labels: class names of the model, in the order of its probabilities.
    """

    def __init__(
        self,
        records: Iterable[Face],
        *,
        pictures: Mapping[str, npt.NDArray[np.uint8]],
        files: Mapping[str, Path] | None = None,
        labels: Sequence[str] = (),
    ) -> None:
        self._records = tuple(records)
        self._pictures = dict(pictures)
        self._files = dict(files or {})
        self._labels = tuple(labels)

    @overload
    def __getitem__(self, index: int) -> Face: ...
    @overload
    def __getitem__(self, index: slice) -> "Faces": ...
    def __getitem__(self, index: int | slice) -> "Face | Faces":
        if isinstance(index, slice):
            return Faces(self._records[index], pictures=self._pictures, files=self._files, labels=self._labels)
        return self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __repr__(self) -> str:
        found = sum(face.status == "ok" for face in self._records)
        return f"<Faces: {found} in {len(self.sources)} {'picture' if len(self.sources) == 1 else 'pictures'}>"

    @property
    def sources(self) -> tuple[str, ...]:
        """The pictures, in order."""
        return tuple(dict.fromkeys(face.source for face in self._records))

    def to_pandas(self) -> "DataFrame":
        """A row a face: source, status, face, x, y, width, height, label, confidence, uncertain, a column an emotion.

        These columns are there whatever was found. Further ones say more where there is more to say: `reason` of what
        cannot be read, `frame` and `seconds` of videos, `prior`.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        rows = [_row(face) for face in self._records]
        return data_frame(
            rows, columns=tuple(dict.fromkeys([*_COLUMNS, *self._labels, *(key for row in rows for key in row)]))
        )

    def image(self, source: str | None = None) -> npt.NDArray[np.uint8]:
        """A picture with its boxes and labels, RGB (H, W, 3).

        Args:
            source: one of `sources`; None for the first that could be read.

        Raises:
            DataError: there is no such picture, or it cannot be read (any more).
        """
        # Where none could, the first one says why.
        name = next(iter((*self._readable(), *self.sources)), None) if source is None else source
        if name is None or name not in self.sources:
            raise DataError(f"{name!r} is none of the pictures: choose one of {', '.join(self.sources[:5]) or 'none'}")
        from fer.runtime.predict.drawing import annotate

        annotated = annotate(self._picture(name), [face for face in self._records if face.source == name])
        return np.ascontiguousarray(annotated[..., ::-1])

    def show(self) -> None:
        """Shows the annotated pictures: in a notebook as its output, elsewhere in a window of matplotlib.

        Raises:
            MissingExtraError: there is neither a notebook nor matplotlib.
        """
        from fer.api.showing import show_pictures

        shown = self._readable()
        show_pictures(
            [self.image(source) for source in shown[:_SHOWN]], titles=shown[:_SHOWN], left_out=len(shown[_SHOWN:])
        )

    def _repr_html_(self) -> str:
        import cv2

        parts = []
        for source in self._readable()[:_SHOWN]:
            try:
                image = self.image(source)
            except DataError:
                # Its file has gone meanwhile; the table still tells what was found in it.
                continue
            ratio = min(1.0, _WIDEST / max(image.shape[:2]))
            size = (max(1, round(image.shape[1] * ratio)), max(1, round(image.shape[0] * ratio)))
            small = cv2.resize(image[..., ::-1], size, interpolation=cv2.INTER_AREA)
            parts.append(html_picture(cv2.imencode(".png", small)[1].tobytes(), alt=self._words(source)))
        rows = [
            (
                face.source,
                "" if face.face is None else face.face,
                face.reason or ("no face found" if face.label is None else face.label),
                "" if face.confidence is None else f"{100 * face.confidence:.0f} %",
                "uncertain" if face.uncertain else "",
            )
            for face in self._records[:_SHOWN]
        ]
        parts.append(html_table(rows, header=("picture", "face", "label", "confidence", "")))
        left = len(self._records) - len(rows)
        return "".join(parts) + (f"<p>and {left} more</p>" if left > 0 else "")

    def _readable(self) -> list[str]:
        """The sources that are pictures; frames of videos and what cannot be read are not shown."""
        return list(
            dict.fromkeys(face.source for face in self._records if face.status != "unreadable" and face.seconds is None)
        )

    def _words(self, source: str) -> str:
        of = [face for face in self._records if face.source == source and face.label is not None]
        return f"{source}: " + (", ".join(str(face.label) for face in of) or "no face found")

    def _picture(self, source: str) -> npt.NDArray[np.uint8]:
        if source in self._pictures:
            return self._pictures[source]
        return read(self._files.get(source, Path(source)))


def _place(path: str | PathLike[str]) -> str:
    """A path or pattern as the runtime takes it, with the home folder in the place of a `~`."""
    place = fspath(path)
    return str(expanded(place)) if place.startswith("~") else place


def _row(face: Face) -> dict[str, Any]:
    """A record without mappings in it."""
    record = face.as_dict()
    box, probabilities = record.pop("box") or (None,) * 4, record.pop("probabilities") or {}
    return {**record, **dict(zip(("x", "y", "width", "height"), box, strict=True)), **probabilities}


def faces_of(source: Any, *, model: "Form", detector: str, workers: int) -> Faces:
    """The faces of pictures and videos, see `fer.predict`.

    Args:
        source: as there.
        model: what predicts.
        detector: name of what finds the faces.
        workers: processes that look at picture files.

    Raises:
        ConfigError: no process at all.
        DataError: paths that all lead nowhere, or an object that is no picture.
    """
    from fer.runtime.detection.opening import open_detector
    from fer.runtime.predict.session import Session
    from fer.runtime.predict.sources import check_paths, items

    if workers < 1:
        raise ConfigError(f"workers={workers}: give 1 or more")
    sources = several(source)
    if all(isinstance(each, str | PathLike) for each in sources):
        # As `fer-predict`: one that is missing among others is told in its place, and loses nothing of the others.
        check_paths([_place(each) for each in sources])
    records: list[Face] = []
    pictures: dict[str, npt.NDArray[np.uint8]] = {}
    files: dict[str, Path] = {}

    def noted(found: "Iterable[Item]") -> "Iterator[Item]":
        for item in found:
            # They are read again when they are shown, wherever the process has gone meanwhile.
            files[printable_path(item.path)] = item.path.absolute()
            yield item

    bar, looked = NotebookBar(), 0
    with Session(
        model,
        open_detector=lambda live: open_detector(detector, live=live),
        recipe=model.recipe(detector),
        workers=workers,
    ) as session:
        for each in sources:
            if isinstance(each, str | PathLike):
                found = items([_place(each)], leave_out=None)
                for outcome in session.files(noted(found)):
                    records += outcome.faces
                    looked += 1
                    bar.show(looked, total=None, words="pictures:")
            else:
                name = f"image {len(pictures)}"
                pictures[name] = array_of(each)
                records += session.predictor.image(pictures[name], source=name)
    bar.clear()
    return Faces(records, pictures=pictures, files=files, labels=model.labels)
