"""What a path on the command line stands for: pictures and videos, one after the other, never all at once."""

import codecs
import glob
import itertools
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, cast

from fer.common.errors import DataError
from fer.common.image_header import SNIFFED, content_kind
from fer.common.picture_names import IMAGE_SUFFIXES, OTHER_SUFFIXES, is_leftover
from fer.runtime.predict.copy_marks import is_copy

if TYPE_CHECKING:
    import io

VIDEO_SUFFIXES: Final = frozenset(
    (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mjpeg", ".mjpg", ".3gp",
     ".m2ts", ".wmv", ".flv", ".ogv")
)  # fmt: skip

_STREAMS_OF_JPEGS: Final = frozenset((".mjpeg", ".mjpg"))

STDIN: Final = "-"

_AT_ONCE: Final = 2**16
"""Bytes of standard input taken at a time, as many as a pipe holds."""


@dataclass(frozen=True, slots=True)
class Item:
    """One file to look at.

    Attributes:
        path: where it is.
        name: where its annotated copy goes, relative to the folder of copies.
        kind: by its content, and by its suffix where that does not tell; else an image, to be told of as one.
        reason: of one that is missing, what is to be told.
    """

    path: Path
    name: Path
    kind: Literal["image", "video", "missing"]
    reason: str = "there is no such file"


def check_paths(paths: Sequence[str]) -> None:
    """Refuses a command none of whose paths leads anywhere.

    Raises:
        DataError: there is no such path at all.
    """
    # Path.exists raises where no file can have such a name.
    if STDIN not in paths and not any(
        os.path.exists(path) or any(True for _ in _matches(path))  # noqa: PTH110
        for path in paths
    ):
        raise DataError(f"there is no file, folder or match for {', '.join(paths)}: give the path of a picture")


def bursts(paths: Iterable[str], *, leave_out: Path | None) -> Iterator[Iterator[Item]]:
    """The files that the paths stand for, parted where standard input may make one wait for more of them.

    Args:
        paths: files, folders, glob patterns, or "-" for one path a line on standard input.
        leave_out: a folder that is not looked into: that of the annotated copies.
    """
    for listed, group in itertools.groupby(paths, key=lambda path: path == STDIN):
        if not listed:
            yield items(group, leave_out=leave_out)
            continue
        for typed in _typed():
            lines = (line.rstrip("\r\n") for line in typed)
            yield items((line for line in lines if line and line != STDIN), leave_out=leave_out)


def items(paths: Iterable[str], *, leave_out: Path | None) -> Iterator[Item]:
    """The files that the paths stand for, in their order; folders by name, with the folders in them.

    Args:
        paths: as in `bursts`, without "-".
        leave_out: as in `bursts`.
    """
    for path in paths:
        found, shut = False, list[OSError]()
        for file, name in files([path], leave_out=leave_out, shut=shut.append):
            found = True
            yield from _told(shut)
            yield _file(file, name)
        yield from _told(shut)
        if not found and not any(True for _ in named([path])):
            yield Item(Path(path), Path(Path(path).name), "missing")


def files(
    paths: Iterable[str], *, leave_out: Path | None, shut: Callable[[OSError], None] = lambda error: None
) -> Iterator[tuple[Path, Path]]:
    """The files that are there, and the names of their copies; standard input is not read.

    Args:
        paths: as in `bursts`.
        leave_out: as in `bursts`.
        shut: is told why a folder cannot be read.
    """
    skipped = None if leave_out is None else leave_out.resolve()
    for path in named(paths):
        if os.path.isdir(path):  # noqa: PTH112
            yield from _inside(Path(path), skipped=skipped, shut=shut)
        else:
            yield Path(path), Path(Path(path).name)


def named(paths: Iterable[str]) -> Iterator[str]:
    """The files and folders that are there, patterns filled in; standard input is not read."""
    for path in paths:
        # Unlike this function, a Path's method raises where no file can have such a name.
        if path != STDIN and os.path.exists(path):  # noqa: PTH110
            yield path
        else:
            yield from _matches(path)


