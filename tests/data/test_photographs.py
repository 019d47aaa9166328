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
        ("file,emotion\nz.png,sad\n", "labels z.png, which is not there"),
        ("file,emotion\nc.png,sad\n", "is there 2 times"),
        ("file,emotion\na.png,sad\na.png,happy\n", "more than once"),
        ("file,emotion\na.png,content\n", "no photograph with one of the seven emotions"),
        ("file,emotion,person\na.png,sad,x\nb.png,sad,\n", "tells no person for deep/b.png"),
        ("name,emotion\na.png,sad\n", "has no column file"),
    ],
)
def test_a_csv_that_does_not_fit_is_told_with_the_file(folder: Path, text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read_photographs(folder, labels(folder, text))


def test_a_folder_that_is_not_there_is_told(folder: Path) -> None:
    with pytest.raises(DataError, match="name the folder or the zip"):
        read_photographs(folder / "none", labels(folder, "file,emotion\na.png,sad\n"))
