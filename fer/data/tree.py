"""A folder, a zip or a single file seen as one list of relative names to read from; nothing is unpacked to disk."""

import os
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Final, Protocol, Self

from fer.common.errors import DataError
from fer.common.image_header import SNIFFED
from fer.common.picture_names import is_leftover, is_picture
from fer.data.decode import UnreadableError

MAX_DEPTH: Final = 8
"""Levels of folders below the root that are looked into."""

MAX_IMAGE_BYTES: Final = 10_000_000
"""Declared size above which a zip's image is refused: a face of the known sets has 3 to 100 kB."""

MAX_FILE_BYTES: Final = 64_000_000
"""Size above which an image file of a folder is not read: people keep photographs there."""

MAX_TABLE_BYTES: Final = 1 << 30
"""Declared size above which a zip's CSV or parquet file is refused: fer2013.csv is 0.3 GB."""

_MAX_FILES = 500_000

_BOUNDED: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compressions that Python unpacks bit by bit. 4 kB of the others become gigabytes before the first byte is seen."""

_UNBOUNDED: Final = {9: "deflate64", zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "lzma", 93: "zstandard", 95: "xz"}

_DAMAGE: Final = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError)
_BAD_MEMBER: Final = (*_DAMAGE, ValueError)
"""What reading a damaged zip may raise; ValueErrors come from its directory alone: places before the file's begin,
names that are no text."""


def find_images(tree: "Tree") -> list[PurePosixPath]:
    """The names of images; those of kinds that cannot be read too, so that decoding tells of them."""
    return [PurePosixPath(name) for name in tree.names if is_picture(name, partial(tree.start, name))]


class Tree(Protocol):
    """Names are relative to `root`, with `/` between folders, sorted, without the operating system's own files."""

    root: Path
    kind: str
    names: tuple[str, ...]

    def read_image(self, name: str) -> bytes:
        """The file's bytes. Raises `UnreadableError` where it is damaged or may not be read."""
        ...

    def start(self, name: str) -> bytes:
        """The file's first `SNIFFED` bytes, or what there is of them; nothing where it cannot be read."""
        ...

    def open_table(self, name: str) -> IO[bytes]:
        """The file opened for binary reading. Raises `DataError` where it is damaged or too large."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def beginning(path: Path, *, count: int) -> bytes:
    """The first `count` bytes of a file; nothing of what cannot be read, or is no ordinary file and may never end."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(count)
    except OSError:
        return b""


