"""What is wrong with a FER-2013 copy is told in one message with the place and the fix; nothing is lost in silence."""

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fer2013_forms import random_face as face

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS
from fer.data.fer2013 import load_fer2013, read_fer2013
from fer.data.fer2013.original import load_original
from fer.data.fer2013.recognise import recognise
from fer.data.samples import Split


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """train/ and test/ with one image of each class and official split."""
    root = tmp_path / "fer"
    for i, emotion in enumerate(EMOTIONS):
        for split in (Split.TRAINING, Split.PUBLIC, Split.PRIVATE):
            path = root / ("train" if split is Split.TRAINING else "test") / emotion / f"{split}_{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(face(100 * i + len(split)))
    return root


def zipped(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*.png")):
            archive.write(file, file.relative_to(folder))
    return path


def table(folder: Path, *rows: str, header: str = "emotion,pixels,Usage") -> Path:
    path = folder.parent / "fer2013.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def row(*, emotion: str = "3", count: int = 2304, value: str = "7", usage: str = "Training") -> str:
    return f"{emotion},{' '.join([value] * count)},{usage}"


def test_missing_path(tmp_path: Path) -> None:
    for read in (read_fer2013, load_fer2013):
        with pytest.raises(DataError, match=r"data\.root=.*nowhere\.zip.*not there.*fer-data fetch fer2013"):
            read(tmp_path / "nowhere.zip")


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is an empty folder.*fer-data fetch fer2013"):
        read_fer2013(tmp_path)


def test_empty_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w"):
        pass
    with pytest.raises(DataError, match="is an empty zip"):
        read_fer2013(tmp_path / "a.zip")


def test_other_files(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match=r"holds only notes\.txt, which begins with 'hello'"):
        read_fer2013(tmp_path)
    with pytest.raises(DataError, match=r"notes\.txt is no form of FER-2013"):
        read_fer2013(tmp_path / "notes.txt")


def test_truncated_zip(folder: Path) -> None:
    path = zipped(folder)
    path.write_bytes(path.read_bytes()[:-300])
    for read in (read_fer2013, load_fer2013):
        with pytest.raises(DataError, match=r"fer\.zip is a truncated or damaged zip .*download it again"):
            read(path)


def test_saved_web_page_in_place_of_a_zip(tmp_path: Path) -> None:
    (tmp_path / "archive.zip").write_text("<!DOCTYPE html><title>Sign in</title>")
    with pytest.raises(DataError, match=r"archive\.zip is no zip: it begins with b'<!DOCTYPE"):
        read_fer2013(tmp_path / "archive.zip")


def test_damaged_member_is_listed(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = zipped(folder)
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo("train/happy/Training_3.png")
    data = bytearray(path.read_bytes())
    data[member.header_offset + 200] ^= 0xFF
    path.write_bytes(data)
    samples = read_fer2013(path)
    assert samples.unreadable == ("train/happy/Training_3.png",)
    assert len(samples) == 20
    assert "images cannot be read and is left out: damaged in the zip: 1 (train/happy/Training_3.png)" in caplog.text


def test_encrypted_zip(folder: Path) -> None:
    path = zipped(folder)
    data = bytearray(path.read_bytes())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.find(signature)
        while start >= 0:
            data[start + at] |= 1
            start = data.find(signature, start + 4)
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"is encrypted: unpack it with its password"):
        read_fer2013(path)


def test_member_that_would_unpack_to_too_much(folder: Path) -> None:
    path = zipped(folder)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train/angry/Training_bomb.png", b"\0" * 10_000_001)
    with pytest.raises(DataError, match=r"Training_bomb\.png would unpack to 10,000,001 bytes"):
        read_fer2013(path)


def test_member_that_declares_less_than_it_holds(folder: Path) -> None:
    path = zipped(folder)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train/angry/Training_bomb.png", b"\0" * 20_000_000)
    data = bytearray(path.read_bytes())
    struct.pack_into("<L", data, data.rfind(b"PK\x01\x02") + 24, 500)
    path.write_bytes(data)
    assert read_fer2013(path).unreadable == ("train/angry/Training_bomb.png",)


def test_path_traversal_writes_nothing(folder: Path) -> None:
    path = zipped(folder)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../escaped.png", face(5))
    before = sorted(folder.parent.rglob("*"))
    assert len(read_fer2013(path)) == 21
    assert sorted(folder.parent.rglob("*")) == before


def cut(path: Path) -> None:
    path.write_bytes(face(1, form=".jpg")[:-200])


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("no image"),
        lambda path: path.write_bytes(face(1)[:-20]),
    ],
    ids=["cut jpeg", "empty", "text", "cut png"],
)
def test_unreadable_images_are_listed_and_counted(
    damage: Callable[[Path], object], folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damage(folder / "train" / "sad" / "Training_4.png")
    packed = load_fer2013(folder, cache_dir=tmp_path / "cache")
    assert packed.samples.unreadable == ("train/sad/Training_4.png",)
    assert packed.samples.class_counts(Split.TRAINING).tolist() == [1, 1, 1, 1, 0, 1, 1]
    assert caplog.text.count("1 of 21 images cannot be read and is left out: ") == 1
    assert ": 1 (train/sad/Training_4.png)." in caplog.text
    caplog.clear()
    again = load_fer2013(folder, cache_dir=tmp_path / "cache")
    assert not again.built
    assert again.samples.unreadable == packed.samples.unreadable
    assert "1 items could not be read when it was packed" in caplog.text


def test_broken_link_is_listed(folder: Path) -> None:
    (folder / "train" / "sad" / "Training_9.png").symlink_to(folder / "gone.png")
    assert read_fer2013(folder).unreadable == ("train/sad/Training_9.png",)


def test_no_readable_image(folder: Path) -> None:
    for path in folder.rglob("*.png"):
        path.write_bytes(b"x")
    with pytest.raises(DataError, match=r"none of the 21 images can be read: .*: 21 \(test/angry/PrivateTest_0\.png"):
        read_fer2013(folder)


def test_other_image_size(folder: Path) -> None:
    (folder / "train" / "fear" / "Training_2.png").write_bytes(face(1, side=96))
    with pytest.raises(
        DataError,
        match=r"the pictures have several sizes.*only 0 of 21 pictures are recognised as FER-2013's.*data=folder",
    ):
        read_fer2013(folder)


def test_unknown_class_folder_names_the_nearest(folder: Path) -> None:
    (folder / "train" / "happy").rename(folder / "train" / "hapy")
    with pytest.raises(DataError, match=r"train/hapy/ is no class of FER-2013.*rename it to 'happy'"):
        read_fer2013(folder)


def test_foreign_classes(folder: Path) -> None:
    for split in ("train", "test"):
        (folder / split / "happy").rename(folder / split / "xylophones")
    with pytest.raises(DataError, match=r"test/xylophones/ is no class of FER-2013.*data=folder"):
        read_fer2013(folder)


def test_image_outside_class_folders(folder: Path) -> None:
    (folder / "train" / "Training_7.png").write_bytes(face(7))
    with pytest.raises(DataError, match=r"1 images are in no class folder: train/Training_7\.png; move each"):
        read_fer2013(folder)


def test_root_one_level_too_deep(folder: Path) -> None:
    with pytest.raises(
        DataError, match=r"no train/<emotion>/ .*only 0 of 7 pictures are recognised as FER-2013's.*data=folder"
    ):
        read_fer2013(folder / "train")


def test_split_that_is_not_official(folder: Path) -> None:
    (folder / "test").rename(folder / "validation")
    with pytest.raises(DataError, match=r"validation/ is no split folder of FER-2013.*data=folder"):
        read_fer2013(folder)


def test_file_that_contradicts_its_folder(folder: Path) -> None:
    (folder / "test" / "sad" / "PrivateTest_4.png").rename(folder / "train" / "sad" / "PrivateTest_4.png")
    with pytest.raises(DataError, match=r"train/sad/PrivateTest_4\.png lies in train/ but is named PrivateTest"):
        read_fer2013(folder)


def test_two_copies_under_one_root(folder: Path) -> None:
    (folder / "copy" / "train" / "sad").mkdir(parents=True)
    (folder / "copy" / "train" / "sad" / "Training_4.png").write_bytes(face(4))
    with pytest.raises(
        DataError, match=r"holds several train/ and test/ folders \(\., copy\): point data\.root at one"
    ):
        read_fer2013(folder)


def test_several_zips(folder: Path) -> None:
    zipped(folder).rename(folder.parent / "a.zip")
    zipped(folder).rename(folder.parent / "b.zip")
    for path in folder.rglob("*.png"):
        path.unlink()
    with pytest.raises(DataError, match=r"holds several zip files \(a\.zip, b\.zip\)"):
        read_fer2013(folder.parent)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row(count=2303), "row 17 (line 18) has 2,303 pixels, expected 2,304 (48x48); mend or delete the row"),
        (row(count=2305), "row 17 (line 18) has 2,305 pixels"),
        (row(count=0), "row 17 (line 18) has 0 pixels"),
        (row(value="256"), "row 17 (line 18) has a pixel of 256, expected 0 to 255"),
        (row(value="-1"), "row 17 (line 18) has a pixel of -1"),
        (row(value="99999999999999999999"), "row 17 (line 18) has a pixel of 9"),
        (row(value="1.5"), "row 17 (line 18) has pixels that are not whole numbers"),
        (row(value="x"), "row 17 (line 18) has pixels that are not whole numbers"),
        (row().replace(",Training", " x,Training"), "row 17 (line 18) has pixels that are not whole numbers"),
        (row(emotion="7"), "row 17 (line 18) has emotion '7', expected 0 (angry) to 6 (neutral) (another data set?"),
        (row(emotion=""), "row 17 (line 18) has emotion ''"),
        (row(emotion="happy"), "row 17 (line 18) has emotion 'happy'"),
        (row(usage="Test"), "row 17 (line 18) has Usage 'Test', expected one of Training, PublicTest, PrivateTest"),
        (row(usage=""), "row 17 (line 18) has Usage ''"),
        ("3,1 2 3", "row 17 (line 18) has 2 columns, expected 3 (emotion, pixels, usage)"),
        (row() + ",more", "row 17 (line 18) has 4 columns, expected 3"),
    ],
)
def test_bad_csv_row(bad: str, message: str, folder: Path) -> None:
    path = table(folder, *[row()] * 16, bad, row())
    with pytest.raises(DataError) as caught:
        read_fer2013(path)
    assert f"fer2013.csv {message}" in str(caught.value)


