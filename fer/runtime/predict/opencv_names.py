"""Names under which OpenCV finds files."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PLAIN: Final = re.compile(r"[^\x00-\x1f%\ud800-\udfff]+")
"""No bytes that are no UTF-8, on which OpenCV ends the process, and no "%", which it takes for a series of files."""


@contextmanager
def opencv_name(path: Path) -> Iterator[str]:
    """A name of a file that OpenCV can open, for reading or for writing, within.

    It is absolute, so that nothing in it is taken for a protocol. A name that OpenCV would misread has another one
    meanwhile, in a folder for temporary files.
    """
    name = str(path.absolute())
    if _PLAIN.fullmatch(name) is not None:
        yield name
        return
    suffix = path.suffix if path.suffix.isascii() and path.suffix[1:].isalnum() else ""
    with tempfile.TemporaryDirectory(prefix="fer-") as folder:
        link = Path(folder) / f"file{suffix}"
        # Where nothing is there yet, opening it for writing makes it.
        link.symlink_to(name)
        yield str(link)
