"""FER+ joined to copies of FER-2013 that are no CSV: the same picture found by its pixels, and wrong ones refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS
from fer.data.fer2013 import load_fer2013, read_fer2013
from fer.data.ferplus import FERPLUS_COLUMNS, FerPlusVotes, join_ferplus, read_ferplus
from fer.data.pixel_match import match_pixels
from fer.data.samples import FaceSamples, Split
from fer.data.synthetic import synthetic_samples

COLUMN_OF = {"angry": "anger", "happy": "happiness", "sad": "sadness"}

Image = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def faces() -> FaceSamples:
    """168 synthetic faces in the three splits; in each test split two faces are equal and one is blank."""
    faces = synthetic_samples(counts={Split.TRAINING: 56, Split.PUBLIC: 56, Split.PRIVATE: 56}, seed=3)
    images = faces.images.copy()
    images[60], images[120] = images[61], images[121]
    images[70], images[130] = 0, 255
    return replace(faces, images=images, groups={}, masks={})


def jpeg(quality: int) -> Callable[[Image], Image]:
    def compress(image: Image) -> Image:
        _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE))

    return compress


def brightened(image: Image) -> Image:
    return (255 * (image / 255) ** 0.6).astype(np.uint8)


def changed(faces: FaceSamples, change: Callable[[Image], Image]) -> FaceSamples:
    images = np.stack([change(np.ascontiguousarray(image[0])) for image in faces.images])[:, None]
    return replace(faces, images=images.astype(np.uint8))


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


def write_jpegs(faces: FaceSamples, folder: Path, *, quality: int) -> Path:
    """The class-folder form, under names that tell the row only to the test."""
    for row, (image, label, split) in enumerate(zip(faces.images, faces.labels, faces.splits, strict=True)):
        path = folder / ("train" if split == Split.TRAINING else "test") / EMOTIONS[label] / f"{split}_{row}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image[0], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return folder


@pytest.fixture(scope="module")
def csv(faces: FaceSamples, tmp_path_factory: pytest.TempPathFactory) -> FaceSamples:
    return load_fer2013(write_csv(faces, tmp_path_factory.mktemp("csv"))).samples


@pytest.fixture(scope="module")
def votes(faces: FaceSamples, tmp_path_factory: pytest.TempPathFactory) -> FerPlusVotes:
    return read_ferplus(write_votes(faces, tmp_path_factory.mktemp("votes")))


@pytest.mark.parametrize("quality", [95, 60])
def test_a_folder_of_jpegs_finds_its_votes(
    faces: FaceSamples, csv: FaceSamples, votes: FerPlusVotes, quality: int, tmp_path: Path
) -> None:
    folder = read_fer2013(write_jpegs(faces, tmp_path, quality=quality))
    joined = join_ferplus(folder, votes=votes, csv=csv)
    assert joined is not None
    assert joined.match is not None
    # The blank pictures keep their pixels; the others do not.
    assert joined.match.exact >= 2
    assert joined.match.by_likeness + joined.match.exact == 168
    truth = np.array([int(name.rpartition("_")[2].removesuffix(".jpg")) for name in folder.ids])
    twins = np.isin(truth, [60, 61, 120, 121])
    assert (joined.rows[~twins] == truth[~twins]).all()
    assert set(joined.rows[twins]) <= {60, 61, 120, 121}
    assert (faces.images[joined.rows] == faces.images[truth]).all()


def test_without_the_csv_a_folder_is_not_joined(faces: FaceSamples, votes: FerPlusVotes) -> None:
    assert join_ferplus(faces, votes=votes, csv=None) is None


def test_samples_of_the_csv_join_by_row(csv: FaceSamples, votes: FerPlusVotes) -> None:
    joined = join_ferplus(csv, votes=votes, csv=None)
    assert joined is not None
    assert joined.match is None
    assert [f"fer2013.csv:{row + 1}" for row in joined.rows] == csv.ids.tolist()


def test_a_csv_sorted_within_its_splits_is_refused(faces: FaceSamples, votes: FerPlusVotes, tmp_path: Path) -> None:
    """Its splits line up row by row, and every vote would go to another face."""
    order = np.lexsort((np.arange(168), faces.labels, np.searchsorted([Split.PRIVATE, Split.PUBLIC], faces.splits)))
    order = np.concatenate([order[faces.splits[order] == split] for split in (Split.TRAINING, *list(Split)[1:3])])
    csv = read_fer2013(write_csv(faces.take(order), tmp_path))
    with pytest.raises(DataError, match="the rows do not line up"):
        join_ferplus(faces, votes=votes, csv=csv)


def test_another_folder_cannot_stand_for_the_csv(faces: FaceSamples, votes: FerPlusVotes) -> None:
    with pytest.raises(DataError, match=r"is not Kaggle's fer2013\.csv"):
        join_ferplus(faces, votes=votes, csv=faces)


@pytest.mark.parametrize(
    "change", [jpeg(95), jpeg(50), cv2.equalizeHist, brightened], ids=["95", "50", "equalised", "brightened"]
)
def test_changed_copies_are_found_and_never_mistaken(faces: FaceSamples, change: Callable[[Image], Image]) -> None:
    order = np.random.default_rng(0).permutation(168)
    match = match_pixels(changed(faces, change), reference=faces.take(order))
    found = match.rows >= 0
    assert found.sum() >= 165
    assert (faces.images[order][match.rows[found]] == faces.images[found]).all()
    assert match.exact + match.by_likeness == found.sum()
    assert match.exact + match.by_likeness + match.ambiguous + match.absent == 168


def test_equal_pixels_match_within_the_split_alone(faces: FaceSamples) -> None:
    moved = replace(faces, splits=np.where(faces.splits == Split.PUBLIC, str(Split.PRIVATE), faces.splits))
    match = match_pixels(moved, reference=faces)
    assert (match.rows[:56] == np.arange(56)).all()
    assert (match.rows[56:112] == -1).all()


def test_a_merged_test_is_looked_for_in_both_splits(faces: FaceSamples) -> None:
    merged = replace(faces, splits=np.where(faces.splits == Split.TRAINING, faces.splits, str(Split.MERGED_TEST)))
    assert match_pixels(merged, reference=faces).exact == 168


def test_twins_get_a_row_each_and_one_with_their_own_label(faces: FaceSamples) -> None:
    """Equal pictures under two labels: each sample finds the row that says the same."""
    labels = faces.labels.copy()
    labels[60], labels[61] = 2, 5
    faces = replace(faces, labels=labels)
    assert (match_pixels(faces, reference=faces).rows == np.arange(168)).all()


def test_a_face_that_is_not_there_is_not_found(faces: FaceSamples) -> None:
    others = synthetic_samples(counts={Split.PUBLIC: 28}, seed=99)
    match = match_pixels(changed(replace(others, groups={}, masks={}), jpeg(90)), reference=faces)
    assert (match.rows == -1).all()
    assert match.absent + match.ambiguous == 28


def test_a_near_duplicate_does_not_take_the_place_of_the_picture(faces: FaceSamples) -> None:
    """The picture itself is missing from the reference, and one like it belongs to another face."""
    near = np.clip(faces.images[1].astype(int) + 3 * (np.arange(48) % 2), 0, 255).astype(np.uint8)
    images = faces.images[:2].copy()
    images[0] = near
    two = replace(faces.take(np.arange(2)), images=images)
    match = match_pixels(two, reference=faces.take(np.arange(1, 56)))
    assert match.rows.tolist() == [-1, 0]
    assert (match.exact, match.ambiguous) == (1, 1)


def test_rgb_copies_match_the_grey_originals(faces: FaceSamples) -> None:
    rgb = replace(faces, images=np.repeat(faces.images, 3, axis=1))
    match = match_pixels(rgb, reference=faces)
    assert (match.rows >= 0).all()
    assert (faces.images[match.rows] == faces.images).all()


@pytest.mark.realdata
def test_real_faces_are_found_after_lossy_compression(fer2013_archive: Path) -> None:
    real = load_fer2013(fer2013_archive).samples
    public = real.take(np.flatnonzero(real.splits == Split.PUBLIC))
    match = match_pixels(changed(public, jpeg(80)), reference=public)
    found = match.rows >= 0
    assert found.mean() > 0.99
    assert (public.images[match.rows[found]] == public.images[found]).all()