@pytest.mark.parametrize(
    ("every", "remedy"),
    [
        (row(emotion="happy"), "write the emotions of all rows as numbers: 0 angry, 1 disgust, 2 fear, 3 happy,"),
        (row().replace(" ", "; "), "write the pixels of all rows as whole numbers with nothing but spaces"),
        (row(usage="train"), "write one of them into the Usage of all rows"),
    ],
)
def test_a_column_that_is_wrong_in_every_row_is_mended_as_one(every: str, remedy: str, folder: Path) -> None:
    with pytest.raises(DataError, match=remedy) as caught:
        read_fer2013(table(folder, every, every))
    assert "delete the row" not in str(caught.value)


def test_csv_cut_off_in_the_last_row(folder: Path) -> None:
    path = table(folder, *[row()] * 3)
    path.write_text(path.read_text()[:-500])
    with pytest.raises(DataError, match=r"row 3 \(line 4\) has 2 columns"):
        read_fer2013(path)


def test_csv_without_rows_or_header(folder: Path) -> None:
    with pytest.raises(DataError, match="has a header but no rows"):
        read_fer2013(table(folder))
    with pytest.raises(DataError, match="begins with 'a,b,c' where a line such as emotion,pixels,Usage"):
        read_fer2013(table(folder, header="a,b,c"))


