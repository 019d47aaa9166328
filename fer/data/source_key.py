"""A name for raw data, by which the cache knows them again."""

import hashlib
import os
import re
import struct
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
from typing import IO, Final

from fer.common.errors import DataError
from fer.common.picture_names import IMAGE_SUFFIXES
from fer.data.cache import CACHE_VERSION
from fer.data.tree import beginning, refuse_special, walk_files

_HEAD_BYTES: Final = 1 << 20
_LOOKED_INTO: Final = 16
"""Files of a folder, evenly spread, whose beginnings are part of its key."""
_ZIP_END: Final = struct.Struct("<4s4H2LH")


def source_key(root: Path, *, reader: str = "raw") -> str:
    """A name for the raw data at `root` as `reader` reads it, quick to compute; equal keys mean equal samples.

    It hashes the suffixes that count as pictures and, independent of where `root` lies and of the order of files: for
    a zip its central directory (every name, size and CRC); for another file size, modification time and the first and
    last MB; for a folder the relative name, size and modification time of every file, and what some of them begin
    with: uncompressed pictures are all of one size, and archives give all of their files one time. Hidden files do not
    count.

    Args:
        root: file or folder.
        reader: name and version of the reader ("fer2013-1"), so that a changed reader does not meet its old arrays,
            nor another reader's.

    Raises:
        DataError: `root` is not there, may not be read, or is a pipe or a device.
    """
    # Which files count as pictures decides what is read: a cache of fewer kinds is another.
    digest = hashlib.sha256(f"{CACHE_VERSION}\0{reader}\0{' '.join(sorted(IMAGE_SUFFIXES))}\0".encode())
    try:
        if root.is_dir():
            files = sorted(walk_files(root), key=itemgetter(0))
            every = -(-len(files) // _LOOKED_INTO)
            for place, (name, entry) in enumerate(files):
                # A link to nothing is one unreadable image, and no reason to refuse the others.
                stat = entry.stat(follow_symlinks=not entry.is_symlink() or Path(entry.path).exists())
                digest.update(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode(errors="surrogateescape"))
                if place % every == 0:
                    digest.update(beginning(Path(entry.path), count=_HEAD_BYTES))
        else:
            refuse_special(root)
            _hash_file(root, digest.update)
    except OSError as error:
        raise DataError(f"data.root={root} cannot be read: {error.strerror}; set data.root") from error
    return f"{re.sub(r'[^A-Za-z0-9._-]', '_', reader)}-{digest.hexdigest()[:32]}"


def _hash_file(path: Path, update: Callable[[bytes], None]) -> None:
    with path.open("rb") as file:
        stat = os.fstat(file.fileno())
        directory = _central_directory(file, stat.st_size)
        if directory is not None:
            update(f"zip\0{stat.st_size}\0".encode() + directory)
            return
        # The name counts: it can tell the split (train.csv, test.parquet).
        update(f"{path.name}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode(errors="surrogateescape"))
        file.seek(0)
        update(file.read(_HEAD_BYTES))
        file.seek(max(0, stat.st_size - _HEAD_BYTES))
        update(file.read(_HEAD_BYTES))


def _central_directory(file: IO[bytes], size: int) -> bytes | None:
    """The central directory of a zip (PKWARE APPNOTE 4.3.12 to 4.3.16), None for a zip64 or what is no zip."""
    file.seek(max(0, size - _ZIP_END.size - 0xFFFF))
    tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) - end < _ZIP_END.size:
        return None
    *_, length, offset, _ = _ZIP_END.unpack_from(tail, end)
    start = size - len(tail) + end - length
    if 0xFFFFFFFF in (length, offset) or start < 0:
        return None
    file.seek(start)
    return file.read(length)
