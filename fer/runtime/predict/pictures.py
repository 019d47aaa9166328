"""Picture files -> records of their faces: the work of one process."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fer.common.errors import DataError, FerError
from fer.common.wording import printable_path
from fer.runtime.images import MAX_BYTES, ImageTooLarge, read_picture
from fer.runtime.predict.annotated_writer import write_picture
from fer.runtime.predict.sources import Item
from fer.runtime.predictor import Predictor
from fer.runtime.record import Face

if TYPE_CHECKING:
    from fer.runtime.framing import Image

DIGEST_BYTES = 16
"""Of a file's content: two different ones among a billion share it once in 10^20 folders."""


@dataclass(frozen=True, slots=True)
class Job:
    """A picture to look at, and where its annotated copy goes; None for nowhere."""

    item: Item
    copy: Path | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a picture, or of a moment of a video.

    Attributes:
        faces: its records; never empty.
        digest: of the file's bytes, `DIGEST_BYTES` long; None where they were not read as a whole.
        note: what is to be known of it, in a line.
        video: whether it is of a video.
        moment: whether it is one of a video, not the reason why there are none or no more.
    """

    faces: list[Face]
    digest: bytes | None = None
    note: str | None = None
    video: bool = False
    moment: bool = False


def outcomes(jobs: Iterable[Job], predictor: Predictor) -> Iterator[Outcome]:
    """What comes of each picture, in order, made in batches across pictures.

    Raises:
        DataError: an annotated copy cannot be written.
    """
    waiting: list[tuple[Job, bytes | None, str | None]] = []

    def read() -> "Iterator[tuple[str, Image | FerError]]":
        for job in jobs:
            picture, digest, note = _read(job, predictor)
            waiting.append((job, digest, note))
            yield printable_path(job.item.path), picture

    for prediction in predictor.images(read(), survive=True):
        job, digest, note = waiting.pop(0)
        if job.copy is not None and prediction.image is not None:
            lost = write_picture(job.copy, prediction.image, prediction.faces)
            note = "; ".join(part for part in (note, lost) if part is not None) or None
        faces = [face if note is None else replace(face, reason=note) for face in prediction.faces]
        yield Outcome(faces, digest, None if note is None else f"{printable_path(job.item.path)}: {note}")


def _read(job: Job, predictor: Predictor) -> "tuple[Image | FerError, bytes | None, str | None]":
    """A picture, or the error that tells why there is none; its digest; and what is to be known of it."""
    if job.item.kind == "missing":
        return DataError(job.item.reason), None, None
    digest = None
    try:
        size = job.item.path.stat().st_size
        if size > MAX_BYTES:
            return ImageTooLarge(f"the file has {size:,} bytes; the limit is {MAX_BYTES:,}"), None, None
        content = job.item.path.read_bytes()
        digest = hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()
        # Colour is for the copy, and for the networks, which were trained on it.
        grey = job.copy is None and predictor.detector.name in ("haar", "none")
        picture = read_picture(content, grey=grey, cut_off=True)
    except OSError as error:
        gone = job.item.path.is_symlink() and isinstance(error, FileNotFoundError)
        return DataError("a link to what is not there" if gone else error.strerror or str(error)), digest, None
    except FerError as error:
        return error, digest, None
    return picture.pixels, digest, picture.note
