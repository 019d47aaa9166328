"""Writes that are whole or not there at all."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fer.errors import ConfigError, DataError


def write_atomic(path: Path, content: str | bytes) -> None:
    """Replaces `path` with `content` in one step: a reader, or a crash, sees the old file or the new one.

    Raises:
        OSError: the folder is not writable or the disk is full; the old file is intact.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        DataError: missing, not readable, or no object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not readable JSON: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} holds no JSON object")
    return content


@contextmanager
def owned_folder(path: Path, *, key: str, busy: str) -> Iterator[None]:
    """Makes a folder, and holds it for this process.

    Args:
        path: the folder.
        key: the setting that names it, for messages.
        busy: what another process may be doing in it, for messages.

    Raises:
        ConfigError: another process holds it, or it cannot be written.
    """
    from filelock import FileLock, Timeout

    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(_lock_of(path), timeout=0)
        lock.acquire()
    except Timeout as error:
        raise ConfigError(f"{key}={path}: {busy}; wait, or choose another {key}") from error
    except OSError as error:
        raise ConfigError(f"{key}={path} cannot be written: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()
        _lock_of(path).unlink(missing_ok=True)


def is_held(path: Path) -> bool:
    """Whether a process holds a folder (`owned_folder`)."""
    if not _lock_of(path).is_file():
        return False
    from filelock import FileLock, Timeout

    try:
        with FileLock(_lock_of(path), timeout=0):
            return False
    except Timeout:
        return True


def write_json(path: Path, value: Any) -> None:
    """`value` as indented JSON, atomically; NaN is refused, as JSON has none."""
    write_atomic(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def _lock_of(folder: Path) -> Path:
    return folder / ".lock"


def _umask() -> int:
    # mkstemp makes private files; the final file gets the usual permissions.
    mask = os.umask(0)
    os.umask(mask)
    return mask
