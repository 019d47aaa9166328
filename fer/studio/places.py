"""What the studio keeps beside the runs, and the lock under which it is changed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fer.common.errors import ConfigError, DataError
from fer.common.files import read_json, write_json
from fer.common.storage import writing

if TYPE_CHECKING:
    from filelock import FileLock

PATIENCE: Final = 5.0
"""Seconds to wait for another studio that is changing the same files."""


@dataclass(frozen=True)
class Places:
    """The files of a studio; everything lies in the folder of runs, so that two studios there share it.

    Attributes:
        root: the folder of runs.
    """

    root: Path
    _lock: "FileLock" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # One object, made before any thread can ask for it: only that counts how often its thread has entered.
        from filelock import FileLock

        object.__setattr__(self, "_lock", FileLock(self.kept / "lock", timeout=PATIENCE))

    @property
    def kept(self) -> Path:
        """Stars, notes, settings, and the jobs."""
        return self.root / ".studio"

    @property
    def marks(self) -> Path:
        """Run -> star and note."""
        return self.kept / "marks.json"

    @property
    def settings(self) -> Path:
        """What a person chose for all of them, such as how many trainings run at a time."""
        return self.kept / "settings.json"

    @property
    def jobs(self) -> Path:
        """Commands that wait, run or ended."""
        return self.kept / "jobs"

    @property
    def turn(self) -> Path:
        """The computer whose studio works the jobs off."""
        return self.kept / "turn.json"

    @property
    def bin(self) -> Path:
        """Deleted runs."""
        return self.root / ".bin"

    @property
    def reports(self) -> Path:
        """Reports about several runs."""
        return self.root / "reports"

    @property
    def looks(self) -> Path:
        """What `fer-data` said of data sets."""
        return self.kept / "data"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Within, no other studio on this folder changes anything, and no other thread; a thread may enter it again.

        Raises:
            ConfigError: another one does, for longer than anything takes.
            StorageError: the folder cannot be written.
        """
        from filelock import Timeout

        with writing(self.kept):
            if self.kept.is_symlink() or (self.kept / "lock").is_symlink():
                raise ConfigError(f"{self.kept} or the lock in it is a link, as no fer-studio makes it: remove it")
            self.kept.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire()
            except Timeout as error:
                raise ConfigError(
                    f"another fer-studio is changing {self.kept}: try again, or end that one where it hangs"
                ) from error
        try:
            yield
        finally:
            self._lock.release()


def read_kept(path: Path) -> dict[str, Any]:
    """The object in a file of the studio; empty where there is none yet.

    Raises:
        DataError: it is broken; nothing is written over it.
    """
    if not path.is_file():
        return {}
    try:
        return read_json(path)
    except DataError as error:
        raise DataError(f"{error}: mend or delete that file") from error


class Marks:
    """Stars and notes of runs, safe to use from several studios.

    Args:
        places: where they are kept.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._read: tuple[tuple[int, int] | None, dict[str, Any]] = (None, {})

    def all(self) -> dict[str, Any]:
        """Run -> {"star": bool, "note": str}; what is not there is empty.

        Raises:
            DataError: the file is broken.
        """
        try:
            file = self._places.marks.stat()
        except OSError:
            return {}
        stamp = (file.st_mtime_ns, file.st_size)
        if self._read[0] != stamp:
            told = read_kept(self._places.marks)
            self._read = (stamp, {run: mark for run, mark in told.items() if isinstance(mark, Mapping)})
        return self._read[1]

    def change(self, run: str, *, star: bool | None = None, note: str | None = None) -> dict[str, Any]:
        """Sets what is given; the mark of the run afterwards.

        Raises:
            StorageError: the disk refused; the earlier marks are intact.
        """
        with self._places.locked():
            marks = read_kept(self._places.marks)
            before = marks.get(run)
            mark = {**before} if isinstance(before, Mapping) else {}
            mark |= {name: value for name, value in (("star", star), ("note", note)) if value is not None}
            mark = {name: value for name, value in mark.items() if value}
            marks = {**{name: value for name, value in marks.items() if name != run}, **({run: mark} if mark else {})}
            write_json(self._places.marks, marks)
        return mark
