"""The prediction table: what a model said of each face, in memory and as a parquet file."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.files import write_atomic
from fer.common.label_set import label_names
from fer.common.labels import EMOTIONS

Floats = npt.NDArray[np.float64]

_FIRST_CLASS: Final = 4
"""Column of a file's first class, after id, split, label and predicted."""


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """What a model said of each face of one split.

    Attributes:
        ids: str array (N,), names of the faces.
        labels: int64 array (N,), true classes, indices into `classes`.
        probabilities: float32 or float64 array (N, K), rows sum to 1.
        split: what the faces are, in a report's words ("PublicTest").
        classes: the K labels' names.
    """

    ids: npt.NDArray[np.str_]
    labels: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float32] | Floats
    split: str
    classes: tuple[str, ...] = EMOTIONS

    def __post_init__(self) -> None:
        n, k = len(self.labels), len(self.classes)
        if self.ids.shape != (n,) or self.labels.shape != (n,) or self.probabilities.shape != (n, k):
            raise DataError(
                f"predictions of {self.split}: expected N ids, N labels and N x {k} probabilities, "
                f"got shapes {self.ids.shape}, {self.labels.shape} and {self.probabilities.shape}"
            )
        if not np.isfinite(self.probabilities).all():
            bad = int((~np.isfinite(self.probabilities)).any(axis=1).sum())
            have = "has" if bad == 1 else "have"
            raise DataError(
                f"predictions of {self.split}: {bad} of {n} faces {have} a probability that is not a number; "
                "the model has diverged: train again with a lower learning rate"
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def predicted(self) -> npt.NDArray[np.int64]:
        """int64 array (N,): the most probable class; the first of equals."""
        best: npt.NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return best

    @property
    def confidence(self) -> Floats:
        """float64 array (N,): probability of the predicted class."""
        highest: Floats = self.probabilities.max(axis=1).astype(np.float64)
        return highest

    def take(self, rows: npt.NDArray[Any]) -> "Predictions":
        """The table of `rows` (indices or a boolean mask), in that order."""
        return replace(self, ids=self.ids[rows], labels=self.labels[rows], probabilities=self.probabilities[rows])

    def write(self, path: Path) -> None:
        """Writes the file of `as_parquet`, whole or not at all."""
        write_atomic(path, self.as_parquet())

    def as_parquet(self) -> bytes:
        """A parquet file: columns id, split, label, predicted, then one per class."""
        from pyarrow import lib, parquet

        write_table: Any = parquet.write_table
        names = np.array(self.classes)
        columns = {
            "id": self.ids.tolist(),
            "split": [self.split] * len(self),
            "label": names[self.labels].tolist(),
            "predicted": names[self.predicted].tolist(),
        }
        arrays = {name: lib.array(column, lib.string()) for name, column in columns.items()}
        for c, name in enumerate(self.classes):
            arrays[name] = lib.array(np.ascontiguousarray(self.probabilities[:, c]))
        # The split also goes into the file's metadata, so that a table without rows keeps it.
        table = lib.table(arrays).replace_schema_metadata({"split": self.split})
        buffer = lib.BufferOutputStream()
        write_table(table, buffer)
        content: bytes = buffer.getvalue().to_pybytes()
        return content

    @classmethod
    def read(cls, path: Path) -> "Predictions":
        """Reads what `write` wrote.

        Raises:
            DataError: the file is missing, no parquet, or lacks a column.
        """
        from pyarrow import lib, parquet

        read_table: Any = parquet.read_table
        try:
            table = read_table(path)
            # One for each class follows the four of every table.
            classes = label_names(table.column_names[_FIRST_CLASS:])
            labels = np.array([classes.index(name) for name in table["label"].to_pylist()], dtype=np.int64)
            probabilities = np.stack([table[name].to_numpy() for name in classes], axis=1)
            ids = np.array(table["id"].to_pylist(), dtype=np.str_)
            split = table.schema.metadata[b"split"].decode()
        except (OSError, lib.ArrowException, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path} is no prediction table of this version ({error}); run fer-train again") from error
        return cls(ids=ids, labels=labels, probabilities=probabilities, split=split, classes=classes)
