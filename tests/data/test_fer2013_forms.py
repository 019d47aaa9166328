"""Every public form of FER-2013, written from the same small faces, gives the same samples; the trap in each form."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from support.fer2013_forms import (
    as_spreadsheet,
    pixels,
    png,
    write_autumn,
    write_autumn_without_names,
    write_converted,
    write_csv,
    write_csv_zip,
    write_folder,
    write_folder_of_zip,
    write_icml,
    write_nested_folder,
    write_parquet,
    write_zip,
    write_zip_made_on_windows,
    write_zip_named_otherwise,
    write_zip_with_top,
)

from fer.common.errors import DataError
from fer.common.labels import ALPHABETICAL, EMOTIONS
from fer.data.fer2013 import read_fer2013
from fer.data.fer2013.counts import OFFICIAL_COUNTS, settle
from fer.data.samples import FaceSamples, Split, canonical_order, content_hashes, fingerprint


@pytest.fixture(scope="module")
def faces() -> FaceSamples:
    """84 faces: 6 of each class in Training, 3 in each test split; the first two Training images are equal."""
    rng = np.random.default_rng(7)
    splits = np.repeat([Split.TRAINING, Split.PUBLIC, Split.PRIVATE], [42, 21, 21]).astype("U11")
    images = rng.integers(0, 256, (84, 1, 48, 48), dtype=np.uint8)
    images[1] = images[0]
    images[2] = 255
    images[3] = 0
    ids = np.array([f"{split}_{i}" for i, split in enumerate(splits)])
    order = rng.permutation(84)
    return FaceSamples(images=images, labels=np.arange(84) % 7, splits=splits, ids=ids, source="made").take(order)


WRITERS = [
    write_csv,
    write_icml,
    write_csv_zip,
    write_folder,
    write_nested_folder,
    write_zip,
    write_zip_with_top,
    write_zip_made_on_windows,
    write_zip_named_otherwise,
    write_folder_of_zip,
    write_autumn,
    write_autumn_without_names,
    write_converted,
]


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__.removeprefix("write_"))
def test_every_form_gives_the_same_samples(
    write: Callable[[FaceSamples, Path], Path], faces: FaceSamples, tmp_path: Path
) -> None:
    samples = read_fer2013(write(faces, tmp_path))
    expected = canonical_order(faces)
    np.testing.assert_array_equal(samples.images, expected.images)
    np.testing.assert_array_equal(samples.labels, expected.labels)
    np.testing.assert_array_equal(samples.splits, expected.splits)
    assert fingerprint(samples) == fingerprint(expected)
    assert samples.unreadable == ()
    assert len(set(samples.ids)) == len(samples)


@pytest.mark.parametrize(
    "saved",
    [
        {"separator": ";", "end": "\r\n", "encoding": "utf-8-sig"},
        {"separator": ";", "end": "\r\n", "encoding": "cp1252", "first": "sep=;\r\n"},
        {"separator": "\t", "end": "\r\n", "encoding": "utf-16"},
        {"separator": ",", "end": "\n", "encoding": "utf-16-le"},
        {"separator": ",", "end": "\r", "encoding": "ascii"},
    ],
    ids=["semicolons", "sep=", "UTF-16", "UTF-16 without mark", "old Mac"],
)
def test_a_csv_that_a_spreadsheet_saved_is_the_same(saved: dict[str, str], faces: FaceSamples, tmp_path: Path) -> None:
    expected = read_fer2013(write_csv(faces, tmp_path))
    samples = read_fer2013(as_spreadsheet(faces, tmp_path, **saved))
    assert fingerprint(samples) == fingerprint(expected)
    assert set(samples.ids) == {f"fer2013.csv:{row}" for row in range(1, len(faces) + 1)}


def test_ids_point_back_to_the_raw_item(faces: FaceSamples, tmp_path: Path) -> None:
    by_row = read_fer2013(write_csv(faces, tmp_path))
    rows = [int(name.removeprefix("fer2013.csv:")) - 1 for name in by_row.ids]
    np.testing.assert_array_equal(faces.images[rows], by_row.images)
    root = write_nested_folder(faces, tmp_path / "folder")
    by_path = read_fer2013(root)
    for name, image in zip(by_path.ids[::9], by_path.images[::9], strict=True):
        np.testing.assert_array_equal(cv2.imread(str(root / "archive" / "fer" / name), cv2.IMREAD_GRAYSCALE), image[0])


def merged_folder(faces: FaceSamples, root: Path) -> Path:
    """Older msambare copies: `im<N>.png` in both folders."""
    write_folder(faces, root)
    for i, path in enumerate(sorted(root.rglob("*.png"))):
        path.rename(path.with_name(f"im{i}.png"))
    return root


def merged_jeneral(faces: FaceSamples, root: Path) -> Path:
    for part, training in (("train", True), ("test", False)):
        chosen = faces.take((faces.splits == Split.TRAINING) == training)
        path = root / "data" / f"{part}-00000-of-00001.parquet"
        write_parquet(
            path, chosen, columns=("img_bytes", "labels"), order=ALPHABETICAL, names=False, cell=lambda data: data
        )
    return root


def merged_clip(faces: FaceSamples, root: Path) -> Path:
    for part, training in (("train", True), ("test", False)):
        chosen = faces.take((faces.splits == Split.TRAINING) == training)
        write_parquet(
            root / "default" / part / "0000.parquet", chosen, columns=("jpg", "cls"), order=ALPHABETICAL, names=False
        )
    return root


@pytest.mark.parametrize("write", [merged_folder, merged_jeneral, merged_clip])
def test_merged_test_splits_are_told_apart_by_nobody(
    write: Callable[[FaceSamples, Path], Path], faces: FaceSamples, tmp_path: Path
) -> None:
    samples = read_fer2013(write(faces, tmp_path))
    assert set(samples.splits) == {Split.TRAINING, Split.MERGED_TEST}
    assert samples.class_counts(Split.MERGED_TEST).tolist() == [6] * 7
    truth = dict(zip(content_hashes(faces.images), faces.labels, strict=True))
    distinct = samples.take(np.isin(content_hashes(samples.images), content_hashes(faces.images[:1]), invert=True))
    found = [truth[content] for content in content_hashes(distinct.images)]
    # The one pair of equal images has two labels; all others map to exactly one.
    assert np.count_nonzero(np.array(found) != distinct.labels) <= 1
    assert np.count_nonzero(samples.splits == Split.TRAINING) == 42


def test_equal_file_names_in_two_classes_are_both_kept(faces: FaceSamples, tmp_path: Path) -> None:
    write_folder(faces, tmp_path)
    for emotion, row in (("angry", 0), ("sad", 1)):
        (tmp_path / "train" / emotion / "Training_8475486.png").write_bytes(png(faces.images[row]))
    samples = read_fer2013(tmp_path)
    assert len(samples) == len(faces) + 2
    assert {"train/angry/Training_8475486.png", "train/sad/Training_8475486.png"} <= set(samples.ids)


def test_stray_files_are_ignored_and_counted(
    faces: FaceSamples, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_folder(faces, tmp_path)
    for name in (".DS_Store", "train/angry/Thumbs.db", "train/angry/notes.txt", "test/.hidden.png", "README.md"):
        (tmp_path / name).write_bytes(b"junk")
    (tmp_path / "cover.png").write_bytes(png(faces.images[0]))
    with caplog.at_level(logging.DEBUG, logger="fer"):
        assert len(read_fer2013(tmp_path)) == len(faces)
    assert "2 files are no images" in caplog.text
    assert "1 images lie outside train/ and test/ and are not read: cover.png" in caplog.text


def test_class_folders_map_by_name_and_synonym(faces: FaceSamples, tmp_path: Path) -> None:
    write_folder(faces, tmp_path)
    (tmp_path / "train" / "happy").rename(tmp_path / "train" / "Happiness")
    (tmp_path / "test" / "angry").rename(tmp_path / "test" / "ANGER")
    assert fingerprint(read_fer2013(tmp_path)) == fingerprint(canonical_order(faces))


def test_folders_named_by_official_split(faces: FaceSamples, tmp_path: Path) -> None:
    write_folder(faces, tmp_path)
    for split in (Split.PUBLIC, Split.PRIVATE):
        for path in sorted((tmp_path / "test").rglob(f"{split}_*")):
            target = tmp_path / split / path.parent.name / path.name.removeprefix(f"{split}_")
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
    assert fingerprint(read_fer2013(tmp_path)) == fingerprint(canonical_order(faces))


def test_the_original_csv_comes_before_other_forms_beside_it(faces: FaceSamples, tmp_path: Path) -> None:
    write_folder(faces.take(np.arange(40)), tmp_path)
    write_icml(faces, tmp_path)
    write_csv(faces, tmp_path)
    samples = read_fer2013(tmp_path)
    assert samples.source == "FER-2013 (fer2013.csv)"
    assert len(samples) == len(faces)


@pytest.mark.parametrize("as_folder", [True, False])
def test_challenge_files_give_training_rows_and_say_what_is_missing(
    as_folder: bool, faces: FaceSamples, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    training = faces.take(faces.splits == Split.TRAINING)
    rows = [f'{y},"{pixels(x)}"' for x, y in zip(training.images, training.labels, strict=True)]
    (tmp_path / "train.csv").write_text("\n".join(["emotion,pixels", *rows]))
    (tmp_path / "test.csv").write_text("\n".join(["pixels", *(f'"{pixels(x)}"' for x in faces.images[:5])]))
    (tmp_path / "example_submission.csv").write_text("Id,Prediction\n1,2\n")
    samples = read_fer2013(tmp_path if as_folder else tmp_path / "train.csv")
    assert fingerprint(samples) == fingerprint(canonical_order(training))
    assert "no PublicTest or PrivateTest score is possible" in caplog.text
    with pytest.raises(DataError, match=r"test\.csv comes without labels"):
        read_fer2013(tmp_path / "test.csv")


PARTS_AS_NAMED = {"train": Split.TRAINING, "valid": Split.PUBLIC, "test": Split.PRIVATE}
PARTS_SWAPPED = PARTS_AS_NAMED | {"valid": Split.PRIVATE, "test": Split.PUBLIC}


def full_codes(splits: dict[str, Split], class_names: tuple[str, ...]) -> dict[str, npt.NDArray[np.int64]]:
    """Label codes of the full set, as a source with these splits and this label order holds them."""
    to_code = np.array([class_names.index(name) for name in EMOTIONS])
    return {part: np.repeat(to_code, OFFICIAL_COUNTS[split]) for part, split in splits.items()}


@pytest.mark.parametrize("claimed", [True, False])
@pytest.mark.parametrize("order", [EMOTIONS, ALPHABETICAL], ids=["kaggle", "alphabetical"])
@pytest.mark.parametrize("splits", [PARTS_AS_NAMED, PARTS_SWAPPED], ids=["as named", "swapped"])
def test_class_counts_of_the_full_set_decide(
    splits: dict[str, Split], order: tuple[str, ...], claimed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    claims = [(s, o) for s in (PARTS_AS_NAMED, PARTS_SWAPPED) for o in (EMOTIONS, ALPHABETICAL)]
    settled = settle(full_codes(splits, order), claims=claims, claimed=claimed, origin="made")
    assert settled == (splits, order)
    assert ("going by the counts" in caplog.text) is (claimed and settled != claims[0])


def test_one_image_more_and_the_counts_no_longer_decide() -> None:
    codes = full_codes(PARTS_AS_NAMED, ALPHABETICAL)
    codes["train"] = np.append(codes["train"], 0)
    claims = [(PARTS_AS_NAMED, EMOTIONS), (PARTS_AS_NAMED, ALPHABETICAL)]
    assert settle(codes, claims=claims, claimed=True, origin="made") == claims[0]
    with pytest.raises(DataError, match="cannot tell which code is which emotion"):
        settle(codes, claims=claims, claimed=False, origin="made")


def test_wrong_class_names_in_the_metadata_give_way_to_the_counts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    one = png(np.full((1, 48, 48), 9, dtype=np.uint8))
    features = {"label": {"names": list(ALPHABETICAL), "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    for part, codes in full_codes(
        {"valid": Split.PUBLIC, "train": Split.TRAINING, "test": Split.PRIVATE}, EMOTIONS
    ).items():
        table = pa.table({"image": pa.array([one] * len(codes), pa.binary()), "label": codes})
        pq.write_table(table.replace_schema_metadata(metadata), tmp_path / f"{part}.parquet")
    samples = read_fer2013(tmp_path)
    for split in (Split.TRAINING, Split.PUBLIC, Split.PRIVATE):
        assert tuple(samples.class_counts(split)) == OFFICIAL_COUNTS[split]
    assert "going by the counts" in caplog.text
    assert "not the complete" not in caplog.text


def test_unknown_counts_are_warned_of(faces: FaceSamples, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read_fer2013(write_csv(faces, tmp_path))
    assert "not the complete FER-2013" in caplog.text
    assert "Training has 42 of 28,709 images (angry 6 of 3,995" in caplog.text


def test_label_codes_without_any_claim_are_never_guessed(faces: FaceSamples, tmp_path: Path) -> None:
    for part, training in (("train", True), ("test", False)):
        chosen = faces.take((faces.splits == Split.TRAINING) == training)
        write_parquet(tmp_path / f"{part}.parquet", chosen, columns=("img", "label"), order=EMOTIONS, names=False)
    with pytest.raises(DataError, match="cannot tell which code is which emotion"):
        read_fer2013(tmp_path)
