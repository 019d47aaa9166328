"""A folder, a zip or a single file seen as one list of relative names to read from; nothing is unpacked to disk."""

import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Final, Protocol, Self

from fer.data.decode import UnreadableError
from fer.data.walk import is_junk, walk_files
from fer.errors import DataError

MAX_IMAGE_BYTES: Final = 10_000_000
"""Declared size above which a zip's image is refused: a face of the known sets has 3 to 100 kB."""

MAX_TABLE_BYTES: Final = 1 << 30
"""Declared size above which a zip's CSV or parquet file is refused: fer2013.csv is 0.3 GB."""

IMAGE_SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm", ".gif"}
)

_MAX_FILES = 500_000


def find_images(names: Sequence[str]) -> list[PurePosixPath]:
    """The names that are images, by suffix."""
    return [path for path in map(PurePosixPath, names) if path.suffix.lower() in IMAGE_SUFFIXES]


class Tree(Protocol):
    """Names are relative to `root`, with `/` between folders, sorted, without the operating system's own files."""

    root: Path
    kind: str
    names: tuple[str, ...]

    def read_image(self, name: str) -> bytes:
        """The file's bytes. Raises `UnreadableError` where it is damaged or may not be read."""
        ...

    def open_table(self, name: str) -> IO[bytes]:
        """The file opened for binary reading. Raises `DataError` where it is damaged or too large."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class FolderTree:
    """The files below a folder, or the given ones of them."""

    kind = "folder"

    def __init__(self, root: Path, *, names: Iterable[str] | None = None) -> None:
        self.root = root
        self.names = tuple(sorted(_list_files(root) if names is None else names))

    def read_image(self, name: str) -> bytes:
        """As in `Tree`."""
        try:
            return (self.root / name).read_bytes()
        except OSError as error:
            raise UnreadableError(error.strerror or type(error).__name__) from error

    def open_table(self, name: str) -> IO[bytes]:
        """As in `Tree`."""
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
        try:
            self._zip = zipfile.ZipFile(root)
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
            raise DataError(
                f"{root} is a truncated or damaged zip ({error}): download it again "
                "(FER-2013: `fer-data fetch fer2013`) or set data.root"
            ) from error
        # Zips made on Windows may hold backslashes.
        members = {member.filename.replace("\\", "/"): member for member in self._zip.infolist() if not member.is_dir()}
        self._members = {name: member for name, member in members.items() if not is_junk(name)}
        self.names = tuple(sorted(self._members))
        if any(member.flag_bits & 0x1 for member in self._members.values()):
            self._zip.close()
            raise DataError(f"{root} is encrypted: unpack it with its password and point data.root at the folder")

    def read_image(self, name: str) -> bytes:
        """As in `Tree`; refuses a member whose declared size is beyond `MAX_IMAGE_BYTES`."""
        self._check_size(name, MAX_IMAGE_BYTES)
        try:
            return self._zip.read(self._members[name])
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise UnreadableError(f"damaged in the zip: {error}") from error
        except (NotImplementedError, RuntimeError) as error:
            raise self._unsupported(error) from error

    def open_table(self, name: str) -> IO[bytes]:
        """As in `Tree`; refuses a member whose declared size is beyond `MAX_TABLE_BYTES`."""
        self._check_size(name, MAX_TABLE_BYTES)
        try:
            return self._zip.open(self._members[name])
        except (zipfile.BadZipFile, OSError) as error:
            raise DataError(f"{self.root}: {name} is damaged ({error}): download the zip again") from error
        except (NotImplementedError, RuntimeError) as error:
            raise self._unsupported(error) from error

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