class FolderTree:
    """The files below a folder, or the given ones of them."""

    kind = "folder"

    def __init__(self, root: Path, *, names: Iterable[str] | None = None) -> None:
        self.root = root
        self.names = tuple(sorted(_list_files(root) if names is None else names))

    def read_image(self, name: str) -> bytes:
        """As in `Tree`."""
        path = self.root / name
        try:
            # Reading a pipe would wait for ever, and /dev/zero never ends.
            if path.is_symlink() and not path.exists():
                raise UnreadableError("a link to what is not there")
            if path.exists() and not path.is_file():
                raise UnreadableError("no ordinary file")
            if path.stat().st_size > MAX_FILE_BYTES:
                raise UnreadableError(f"larger than the {MAX_FILE_BYTES:,} bytes allowed")
            return path.read_bytes()
        except OSError as error:
            raise UnreadableError(error.strerror or type(error).__name__) from error

    def start(self, name: str) -> bytes:
        """As in `Tree`."""
        return beginning(self.root / name, count=SNIFFED)

    def open_table(self, name: str) -> IO[bytes]:
        """As in `Tree`."""
        refuse_special(self.root / name)
        try:
            return (self.root / name).open("rb")
        except OSError as error:
            raise DataError(
                f"{self.root / name} cannot be read: {error.strerror}; mend its permissions or set data.root"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class ZipTree:
    """The members of a zip, read in memory."""

    kind = "zip"

    def __init__(self, root: Path) -> None:
        self.root = root
        refuse_special(root)
        try:
            self._zip = zipfile.ZipFile(root)
        except (NotImplementedError, *_BAD_MEMBER) as error:
            start = beginning(root, count=16)
            if start and not start.startswith(b"PK"):
                raise DataError(
                    f"{root} is no zip (it begins with {start!r}), and no other file is read here: set data.root to "
                    "the data set's folder or zip (unpack other archives; data=fer2013 reads its CSV and parquet files)"
                ) from error
            raise DataError(
                f"{root} is a truncated or damaged zip ({error}): download it again "
                "(FER-2013: `fer-data fetch fer2013`) or set data.root"
            ) from error
        # Zips made on Windows may hold backslashes; "a//b" and "a/./b" are a/b wherever else names are compared.
        named = [(each.filename.replace("\\", "/"), each) for each in self._zip.infolist()]
        members = [(str(PurePosixPath(name)), member) for name, member in named if not name.endswith("/")]
        self._members = {name: member for name, member in members if not is_junk(name)}
        self.names = tuple(sorted(self._members))
        try:
            self._check(Counter(name for name, _ in members if name in self._members))
        except DataError:
            self._zip.close()
            raise

    def read_image(self, name: str) -> bytes:
        """As in `Tree`; refuses a member whose declared size is beyond `MAX_IMAGE_BYTES`."""
        self._check_size(name, MAX_IMAGE_BYTES)
        try:
            return self._zip.read(self._members[name])
        except _BAD_MEMBER as error:
            raise UnreadableError("damaged in the zip") from error
        except (NotImplementedError, RuntimeError) as error:
            raise self._unsupported(error) from error

    def start(self, name: str) -> bytes:
        """As in `Tree`."""
        try:
            with self._zip.open(self._members[name]) as file:
                return file.read(SNIFFED)
        except (NotImplementedError, RuntimeError, *_BAD_MEMBER):
            return b""

    def open_table(self, name: str) -> IO[bytes]:
        """As in `Tree`; refuses a member whose declared size is beyond `MAX_TABLE_BYTES`."""
        self._check_size(name, MAX_TABLE_BYTES)
        try:
            return self._zip.open(self._members[name])
        except _BAD_MEMBER as error:
            raise DataError(f"{self.root}: {name} is damaged ({error}): download the zip again") from error
        except (NotImplementedError, RuntimeError) as error:
            raise self._unsupported(error) from error

    def _check(self, counts: Counter[str]) -> None:
        """Refuses what would be read wrongly, or not at all."""
        if len(counts) > _MAX_FILES:
            raise DataError(f"{self.root} holds more than {_MAX_FILES:,} files: this is no zip of faces; set data.root")
        if "." in counts:
            raise DataError(f"{self.root} is a damaged zip (a file in it has no name): download it again")
        twice = [name for name, count in counts.items() if count > 1]
        if twice:
            raise DataError(
                f"{self.root} holds {len(twice):,} names more than once ({twice[0]!r}, ...), so it is not clear which "
                "of the files is meant: unpack it, look, and point data.root at the folder"
            )
        if any(member.flag_bits & 0x1 for member in self._members.values()):
            raise DataError(f"{self.root} is encrypted: unpack it with its password and point data.root at the folder")
        for member in self._members.values():
            if member.compress_type not in _BOUNDED:
                kind = _UNBOUNDED.get(member.compress_type, f"type {member.compress_type}")
                raise self._unsupported(NotImplementedError(kind))

    def _check_size(self, name: str, limit: int) -> None:
        size = self._members[name].file_size
        if size > limit:
            raise DataError(
                f"{self.root}: {name} would unpack to {size:,} bytes, more than the {limit:,} allowed: "
                "this is no zip of faces; set data.root"
            )

    def _unsupported(self, error: Exception) -> DataError:
        return DataError(
            f"{self.root} uses a compression that cannot be read here ({error}): "
            "unpack it and point data.root at the folder"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()


@contextmanager
def damage_told(tree: Tree, name: str) -> Iterator[None]:
    """Within, what reading on in a damaged table raises becomes a mistake of the user's.

    Raises:
        DataError: naming the table.
    """
    try:
        yield
    except _DAMAGE as error:
        raise DataError(f"{tree.root}: {name} is damaged ({error}): download it again") from error


def refuse_special(path: Path) -> None:
    """Refuses a pipe, a device or a socket: reading it may never end.

    Raises:
        DataError: it is one.
    """
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is no ordinary file: set data.root to a zip, a CSV, a parquet file or a folder")


def _list_files(root: Path) -> list[str]:
    names: list[str] = []
    try:
        for name, _ in walk_files(root):
            names.append(name)
            if len(names) > _MAX_FILES:
                raise DataError(
                    f"data.root={root} holds more than {_MAX_FILES:,} files: point it at the data set's own folder"
                )
    except OSError as error:
        raise DataError(
            f"{error.filename} cannot be listed: {error.strerror}; mend its permissions or set data.root"
        ) from error
    return names


def walk_files(root: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every file below `root` as (relative name with `/` between folders, entry), in no fixed order.

    Follows links, but none to a folder that holds it.

    Raises:
        OSError: a folder that cannot be listed.
    """
    pending: list[tuple[str, Path, tuple[tuple[int, int], ...]]] = [("", root, ())]
    while pending:
        prefix, folder, above = pending.pop()
        stat = folder.stat()
        here = (*above, (stat.st_dev, stat.st_ino))
        if here[-1] in above:
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_leftover(entry.name):
                    continue
                if not entry.is_dir():
                    yield prefix + entry.name, entry
                elif len(above) < MAX_DEPTH:
                    pending.append((f"{prefix}{entry.name}/", Path(entry.path), here))


def is_junk(name: str) -> bool:
    """Whether a file of a zip, or a folder above it, is hidden or a system's own."""
    return any(map(is_leftover, name.split("/")))
