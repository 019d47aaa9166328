"""Which folders are classes, which are splits, and which are neither: no part that may be a test is trained on."""

import os
import shutil
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS
from fer.data.class_folders import class_folder_images, split_of
from fer.data.commands import main
from fer.data.dataset_argument import data_configuration
from fer.data.samples import FaceSamples, Split
from fer.data.sources import open_samples
from fer.data.tree import FolderTree, ZipTree

TRAIN, VALID, TEST = Split.TRAINING, Split.PUBLIC, Split.PRIVATE


def image(path: Path, *, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.random.default_rng(seed).integers(0, 256, (20, 20), dtype=np.uint8))


def folder(root: Path, pattern: str, splits: tuple[str, ...]) -> Path:
    """Two images a class and split; `pattern` has the places of class and split."""
    for number, (split, emotion) in enumerate((split, emotion) for split in splits for emotion in EMOTIONS):
        for copy in range(2):
            image(root / pattern.format(split=split, emotion=emotion) / f"{copy}.png", seed=2 * number + copy)
    return root


def opened(root: Path) -> FaceSamples:
    return open_samples(data_configuration(str(root), source="folder", settings=["size=20"])).samples


@pytest.mark.parametrize(
    ("pattern", "splits", "expected"),
    [
        ("{split}/{emotion}", ("train_data", "test_data"), (TRAIN, TEST)),
        ("{split}/{emotion}", ("Training Images", "Test Images"), (TRAIN, TEST)),
        ("{split}/{emotion}", ("Training Set", "Testing Set"), (TRAIN, TEST)),
        ("archive/{split}/{emotion}", ("images_train", "images_test"), (TRAIN, TEST)),
        ("{split}/{emotion}", ("FER2013Train", "FER2013Valid", "FER2013Test"), (TRAIN, VALID, TEST)),
        ("{split}/{emotion}", ("Training", "Public Test", "Private Test"), (TRAIN, VALID, TEST)),
        ("{emotion}/{split}", ("train", "test"), (TRAIN, TEST)),
        ("faces/{emotion}/{split}", ("train", "val", "test"), (TRAIN, VALID, TEST)),
        ("{split}/studio/{emotion}", ("train", "test"), (TRAIN, TEST)),
    ],
)
def test_a_part_is_what_its_folder_says(
    pattern: str, splits: tuple[str, ...], expected: tuple[Split, ...], tmp_path: Path
) -> None:
    images, _ = class_folder_images(FolderTree(folder(tmp_path, pattern, splits)))
    told = Counter((entry.split, entry.label) for entry in images)
    assert told == {(split, emotion): 2 for split in expected for emotion in EMOTIONS}
    for entry in images:
        named = next(name for name in splits if name in entry.path.split("/"))
        assert entry.split == expected[splits.index(named)]


def test_test_faces_stay_test_faces_all_the_way(tmp_path: Path) -> None:
    samples = opened(folder(tmp_path, "{split}/{emotion}", ("train_data", "test_data")))
    for identity, split in zip(samples.ids, samples.splits, strict=True):
        assert (split == TEST) == identity.startswith("test_data")
    assert any("test_data is PrivateTest; train_data is Training" in note for note in samples.notes)


