"""The packed cache: a data set decodes once into memory-mapped arrays that later starts open in milliseconds."""

import json
import logging
import os
import re
import secrets
import shutil
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.common.cache_folder import default_cache_dir
from fer.common.errors import ConfigError
from fer.common.labels import EMOTIONS
from fer.data.samples import FaceSamples, canonical_rows, fingerprint, pieces

logger = logging.getLogger(__name__)

CACHE_VERSION: Final = 1
"""Version of the layout on disk; entries of other versions lie in other folders and are left alone."""

_META = "meta.json"
_CHUNK_BYTES = 1 << 20
_LOCK_NOTICE_SECONDS = 2.0


@dataclass(frozen=True)
class Packed:
    """A data set from the cache.

    Attributes:
        samples: the samples, memory-mapped and read-only unless the cache could not be written.
        fingerprint: 16 hex digits naming the content (`fer.data.samples.fingerprint`).
        built: whether this call read the raw data.
    """

    samples: FaceSamples
    fingerprint: str
    built: bool


@dataclass(frozen=True)
class Entry:
    """A data set that lies in the cache.

    Attributes:
        key: its folder's name.
        bytes: its size on the disk.
        packed: opened; None where it is damaged, and the next start builds it again.
    """

    key: str
    bytes: int
    packed: Packed | None


def cached_entries(cache_dir: Path | None = None) -> list[Entry]:
    """Every data set in the cache of this version, by key; reads sizes and headers, not the pixels.

    Args:
        cache_dir: where entries live; `default_cache_dir()` if None.

    Raises:
        OSError: the folder cannot be listed.
    """
    folder = (default_cache_dir() if cache_dir is None else cache_dir) / f"packed-v{CACHE_VERSION}"
    if not os.path.isdir(folder):  # noqa: PTH112 - no error where a folder above it is closed
        return []
    entries = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    return [
        Entry(entry.name, sum(file.stat().st_size for file in entry.iterdir() if file.is_file()), _open(entry))
        for entry in entries
    ]


def load_packed(read: Callable[[], FaceSamples], *, key: str, cache_dir: Path | None = None) -> Packed:
    """The samples under `key` in `canonical_order`: opened from the cache, or read once and written to it.

    Several processes may call it at once: one reads, the others wait for it. A build that was killed leaves nothing
    that is taken for data, and a damaged entry is rebuilt with a warning. Where the cache cannot be written (no home
    folder, no permission, disk full), the samples are read into memory, with a warning.

    Args:
        read: gives the samples in any order; called only when there is no usable entry.
        key: file name of the entry, of letters, digits, ".", "_" and "-" (`source_key`).
        cache_dir: where entries live; `default_cache_dir()` if None.

    Raises:
        DataError, OSError: whatever `read` raises.
    """
    assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", key), key
    try:
        cache = default_cache_dir() if cache_dir is None else cache_dir
    except ConfigError as error:
        logger.warning("working without the packed cache, so the next start decodes again: %s", error)
        samples = read()
        rows = canonical_rows(samples)
        return Packed(samples.take(rows), fingerprint(samples, rows=rows), built=True)
    folder = cache / f"packed-v{CACHE_VERSION}"
    entry = folder / key
    packed = _open(entry, checked=True)
    if packed is not None:
        logger.debug("opened %s", entry)
        return packed
    logger.debug("not packed yet: %s", entry)
    with ExitStack() as held:
        failure: Exception | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(_locked(folder, key))
            packed = _open(entry, warn=True, checked=True)
        except (OSError, NotImplementedError) as error:
            failure = error
        if packed is not None:  # another process built it while this one waited
            return packed
        samples = read()
        rows = canonical_rows(samples)
        content = fingerprint(samples, rows=rows)
        if failure is None:
            try:
                _remove_leftovers(folder, key)
                _write(samples, entry, rows=rows, content=content)
                # Mapped pages take the place of the arrays in memory.
                packed = _open(entry, warn=True)
            except OSError as error:
                failure = error
        if packed is not None:
            return replace(packed, built=True)
        logger.warning(
            "the packed cache in %s cannot be written (%s): working without it, so the next start decodes again; "
            "set FER_CACHE to a folder with %s of free space",
            folder,
            failure,
            _megabytes(samples),
        )
        return Packed(samples.take(rows), content, built=True)


