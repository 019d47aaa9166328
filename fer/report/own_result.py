"""Whether the rest of a report can be made beside what an analysis of somebody's own found."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any, Final

from fer.common.errors import ConfigError
from fer.report.page.render import render_section
from fer.report.page.section import Section
from fer.report.result import AnalysisResult

_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def checked_result(result: object) -> AnalysisResult | None:
    """The same result, numbers of NumPy and torch as Python's, once all of it was tried: drawn, rendered and written.

    Raises:
        ConfigError: no result; a key that is none; a path of a file that leaves the report's folder.
        Exception: whatever its figures raise; numbers that JSON does not have, as NaN; a section that cannot be shown.
    """
    if result is None:
        return None
    if not isinstance(result, AnalysisResult):
        raise ConfigError(f"it gives a {type(result).__name__}, no fer.report.result.AnalysisResult")
    for path, content in result.files.items():
        _check_file(path, content)
    for section in result.sections:
        _check_section(section)
    verdicts = tuple(replace(one, value=_plain(one.value)) for one in result.verdicts)
    return replace(result, metrics=_plain(result.metrics), columns=_plain(result.columns), verdicts=verdicts)


def _check_file(path: str, content: object) -> None:
    parts = PurePath(path).parts
    # Its first part names a folder that is emptied before.
    if parts == () or PurePath(path).is_absolute() or ".." in parts:
        raise ConfigError(f"files: {path!r} is no path below the report's folder")
    if not isinstance(content, str | bytes):
        raise ConfigError(f"files: {path} holds a {type(content).__name__}, no text and no bytes")


def _check_section(section: Section) -> None:
    for key in (section.key, *(chart.key for chart in section.charts)):
        if not _KEY.fullmatch(key):
            raise ConfigError(f"{key!r} is no key of a section or chart: letters, digits, - and _ alone")
    render_section(section)
    for chart in section.charts:
        chart.file("png")


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, allow_nan=False, default=_as_python))


def _as_python(value: Any) -> Any:
    """Scalars and arrays of NumPy and torch."""
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{value!r} of type {type(value).__name__} is no number and no text")
