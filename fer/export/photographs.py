"""Labelled photographs -> faces as a deployed model is shown them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fer.common.wording import counted, printable_path
from fer.data.photographs import read_photographs
from fer.runtime.largest_face import largest_faces


@dataclass(frozen=True, kw_only=True)
class PhotographFaces:
    """The largest face of each photograph.

    Attributes:
        name: of the photographs, in words.
        faces: uint8 (N, S, S), grey, as the detector and the runtime's framing cut them.
        labels: int64 (N,).
        persons: int64 (N,), the same number for the same person; photographs of no known person are a person each.
        notes: what was left out, a sentence each.
    """

    name: str
    faces: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    persons: npt.NDArray[np.int64]
    notes: tuple[str, ...]

    @property
    def num_persons(self) -> int:
        """How many persons there are."""
        return len(np.unique(self.persons))


def read_faces(root: Path, *, labels: Path | None, size: int, detector: str = "auto") -> PhotographFaces:
    """Finds the largest face of each labelled photograph.

    Args:
        root: folder or zip of photographs.
        labels: see `fer.data.photographs.read_photographs`.
        size: height and width of a face, in pixels.
        detector: what finds the faces.

    Raises:
        DataError: photographs and labels do not fit, or are not there.
    """
    photographs = read_photographs(root, labels)
    found = largest_faces(photographs.contents(), size=size, detector=detector)
    persons = photographs.names if photographs.persons is None else photographs.persons.tolist()
    told = ((found.without, "no face was found"), (found.unreadable, "nothing could be read"))
    return PhotographFaces(
        name=f"the photographs {printable_path(root.name)}",
        faces=found.faces,
        labels=photographs.labels[found.places],
        persons=_numbers([persons[place] for place in found.places]),
        notes=(
            *photographs.notes,
            *(f"In {counted(count, 'photograph')} {what}." for count, what in told if count > 0),
        ),
    )


def _numbers(persons: list[str]) -> npt.NDArray[np.int64]:
    known: dict[str, int] = {}
    return np.array([known.setdefault(person, len(known)) for person in persons], np.int64)
