"""Where data sets live."""

import os
from pathlib import Path

from fer.common.errors import DataError
from fer.common.paths import expanded, in_home


def data_home() -> Path:
    """The folder of fetched data sets: `$FER_DATA`, else `fer` in `$XDG_DATA_HOME` or `~/.local/share`.

    Raises:
        ConfigError: the user has no home folder, and neither variable is set.
    """
    configured = os.environ.get("FER_DATA")
    if configured:
        return expanded(configured)
    # One that is set to nothing counts as not set (XDG Base Directory Specification).
    return in_home(os.environ.get("XDG_DATA_HOME") or "~/.local/share", variable="FER_DATA") / "fer"


def data_root(root: Path | None, *, name: str, fetchable: bool = True) -> Path:
    """The absolute path of a data set: `root` where given, else its folder under `data_home()`.

    `fetchable` says whether `fer-data fetch` knows it; others come from their makers, who ask for an agreement.

    Raises:
        DataError: there is nothing at that path; the message says how to get the data.
        OSError: the root that is given may not be looked at, or can be no path.
    """
    path = data_home() / name if root is None else expanded(root)
    # Of a place that nobody named, it is no error where a folder above it is closed to this user.
    there = path.exists() if root is not None else os.path.exists(path)  # noqa: PTH110
    if not there:
        origin = f"data.root={path}" if root is not None else f"{path} (data.root is not set)"
        if not fetchable:
            raise DataError(
                f"{origin} does not exist: get the data set from its makers and set data.root to its zip or folder"
            )
        raise DataError(
            f"{origin} does not exist: set data.root to the data set's zip, folder, CSV or parquet folder, "
            f"or fetch it with `fer-data fetch {name}`"
        )
    # Not resolve(): hub caches are links whose targets have lost their names.
    return path.absolute()
