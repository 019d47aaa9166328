"""CSV files as people's programs write them: any common separator, encoding and line end; one way to read them all."""

import codecs
import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from typing import IO, Final

from fer.common.errors import DataError

_SEPARATORS: Final = (",", ";", "\t", "|")

_HEADER_BYTES: Final = 1024
"""No header that we know is longer; a file without line ends is not read whole for it."""


def header_of(file: IO[bytes]) -> tuple[str, ...]:
    """The cells of a CSV's first line, as far as they stand in its first kilobyte; the file is read no further."""
    head = file.read(_HEADER_BYTES)
    text = io.StringIO(head.decode(_encoding(head), errors="replace"), newline=None)
    line, _, separator = _first_line(text)
    return tuple(cell.strip().strip('"').strip() for cell in line.split(separator))


def open_rows(file: IO[bytes], *, origin: str) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The header of a CSV and its rows that are not blank, each as (line number, cells).

    Separator (comma, semicolon, tab, bar), encoding (UTF-8, UTF-16, UTF-32) and line ends (Unix, Windows, old Macs) are
    found out, blank lines are passed over, and Excel's first line `sep=;` is obeyed.

    Args:
        file: opened for binary reading, able to seek; closed with the rows.
        origin: the file, for messages.

    Raises:
        DataError: another encoding, or no CSV; on reading the rows too.
    """
    encoding = _encoding(file.read(4))
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline=None)
    try:
        header, skipped, separator = _first_line(text)
    except UnicodeDecodeError as error:
        raise _no_text(error, lines=0, origin=origin) from error
    reader = csv.reader(itertools.chain([header], text), delimiter=separator)
    try:
        names = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise _no_csv(error, line=skipped + 1, origin=origin) from error
    except UnicodeDecodeError as error:
        # A quotation mark that is not closed carries the header over many lines.
        raise _no_text(error, lines=reader.line_num + skipped, origin=origin) from error

    def rows() -> Iterator[tuple[int, list[str]]]:
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield reader.line_num + skipped, cells
        except csv.Error as error:
            raise _no_csv(error, line=reader.line_num + skipped, origin=origin) from error
        except UnicodeDecodeError as error:
            raise _no_text(error, lines=reader.line_num + skipped, origin=origin) from error

    return names, rows()


def read_rows(data: bytes, *, columns: Sequence[str], origin: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV with a header, each as (line number, column -> text); missing cells are "".

    Args:
        data: the file's content.
        columns: names that the header must have, each once.
        origin: the file, for messages.

    Raises:
        DataError: another encoding, no header with these columns, one of them twice, or no CSV.
    """
    names, rows = open_rows(io.BytesIO(data), origin=origin)
    refuse_doubled(names, columns, origin=origin)
    missing = [column for column in columns if column not in names]
    if missing:
        raise DataError(
            f"{origin} has no column {' and '.join(missing)}: its first line must name them "
            f"(it is {','.join(names)[:80]!r})"
        )
    for line, cells in rows:
        row = dict(zip(names, cells, strict=False))
        yield line, {name: row.get(name, "") for name in names}


def refuse_doubled(names: Sequence[str], columns: Sequence[str], *, origin: str) -> None:
    """Refuses a header that has one of `columns` twice: which is meant, nobody can tell.

    Raises:
        DataError: naming the column.
    """
    twice = [name for name in columns if names.count(name) > 1]
    if twice:
        raise DataError(f"{origin} has {names.count(twice[0])} columns named {twice[0]!r}: leave one of them")


def _encoding(head: bytes) -> str:
    # Its mark begins with that of UTF-16.
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # UTF-16 without its mark: every other byte of plain letters is zero.
    return "utf-16-le" if head[1:2] == b"\0" else "utf-16-be" if head[:1] == b"\0" else "utf-8-sig"


def _first_line(text: io.TextIOBase) -> tuple[str, int, str]:
    """The header, how many lines stand above it, and what separates its cells."""
    header, above = text.readline(), 0
    while header and not header.strip():
        header, above = text.readline(), above + 1
    mark = header.rstrip("\n").strip('"')
    if mark.lower().startswith("sep=") and len(mark) == len("sep=;"):
        return text.readline(), above + 1, mark[4]
    return header, above, max(_SEPARATORS, key=header.count)


def _no_csv(error: csv.Error, *, line: int, origin: str) -> DataError:
    return DataError(f"{origin} is no readable CSV (line {line}: {error}): write it again as CSV in UTF-8")


def _no_text(error: UnicodeDecodeError, *, lines: int, origin: str) -> DataError:
    # What is decoded begins where the last whole line ended.
    line = lines + error.object[: error.start].count(b"\n") + 1
    return DataError(f"{origin} is no text in UTF-8 or UTF-16 (line {line}: {error.reason}): save it as CSV in UTF-8")