def _open(entry: Path, *, warn: bool = False, checked: bool = False) -> Packed | None:
    """The entry, or None where it is absent or damaged (told of if `warn`), by its content too if `checked`."""
    # A Path's own method raises where it may not look: then the cache can be neither read nor written.
    if not os.path.exists(entry):  # noqa: PTH110
        return None
    try:
        meta = json.loads((entry / _META).read_text(encoding="utf-8"))
        if meta["version"] != CACHE_VERSION:
            raise ValueError(f"its layout is version {meta['version']}, not {CACHE_VERSION}")
        for name, size in meta["bytes"].items():
            if (entry / name).stat().st_size != size:
                raise ValueError(f"{name} has not {size} bytes")
        # Entries of earlier versions have no sums.
        for name, crc in meta.get("crc32", {}).items() if checked else ():
            if _crc32(entry / name) != crc:
                raise ValueError(f"{name} is not what was written")
        samples = FaceSamples(
            images=_load(entry, "images", mapped=True),
            labels=_load(entry, "labels"),
            splits=_load(entry, "splits"),
            ids=_load(entry, "ids"),
            source=meta["source"],
            unreadable=tuple(meta["unreadable"]),
            groups={name: _load(entry, f"group_{i}") for i, name in enumerate(meta["groups"])},
            masks={name: _load(entry, f"mask_{i}", mapped=True) for i, name in enumerate(meta["masks"])},
            # Entries of sources that have none of them may be older than these.
            subjects=_load(entry, "subjects") if "subjects.npy" in meta["bytes"] else None,
            notes=tuple(meta.get("notes", ())),
            original_rows=_load(entry, "original_rows") if "original_rows.npy" in meta["bytes"] else None,
            copy=dict(meta.get("copy", {})),
            classes=tuple(meta.get("classes", EMOTIONS)),
        )
        packed = Packed(samples, meta["fingerprint"], built=False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
        if warn:
            logger.warning("the packed data in %s is damaged (%s): building it again", entry, error)
        return None
    if samples.unreadable:
        logger.warning(
            "%s: %s items could not be read when it was packed and are left out: %s%s (delete %s to read them again)",
            samples.source,
            f"{len(samples.unreadable):,}",
            ", ".join(samples.unreadable[:3]),
            ", ..." if len(samples.unreadable) > 3 else "",
            entry,
        )
    return packed


def _load(entry: Path, name: str, *, mapped: bool = False) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = np.load(entry / f"{name}.npy", mmap_mode="r" if mapped else None, allow_pickle=False)
    return array


def _write(samples: FaceSamples, entry: Path, *, rows: npt.NDArray[np.int64], content: str) -> None:
    """Writes the samples at `rows` beside the entry's place and moves them there whole, over a damaged one if any."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "images": samples.images,
        "labels": samples.labels,
        "splits": samples.splits,
        "ids": samples.ids,
        **{f"group_{i}": column for i, column in enumerate(samples.groups.values())},
        **{f"mask_{i}": mask for i, mask in enumerate(samples.masks.values())},
        **({} if samples.subjects is None else {"subjects": samples.subjects}),
        **({} if samples.original_rows is None else {"original_rows": samples.original_rows}),
    }
    building = _temporary(entry)
    try:
        for name, array in arrays.items():
            _save(array, rows, building / f"{name}.npy")
        meta = {
            "version": CACHE_VERSION,
            "fingerprint": content,
            "source": samples.source,
            "rows": len(samples),
            "unreadable": list(samples.unreadable),
            "groups": list(samples.groups),
            "masks": list(samples.masks),
            "notes": list(samples.notes),
            "copy": dict(samples.copy),
            "classes": list(samples.classes),
            "bytes": {f"{name}.npy": (building / f"{name}.npy").stat().st_size for name in arrays},
            # A disk that gives back other bytes than it was given would train another model, and nobody would know.
            "crc32": {f"{name}.npy": _crc32(building / f"{name}.npy") for name in arrays},
        }
        with (building / _META).open("w", encoding="utf-8") as text:
            json.dump(meta, text, indent=1)
            text.flush()
            os.fsync(text.fileno())
        if entry.exists():
            # A folder cannot be replaced in one step; nobody takes a damaged one for data meanwhile.
            entry.rename(_temporary(entry) / "damaged")
        building.rename(entry)
        _sync_folder(entry.parent)
    finally:
        _remove_own(entry)


def _save(array: npt.NDArray[Any], rows: npt.NDArray[np.int64], path: Path) -> None:
    """Writes `array[rows]` as a .npy file, without a copy of it in memory."""
    layout = {
        "descr": np.lib.format.dtype_to_descr(array.dtype),
        "fortran_order": False,
        "shape": (len(rows), *array.shape[1:]),
    }
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, layout)
        for piece in pieces(array, rows):
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def _temporary(entry: Path) -> Path:
    """A new folder beside `entry`, named so that `_remove_leftovers` knows whose it is."""
    # Not tempfile.mkdtemp: its folders are closed to the other users of a shared cache.
    folder = entry.parent / f".{entry.name}.{secrets.token_hex(8)}.tmp"
    folder.mkdir()
    return folder


def _remove_own(entry: Path) -> None:
    """Removes temporary folders of `entry`; only its lock's holder may call it, so none of them is in use."""
    for leftover in entry.parent.glob(f".{entry.name}.*.tmp"):
        shutil.rmtree(leftover, ignore_errors=True)


def _remove_leftovers(folder: Path, key: str) -> None:
    """Removes what killed builders left, of this entry (whose lock is held) and of others nobody builds now."""
    import filelock

    _remove_own(folder / key)
    for other in {leftover.name[1:].rsplit(".", 2)[0] for leftover in folder.glob(".*.tmp")} - {key}:
        try:
            with filelock.FileLock(folder / f".{other}.lock", timeout=0):
                _remove_own(folder / other)
        except filelock.Timeout:
            continue


@contextmanager
def _locked(folder: Path, key: str) -> Iterator[None]:
    """Holds the lock of one entry; the operating system frees it when its holder dies."""
    import filelock

    lock = filelock.FileLock(folder / f".{key}.lock")
    try:
        lock.acquire(timeout=_LOCK_NOTICE_SECONDS)
    except filelock.Timeout:
        logger.info("another process is packing %s: waiting for it", key)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _crc32(path: Path) -> int:
    """CRC-32 of a file's content, at a gigabyte a second and more."""
    crc = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            crc = zlib.crc32(chunk, crc)
    return crc


def _megabytes(samples: FaceSamples) -> str:
    return f"{(samples.images.nbytes + sum(mask.nbytes for mask in samples.masks.values())) / 1e6:,.0f} MB"


def _sync_folder(folder: Path) -> None:
    """Makes a rename durable; Windows has no such call and needs none."""
    if sys.platform != "win32":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
