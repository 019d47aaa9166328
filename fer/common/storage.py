"""What a disk refuses, in words that a user can act on."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fer.common.errors import StorageError
from fer.common.wording import size

_FULL: Final = "free some space"
_PLACE: Final = "choose a place that can be written, or make this one writable"

_REFUSALS: Final = {
    errno.ENOSPC: ("the disk is full", _FULL),
    errno.EDQUOT: ("the disk quota is used up", _FULL),
    errno.EFBIG: ("it is larger than a file may be here", "raise the limit (ulimit -f), or choose another disk"),
    errno.EROFS: ("the disk is read-only", _PLACE),
    errno.EACCES: ("no permission", _PLACE),
    errno.EPERM: ("the operation is not permitted", _PLACE),
    errno.EIO: ("the disk reports an error", "check the disk, and the system's log"),
    errno.ENOLCK: ("it takes no locks", "mount it with locks, or choose another disk"),
    errno.ESTALE: ("the network disk has gone", "mount it again"),
    errno.ELOOP: ("a link stands in its place", "remove it"),
    errno.ENAMETOOLONG: ("its name is too long", "choose a shorter one"),
}
"""Error number -> what is wrong, and what mends it."""

_NO_TEMPORARY: Final = "No usable temporary directory"

_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def storage_error(error: OSError, *, path: Path | None = None, needed: int | None = None) -> StorageError | None:
    """The error for the user where it is the disk that refused; None for every other OSError.

    Args:
        error: what the operating system raised.
        path: the file; None for the one that `error` names.
        needed: bytes that were to be written.
    """
    if isinstance(error, StorageError):
        return error
    if error.errno == errno.ENOENT and error.filename is None and _NO_TEMPORARY in str(error.strerror):
        # Python's own, which does not say which of its tries failed how.
        return StorageError(
            "no folder for temporary files can be written to, or all are full: set TMPDIR to one that has room"
        )
    if error.errno not in _REFUSALS:
        return None
    named = path if path is not None or error.filename is None else Path(os.fsdecode(error.filename))
    if named is None and error.errno not in _SPACE:
        # A socket, a process: no matter of disks.
        return None
    wrong, fix = _REFUSALS[error.errno]
    room = ""
    if error.errno in _SPACE and named is not None:
        wanted = "" if needed is None else f"{size(needed)} needed, "
        room = f" ({wanted}{size(_free(named))} free)"
    # A file may as well have been opened to be read.
    verb = "cannot be used" if path is None and error.errno not in _SPACE else "cannot be written"
    return StorageError(f"{'a file' if named is None else named} {verb}: {wrong}{room}; {fix}")


@contextmanager
def writing(path: Path, *, needed: int | None = None) -> Iterator[None]:
    """Within, `path` is written: what the disk refuses names it.

    Raises:
        StorageError: the disk refused.
    """
    try:
        yield
    except OSError as error:
        told = storage_error(error, path=path, needed=needed)
        if told is None or told is error:
            raise
        raise told from error


@contextmanager
def disk_told() -> Iterator[None]:
    """Within, or in a function that it decorates, what the disk refuses is told as the commands tell it.

    Raises:
        StorageError: the disk refused.
    """
    try:
        yield
    except OSError as error:
        told = storage_error(error)
        if told is None or told is error:
            raise
        raise told from error


def _free(path: Path) -> int:
    """Bytes that an ordinary user may still write where `path` is, or would be."""
    existing = next(place for place in (path, *path.absolute().parents) if place.exists())
    return shutil.disk_usage(existing).free
