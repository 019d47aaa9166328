import numpy as np
import pytest

from fer.data.samples import FaceSamples, Split
from fer.report.evaluation.sets import deduplicate, evaluation_sets


def samples(splits: list[Split], contents: list[int]) -> FaceSamples:
    """Faces whose pixels are equal exactly where their content number is."""
    images = np.array(contents, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 4, 4), dtype=np.uint8)
    return FaceSamples(
        images=images,
        labels=np.zeros(len(splits), dtype=np.int64),
        splits=np.array([str(split) for split in splits]),
        ids=np.array([f"face{i}" for i in range(len(splits))]),
        source="test faces",
    )


TRAIN, PUBLIC, PRIVATE = Split.TRAINING, Split.PUBLIC, Split.PRIVATE


def test_deduplication_takes_out_copies_and_keeps_one_of_each_group() -> None:
    faces = samples(
        [TRAIN, TRAIN, PUBLIC, PUBLIC, PRIVATE, PRIVATE, PRIVATE, PRIVATE, PRIVATE, PRIVATE, PRIVATE],
        #                              train    public   both     ------ group ------      lone
        [1, 3, 2, 3, 1, 2, 3, 7, 7, 7, 8],
    )
    found = deduplicate(faces)
    assert found.kept.tolist() == [7, 10]
    assert found.removed.tolist() == [4, 5, 6, 8, 9]
    assert (found.of_training, found.of_public, found.within) == (2, 2, 2)


def test_a_private_group_that_copies_training_goes_altogether() -> None:
    found = deduplicate(samples([TRAIN, PRIVATE, PRIVATE], [1, 1, 1]))
    assert found.kept.tolist() == []
    assert (found.of_training, found.within) == (2, 0)


def test_all_four_sets_of_the_official_splits() -> None:
    sets, notes = evaluation_sets(samples([TRAIN, PUBLIC, PRIVATE, PRIVATE], [1, 2, 1, 3]))
    rows = {item.key: item.rows.tolist() for item in sets}
    assert rows == {"private": [2, 3], "private_dedup": [3], "public": [1], "folder7178": [1, 2, 3]}
    assert notes == ()
    assert "1 face with the pixels of a Training face" in sets[1].description


def test_without_private_labels_the_report_says_so() -> None:
    sets, notes = evaluation_sets(samples([TRAIN, PUBLIC], [1, 2]))
    assert [item.key for item in sets] == ["public"]
    assert "no PrivateTest score is possible" in notes[0]


def test_a_merged_test_is_scored_as_such_and_never_as_private() -> None:
    sets, notes = evaluation_sets(samples([TRAIN, Split.MERGED_TEST, Split.MERGED_TEST], [1, 2, 3]))
    assert [item.key for item in sets] == ["folder7178"]
    assert "merges PublicTest and PrivateTest" in notes[0]


def test_training_alone_leaves_nothing_to_score() -> None:
    sets, _ = evaluation_sets(samples([TRAIN], [1]))
    assert sets == ()


@pytest.mark.realdata
def test_the_copies_of_fer2013(fer2013_archive) -> None:
    """FACTS.md: 288 PrivateTest images equal a Training image, 44 a PublicTest one."""
    from fer.data.sources import Fer2013Config, open_samples

    found = deduplicate(open_samples(Fer2013Config(name="fer2013", root=fer2013_archive)).samples)
    assert (found.of_training, found.of_public) == (288, 44)
    assert len(found.kept) + len(found.removed) == 3589
