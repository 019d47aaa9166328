"""Data sets of image files: each layout read right, from a folder and from a zip, and every trap told of."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.layouts import (
    EIGHT,
    noise,
    write_affectnet,
    write_ckplus,
    write_classes,
    write_image,
    write_rafdb_folders,
    write_rafdb_list,
    zipped,
)

from fer.common.errors import ConfigError, DataError
from fer.common.labels import EMOTIONS
from fer.data.dataset_argument import data_configuration, validated
from fer.data.samples import FaceSamples, Split
from fer.data.sources import open_samples


def read(name: str, root: Path, **settings: Any) -> FaceSamples:
    return open_samples(validated({"name": name, "root": str(root), **settings}, prefix="data.")).samples


def labels_by_id(samples: FaceSamples) -> dict[str, str]:
    return {id_: EMOTIONS[label] for id_, label in zip(samples.ids.tolist(), samples.labels.tolist(), strict=True)}


def by_id(samples: FaceSamples, id_: str) -> Any:
    return samples.images[samples.ids.tolist().index(id_)]


@pytest.fixture(scope="module")
def ckplus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ckplus(tmp_path_factory.mktemp("sets") / "ck")


@pytest.fixture(scope="module")
def affectnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_affectnet(tmp_path_factory.mktemp("sets") / "affectnet")


@pytest.fixture(scope="module")
def rafdb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rafdb_list(tmp_path_factory.mktemp("sets") / "rafdb")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    counts = {"joy": 20, "Anger": 20, "sadness": 10}
    return write_classes(tmp_path_factory.mktemp("sets") / "mine", counts)


def test_a_zip_gives_what_its_folder_gives(ckplus: Path, affectnet: Path, rafdb: Path) -> None:
    for name, root, settings in (
        ("ckplus", ckplus, {"contempt": "drop"}),
        ("affectnet", affectnet, {"contempt": "drop"}),
        ("rafdb", rafdb, {}),
    ):
        one, other = read(name, root, **settings), read(name, zipped(root), **settings)
        for key in ("images", "labels", "splits", "ids"):
            np.testing.assert_array_equal(getattr(one, key), getattr(other, key))


def test_folder_classes_are_matched_by_name_and_by_mapping(folder: Path) -> None:
    samples = read("folder", folder, mapping={"JOY": "happy"})
    assert {Path(id_).parent.name: label for id_, label in labels_by_id(samples).items()} == {
        "joy": "happy",
        "Anger": "angry",
        "sadness": "sad",
    }
    assert any("20 faces of the class 'joy' are counted as happy" in note for note in samples.notes)
    dropped = read("folder", folder, mapping={"joy": "drop"})
    assert len(dropped) == 30
    assert any("20 faces of the class 'joy' are left out" in note for note in dropped.notes)


def test_a_set_without_splits_gets_stated_stratified_ones(folder: Path) -> None:
    samples = read("folder", folder, mapping={"joy": "happy"}, valid_share=0.2, test_share=0.1)
    table = {split: samples.class_counts(split).tolist() for split in (Split.PUBLIC, Split.PRIVATE)}
    assert table == {Split.PUBLIC: [4, 0, 0, 4, 2, 0, 0], Split.PRIVATE: [2, 0, 0, 2, 1, 0, 0]}
    assert "10 faces as PublicTest (20% asked) and 5 faces as PrivateTest (10% asked)" in samples.notes[-1]
    assert "split_seed=0" in samples.notes[-1]
    again = read("folder", folder, mapping={"joy": "happy"}, valid_share=0.2, test_share=0.1, split_seed=1)
    assert set(again.ids[again.splits == Split.PRIVATE]) != set(samples.ids[samples.splits == Split.PRIVATE])
    whole = read("folder", folder, mapping={"joy": "happy"}, valid_share=0, test_share=0)
    assert set(whole.splits) == {Split.TRAINING}


@pytest.mark.parametrize(("train", "valid", "test"), [("train", "val", "test"), ("Training", "Validation", "Testing")])
def test_split_folders_are_kept(tmp_path: Path, train: str, valid: str, test: str) -> None:
    counts = {f"{train}/happy": 6, f"{train}/sad": 6, f"{valid}/happy": 2, f"{test}/sad": 3}
    samples = read("folder", write_classes(tmp_path / "set", counts))
    found = {split: int((samples.splits == split).sum()) for split in Split}
    assert found == {Split.TRAINING: 12, Split.PUBLIC: 2, Split.PRIVATE: 3, Split.MERGED_TEST: 0}
    for id_, split in zip(samples.ids, samples.splits, strict=True):
        assert id_.startswith({Split.TRAINING: train, Split.PUBLIC: valid, Split.PRIVATE: test}[Split(split)])


def test_only_the_missing_split_is_held_out(tmp_path: Path) -> None:
    samples = read("folder", write_classes(tmp_path / "set", {"train/happy": 20, "train/sad": 20, "test/sad": 3}))
    assert (samples.splits == Split.PUBLIC).sum() == 4
    assert {id_[:4] for id_ in samples.ids[samples.splits == Split.PRIVATE]} == {"test"}


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("folder", {}, r"class 'joy' that is no emotion known here.*'data\.mapping=\{joy: happy\}'"),
        ("folder", {"mapping": {"joi": "happy"}}, r"data\.mapping names 'joi'.*did you mean 'joy'"),
        ("folder", {"root": "nowhere", "mapping": {}}, r"nowhere does not exist"),
    ],
)
def test_folder_mistakes(folder: Path, name: str, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(name, Path(settings.pop("root", folder)), **settings)


def test_a_misspelt_class_names_its_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"class 'surprize' .*'data.mapping={surprize: surprise}'"):
        read("folder", write_classes(tmp_path / "set", {"surprize": 2, "happy": 2}))


def test_images_inside_and_outside_split_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"3 images lie in .*, outside the folders whose names tell a split"):
        read("folder", write_classes(tmp_path / "set", {"train/happy": 4, "sad": 3}))


def test_an_image_in_no_class_folder_is_told_of(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "set", {"happy": 4, "sad": 4})
    write_image(root / "poster.png", noise(np.random.default_rng(0), 48, 48))
    samples = read("folder", root)
    assert len(samples) == 8
    assert any("1 images lie in no class folder and are not read: poster.png" in note for note in samples.notes)


def test_images_are_shrunk_by_area_and_cut_square(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    wide, even = noise(rng, 96, 144), noise(rng, 48, 48)
    write_image(tmp_path / "set/happy/wide.png", wide)
    write_image(tmp_path / "set/sad/even.png", even)
    samples = read("folder", tmp_path / "set", valid_share=0, test_share=0)
    # Shrinking to half by areas is the mean of 2 x 2 pixels.
    means = wide[:, 24:120].reshape(48, 2, 48, 2).mean(axis=(1, 3))
    assert np.abs(by_id(samples, "happy/wide.png")[0] - means).max() <= 0.5
    np.testing.assert_array_equal(by_id(samples, "sad/even.png")[0], even)
    assert any("1 images were resized to 48 x 48 grey" in note and "144 x 96" in note for note in samples.notes)
    assert any("1 images are not square" in note for note in samples.notes)


def test_colour_is_kept_as_rgb_where_asked(tmp_path: Path) -> None:
    red = np.zeros((48, 48, 3), dtype=np.uint8)
    red[..., 0] = 200
    write_image(tmp_path / "set/angry/red.png", red)
    rgb = read("folder", tmp_path / "set", channels=3)
    assert rgb.images.shape == (1, 3, 48, 48)
    assert rgb.images[0].reshape(3, -1).max(axis=1).tolist() == [200, 0, 0]
    grey = read("folder", tmp_path / "set")
    assert set(np.unique(grey.images)) == {round(0.299 * 200)}


@pytest.mark.parametrize("name", ["ckplus", "affectnet"])
def test_contempt_is_never_guessed(name: str, request: pytest.FixtureRequest) -> None:
    root = request.getfixturevalue(name)
    with pytest.raises(DataError, match=r"contempt.*data\.contempt=drop, or data\.contempt=disgust"):
        read(name, root)
    dropped, mapped = read(name, root, contempt="drop"), read(name, root, contempt="disgust")
    contempt = sum("contempt" in path.parent.name for path in root.rglob("*.png"))
    assert len(mapped) - len(dropped) == contempt > 0
    assert {labels_by_id(mapped)[id_] for id_ in mapped.ids if "/contempt/" in f"/{id_}"} == {"disgust"}
    assert "contempt left out" in dropped.source
    assert any(f"{contempt} faces of the class 'contempt' are left out (data.contempt)" in n for n in dropped.notes)


def test_ckplus_keeps_persons_in_one_split(ckplus: Path) -> None:
    samples = read("ckplus", ckplus, contempt="drop", valid_share=0.25, test_share=0.25)
    assert samples.subjects is not None
    persons = {split: set(samples.subjects[samples.splits == split]) for split in Split}
    assert all(persons[split] for split in (Split.TRAINING, Split.PUBLIC, Split.PRIVATE))
    assert sum(map(len, persons.values())) == len(set(samples.subjects))
    assert [id_.split("/")[-1][:4] for id_ in samples.ids] == samples.subjects.tolist()
    assert EMOTIONS.index("neutral") not in samples.labels


def test_held_out_protocols_keep_persons_together_too(ckplus: Path) -> None:
    from fer.data.protocol import split_rows

    samples = read("ckplus", ckplus, contempt="drop", valid_share=0, test_share=0)
    assert samples.subjects is not None
    for fold in range(3):
        split = split_rows(samples, protocol="kfold", folds=3, fold=fold)
        assert not set(samples.subjects[split.train]) & set(samples.subjects[split.valid])


def test_ckplus_without_persons_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"happy/im000\.png does not begin with its person"):
        read("ckplus", write_classes(tmp_path / "set", {"happy": 2}))


def test_affectnet_labels_come_from_folder_or_csv(affectnet: Path) -> None:
    of_folder = labels_by_id(read("affectnet", affectnet, contempt="disgust"))
    of_csv = read("affectnet", affectnet, contempt="disgust", label_from="csv")
    differing = {id_ for id_, label in labels_by_id(of_csv).items() if of_folder[id_] != label}
    assert differing == {f"{label}/image000.png" for label in EIGHT if label != "surprise"}
    assert {labels_by_id(of_csv)[id_] for id_ in differing} == {"surprise"}
    assert any("disagree about 7 of 80 faces (8.8%); the CSV counts" in note for note in of_csv.notes)
    assert not any("not read" in note for note in of_csv.notes)


def test_affectnet_without_its_csv(affectnet: Path, tmp_path: Path) -> None:
    root = shutil.copytree(affectnet, tmp_path / "set")
    (root / "labels.csv").unlink()
    assert any("could not be compared" in note for note in read("affectnet", root, contempt="drop").notes)
    with pytest.raises(DataError, match=r"no labels\.csv, which data\.label_from=csv asks for"):
        read("affectnet", root, contempt="drop", label_from="csv")


def test_affectnet_faces_that_the_csv_lacks(affectnet: Path, tmp_path: Path) -> None:
    root = shutil.copytree(affectnet, tmp_path / "set")
    lines = (root / "labels.csv").read_text().splitlines()
    (root / "labels.csv").write_text("\n".join([*lines[:-3], "99,happy/gone.png,happy,0.5"]))
    of_csv = read("affectnet", root, contempt="disgust", label_from="csv")
    assert len(of_csv) == 77
    assert any("3 faces are not in labels.csv and are left out" in note for note in of_csv.notes)
    assert any("1 faces of labels.csv are not there" in note for note in of_csv.notes)


def test_rafdb_numbers_are_its_own_and_its_test_is_kept(rafdb: Path, tmp_path: Path) -> None:
    listed = read("rafdb", rafdb)
    names = ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")
    for id_, label in labels_by_id(listed).items():
        assert label == names[(int(Path(id_).stem.split("_")[1]) - 1) % 7]
    assert (listed.splits == Split.PRIVATE).sum() == 21
    assert (listed.splits == Split.PUBLIC).sum() == 7
    assert all("/aligned/" in id_ for id_ in listed.ids)
    folders = read("rafdb", write_rafdb_folders(tmp_path / "kaggle"))
    np.testing.assert_array_equal(folders.images, listed.images)
    np.testing.assert_array_equal(folders.labels, listed.labels)
    np.testing.assert_array_equal(folders.splits, listed.splits)


def test_rafdb_list_that_names_the_aligned_images(rafdb: Path, tmp_path: Path) -> None:
    root = shutil.copytree(rafdb, tmp_path / "set")
    path = root / "basic/EmoLabel/list_patition_label.txt"
    path.write_text(path.read_text().replace(".jpg ", "_aligned.jpg "))
    (root / "basic/Image/aligned").rename(root / "basic/Image/faces")
    renamed = {id_.replace("/faces/", "/aligned/"): label for id_, label in labels_by_id(read("rafdb", root)).items()}
    assert renamed == labels_by_id(read("rafdb", rafdb))


def break_line(root: Path) -> None:
    path = root / "basic/EmoLabel/list_patition_label.txt"
    path.write_text(path.read_text().replace("train_00003.jpg 3", "train_00003.jpg 8"))


def drop_aligned(root: Path) -> None:
    shutil.rmtree(root / "basic/Image/aligned")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (break_line, r"line 3 is 'train_00003\.jpg 8', expected a file name and a number of 1 to 7"),
        (drop_aligned, r"lists 91 images and no aligned one of them is there .*unpack aligned\.zip"),
    ],
)
def test_rafdb_mistakes(rafdb: Path, tmp_path: Path, spoil: Callable[[Path], None], words: str) -> None:
    root = shutil.copytree(rafdb, tmp_path / "set")
    spoil(root)
    with pytest.raises(DataError, match=words):
        read("rafdb", root)


def test_rafdb_split_anew_is_refused(tmp_path: Path) -> None:
    root = write_rafdb_folders(tmp_path / "set", train=14, test=7)
    (root / "DATASET/test/1/test_00001_aligned.png").rename(root / "DATASET/train/1/test_00001_aligned.png")
    with pytest.raises(DataError, match="split anew"):
        read("rafdb", root)


def test_published_counts_are_recognised_and_others_only_counted(tmp_path: Path) -> None:
    counts = {"anger": 135, "contempt": 54, "disgust": 177, "fear": 75, "happy": 207, "sadness": 84, "surprise": 249}
    root = write_classes(tmp_path / "whole", counts, shape=(4, 4), prefix="S010_001_00000")
    samples = read("ckplus", root, contempt="drop")
    assert samples.notes[0] == ("Recognised: 981 images, class by class those of CK+48 as handed out on Kaggle.")
    shutil.rmtree(root / "anger")
    assert read("ckplus", root, contempt="drop").notes[0].startswith("846 images, counted and not recognised")


def test_a_broken_image_is_listed(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "set", {"happy": 4, "sad": 4})
    (root / "sad/im001.png").write_bytes(b"not an image")
    samples = read("folder", root)
    assert samples.unreadable == ("sad/im001.png",)
    assert len(samples) == 7


def test_notes_and_persons_come_back_from_the_cache(ckplus: Path) -> None:
    config = validated({"name": "ckplus", "root": str(ckplus), "contempt": "sad", "size": 32}, prefix="")
    first, second = open_samples(config), open_samples(config)
    assert (first.built, second.built) == (True, False)
    assert first.samples.notes == second.samples.notes != ()
    assert first.samples.subjects is not None
    assert second.samples.subjects is not None
    np.testing.assert_array_equal(first.samples.subjects, second.samples.subjects)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["contempt=anger"], None),
        (["contempt=maybe"], r"--set contempt='maybe': 'maybe' is no rule for a class"),
        (["contemt=drop"], r"--set contemt: ckplus has no such key \(did you mean 'contempt'\?\)"),
        (["size=4"], r"--set size=4: .*greater than or equal to 16"),
        (["valid_share=0.6", "test_share=0.5"], r"--set test_share=0\.5: with valid_share=0\.6 it leaves nothing"),
        (["contempt"], "is no KEY=VALUE"),
        (["mapping={a"], "the value is no YAML"),
    ],
)
def test_settings_on_the_command_line(ckplus: Path, settings: list[str], words: str | None) -> None:
    if words is None:
        assert data_configuration(str(ckplus), source="ckplus", settings=settings).contempt == "angry"  # type: ignore[attr-defined]
        return
    with pytest.raises(ConfigError, match=words):
        data_configuration(str(ckplus), source="ckplus", settings=settings)


def test_a_picture_that_declares_gigabytes_is_reported_and_not_decoded(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "faces", dict.fromkeys(EMOTIONS, 3))
    (root / "happy" / "bomb.pgm").write_bytes(b"P5 30000 30000 255\n")
    (root / "happy" / "larger.png").write_bytes(bytes(65_000_000))
    samples = read("folder", root)
    assert len(samples) == 21
    assert sorted(samples.unreadable) == ["happy/bomb.pgm", "happy/larger.png"]


def test_a_face_that_a_list_names_twice_is_refused(tmp_path: Path) -> None:
    root = write_affectnet(tmp_path / "affectnet")
    path = root / "labels.csv"
    whole = path.read_text()
    path.write_text(whole + "99,happy/image001.png,fear,0.8\n")
    with pytest.raises(DataError, match=r"calls happy/image001\.png 'fear', an earlier line 'happy'"):
        read("affectnet", root)
    root = write_rafdb_list(tmp_path / "rafdb")
    (path,) = root.rglob("list_patition_label.txt")
    path.write_text(path.read_text() + "train_00001.jpg 3\n")
    with pytest.raises(DataError, match=r"names train_00001\.jpg a second time"):
        read("rafdb", root)


def test_aligned_faces_that_the_list_leaves_out_are_counted(tmp_path: Path) -> None:
    root = write_rafdb_list(tmp_path / "rafdb")
    (path,) = root.rglob("list_patition_label.txt")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[2:]))
    assert any(
        note.startswith("2 aligned images are not listed and are left out") for note in read("rafdb", root).notes
    )


def test_affectnet_csv_that_names_folders_above_the_classes(tmp_path: Path) -> None:
    root = write_classes(tmp_path, dict.fromkeys(("Train/happy", "Train/sad", "Test/happy", "Test/sad"), 2))
    lines = ["pth,label", "train/happy/im000.png,sad", "train/happy/im001.png,happy", "test/happy/im000.png,happy"]
    (root / "labels.csv").write_text("\n".join(lines))
    of_csv = read("affectnet", root, label_from="csv", valid_share=0)
    assert labels_by_id(of_csv) == {
        "Train/happy/im000.png": "sad",
        "Train/happy/im001.png": "happy",
        "Test/happy/im000.png": "happy",
    }
    assert any("disagree about 1 of 3 faces" in note for note in of_csv.notes)


def test_affectnet_csv_whose_lines_fit_several_images(tmp_path: Path) -> None:
    root = write_classes(tmp_path, dict.fromkeys(("Train/happy", "Train/sad", "Test/happy", "Test/sad"), 2))
    (root / "labels.csv").write_text("pth,label\nhappy/im000.png,sad\nhappy/im001.png,happy")
    with pytest.raises(DataError, match=r"labels\.csv names happy/im000\.png, and several images end so"):
        read("affectnet", root, label_from="csv")
    notes = read("affectnet", root, valid_share=0).notes
    assert any("2 lines of labels.csv fit several images each (happy/im000.png, ...)" in note for note in notes)
    assert not any("disagree" in note or "are not there" in note for note in notes)


def test_rafdb_with_two_sets_of_aligned_images_is_refused(rafdb: Path, tmp_path: Path) -> None:
    root = shutil.copytree(rafdb, tmp_path / "set")
    shutil.copytree(root / "basic/Image/aligned", root / "basic/Image/aligned_224")
    with pytest.raises(DataError, match=r"aligned image of train_00001\.jpg lies in several places"):
        read("rafdb", root)


@pytest.mark.parametrize("number", ["0", "8"])
def test_rafdb_folders_of_other_numbers_are_refused(number: str, tmp_path: Path) -> None:
    root = write_classes(tmp_path, {"train/1": 2, f"train/{number}": 2, "test/1": 2})
    with pytest.raises(DataError, match=rf"lies in the class {number}, and RAF-DB's basic expressions are 1 to 7"):
        read("rafdb", root)


@pytest.mark.parametrize("name", ["ckplus", "rafdb", "affectnet"])
def test_a_file_alone_that_is_no_zip_is_said_to_be_none(name: str, tmp_path: Path) -> None:
    path = tmp_path / "ckextended.csv"
    path.write_text("emotion,pixels,Usage\n6,1 2 3,Training\n")
    with pytest.raises(DataError, match=r"ckextended\.csv is no zip \(it begins with b'emotion,pixels"):
        read(name, path)


def test_images_whose_classes_stand_elsewhere(tmp_path: Path) -> None:
    root = write_classes(tmp_path, {"train_set/images": 2, "val_set/images": 2})
    with pytest.raises(
        DataError, match=r"folders called 'images'.*copy the images into a folder for each class"
    ) as one:
        read("affectnet", root)
    assert "mapping" not in str(one.value)
    with pytest.raises(DataError, match=r"If these are RAF-DB's numbers, data=rafdb knows them"):
        read("folder", write_classes(tmp_path / "b", dict.fromkeys("1234567", 1)))
    with pytest.raises(DataError, match=r"If these are no classes: .*a function of your own"):
        read("folder", write_classes(tmp_path / "c", {"AF01": 1, "AF02": 1}))


def test_images_in_no_folder_of_a_class_and_images_in_tables(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "ferplus", {"FER2013Train": 2, "FER2013Test": 2})
    with pytest.raises(DataError, match=r"no image lies in one: where its name, a table .*folder for each class"):
        read("folder", root)
    (tmp_path / "hub/data").mkdir(parents=True)
    (tmp_path / "hub/data/train-00000-of-00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"images in \.parquet files are not read here: write them as image files"):
        read("rafdb", tmp_path / "hub")


def test_nothing_held_out_is_not_called_the_sources_own_splits(folder: Path) -> None:
    notes = read("folder", folder, mapping={"joy": "happy"}, valid_share=0, test_share=0).notes
    assert any(note.startswith("All faces are Training") for note in notes)
    assert not any("source's own" in note for note in notes)
