"""Places on the disk, and the data sets that are packed there."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fer.common.cache_folder import default_cache_dir
from fer.common.wording import size
from fer.data.cache import cached_entries
from fer.data.paths import data_home
from fer.doctor.finding import Finding, Status

_FULL: Final = 200_000_000
"""Bytes below which a place counts as full: FER-2013 packed takes 83 MB, a run of the default model 20."""

_LITTLE: Final = 2_000_000_000


def examine() -> Iterator[Finding]:
    """The folders that commands read and write, and what the cache holds."""
    # Data sets are only read there, except by fer-data fetch.
    yield place("data sets", data_home(), key="FER_DATA", fatal=False)
    yield place("cache", default_cache_dir(), key="FER_CACHE", fatal=False)
    yield place("run folders", Path("outputs").absolute(), key="run_dir", fatal=True)
    yield from _cached()


def place(name: str, path: Path, *, key: str, fatal: bool) -> Finding:
    """Whether a folder can be written, and the space there; a folder that is not there yet, where it would be made.

    Args:
        name: of the place.
        path: the folder.
        key: the setting that names it, for the fix.
        fatal: not being able to write there is a problem; else a note.
    """
    # Unlike a Path's own, no error where a folder above it is closed to this user.
    there = next(folder for folder in (path, *path.parents) if os.path.exists(folder))  # noqa: PTH110
    text = f"{path} (${key})" if key.isupper() else str(path)
    if there != path:
        text += ", not there yet"
    worse: Status = "problem" if fatal else "note"
    if not there.is_dir():
        return Finding(name, f"{text}: {there} is a file", worse, f"Set {key} to a folder.")
    refusal = _refusal(there)
    if refusal is not None:
        return Finding(name, f"{text}, cannot be written ({refusal})", worse, f"Set {key} to a folder you can write.")
    free = shutil.disk_usage(there).free
    text += f", writable, {size(free)} free"
    if free < _FULL:
        return Finding(name, text, "problem", f"Make room there, or set {key} to a place with more.")
    if free < _LITTLE:
        return Finding(name, text, "note", "Space for a few runs is left.")
    return Finding(name, text)


def _refusal(folder: Path) -> str | None:
    """Why nothing can be written in a folder; None where it can."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return error.strerror or os.strerror(error.errno or 0)
    return None


def _cached() -> Iterator[Finding]:
    entries = cached_entries()
    whole = [(entry.packed, entry.bytes) for entry in entries if entry.packed is not None]
    if whole:
        total = sum(taken for _, taken in whole)
        lines = [
            f"{size(taken):>10}  {packed.samples.source}, {len(packed.samples):,} images" for packed, taken in whole
        ]
        yield Finding("packed data", f"{len(whole)} that open, {size(total)}:", more=tuple(sorted(set(lines))))
    elif not entries:
        yield Finding("packed data", "none yet: the first training on a data set packs it")
    for entry in entries:
        if entry.packed is None:
            yield Finding(
                "packed data", f"{entry.key} is damaged", "note", "Nothing to do: the next training packs it again."
            )
