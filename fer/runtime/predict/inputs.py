"""What the command reads, which nothing that it writes may replace."""

import os
import stat
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from fer.common.errors import ConfigError
from fer.common.image_header import SNIFFED, content_kind
from fer.runtime.predict.sources import STDIN, files, named


class Inputs:
    """The files that the paths of a command name; what lies in folders, or a list will name, is not among them.

    Args:
        paths: files, folders and glob patterns.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths

    def holds(self, path: Path) -> bool:
        """Whether a file that is there is named, by whatever link."""
        found = path.stat()
        return (found.st_dev, found.st_ino) in self._files

    @cached_property
    def _files(self) -> set[tuple[int, int]]:
        stats = [os.stat(path) for path in named(self._paths) if os.path.isfile(path)]  # noqa: PTH113, PTH116
        return {(one.st_dev, one.st_ino) for one in stats}


def refuse_to_replace_inputs(
    out: Path, *, paths: Sequence[str], options: Mapping[str, Path], leave_out: Path | None
) -> None:
    """Refuses an output file that the command reads, under whatever name, or that is a picture or video.

    Args:
        out: the file that is about to be opened for writing.
        paths: what is looked at; what a list on standard input will name is not known yet.
        options: name of an option -> the file that it reads.
        leave_out: a folder that is not looked into.

    Raises:
        ConfigError: it is one of them.
    """
    try:
        found = out.stat()
    except OSError:  # not there; or told of when it is opened
        return
    if not stat.S_ISREG(found.st_mode):
        return
    for option, path in options.items():
        if _is(path, found):
            raise ConfigError(f"--out {out} would write over the file of {option}: name another file")
    if STDIN in paths and _is_standard_input(found):
        raise ConfigError(f"--out {out} would write over the list on standard input: name another file")
    if any(_is(path, found) for path, _ in files(paths, leave_out=leave_out)):
        raise ConfigError(f"--out {out} would write over what is looked at: name another file, as faces.csv")
    # A list on standard input may name it later; and nobody means it.
    if content_kind(_start(out)) is not None:
        raise ConfigError(f"--out {out} would write over a picture or video: name another file, as faces.csv")


def _is(path: Path, found: os.stat_result) -> bool:
    """By what it is, so that links of both kinds are seen through."""
    try:
        return os.path.samestat(path.stat(), found)
    except (OSError, ValueError):
        return False


def _is_standard_input(found: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.fstat(sys.stdin.fileno()), found)
    except (OSError, ValueError):  # no file
        return False


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(SNIFFED)
    except OSError:
        return b""
