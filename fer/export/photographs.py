"""Photographs with labels -> faces as a deployed model is shown them."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from fer.common.errors import ConfigError, DataError, FerError
from fer.common.labels import CONTEMPT, EMOTIONS, canonical_name
from fer.common.wording import printable_path
from fer.data.csv_table import read_rows
from fer.data.decode import UnreadableError
from fer.data.tree import FolderTree, Tree, ZipTree, find_images
from fer.runtime.detection.detector import Detector
from fer.runtime.detection.opening import open_detector
from fer.runtime.framing import cut
from fer.runtime.images import decode


@dataclass(frozen=True, kw_only=True)
class Photographs:
    """The largest face of each photograph.

    Attributes:
        name: of the photographs, in words.
        faces: uint8 (N, S, S), grey, as the detector and the runtime's framing cut them.
        labels: int64 (N,).
        persons: int64 (N,), the same number for the same person.
        without: photographs in which no face was found.
        unreadable: photographs that could not be read.
        unlabelled: images that have no label, or one that is none of the seven emotions.
    """

    name: str
    faces: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    persons: npt.NDArray[np.int64]
    without: int
    unreadable: int
    unlabelled: int

    @property
    def num_persons(self) -> int:
        """How many persons there are."""
        return len(np.unique(self.persons))


def read_photographs(root: Path, *, labels: Path | None, size: int, detector: str = "auto") -> Photographs:
    """Finds the largest face of each labelled photograph.

    Args:
        root: folder or zip of photographs.
        labels: CSV with the columns file and emotion, and person where it is known; None where the folder of each
            photograph names its emotion.
        size: height and width of a face, in pixels.
        detector: what finds the faces.

    Raises:
        ConfigError: nothing at `root` or `labels`, or no labelled photograph.
        DataError: the zip or the table cannot be read, or an emotion in it is unknown.
    """
    if not root.exists():
        raise ConfigError(f"--calibrate {root}: there is no folder and no zip")
    with FolderTree(root) if root.is_dir() else ZipTree(root) as tree:
        images = [str(path) for path in find_images(tree)]
        rows = _by_folder(images) if labels is None else _by_table(images, labels)
        if not rows:
            where = "lies in a folder named for its emotion" if labels is None else f"is named in {labels}"
            raise ConfigError(f"--calibrate {root}: none of its {len(images):,} images {where}: give --labels CSV")
        finder = open_detector(detector)
        faces, kept, without, unreadable = [], [], 0, 0
        for number, (name, _, _) in enumerate(rows):
            face = _face(tree, name, finder, size=size)
            without, unreadable = without + (face is None), unreadable + isinstance(face, FerError)
            if isinstance(face, np.ndarray):
                faces.append(face)
                kept.append(number)
    return Photographs(
        name=f"the photographs {printable_path(root.name)}",
        faces=np.stack(faces) if faces else np.zeros((0, size, size), np.uint8),
        labels=np.array([rows[number][1] for number in kept], np.int64),
        persons=_numbers([rows[number][2] for number in kept]),
        without=without,
        unreadable=unreadable,
        unlabelled=len(images) - len(rows),
    )


def _face(tree: Tree, name: str, detector: Detector, *, size: int) -> "npt.NDArray[np.uint8] | FerError | None":
    """The largest face; None where none is found; the error where the photograph cannot be read."""
    try:
        image = decode(tree.read_image(name))
    except UnreadableError as error:
        return DataError(str(error))
    except FerError as error:
        return error
    found = detector.detect(image)
    return cut(image, found[0].frame, size=size) if found else None


Row = tuple[str, int, str]
"""A photograph's name, its label and its person."""


def _by_folder(images: list[str]) -> list[Row]:
    rows = []
    for name in images:
        emotion = canonical_name(PurePosixPath(name).parent.name)
        if emotion is not None and emotion != CONTEMPT:
            rows.append((name, EMOTIONS.index(emotion), name))
    return rows


def _by_table(images: list[str], path: Path) -> list[Row]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"--labels {path} cannot be read: {error.strerror or error}") from error
    named = {name: name for name in images}
    # A table beside a folder may name the files without the folders in between.
    short: dict[str, list[str]] = {}
    for name in images:
        short.setdefault(PurePosixPath(name).name, []).append(name)
    has_person = "person" in content[:200].decode("utf-8", "replace").splitlines()[0].split(",") if content else False
    columns = ("file", "emotion", "person") if has_person else ("file", "emotion")
    rows: dict[str, Row] = {}
    for line, row in read_rows(content, columns=columns, origin=str(path)):
        emotion = canonical_name(row["emotion"])
        if emotion is None:
            raise DataError(
                f"{path}, line {line}: {row['emotion'][:80]!r} is no emotion known here: use one of "
                f"{', '.join(EMOTIONS)}, or leave the row out"
            )
        told = row["file"].strip().replace("\\", "/")
        near = short.get(PurePosixPath(told).name, [])
        place = named.get(told) or (near[0] if len(near) == 1 else None)
        if place is not None and emotion != CONTEMPT:
            person = row.get("person", "").strip()
            rows[place] = (place, EMOTIONS.index(emotion), f"person {person}" if person else place)
    return list(rows.values())


def _numbers(persons: list[str]) -> npt.NDArray[np.int64]:
    known: dict[str, int] = {}
    return np.array([known.setdefault(person, len(known)) for person in persons], np.int64)