def _matches(path: str) -> Iterator[str]:
    """What a pattern stands for; nothing where it is none. Unlike a Path's own, it may be absolute and as typed."""
    return glob.iglob(path, recursive=True) if glob.has_magic(path) else iter(())  # noqa: PTH207


def _inside(folder: Path, *, skipped: Path | None, shut: Callable[[OSError], None]) -> Iterator[tuple[Path, Path]]:
    """Images and videos below a folder, by their suffix, or where it tells nothing by their content.

    Other files, hidden ones, what systems leave and `skipped` are passed over; of a folder in `skipped`, or that is it,
    the copies.
    """
    among_copies = skipped is not None and folder.resolve().is_relative_to(skipped)
    for place, folders, files in os.walk(folder, onerror=shut):
        # In place: what is removed is not walked into.
        folders[:] = sorted(name for name in folders if not is_leftover(name))
        if skipped is not None:
            folders[:] = [name for name in folders if (Path(place) / name).resolve() != skipped]
        for name in sorted(files):
            path = Path(place) / name
            if is_leftover(name):
                continue
            suffix = path.suffix.lower()
            known = suffix in IMAGE_SUFFIXES | VIDEO_SUFFIXES
            taken = known or (suffix not in OTHER_SUFFIXES and (_content(path) is not None or _shut(path)))
            if taken and not _waits(path) and not (among_copies and is_copy(path)):
                yield path, Path(folder.resolve().name) / path.relative_to(folder)


def _shut(path: Path) -> bool:
    """Whether a file is there that may not be read: what it is cannot be told, but that."""
    return os.path.exists(path) and not os.access(path, os.R_OK)  # noqa: PTH110 - does not raise


def _waits(path: Path) -> bool:
    """Whether it is a pipe or socket; one that cannot be looked at is told of later."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _told(shut: list[OSError]) -> Iterator[Item]:
    """Folders that cannot be read, each once."""
    while shut:
        error = shut.pop(0)
        path = Path(error.filename)
        yield Item(path, Path(path.name), "missing", f"the folder cannot be read: {error.strerror}")


def _file(path: Path, name: Path) -> Item:
    suffix = path.suffix.lower()
    kind = None if suffix in _STREAMS_OF_JPEGS else _content(path)
    return Item(path, name, kind or ("video" if suffix in VIDEO_SUFFIXES else "image"))


def _content(path: Path) -> Literal["image", "video"] | None:
    """What a file is by its first bytes; None also where it cannot be read, which is told when it is looked at."""
    try:
        # What comes through a pipe comes once.
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return content_kind(file.read(SNIFFED))
    except OSError:
        return None


def _typed() -> Iterator[Iterable[str]]:
    """Lines of standard input, those together that came together; names may be of any bytes where the system's are.

    So a program that names files as they come (`inotifywait`, `tail -f`) has each looked at when it is named.
    """
    if os.name == "nt":
        yield _typed_on_windows()
        return
    typed = cast("io.BufferedReader", sys.stdin.buffer)
    marked, begun = True, b""
    while came := typed.read1(_AT_ONCE):
        whole, end, rest = came.rpartition(b"\n")
        if not end:
            begun += came
            continue
        text, begun = begun + whole, rest
        if marked:
            # PowerShell and editors begin a list with a mark of its encoding.
            text, marked = text.removeprefix(codecs.BOM_UTF8), False
        yield [os.fsdecode(line) for line in text.split(b"\n")]
    if begun:
        yield [os.fsdecode(begun.removeprefix(codecs.BOM_UTF8) if marked else begun)]


def _typed_on_windows() -> Iterator[str]:
    for number, text in enumerate(sys.stdin):
        # As the encodings of Windows' terminals read the same mark.
        yield text.removeprefix("\ufeff").removeprefix("ï»¿") if number == 0 else text
