"""CSV files as people's programs write them: any common separator, encoding and line end; one way to read them all."""

import codecs
import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from typing import Final

from fer.common.errors import DataError

_SEPARATORS: Final = (",", ";", "\t", "|")


def read_rows(data: bytes, *, columns: Sequence[str], origin: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV with a header, each as (line number, column -> text); missing cells are "".

    Separator (comma, semicolon, tab, bar), encoding (UTF-8, UTF-16) and line ends (Unix, Windows, old Macs) are found
    out, and Excel's first line `sep=;` is obeyed.

    Args:
        data: the file's content.
        columns: names that the header must have, each once.
        origin: the file, for messages.

    Raises:
        DataError: another encoding, no header with these columns, one of them twice, or no CSV.
    """
    text = io.StringIO(_decoded(data, origin), newline=None)
    header, skipped, separator = text.readline(), 0, None
    if header.lower().startswith("sep=") and len(header.rstrip("\n")) == len("sep=;"):
        separator, skipped = header[4], 1
        header = text.readline()
    if separator is None:
        separator = max(_SEPARATORS, key=header.count)
    try:
        reader = csv.reader(itertools.chain([header], text), delimiter=separator)
        names = [name.strip() for name in next(reader, [])]
        _check_header(names, columns, header, origin)
        for cells in reader:
            if cells:
                row = dict(zip(names, cells, strict=False))
                yield reader.line_num + skipped, {name: row.get(name, "") for name in names}
    except csv.Error as error:
        raise DataError(f"{origin} is no readable CSV ({error}): write it again as CSV in UTF-8") from error


def _decoded(data: bytes, origin: str) -> str:
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    # UTF-16 without its mark: every other byte of plain letters is zero.
    guess = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be" if data[:1] == b"\0" else "utf-8-sig"
    encoding = "utf-16" if utf16 else guess
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(
            f"{origin} is no text in UTF-8 or UTF-16 (line {line}: {error.reason}): save it as CSV in UTF-8"
        ) from error


def _check_header(names: Sequence[str], columns: Sequence[str], header: str, origin: str) -> None:
    twice = [name for name in columns if names.count(name) > 1]
    if twice:
        raise DataError(f"{origin} has {names.count(twice[0])} columns named {twice[0]!r}: leave one of them")
    missing = [column for column in columns if column not in names]
    if missing:
        raise DataError(
            f"{origin} has no column {' and '.join(missing)}: its first line must name them "
            f"(it is {header.strip()[:80]!r})"
        )
