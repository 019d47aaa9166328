"""A mark in every annotated copy, by which a later run knows what it may replace."""

import os
import zlib
from pathlib import Path
from typing import Final

MARK: Final = b"annotated by fer-predict"

_REACH: Final = 512
"""Bytes at either end of a file in which it lies."""


def marked(encoded: bytes, *, suffix: str) -> bytes:
    """A JPEG with the mark as a comment (ITU-T T.81, B.2.4.5), or a PNG with it as text (ISO/IEC 15948, 11.3.3.2)."""
    if suffix == ".png":
        chunk = b"tEXtComment\0" + MARK
        size = (len(chunk) - 4).to_bytes(4, "big")
        place = 8 + 25  # behind the signature and the header
        return encoded[:place] + size + chunk + zlib.crc32(chunk).to_bytes(4, "big") + encoded[place:]
    # Behind JFIF's own segment, which comes first.
    place = 4 + int.from_bytes(encoded[4:6], "big") if encoded[2:4] == b"\xff\xe0" else 2
    return encoded[:place] + b"\xff\xfe" + (len(MARK) + 2).to_bytes(2, "big") + MARK + encoded[place:]


def mark_film(path: Path) -> None:
    """Adds the mark to an MP4 file, as a box of free space (ISO/IEC 14496-12, 8.1.2).

    Raises:
        OSError: the disk refuses it.
    """
    with path.open("ab") as file:
        file.write((len(MARK) + 8).to_bytes(4, "big") + b"free" + MARK)


def is_copy(path: Path) -> bool:
    """Whether a file has the mark; no where it cannot be read."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            start = file.read(_REACH)
            file.seek(-min(_REACH, file.seek(0, os.SEEK_END)), os.SEEK_END)
            return MARK in start or MARK in file.read(_REACH)
    except OSError:
        return False
