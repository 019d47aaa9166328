"""`data=folder` on a CSV with a face a row, in the form that the Kaggle challenge began."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support.layouts import write_classes, zipped

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS
from fer.data.dataset_argument import validated
from fer.data.samples import FaceSamples
from fer.data.sources import open_samples

NUMBERS = dict(zip("01234567", [*EMOTIONS, "drop"], strict=True))
SPLITS = ("Training", "PublicTest", "PrivateTest")


def read(root: Path, **settings: Any) -> FaceSamples:
    return open_samples(validated({"name": "folder", "root": str(root), **settings}, prefix="data.")).samples


def pixels(number: int, side: int = 48) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(number).integers(0, 256, (side, side), dtype=np.uint8)


def face(number: int, side: int = 48) -> str:
    return " ".join(map(str, pixels(number, side).ravel()))


ROWS = [(str(n % 8), face(n), SPLITS[n // 8]) for n in range(24)]


def written(path: Path, rows: list[tuple[str, ...]], header: str = "emotion,pixels,Usage") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("form", ["file", "folder", "zip"])
def test_classes_by_number_have_the_names_that_they_are_given(form: str, tmp_path: Path) -> None:
    table = written(tmp_path / "set" / "ckextended.csv", ROWS)
    root = {"file": table, "folder": table.parent}.get(form) or zipped(table.parent)
    samples = read(root, mapping=NUMBERS)
    rows = [int(name.removeprefix("ckextended.csv:")) - 1 for name in samples.ids]
    assert sorted(rows) == [n for n in range(24) if n % 8 != 7]
    assert samples.labels.tolist() == [n % 8 for n in rows]
    assert samples.splits.tolist() == [SPLITS[n // 8] for n in rows]
    assert all((image[0] == pixels(n)).all() for image, n in zip(samples.images, rows, strict=True))
    assert any("their classes by emotion, their splits by usage" in note for note in samples.notes)


def test_numbers_are_never_guessed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"classes '0', '1', .* that are no emotion known here: say what they are"):
        read(written(tmp_path / "ckextended.csv", ROWS))


def test_names_and_faces_of_any_side_need_no_rule(tmp_path: Path) -> None:
    rows = [(name, face(n, 20 + 28 * (n % 2))) for n, name in enumerate(["Happiness", "sad", "Anger"] * 10)]
    samples = read(written(tmp_path / "faces.csv", rows, header="Label,pixels"))
    names = ("happy", "sad", "angry")
    told = {id_: EMOTIONS[label] for id_, label in zip(samples.ids.tolist(), samples.labels.tolist(), strict=True)}
    assert told == {f"faces.csv:{n + 1}": names[n % 3] for n in range(30)}
    assert set(samples.splits) == set(SPLITS)
    assert any("15 images were resized to 48 x 48 grey from 20 x 20 pixels" in note for note in samples.notes)


def test_a_row_that_is_no_picture_is_listed(tmp_path: Path) -> None:
    bad = ["1 2 3", face(1).replace(" ", " 1000 ", 1), "a b", ""]
    rows = [*ROWS[:8], *((str(n), text, "Training") for n, text in enumerate(bad))]
    samples = read(written(tmp_path / "a.csv", rows), mapping=NUMBERS, valid_share=0.0, test_share=0.0)
    assert samples.unreadable == ("a.csv:9", "a.csv:10", "a.csv:11", "a.csv:12")
    assert len(samples) == 7


@pytest.mark.parametrize(
    ("header", "row", "words"),
    [
        ("emotion,pixels,Usage", ("0", face(0), "later"), "a.csv row 2 .line 3. has usage 'later', expected Training"),
        ("emotion,pixels,Usage", ("0", face(0)), "a.csv row 2 .line 3. has 2 columns, expected 3"),
        ("feeling,pixels,Usage", ("0", face(0), "Training"), "none that says a face's class: call it emotion, label"),
        ("emotion,face,Usage", ("0", face(0), "Training"), "a.csv has no column pixels, and so no faces: call"),
        ("label,pixels,label", ("0", face(0), "1"), "a.csv has 2 columns named .label.: leave one"),
    ],
)
def test_what_cannot_be_understood_is_told(header: str, row: tuple[str, ...], words: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=words):
        read(written(tmp_path / "a.csv", [ROWS[0], row], header=header), mapping=NUMBERS)


def test_what_is_so_in_every_row_is_told_of_the_column(tmp_path: Path) -> None:
    rows = [("happy", text.replace(" ", ".0 ")) for _, text, _ in ROWS]
    with pytest.raises(
        DataError, match=r"a\.csv has pixels that are not whole numbers .*: write the pixels of all rows"
    ):
        read(written(tmp_path / "a.csv", rows, header="label,pixels"))
    with pytest.raises(DataError, match=r"class 'x' that is no emotion"):
        read(written(tmp_path / "b.csv", [("x", text) for _, text, _ in ROWS], header="label,pixels"))


def test_rows_have_no_path_that_tells_a_person(tmp_path: Path) -> None:
    table = written(tmp_path / "a.csv", ROWS)
    with pytest.raises(DataError, match=r"data\.person finds the person in the path of an image, and .* a\.csv"):
        read(table, mapping=NUMBERS, person="S[0-9]+")
    assert any("one person may be in several splits" in note for note in read(table, mapping=NUMBERS).notes)


@pytest.mark.parametrize("name", ["a.csv", "a.zip"])
def test_a_pipe_is_refused_and_not_waited_for(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match="is no ordinary file"):
        read(tmp_path / name)


def test_several_tables_are_not_mixed_and_pictures_go_first(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        written(tmp_path / name, ROWS)
    with pytest.raises(DataError, match=r"several tables of faces \(a\.csv, b\.csv\): set data\.root to one of them"):
        read(tmp_path, mapping=NUMBERS)
    write_classes(tmp_path, {"happy": 2, "sad": 2})
    assert len(read(tmp_path, valid_share=0.0, test_share=0.0)) == 4
