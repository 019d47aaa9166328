"""The faces an export needs: some to quantise with, and those that judge the result; never PrivateTest."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError, FerError
from fer.data.resize import fit_images
from fer.data.steps import select
from fer.folders.opened import OpenData
from fer.folders.record import RunRecord

TITLES = {"public": "PublicTest", "heldout": "Held-out part of Training"}
"""Selection faces by `ProtocolSplit.valid_name`, in the words of a report."""


@dataclass(frozen=True, kw_only=True)
class ExportFaces:
    """Grey faces as the data set stores them.

    Attributes:
        calibration: uint8 (M, 1, S, S), drawn from the rows that trained the model.
        images: uint8 (N, 1, S, S), the rows that selected it.
        labels: int64 (N,), of `images`, indices into `classes`.
        classes: the labels' names, K of them.
        ids: str (N,), of `images`.
        split: what `images` are ("PublicTest").
        source: the data set in short ("FER-2013").
        protocol: which rows trained and which selected, as the run says.
        fingerprint: of the content opened.
        copies: how many of `images` equal a face that trained the model, to the pixel.
        was_colour: whether the data set stores colour, which the exported model does not take.
        notes: what a reader must know of these faces.
    """

    calibration: npt.NDArray[np.uint8]
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    ids: npt.NDArray[np.str_]
    split: str
    source: str
    protocol: str
    fingerprint: str
    copies: int
    was_colour: bool
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Height and width of the stored faces, in pixels."""
        return int(self.images.shape[-1])


def open_faces(record: RunRecord, *, data_root: Path | None, calibration: int, seed: int) -> ExportFaces:
    """Opens the data set of a run as the report does, and takes the faces that trained and that selected it.

    Faces are whole even where the run saw only a part of them: a deployed model is given whole faces.

    Args:
        record: of the run.
        data_root: where the data set lies now; None for where the run found it.
        calibration: training faces to draw; all where there are fewer.
        seed: of that draw.

    Raises:
        ConfigError, DataError: the data set cannot be opened, or has no selection faces under the run's protocol.
    """
    data = OpenData(data_root)
    samples, fingerprint = data.of(record)
    split = select(samples, data.config_of(record), seed=record.seed, only=("split",)).split
    if len(split.valid) == 0:
        raise DataError(
            f"{samples.source} has no {TITLES[split.valid_name]} faces to check the exported model on: "
            "give a copy that has them with --data-root"
        )
    notes: tuple[str, ...] = ()
    try:
        # Without what its settings leave out: those faces it has not seen.
        trained = data.trained_rows(record)
    except FerError:
        trained = split.train
        # Without the reason, which may hold a path: notes are on the card, which is shown around.
        notes = (
            "Which faces it was trained on cannot be told any more (the list of data.leave_out is gone or another, or "
            "the data are): copies are counted, and faces for INT8 drawn, among all faces that its protocol trains on.",
        )
    told = record.manifest.get("data", {}).get("protocol")
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.choice(trained, size=min(calibration, len(trained)), replace=False))
    size = samples.images.shape[-1]

    def grey(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        return fit_images(np.ascontiguousarray(samples.images[rows]), size=size, channels=1)

    return ExportFaces(
        calibration=grey(drawn),
        images=grey(split.valid),
        labels=samples.labels[split.valid],
        classes=samples.classes,
        ids=samples.ids[split.valid],
        split=TITLES[split.valid_name],
        source=samples.source.partition(" (")[0],
        protocol=told if isinstance(told, str) else split.description,
        fingerprint=fingerprint,
        copies=_copies(samples.images, split.valid, of=trained),
        was_colour=samples.images.shape[1] == 3,
        notes=notes,
    )


def _copies(images: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64], *, of: npt.NDArray[np.int64]) -> int:
    """How many of some rows' images equal one of other rows, to the pixel."""
    known = {hashlib.sha256(images[row].tobytes()).digest() for row in of}
    return sum(hashlib.sha256(images[row].tobytes()).digest() in known for row in rows)
