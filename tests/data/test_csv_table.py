"""CSV files of any program are read alike, or refused with the true reason."""

import pytest

from fer.common.errors import DataError
from fer.data.csv_table import read_rows

PLAIN = 'id,label\na/1.png,happy\n"b, c.png",sad\n'
EXPECTED = [(2, {"id": "a/1.png", "label": "happy"}), (3, {"id": "b, c.png", "label": "sad"})]
SEMICOLONS = "id;label\na/1.png;happy\nb, c.png;sad\n"


def rows(data: bytes) -> list[tuple[int, dict[str, str]]]:
    return list(read_rows(data, columns=("id", "label"), origin="faces.csv"))


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.encode(),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-le"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        PLAIN.encode("utf-32"),
        SEMICOLONS.encode(),
        SEMICOLONS.replace(";", "\t").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.replace("\n", "\r\n").encode(),
    ],
)
def test_every_dialect_gives_the_same_rows(data: bytes) -> None:
    assert rows(data) == EXPECTED


def test_excels_own_first_line_is_obeyed() -> None:
    for mark in (b"sep=;\r\n", b'"sep=;"\r\n', b"\n", b"  \r\n"):
        assert rows(mark + SEMICOLONS.encode()) == [(line + 1, row) for line, row in EXPECTED]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a/1.png,happy\n", r"no column id and label: its first line must name them \(it is 'a/1.png,happy'\)"),
        (b"id,label,label\nx,sad,happy\n", "has 2 columns named 'label': leave one of them"),
        ("id,label\nx,fröhlich\n".encode("latin-1"), r"no text in UTF-8 or UTF-16 \(line 2"),
        (b"", "no column id and label"),
        ('"id,label\nx,fröhlich\n'.encode("latin-1"), r"no text in UTF-8 or UTF-16 \(line 2"),
    ],
)
def test_what_is_wrong_is_told(data: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        rows(data)
