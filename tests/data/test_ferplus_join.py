"""A `fer2013new.csv` of one's own joined to a CSV row by row, and wrong orders refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS
from fer.data.fer2013 import load_fer2013
from fer.data.ferplus import FERPLUS_COLUMNS, votes_for
from fer.data.samples import FaceSamples, Split
from fer.data.synthetic import synthetic_samples

COLUMN_OF = {"angry": "anger", "happy": "happiness", "sad": "sadness"}


@pytest.fixture(scope="module")
def faces() -> FaceSamples:
    """168 synthetic faces in the three splits."""
    faces = synthetic_samples(counts={Split.TRAINING: 56, Split.PUBLIC: 56, Split.PRIVATE: 56}, seed=3)
    return replace(faces, groups={}, masks={})


def vote_of(label: int, row: int) -> list[int]:
    """Seven votes for the label; the other three tell the row."""
    votes = dict.fromkeys(FERPLUS_COLUMNS, 0)
    votes[COLUMN_OF.get(EMOTIONS[label], EMOTIONS[label])] = 7
    votes["unknown"], votes["NF"] = 1 + row % 3, 2 - row % 3
    return list(votes.values())


def write_csv(faces: FaceSamples, folder: Path) -> Path:
    rows = [
        f"{label},{' '.join(map(str, image.ravel()))},{split}"
        for image, label, split in zip(faces.images, faces.labels, faces.splits, strict=True)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "fer2013.csv"
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]) + "\n")
    return path


def write_votes(faces: FaceSamples, folder: Path) -> Path:
    rows = [
        ",".join([str(split), f"fer{row:07d}.png", *map(str, vote_of(int(label), row))])
        for row, (label, split) in enumerate(zip(faces.labels, faces.splits, strict=True))
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "fer2013new.csv"
    path.write_text("\n".join([f"Usage,Image name,{','.join(FERPLUS_COLUMNS)}", *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def votes(faces: FaceSamples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_votes(faces, tmp_path_factory.mktemp("votes"))


def test_a_csv_joins_by_row(faces: FaceSamples, votes: Path, tmp_path: Path) -> None:
    csv = load_fer2013(write_csv(faces, tmp_path)).samples
    joined = votes_for(csv, path=votes)
    assert joined is not None
    assert joined.found.all()
    rows = [int(name.removeprefix("fer2013.csv:")) - 1 for name in csv.ids]
    assert joined.votes.tolist() == [vote_of(int(faces.labels[row]), row) for row in rows]


def test_faces_that_are_no_rows_of_a_csv_have_no_votes(faces: FaceSamples, votes: Path) -> None:
    assert votes_for(faces, path=votes) is None


def test_the_published_votes_are_on_recognised_faces_alone(faces: FaceSamples, tmp_path: Path) -> None:
    assert votes_for(load_fer2013(write_csv(faces, tmp_path)).samples) is None


def test_a_csv_sorted_within_its_splits_is_refused(faces: FaceSamples, votes: Path, tmp_path: Path) -> None:
    """Its splits line up row by row, and every vote would go to another face."""
    order = np.lexsort((np.arange(168), faces.labels, np.searchsorted([Split.PRIVATE, Split.PUBLIC], faces.splits)))
    order = np.concatenate([order[faces.splits[order] == split] for split in (Split.TRAINING, *list(Split)[1:3])])
    csv = load_fer2013(write_csv(faces.take(order), tmp_path)).samples
    with pytest.raises(DataError, match="the rows do not line up"):
        votes_for(csv, path=votes)
