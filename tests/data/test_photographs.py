"""Photographs and the CSV of their labels."""

from pathlib import Path

import numpy as np
import pytest
from support.layouts import write_image, zipped

from fer.common.errors import DataError
from fer.data.photographs import read_photographs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "deep/b.png", "deep/c.png", "other/c.png"):
        write_image(tmp_path / "photos" / name, np.zeros((8, 8), np.uint8))
    return tmp_path / "photos"


def labels(folder: Path, text: str) -> Path:
    path = folder.parent / "labels.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize("as_zip", [False, True])
def test_files_are_found_by_path_or_by_name_that_is_there_once(folder: Path, as_zip: bool) -> None:
    path = labels(folder, "file,emotion,person\na.png,Happiness,x\nb.png,sad,y\nother/c.png,contempt,y\n")
    found = read_photographs(zipped(folder) if as_zip else folder, path)
    assert found.names == ("a.png", "deep/b.png")
    assert found.labels.tolist() == [3, 4]
    assert found.persons is not None
    assert found.persons.tolist() == ["x", "y"]
    assert any("contempt" in note for note in found.notes)
    assert all(isinstance(content, bytes) and content.startswith(b"\x89PNG") for content in found.contents())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "file,emotion\nz.png,sad\ny.png,sad\nc.png,sad\na.png,sad\na.png,happy\n",
            r"2 files that it names are not there \(the first: z.png\); 1 file .*c.png\); 1 photographs .*a.png",
        ),
        ("file,emotion\nc.png,sad\n", "1 file names are there several times"),
        ("file,emotion\na.png,sad\na.png,happy\n", r"1 photographs are labelled more than once \(the first: a.png"),
        ("file,emotion\na.png,content\n", "no photograph with one of the seven emotions"),
        ("file,emotion,person\na.png,sad,x\nb.png,sad,\n", "1 photographs have no person.*deep/b.png"),
        ("name,emotion\na.png,sad\n", "has no column file"),
    ],
)
def test_a_csv_that_does_not_fit_is_told_with_the_file(folder: Path, text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read_photographs(folder, labels(folder, text))


def test_folders_may_name_the_emotions(folder: Path) -> None:
    for name in ("happy/h.png", "Sadness/s.png", "contempt/t.png"):
        write_image(folder / name, np.zeros((8, 8), np.uint8))
    found = read_photographs(folder, None)
    assert dict(zip(found.names, found.labels.tolist(), strict=True)) == {"happy/h.png": 3, "Sadness/s.png": 4}
    assert found.persons is None
    assert found.notes == ("5 further images without a label are left out.",)
    with pytest.raises(DataError, match="none of its 2 images lies in a folder named"):
        read_photographs(folder / "deep", None)


def test_a_folder_that_is_not_there_is_told(folder: Path) -> None:
    with pytest.raises(DataError, match="name the folder or the zip"):
        read_photographs(folder / "none", labels(folder, "file,emotion\na.png,sad\n"))
