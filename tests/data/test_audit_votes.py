"""The audit beside FER+ votes: joined by row, refused where they are of other pictures, and on the real files."""

import csv
from pathlib import Path

import numpy as np
import pytest
from support.audited_faces import faces, noise, planted_faces

from fer.common.errors import DataError
from fer.data.audit import audit
from fer.data.ferplus import FERPLUS_COLUMNS, read_ferplus
from fer.data.samples import FaceSamples
from fer.data.tables import audit_text


def write_votes(path: Path, rows: list[tuple[str, dict[str, int]]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Usage", "Image name", *FERPLUS_COLUMNS])
        for usage, votes in rows:
            writer.writerow([usage, "", *(votes.get(name, 0) for name in FERPLUS_COLUMNS)])
    return path


def csv_faces(labels: list[str], splits: list[str], *, rows: list[int] | None = None) -> FaceSamples:
    from dataclasses import replace

    samples = faces(
        [(image, *row) for image, row in zip(noise(len(labels)), zip(labels, splits, strict=True), strict=True)]
    )
    numbers = range(1, len(labels) + 1) if rows is None else rows
    return replace(samples, ids=np.array([f"fer2013.csv:{number}" for number in numbers]))


VOTES = [
    ("Training", {"happiness": 9, "neutral": 1}),  # agrees
    ("Training", {"NF": 10}),  # no face
    ("Training", {"sadness": 5, "neutral": 5}),  # no majority
    ("PublicTest", {"contempt": 6, "sadness": 4}),  # clear, but no such label
    ("PrivateTest", {"unknown": 10}),  # clearly unclear
    ("PrivateTest", {"anger": 7, "NF": 3}),  # disagrees
]


def test_ferplus_joins_by_row(tmp_path: Path) -> None:
    path = write_votes(tmp_path / "fer2013new.csv", VOTES)
    samples = csv_faces(
        ["sad", "happy", "angry", "fear"], ["PrivateTest", "Training", "Training", "PublicTest"], rows=[6, 1, 2, 4]
    )
    report = audit(samples, ferplus=path)
    assert report.ferplus is not None
    assert report.ferplus.non_faces == {"Training": 1, "PublicTest": 0, "PrivateTest": 0}
    assert (report.ferplus.clear, report.ferplus.agreeing) == (3, 1)
    assert [finding.id for finding in report.findings if finding.kind == "non-face"] == ["fer2013.csv:2"]
    assert "1 in Training" in audit_text(report)
    assert "3 images have an emotion that more than half of the votes went to; in 1 of them (33.3 %)" in audit_text(
        report
    )


def test_ferplus_of_other_pictures_says_so(tmp_path: Path) -> None:
    report = audit(planted_faces(), ferplus=write_votes(tmp_path / "fer2013new.csv", VOTES), near_duplicates=False)
    assert report.ferplus is None
    assert "none of those of test data is one" in report.ferplus_note
    assert "FER+ was not used" in audit_text(report)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (
            csv_faces(["sad", "sad"], ["Training", "PublicTest"]),
            r"FER\+ says Training for fer2013.csv:2, the CSV PublicTest",
        ),
        (csv_faces(["sad"], ["Training"], rows=[7]), r"has 7 rows and FER\+ only 6"),
    ],
)
def test_ferplus_of_other_rows_is_refused(samples: FaceSamples, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        audit(samples, ferplus=write_votes(tmp_path / "fer2013new.csv", VOTES))


@pytest.mark.parametrize(
    ("separator", "end", "encoding"), [(";", "\r\n", "utf-8-sig"), ("\t", "\n", "utf-16"), (",", "\r", "ascii")]
)
def test_votes_that_a_spreadsheet_saved_are_the_same(separator: str, end: str, encoding: str, tmp_path: Path) -> None:
    path = write_votes(tmp_path / "fer2013new.csv", VOTES)
    votes, text = read_ferplus(path), path.read_text()
    path.write_bytes(text.replace(",", separator).replace("\n", end).encode(encoding))
    again = read_ferplus(path)
    assert again.votes.tolist() == votes.votes.tolist()
    assert again.splits.tolist() == votes.splits.tolist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            f"Usage,Image name,{','.join(FERPLUS_COLUMNS)},neutral\nTraining,x,0,0,0,0,0,0,0,0,0,9,1\n",
            r"has 2 columns named 'neutral'",
        ),
        (
            "emotion,pixels,Usage\n0,1 2,Training\n",
            r"is not FER\+'s fer2013new.csv: it has no column Image name|no column neutral",
        ),
        (
            f"Usage,Image name,{','.join(FERPLUS_COLUMNS)}\nTraining,x,a,0,0,0,0,0,0,0,0,0\n",
            r"line 2: cannot read this row",
        ),
        (
            f"Usage,Image name,{','.join(FERPLUS_COLUMNS)}\nElsewhere,x,0,0,0,0,0,0,0,0,0,9\n",
            r"line 2: cannot read this row",
        ),
        (f"Usage,Image name,{','.join(FERPLUS_COLUMNS)}\n", r"has no rows of votes"),
    ],
)
def test_broken_ferplus_files_are_refused(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "fer2013new.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_ferplus(path)
    with pytest.raises(DataError, match="no FER\\+ file at"):
        read_ferplus(tmp_path / "absent.csv")


@pytest.mark.realdata
def test_real_ferplus_votes(fer2013_archive: Path) -> None:
    path = fer2013_archive.parent.parent / "ferplus" / "fer2013new.csv"
    if not path.is_file():
        pytest.skip("FER+ is not beside FER-2013")
    votes = read_ferplus(path)
    assert votes.votes.shape == (35_887, 10)
    assert [(votes.splits == split).sum() for split in ("Training", "PublicTest", "PrivateTest")] == [
        28_709,
        3_589,
        3_589,
    ]
    assert sorted(np.unique(votes.votes.sum(axis=1))) == [9, 10]
    assert (votes.majority() == FERPLUS_COLUMNS.index("NF")).sum() == 176