@pytest.mark.parametrize("parts", [("alpha", "beta"), ("train_data", "held back"), ("a", "a2", "b")])
def test_parts_that_nobody_understands_are_not_mixed(parts: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the same classes \(angry, ...\) lie in .* folders.*Rename them to train"):
        class_folder_images(FolderTree(folder(tmp_path, "{split}/{emotion}", parts)))


@pytest.mark.parametrize("pattern", ["{split}_{emotion}", "data/{emotion} ({split})", "{split}/{split}-{emotion}"])
def test_one_folder_may_tell_class_and_split(pattern: str, tmp_path: Path) -> None:
    images, notes = class_folder_images(FolderTree(folder(tmp_path, pattern, ("train", "test"))))
    told = Counter((entry.split, entry.label) for entry in images)
    assert told == {(split, emotion): 2 for split in (TRAIN, TEST) for emotion in EMOTIONS}
    assert any(note.startswith("Folders that tell their class and their split:") for note in notes)


def test_a_class_with_a_test_folder_beside_it_is_not_mixed_with_it(tmp_path: Path) -> None:
    folder(tmp_path, "{emotion}", ("",))
    folder(tmp_path, "{emotion}_{split}", ("test",))
    with pytest.raises(DataError, match=r"14 images lie in the top, outside the folders .*\(angry_test, "):
        class_folder_images(FolderTree(tmp_path))


@pytest.mark.parametrize("part", ["eval", "holdout", "Validierung", "unseen people"])
def test_a_part_of_unknown_name_beside_a_known_one_is_named(part: str, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=rf"14 images lie in {part}, outside .*\(train\).* Rename their folder to train"
    ):
        class_folder_images(FolderTree(folder(tmp_path, "{split}/{emotion}", ("train", part))))


def test_folders_between_an_emotion_and_its_images_are_told(tmp_path: Path) -> None:
    folder(tmp_path, "{emotion}/{split}", ("male", "female"))
    with pytest.raises(DataError, match=r"the emotions are folders further up \(angry/female, ...\)"):
        class_folder_images(FolderTree(tmp_path))


def test_folders_between_an_emotion_and_its_images_are_told_below_split_folders_too(tmp_path: Path) -> None:
    for person in ("p1", "p2"):
        folder(tmp_path, f"{{split}}/{{emotion}}/{person}", ("train", "test"))
    with pytest.raises(DataError, match=r"the emotions are folders further up \(test/angry/p1, ...\)"):
        opened(tmp_path)


def test_a_data_set_is_told_by_the_name_it_has_now(tmp_path: Path) -> None:
    one = folder(tmp_path / "one", "train/{emotion}", ("",))
    assert opened(one).source == "Folder one (class folders, folder)"
    assert opened(one.rename(tmp_path / "two")).source == "Folder two (class folders, folder)"


@pytest.mark.parametrize("pattern", ["{split}/images", "images/{split}"])
def test_a_data_set_for_detection_is_told_by_its_form(pattern: str, tmp_path: Path) -> None:
    folder(tmp_path, f"YOLO_format/{pattern}", ("train", "valid", "test"))
    for image_file in sorted(tmp_path.rglob("*.png")):
        text = Path(str(image_file).replace("images", "labels")).with_suffix(".txt")
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_text("3 0.5 0.5 1 1\n")
    with pytest.raises(DataError, match="classes in text files in labels/, as YOLO reads them"):
        class_folder_images(FolderTree(tmp_path))


def test_the_content_tells_an_image_where_the_name_does_not(tmp_path: Path) -> None:
    odd = ("0", "1.jpg_large", "2.jpeg!d", "3.image", "4.JPG")
    for emotion in EMOTIONS:
        for number, name in enumerate(odd):
            image(tmp_path / "set" / emotion / f"{number}.png", seed=number)
            (tmp_path / "set" / emotion / f"{number}.png").rename(tmp_path / "set" / emotion / name)
    (tmp_path / "set" / "happy" / "notes").write_text("no picture")
    (tmp_path / "set" / "happy" / "one.bak").write_bytes((tmp_path / "set" / "happy" / "0").read_bytes())
    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "set"))
    for tree in (FolderTree(tmp_path / "set"), ZipTree(packed)):
        with tree:
            images, notes = class_folder_images(tree)
        assert Counter(Path(entry.path).name for entry in images) == dict.fromkeys(odd, 7)
        assert "2 files are no images and are not read: 1 without a suffix, 1 .bak." in notes


def test_one_folder_of_classes_is_one_part_whatever_it_is_called(tmp_path: Path) -> None:
    images, _ = class_folder_images(FolderTree(folder(tmp_path, "{split}/{emotion}", ("my-test",))))
    assert {entry.split for entry in images} == {None}


def test_loose_images_of_a_split_folder_name_no_class(tmp_path: Path) -> None:
    folder(tmp_path, "{split}/{emotion}", ("train", "test"))
    image(tmp_path / "train" / "stray.png", seed=99)
    images, notes = class_folder_images(FolderTree(tmp_path))
    assert len(images) == 28
    assert "1 images lie in no class folder and are not read: train/stray.png." in notes


