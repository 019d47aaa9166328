"""Groups from a person's CSV: how rows find faces, and what is told where they do not."""

from pathlib import Path

import pytest

from fer.common.errors import ConfigError
from fer.report.fairness.group_file import MatchedGroups, match_groups, read_groups

IDS = ["test/angry/PrivateTest_1.jpg", "test/happy/PrivateTest_2.jpg", "test/sad/PrivateTest_3.jpg"]
OTHERS = ["train/angry/Training_5.jpg", "train/sad/Training_5.jpg", "train/fear/Training_6.jpg"]


def match(text: str, tmp_path: Path, *, ids: list[str] = IDS, encoding: str = "utf-8") -> MatchedGroups:
    path = tmp_path / "groups.csv"
    path.write_bytes(text.encode(encoding))
    return match_groups(read_groups(path, columns=None), ids=ids, all_ids=[*ids, *OTHERS])


@pytest.mark.parametrize(
    ("name", "by_id"),
    [
        ("test/angry/PrivateTest_1.jpg", 1),
        ("PrivateTest_1.jpg", 0),
        ("PrivateTest_1", 0),
        ("angry/PrivateTest_1.jpg", 0),
        ("/home/me/fer2013/test/angry/PrivateTest_1.jpg", 0),
        ("test\\angry\\PrivateTest_1.jpg", 1),
        ("./test/angry/PrivateTest_1.jpg", 1),
        (" PrivateTest_1.png", 0),
    ],
)
def test_a_row_finds_its_face(name: str, by_id: int, tmp_path: Path) -> None:
    found = match(f"file,glasses\n{name},yes\n", tmp_path)
    assert found.groupings["glasses"].tolist() == ["yes", "", ""]
    assert (found.by_id, found.by_name, found.unmatched, found.stray_rows) == (by_id, 1 - by_id, 2, 0)


@pytest.mark.parametrize("heading", ["id", "File", "file name", "file_name", "Image-Name", "PATH"])
def test_the_column_of_names_has_many_names(heading: str, tmp_path: Path) -> None:
    assert match(f"age,{heading}\nold,PrivateTest_2.jpg\n", tmp_path).groupings["age"].tolist() == ["", "old", ""]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_any_separator_marks_and_quotes(separator: str, encoding: str, tmp_path: Path) -> None:
    text = f'file{separator}age\r\n"PrivateTest_3.jpg"{separator}"up to 30"\r\n\r\n'
    assert match(text, tmp_path, encoding=encoding).groupings["age"].tolist() == ["", "", "up to 30"]


def test_rows_of_other_splits_and_strangers_are_counted(tmp_path: Path) -> None:
    text = "file,age\nPrivateTest_1.jpg,old\nTraining_6.jpg,old\nnobody.jpg,old\nPrivateTest_2.jpg,\n"
    found = match(text, tmp_path)
    assert (found.by_name, found.unmatched, found.stray_rows) == (2, 1, 1)
    assert found.groupings["age"].tolist() == ["old", "", ""]


def test_what_stands_for_no_value_is_no_group(tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    rows = "PrivateTest_1.jpg,NA,none\nPrivateTest_2.jpg,nan,None\nPrivateTest_3.jpg,old,NULL\n"
    path.write_text(f"file,age,glasses\n{rows}")
    table = read_groups(path, columns=None)
    assert table.groupings == {"age": ("", "", "old"), "glasses": ("none", "None", "")}
    assert table.notes == (
        "In the column 'age' of groups.csv 2 cells like “NA” or “NaN” are taken for unknown and make no group.",
        "In the column 'glasses' of groups.csv 1 cell like “NA” or “NaN” is taken for unknown and makes no group.",
    )


def test_a_name_of_several_faces_is_used_for_none(tmp_path: Path) -> None:
    ids = ["test/angry/a.jpg", "test/sad/a.jpg", "test/sad/b.jpg"]
    found = match("file,age\na.jpg,old\nb.jpg,young\n", tmp_path, ids=ids)
    assert found.groupings["age"].tolist() == ["", "", "young"]
    assert (found.ambiguous, found.unmatched) == (2, 2)
    told_apart = match("file,age\nsad/a.jpg,old\na.jpg,young\n", tmp_path, ids=ids)
    assert told_apart.groupings["age"].tolist() == ["", "old", ""]


def test_the_more_exact_row_counts(tmp_path: Path) -> None:
    found = match("file,age\nPrivateTest_1.png,young\ntest/angry/PrivateTest_1.jpg,old\n", tmp_path)
    assert found.groupings["age"][0] == "old"
    assert (found.by_id, found.by_name) == (1, 0)


def test_rows_of_a_csv_and_drawn_faces_have_ids_too(tmp_path: Path) -> None:
    ids = ["fer2013.csv:17", "synthetic/0/2000001"]
    found = match("id,age\nfer2013.csv:17,old\n2000001,young\n", tmp_path, ids=ids)
    assert found.groupings["age"].tolist() == ["old", "young"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,age\nnobody.jpg,old\n", r"none of the 1 names in column 'file' .*'nobody\.jpg'.*PrivateTest_1\.jpg"),
        ("face,age\nPrivateTest_1.jpg,old\n", r"no column that names the faces, only 'face', 'age'"),
        ("file\nPrivateTest_1.jpg\n", r"no column besides the names"),
        ("file,age\n", r"has no rows"),
        ("", r"has no rows"),
        ("file,age,age\nPrivateTest_1.jpg,1,2\n", r"2 columns named 'age'"),
        ("file,age\nPrivateTest_1.jpg\n", r"line 2 has 1 cells, the heading 2"),
        (
            "file,age\nPrivateTest_1.jpg,old\n\nPrivateTest_1.jpg,young\n",
            r"lines 2 and 4 both name .*'old' and 'young'",
        ),
        ("file,age\n" + "".join(f"{i}.jpg,{i}\n" for i in range(21)), r"column 'age' has 21 different values"),
    ],
)
def test_mistakes_name_the_file_and_the_fix(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        match(text, tmp_path)
    assert f"fairness.groups={tmp_path / 'groups.csv'}" in str(raised.value)


def test_missing_files_other_encodings_and_columns(tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    with pytest.raises(ConfigError, match=r"fairness\.groups=.*groups\.csv cannot be read \(No such file"):
        read_groups(path, columns=None)
    path.write_bytes("file,age\nä.jpg,old\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"no text in UTF-8 or UTF-16 \(line 2"):
        read_groups(path, columns=None)
    path.write_text("file,age,remark\na.jpg,old,x\n")
    assert list(read_groups(path, columns=["age"]).groupings) == ["age"]
    with pytest.raises(ConfigError, match=r"fairness\.columns: .*no column 'agee' \(did you mean 'age'\?\)"):
        read_groups(path, columns=["agee"])


def test_a_column_of_many_values_leaves_the_other_groupings(tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    path.write_text("file,age,glasses\n" + "".join(f"{i}.jpg,{i},{i % 2}\n" for i in range(21)))
    table = read_groups(path, columns=None)
    assert list(table.groupings) == ["glasses"]
    assert table.left_out == {"age": 21}
    with pytest.raises(ConfigError, match="column 'age' has 21 different values"):
        read_groups(path, columns=["age", "glasses"])
