"""Which row of the original a query is that shows a picture which the original has several times."""

import numpy as np
import pytest

from fer.data.fer2013.assignment import assign_rows
from fer.data.fer2013.original import load_original
from fer.data.samples import Split

ORIGINAL = load_original()


def twins() -> tuple[int, int, int]:
    """A picture that is once in Training and once in PrivateTest under one label, and its two rows."""
    order, begins = ORIGINAL.rows_of
    for picture in np.flatnonzero(np.diff(begins) == 2).tolist():
        one, other = order[begins[picture] : begins[picture + 1]].tolist()
        alike = ORIGINAL.labels[one] == ORIGINAL.labels[other]
        if alike and (ORIGINAL.splits[one], ORIGINAL.splits[other]) == (Split.TRAINING, Split.PRIVATE):
            return picture, one, other
    raise AssertionError


PICTURE, TRAINING, PRIVATE = twins()


@pytest.mark.parametrize(
    ("splits", "rows"),
    [
        ([Split.TRAINING, Split.PRIVATE], [TRAINING, PRIVATE]),
        ([Split.PRIVATE, Split.TRAINING], [PRIVATE, TRAINING]),
        # Repeated to balance the classes: no face of PrivateTest came into Training.
        ([Split.TRAINING] * 2, [TRAINING] * 2),
        ([Split.TRAINING] * 3 + [Split.PRIVATE], [TRAINING] * 3 + [PRIVATE]),
        ([Split.PRIVATE] * 2, [PRIVATE] * 2),
        # One that came over, beside none of its own split.
        ([Split.PUBLIC, Split.PRIVATE], [TRAINING, PRIVATE]),
        ([""] * 2, [TRAINING, PRIVATE]),
        ([Split.MERGED_TEST] * 2, [PRIVATE] * 2),
    ],
)
def test_rows_of_a_picture_that_is_there_twice(splits: list[str], rows: list[int]) -> None:
    count = len(splits)
    label = int(ORIGINAL.labels[TRAINING])
    found = assign_rows(
        query=np.arange(count),
        picture=np.full(count, PICTURE),
        value=np.zeros(count),
        labels=np.full(count, label),
        splits=np.array([str(split) for split in splits]),
        original=ORIGINAL,
    )
    assert found.tolist() == rows


def test_relabelled_pictures_of_both_rows_are_both_rows() -> None:
    """Under another label than either row's, nothing says that one of them is a repeat."""
    found = assign_rows(
        query=np.arange(2),
        picture=np.full(2, PICTURE),
        value=np.zeros(2),
        labels=np.full(2, (ORIGINAL.labels[TRAINING] + 1) % 7),
        splits=np.array([Split.TRAINING.value] * 2),
        original=ORIGINAL,
    )
    assert sorted(found.tolist()) == [TRAINING, PRIVATE]