def test_csv_that_is_binary(folder: Path) -> None:
    path = table(folder, row())
    path.write_bytes(path.read_bytes() + b"\xff\xfe\x00\x81")
    with pytest.raises(DataError, match=r"fer2013\.csv is no text in UTF-8 or UTF-16 \(line "):
        read_fer2013(path)


def test_csv_with_a_column_twice_is_refused(folder: Path) -> None:
    path = table(folder, row() + ",5", header="emotion,pixels,Usage,Emotion")
    with pytest.raises(DataError, match=r"fer2013\.csv has 2 columns named 'emotion': leave one of them"):
        read_fer2013(path)


def test_csv_without_its_header_says_so(folder: Path) -> None:
    path = table(folder, row(), header=row())
    with pytest.raises(DataError, match=r"fer2013\.csv begins with pixels: write the line .* emotion,pixels,Usage"):
        read_fer2013(path)


def test_csv_without_usage_is_not_taken_for_training(folder: Path) -> None:
    path = table(folder, row().removesuffix(",Training"), header="emotion,pixels")
    with pytest.raises(DataError, match=r"fer2013\.csv has no `Usage` column, so the split of its rows is unknown"):
        read_fer2013(path)


def test_two_csv_files_that_may_be_meant(folder: Path) -> None:
    table(folder, row()).rename(folder.parent / "a.csv")
    table(folder, row()).rename(folder.parent / "b.csv")
    with pytest.raises(DataError, match=r"holds several CSV files with emotion, pixels and Usage \(a\.csv, b\.csv\)"):
        read_fer2013(folder.parent)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), form=st.sampled_from(["zip", "csv"]))
def test_random_damage_is_told_or_listed(data: st.DataObject, form: str, folder: Path) -> None:
    path = zipped(folder) if form == "zip" else table(folder, *[row()] * 5)
    content = bytearray(path.read_bytes())
    start = data.draw(st.integers(0, len(content) - 1))
    end = data.draw(st.integers(start + 1, len(content)))
    content[start:end] = data.draw(st.binary(max_size=30))
    path.write_bytes(content)
    try:
        samples = read_fer2013(path)
    except DataError as error:
        told = str(error)
    else:
        told = samples.source
        assert len(samples) + len(samples.unreadable) <= 21
    assert told


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"# made by hand\nemotion,pixels,Usage\n", "begins with '# made by hand' where a line such as emotion,pixels"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"\x1f\x8b\x08\x00", "is a gzip file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        (b"", "is empty"),
    ],
)
def test_a_file_that_only_has_the_name_of_a_table_is_told_by_its_content(
    content: bytes, words: str, tmp_path: Path
) -> None:
    (tmp_path / "fer2013.csv").write_bytes(content)
    with pytest.raises(DataError, match=f"holds only fer2013.csv, which {words}"):
        read_fer2013(tmp_path / "fer2013.csv")


@pytest.mark.parametrize("level", [0, 255])
def test_blank_pictures_alone_are_nobodys(level: int) -> None:
    blank = np.full((3, 48, 48), level, np.uint8)
    nothing = np.full(3, "Training", dtype="U11")
    found = recognise(blank, labels=np.zeros(3, np.int64), splits=nothing, original=load_original())
    assert (found.rows == -1).all()
