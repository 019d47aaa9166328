"""Faces that a list leaves out of training, such as those whose labels look wrong."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from fer.common.cells import name_in
from fer.common.errors import DataError
from fer.data.csv_table import read_rows
from fer.data.protocol import ProtocolSplit
from fer.data.samples import FaceSamples


def read_ids(path: Path) -> list[str]:
    """The column `id` of a CSV file, such as `fer-data suspects` writes; further columns are for people.

    Raises:
        DataError: missing, no CSV, without that column, or a row that names no face.
    """
    if path.exists() and not path.is_file():
        # A pipe would be waited for without end.
        raise DataError(f"data.leave_out={path} is no file: give a CSV with a column id")
    origin = f"data.leave_out={path}"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{origin} cannot be read ({error.strerror}): give a CSV with a column id") from error
    ids: dict[str, None] = {}
    for line, row in read_rows(data, columns=("id",), origin=origin):
        if not row["id"]:
            raise DataError(f"{origin} line {line} has no id: mend or delete the line")
        ids[name_in(row["id"])] = None
    return list(ids)


def leave_out(split: ProtocolSplit, samples: FaceSamples, *, path: Path) -> ProtocolSplit:
    """The split without the training faces that a list names, and with that in its description.

    Selection rows stay as they are, so that scores with and without the list compare.

    Args:
        split: rows of `samples`.
        samples: the source.
        path: the list, see `read_ids`.

    Raises:
        DataError: the list cannot be read, names a face that is not in the source, or leaves nothing to train on.
    """
    ids = read_ids(path)
    unknown = sorted(set(ids) - set(samples.ids.tolist()))
    if unknown:
        raise DataError(
            f"data.leave_out={path} names {len(unknown):,} faces that {samples.source} does not hold "
            f"({unknown[0]!r:.100}, ...): it was written for another copy of the data"
        )
    kept = split.train[~np.isin(samples.ids[split.train], ids)]
    if len(kept) == 0:
        raise DataError(f"data.leave_out={path} names every training face: nothing is left to train on")
    told = f"{split.description}; {len(split.train) - len(kept):,} faces of {path.name} left out of training"
    return replace(split, train=kept, description=told)
