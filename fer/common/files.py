"""Writes that are whole or not there at all."""

import errno
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from fer.common.errors import ConfigError, DataError, FerError, StorageError
from fer.common.parsing import parse_json
from fer.common.storage import writing
from fer.common.wording import printable_text

_TEMPORARY: Final = ".tmp"
"""How the names of files end that are not whole yet."""


def write_atomic(path: Path, content: str | bytes | memoryview) -> None:
    """Replaces `path` with `content` in one step: a reader, or a crash, sees the old file or the new one.

    Text is UTF-8; bytes of file names in it that are none become escapes.

    A process that is killed meanwhile leaves a hidden file beside it (`remove_leftovers`).

    Raises:
        StorageError: the folder is not writable or the disk is full; the old file is intact.
    """
    data = printable_text(content).encode() if isinstance(content, str) else content
    with writing(path, needed=len(data)):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_TEMPORARY}")
        try:
            # Made with the permissions of every new file, which `tempfile` takes away: to ask for them is to change
            # the umask of all threads for a moment.
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def append_line(path: Path, line: str) -> None:
    """Adds a line to a file, safe on the disk when this returns; a line that does not fit is taken back.

    Args:
        path: the file; made if it is not there.
        line: without its end.

    Raises:
        StorageError: the disk refused; the earlier lines are intact.
    """
    data = f"{line}\n".encode()
    with writing(path, needed=len(data)), open(path, "ab", buffering=0, opener=open_own) as file:
        append_whole(file.fileno(), data, sync=True)


def open_own(path: str | Path, flags: int) -> int:
    """A descriptor of a file that is written where it lies, not where a link in its place leads (an `opener`).

    Raises:
        OSError: the disk refused, or it is a link.
    """
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)


def append_whole(descriptor: int, data: bytes, *, sync: bool = False) -> None:
    """Adds bytes to a file opened for appending; what the disk took of bytes that do not fit is taken back.

    Args:
        descriptor: of the file.
        data: what is added.
        sync: wait until it is safe on the disk.

    Raises:
        OSError: the disk refused; the file is as it was.
    """
    before = os.fstat(descriptor).st_size
    try:
        written = 0
        while written < len(data):
            # A disk that is nearly full takes a part, and refuses the rest.
            written += os.write(descriptor, data[written:])
        if sync:
            os.fsync(descriptor)
    except OSError:
        with suppress(OSError):
            os.ftruncate(descriptor, before)
        raise


def remove_leftovers(folder: Path, *, of: str = "*") -> None:
    """Removes what killed processes left of `write_atomic` and `written_whole` in a folder; nobody else may be writing
    single files there, while what another process has in hand of `written_whole` stays.

    Args:
        folder: whose files are looked at; not those of the folders in it. It need not be there.
        of: the file whose leftovers they are; a pattern.
    """
    for leftover in folder.glob(f".{of}.????????{_TEMPORARY}"):
        if leftover.is_file():
            leftover.unlink(missing_ok=True)
        # Where there is no lock in it, it is somebody's own.
        elif not leftover.is_symlink() and _lock_of(leftover).is_file() and not is_held(leftover):
            shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def written_whole(folder: Path, *, last: str) -> Iterator[Path]:
    """Within, the files of a folder are written aside; at the end they are put in place, over those of the same names.

    Whatever goes wrong before that leaves the folder as it was, and not there where it was not. A process that is
    killed leaves a hidden folder in it (`remove_leftovers`).

    Args:
        folder: made if it is not there.
        last: the file that is put in place when the others are, as the page that shows them.

    Yields:
        The place to write them, an empty folder.

    Raises:
        StorageError: the disk refused.
    """
    from filelock import FileLock

    made = not folder.exists()
    aside = folder / f".{last}.{secrets.token_hex(4)}{_TEMPORARY}"
    lock = FileLock(_lock_of(aside))
    try:
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            aside.mkdir()
        # A disk that takes no locks takes reports.
        with suppress(OSError, NotImplementedError):
            lock.acquire()
        yield aside
        files = (path for path in aside.rglob("*") if path.is_file() and path != _lock_of(aside))
        written = sorted(path.relative_to(aside) for path in files)
        for name in sorted(written, key=lambda name: name == Path(last)):
            with writing(folder / name):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                _put(aside / name, folder / name)
    finally:
        lock.release()
        shutil.rmtree(aside, ignore_errors=True)
        if made:
            with suppress(OSError):  # It is not empty: all is well.
                folder.rmdir()


def _put(file: Path, place: Path) -> None:
    try:
        file.replace(place)
    except OSError as error:
        # A folder inside may be a link to another disk.
        if error.errno != errno.EXDEV:
            raise
        write_atomic(place, file.read_bytes())


def free_folder(wanted: Path) -> Path:
    """`wanted`, or the first of `wanted_2`, `wanted_3`, ... that is not there; made by this call, so that no other
    process takes it too.

    Raises:
        StorageError: it cannot be made.
    """
    path, number = wanted, 1
    while True:
        try:
            with writing(path):
                path.mkdir(parents=True)
        except FileExistsError:
            number += 1
            path = wanted.with_name(f"{wanted.name}_{number}")
        except NotADirectoryError as error:
            raise StorageError(f"{path} cannot be made: a file stands where a folder must; move it away") from error
        else:
            return path