def test_words_of_a_name_are_whole_words() -> None:
    assert split_of("contest") is None
    assert split_of("latest_training") == TRAIN
    assert split_of("train_and_test") is None


def test_every_kind_of_image_is_read_or_named(tmp_path: Path) -> None:
    kinds = (".jpg", ".jfif", ".JPG", ".webp", ".pnm", ".jp2", ".tga", ".heic", ".png")
    pixels = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    readable = {".jpg": ".jpg", ".jfif": ".jpg", ".JPG": ".jpg", ".webp": ".webp", ".pnm": ".ppm", ".png": ".png"}
    for emotion in EMOTIONS:
        (tmp_path / emotion).mkdir()
        for kind in kinds:
            done, data = cv2.imencode(readable.get(kind, ".png"), pixels)
            assert done
            # What no decoder of ours takes.
            content = data.tobytes() if kind in readable else b"\0\0\0\x18ftypheic" + bytes(40)
            (tmp_path / emotion / f"x{kind}").write_bytes(content)
    (tmp_path / "happy" / "notes.psd").write_bytes(b"8BPS")
    samples = opened(tmp_path)
    assert Counter(Path(name).suffix for name in samples.ids) == dict.fromkeys(readable, 7)
    assert Counter(Path(name).suffix for name in samples.unreadable) == {".jp2": 7, ".tga": 7, ".heic": 7}
    assert "1 file is no image and is not read: 1 .psd." in samples.notes


def test_links_and_leftovers_of_systems_do_no_harm(tmp_path: Path) -> None:
    root = folder(tmp_path / "data", "{emotion}", ("",))
    (root / "happy" / "up").symlink_to(root, target_is_directory=True)
    (root / "sad" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    for left in ("@eaDir", "$RECYCLE.BIN", "__MACOSX", ".ipynb_checkpoints"):
        image(root / "angry" / left / "0.png", seed=7)
        os.makedirs(root / left, exist_ok=True)  # noqa: PTH103
        image(root / left / "angry" / "0.png", seed=8)
    samples = opened(root)
    assert sorted(samples.ids) == sorted(f"{emotion}/{copy}.png" for emotion in EMOTIONS for copy in range(2))
    assert samples.unreadable == ("sad/gone.png",)


def test_names_that_are_no_utf8_are_read_and_shown(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    root = folder(tmp_path / "data", "{emotion}", ("",))
    happy = os.fsencode(root / "happy")
    os.rename(happy + b"/0.png", happy + b"/caf\xe9.png")  # noqa: PTH104
    (root / os.fsdecode(b"sad/bad\xe9.png")).write_bytes(b"no image")
    samples = opened(root)
    assert r"happy/caf\xe9.png" in samples.ids.tolist()
    assert samples.unreadable == (r"sad/bad\xe9.png",)
    out = tmp_path / os.fsdecode(b"out\xe9")
    assert main(["audit", str(root), "--source", "folder", "--set", "size=20", "--out", str(out)]) == 0
    assert rb"out\xe9" in capsysbinary.readouterr().out.replace(b"\n", b"")
    assert (out / "audit.json").is_file()


@pytest.mark.parametrize(
    ("names", "outer", "told"),
    [
        (("faces.zip", "README.txt"), False, r"set data\.root to .*faces\.zip, or unpack it"),
        (("train.zip", "test.zip"), False, r"\(test\.zip, train\.zip\): unpack each into a folder of its name"),
        (("faces.zip",), True, r"faces\.zip in it is not looked into: unpack the outer zip.*1 file is no image"),
    ],
)
def test_zips_in_place_of_images_are_named_with_a_remedy(
    names: tuple[str, ...], outer: bool, told: str, tmp_path: Path
) -> None:
    made = folder(tmp_path / "made", "{emotion}", ("",))
    (tmp_path / "root").mkdir()
    root = tmp_path / "root"
    for name in names:
        if name.endswith(".zip"):
            shutil.make_archive(str(root / Path(name).stem), "zip", made)
        else:
            (root / name).write_text("read me")
    if outer:
        root = Path(shutil.make_archive(str(tmp_path / "outer"), "zip", root))
    with pytest.raises(DataError, match=told):
        opened(root)
