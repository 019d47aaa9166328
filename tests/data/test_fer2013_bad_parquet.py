"""What is wrong with parquet files of FER-2013 is told in one message with the place and the fix."""

from pathlib import Path

import pytest
from support.fer2013_forms import random_face as face

from fer.common.errors import DataError
from fer.data.fer2013 import read_fer2013


def parquet(path: Path, **columns: list[object]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def three(root: Path, labels: list[object], images: list[object]) -> Path:
    for part in ("train", "valid", "test"):
        parquet(root / f"{part}-00000-of-00001.parquet", image=images, label=labels)
    return root


def test_truncated_parquet(tmp_path: Path) -> None:
    path = parquet(tmp_path / "train.parquet", image=[face(1)] * 9, label=[1] * 9)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"train\.parquet is a truncated or damaged parquet file"):
        read_fer2013(tmp_path)


def test_parquet_of_unknown_columns(tmp_path: Path) -> None:
    parquet(tmp_path / "train.parquet", vector=[1.0], target=[1])
    with pytest.raises(DataError, match="has the columns vector, target; expected an image"):
        read_fer2013(tmp_path)


def test_parquet_of_unknown_splits(tmp_path: Path) -> None:
    parquet(tmp_path / "faces.parquet", image=[face(1)], label=[1])
    with pytest.raises(DataError, match=r"cannot tell the split of faces\.parquet"):
        read_fer2013(tmp_path)
    (tmp_path / "faces.parquet").rename(tmp_path / "valid.parquet")
    with pytest.raises(DataError, match="has the splits valid; known are train, valid and test"):
        read_fer2013(tmp_path)


def test_parquet_twice_under_one_root(tmp_path: Path) -> None:
    for revision in ("a", "b"):
        parquet(tmp_path / revision / "train.parquet", image=[face(1)], label=[1])
    with pytest.raises(DataError, match=r"holds the same file twice, a/train\.parquet and b/train\.parquet"):
        read_fer2013(tmp_path)


@pytest.mark.parametrize(("label", "shown"), [(7, "7"), (-1, "-1"), (None, "None"), (1.0, "1.0"), (True, "True")])
def test_parquet_label_out_of_range(label: object, shown: str, tmp_path: Path) -> None:
    three(tmp_path, [label, label], [face(1), face(2)])
    with pytest.raises(DataError, match=rf"row 1 has label {shown}, expected 0 to 6"):
        read_fer2013(tmp_path)


def test_parquet_label_words(tmp_path: Path) -> None:
    three(tmp_path, ["sadness", "Happy"], [face(1), face(2)])
    assert read_fer2013(tmp_path).class_counts().tolist() == [0, 0, 0, 3, 3, 0, 0]
    for part in ("train", "test"):
        parquet(tmp_path / "two" / f"{part}.parquet", jpg=[face(1), face(2)], cls=["neutral", "sad"])
    assert read_fer2013(tmp_path / "two").class_counts().tolist() == [0, 0, 0, 0, 2, 0, 2]
    three(tmp_path / "three", ["contempt", "happy"], [face(1), face(2)])
    with pytest.raises(DataError, match=r"row 1: unknown emotion 'contempt'"):
        read_fer2013(tmp_path / "three")


def test_unreadable_parquet_cells_are_listed(tmp_path: Path) -> None:
    three(tmp_path, [3, 4], [{"bytes": face(1), "path": None}, {"bytes": None, "path": "gone.png"}])
    samples = read_fer2013(tmp_path)
    assert samples.unreadable == tuple(f"{part}-00000-of-00001.parquet:2" for part in ("test", "train", "valid"))
    assert samples.class_counts().tolist() == [0, 0, 0, 3, 0, 0, 0]


@pytest.mark.parametrize("doubled", ["image", "label"])
def test_parquet_with_a_column_twice(doubled: str, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"image": pa.array([face(1)]), "label": pa.array([1])}
    table = pa.Table.from_arrays([*columns.values(), columns[doubled]], names=["image", "label", doubled])
    pq.write_table(table, tmp_path / "train.parquet")
    with pytest.raises(DataError, match=f"train.parquet has 2 columns named '{doubled}'"):
        read_fer2013(tmp_path)


@pytest.mark.parametrize("told", [b"[1]", b'{"info": null}', b'{"info": {"features": {"label": {"names": 7}}}}'])
def test_parquet_whose_metadata_names_no_classes(told: bytes, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"image": [face(1), face(2)], "label": ["sad", "fear"]})
    pq.write_table(table.replace_schema_metadata({b"huggingface": told}), tmp_path / "train.parquet")
    assert sorted(read_fer2013(tmp_path).labels.tolist()) == [2, 4]


def test_parquet_files_without_rows(tmp_path: Path) -> None:
    """Tools that share rows out among files leave some empty, of another type than words."""
    parquet(tmp_path / "train-0.parquet", image=[face(1), face(2)], label=["sad", "fear"])
    parquet(tmp_path / "train-1.parquet", image=[], label=[])
    parquet(tmp_path / "test-0.parquet", image=[], label=[])
    assert len(read_fer2013(tmp_path)) == 2
    (tmp_path / "train-0.parquet").unlink()
    with pytest.raises(DataError, match="its parquet files have no rows"):
        read_fer2013(tmp_path)