def dated_folder(name: str) -> Path:
    """`outputs/<date>_<time>_<name>`, free and made as `free_folder` does."""
    return free_folder(Path("outputs") / f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{name}")


def check_writable(folder: Path) -> None:
    """Whether files can be written in a folder that may still have to be made, before the work that leads to them.

    Raises:
        StorageError: no.
    """
    existing = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    try:
        with writing(folder), tempfile.TemporaryFile(dir=existing):
            pass
    except FileNotFoundError as error:
        # A file system of the kernel's own, such as /proc, says so of every new file.
        raise StorageError(f"{folder} cannot be written: {existing} takes no files; choose another place") from error


def read_text(path: Path, *, errors: str = "strict") -> str:
    """The text of a UTF-8 file.

    Args:
        path: the file.
        errors: what becomes of bytes that are none, as in `open`.

    Raises:
        OSError: it cannot be read, or is a pipe or a device, whose end may never come.
        ValueError: it is no UTF-8.
    """
    refuse_endless(path)
    return path.read_text(encoding="utf-8", errors=errors)


def refuse_endless(path: Path) -> None:
    """Refuses a pipe, a device or a socket, and a link to one, as a folder of a stranger may hold.

    Raises:
        OSError: it is one.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, "it is no ordinary file", str(path))


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        DataError: missing, not readable, or no object.
    """
    try:
        content = parse_json(read_text(path))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not readable JSON: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} holds no JSON object")
    return content


@contextmanager
def owned_folder(
    path: Path, *, key: str, busy: str, inside: Sequence[str] = (), plans: Sequence[str] = (), made: bool = False
) -> Iterator[None]:
    """Makes a folder, and holds it for this process; what killed owners left of their writes goes.

    Where the work is refused before it left anything but its plans, the folder goes too, if this call made it.

    Args:
        path: the folder.
        key: the setting that names it, for messages.
        busy: what another process may be doing in it, for messages.
        inside: folders in it that belong to the owner too.
        plans: files that say what is to be done, and are nothing without it.
        made: the caller made the folder a moment ago.

    Raises:
        ConfigError: another process holds it, it cannot be written, or it went away while it was held.
    """
    from filelock import FileLock, Timeout

    made = made or not path.exists()
    refused = False
    try:
        path.mkdir(parents=True, exist_ok=True)
        _refuse_linked_lock(path, key=key)
        lock = FileLock(_lock_of(path), timeout=0)
        lock.acquire()
    except Timeout as error:
        raise ConfigError(f"{key}={path}: {busy}; wait, or choose another {key}") from error
    except OSError as error:
        raise ConfigError(
            f"{key}={path} cannot be written: {error.strerror or error}; choose another {key}, or make it writable"
        ) from error
    try:
        for folder in (path, *(path / name for name in inside)):
            remove_leftovers(folder)
        yield
    except (OSError, FerError) as error:
        if _lock_of(path).exists():
            refused = isinstance(error, FerError)
            raise
        raise ConfigError(
            f"{key}={path} (or the .lock in it) was removed or moved away while this command was at work in it; "
            f"where it was moved, the same command with the new {key} goes on"
        ) from error
    finally:
        # While it is held: after that it may be the next owner's. A disk that has become read-only keeps the file,
        # which holds nobody up.
        with suppress(OSError):
            lock_file = _lock_of(path)
            left = refused and made and {each.name for each in path.iterdir()} <= {*plans, lock_file.name}
            for plan in plans if left else ():
                (path / plan).unlink(missing_ok=True)
            lock_file.unlink()
            if left:
                path.rmdir()
        lock.release()


def is_held(path: Path) -> bool:
    """Whether a process holds a folder (`owned_folder`), of whatever user and on whatever disk."""
    # A Path's own method raises where it may not look. A lock is no link, and what one leads to is not to be touched.
    if not os.path.isfile(_lock_of(path)) or _lock_of(path).is_symlink():  # noqa: PTH113
        return False
    from filelock import FileLock, Timeout

    try:
        with FileLock(_lock_of(path), timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        # The lock of somebody else's run, or on a disk that is mounted to be read: FileLock opens it to be written.
        return _is_locked(_lock_of(path))


def _is_locked(file: Path) -> bool:
    """Whether a lock is held on a file that may only be read; one that may not even be read counts as held."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        with file.open("rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def write_json(path: Path, value: Any) -> None:
    """`value` as indented JSON, atomically; NaN is refused, as JSON has none."""
    write_atomic(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def _refuse_linked_lock(folder: Path, *, key: str) -> None:
    if _lock_of(folder).is_symlink():
        raise ConfigError(f"{key}={folder}: the .lock in it is a link, which none of ours is: remove it")


def _lock_of(folder: Path) -> Path:
    return folder / ".lock"
