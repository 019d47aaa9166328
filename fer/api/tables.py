"""Tables as pandas DataFrames, and what results show of themselves in a notebook."""

import base64
import html
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fer.common.errors import MissingExtraError

if TYPE_CHECKING:
    from pandas import DataFrame


def data_frame(rows: Iterable[Mapping[str, Any]], *, columns: Sequence[str] | None = None) -> "DataFrame":
    """Rows as a DataFrame.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError("tables as DataFrames need pandas: pip install pandas") from error
    return pandas.DataFrame(list(rows), columns=None if columns is None else list(columns))


def html_table(rows: Sequence[Sequence[Any]], *, header: Sequence[str]) -> str:
    """An HTML table of plain values, escaped."""
    head = "".join(f"<th>{html.escape(str(cell))}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def html_picture(png: bytes, *, alt: str) -> str:
    """An HTML picture that carries its own content."""
    content = base64.b64encode(png).decode("ascii")
    return f'<img src="data:image/png;base64,{content}" alt="{html.escape(alt, quote=True)}" style="max-width:100%">'
