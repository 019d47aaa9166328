"""A folder with pictures and a table of them: a data set is a function that gives FaceSamples."""

import csv
from pathlib import Path

import cv2
import numpy as np

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS
from fer.data.samples import FaceSamples, Split

_SPLITS = {"train": Split.TRAINING, "valid": Split.PUBLIC, "test": Split.PRIVATE}


def table_of_faces(*, root: Path, size: int = 48) -> FaceSamples:
    """The faces that `root/faces.csv` lists: a line `file,emotion,split` each, with split train, valid or test.

    Args:
        root: folder of the table and the pictures.
        size: height and width that the faces are brought to, in pixels.

    Raises:
        DataError: no table, a picture that cannot be read, or a word that is no emotion or split.
    """
    table = root / "faces.csv"
    if not table.is_file():
        raise DataError(f"data.params.root={root} has no faces.csv with the columns file, emotion, split")
    images, labels, splits, ids = [], [], [], []
    with table.open(newline="", encoding="utf-8-sig") as lines:
        for number, line in enumerate(csv.DictReader(lines), start=2):
            image = cv2.imread(str(root / line["file"]), cv2.IMREAD_GRAYSCALE)
            if image is None:
                raise DataError(f"{table} line {number}: {line['file']} is no picture")
            if line["emotion"] not in EMOTIONS or line["split"] not in _SPLITS:
                raise DataError(f"{table} line {number}: {line['emotion']}, {line['split']} is no emotion and split")
            images.append(cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA))
            labels.append(EMOTIONS.index(line["emotion"]))
            splits.append(_SPLITS[line["split"]].value)
            ids.append(line["file"])
    return FaceSamples(
        images=np.stack(images)[:, None],
        labels=np.array(labels),
        splits=np.array(splits),
        ids=np.array(ids),
        source=f"table of faces ({root.name})",
    )
