"""The runs, sweeps and studies below a folder, read again only where their files changed."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from fer.common.errors import ConfigError, nearest
from fer.common.files import is_held
from fer.common.wording import printable_path
from fer.folders.run import RunFolder
from fer.folders.study import StudyFolder
from fer.folders.sweep import SweepFolder
from fer.studio.summary import run_summary, study_summary, sweep_summary

Kind = Literal["run", "sweep", "study"]

DEPTH: Final = 6
"""Folders below the root that are looked into."""

_WALK_SECONDS: Final = 2.0
"""How often new folders are looked for; those that are known are looked at each time."""

_REFRESH_SECONDS: Final = 0.3
_HELD_SECONDS: Final = 5.0
"""How often it is asked whether a process holds a folder in which nothing was written."""

PASSED: Final = frozenset({"checkpoints", "predictions", "report", "export", "gradcam", "mlartifacts", "mlruns"})
"""Folders that hold no runs: parts of a run, and the copies that MLflow keeps."""

_FILES: Final = ("config.yaml", "manifest.json", "metrics.jsonl", "metrics.json", ".lock", "sweep.json", "trials.jsonl")
_MORE: Final = ("study.json", "report/report.html", "report.html", "study.html")


@dataclass
class _Entry:
    path: Path
    kind: Kind
    stamp: tuple[Any, ...] = ()
    held_at: float = float("-inf")
    version: int = 0
    summary: dict[str, Any] = field(default_factory=dict)


class RunIndex:
    """What lies below a root; safe to use from several threads.

    Args:
        root: the folder.
        clock: seconds, monotonic.
    """

    def __init__(self, root: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._gone: dict[str, int] = {}
        self._unshown: list[str] = []
        self._version = 0
        self._complete = False
        self._walked = self._refreshed = float("-inf")
        self._refreshing, self._lock = threading.Lock(), threading.Lock()

    def changes(self, *, since: int) -> dict[str, Any]:
        """What changed after a version: {"version", "complete", "entries": summaries, "gone": names, "unshown": names}.

        The last are all runs that are passed over because no page can show their names, with escapes in them.

        Args:
            since: the version that the asker knows; 0 for none.
        """
        # While another thread looks, or for the first time, what is known is told at once.
        if self._refreshing.acquire(blocking=False):
            try:
                if self._clock() - self._refreshed >= _REFRESH_SECONDS:
                    self.refresh(most_seconds=0.5)
            finally:
                self._refreshing.release()
        with self._lock:
            entries = [entry.summary for entry in self._entries.values() if entry.version > since]
            gone = [name for name, version in self._gone.items() if version > since]
            return {
                "version": self._version,
                "complete": self._complete,
                "entries": entries,
                "gone": gone,
                "unshown": self._unshown,
            }

    def refresh(self, *, most_seconds: float = float("inf")) -> None:
        """Looks at the disk; where much is new, for so many seconds, and the rest next time."""
        end = self._clock() + most_seconds
        if self._clock() - self._walked >= _WALK_SECONDS or not self._complete:
            self._walk()
        complete = True
        for name, entry in list(self._entries.items()):
            stamp = _stamp(entry.path)
            asks = entry.summary.get("status") == "running" and self._clock() - entry.held_at > _HELD_SECONDS
            if stamp == entry.stamp and not asks:
                continue
            if self._clock() > end:
                complete = False
                break
            self._read(name, entry, stamp)
        self._complete, self._refreshed = complete, self._clock()

    def place(self, name: str, *, kind: Kind | None = None) -> Path:
        """The folder of an entry; a name that is none of the index leads nowhere.

        Raises:
            ConfigError: there is no such entry.
        """
        with self._lock:
            entry = self._entries.get(name)
            known = list(self._entries)
        if entry is None or (kind is not None and entry.kind != kind):
            raise ConfigError(f"there is no {kind or 'run'} {name[:120]!r} here{nearest(name[:120], known)}")
        return entry.path

    def summary(self, name: str) -> dict[str, Any]:
        """The summary of an entry.

        Raises:
            ConfigError: there is no such entry.
        """
        self.place(name)
        with self._lock:
            return self._entries[name].summary

    def inside(self, name: str) -> list[str]:
        """The entries in the folder of another one, such as the trials of a sweep."""
        with self._lock:
            return [each for each in self._entries if each.startswith(f"{name}/")]

    def forget(self) -> None:
        """Looks for new and gone folders at the next question, however short ago it did."""
        self._walked = self._refreshed = float("-inf")

    def _read(self, name: str, entry: _Entry, stamp: tuple[Any, ...]) -> None:
        held = is_held(entry.path)
        make = {"run": run_summary, "sweep": sweep_summary, "study": study_summary}[entry.kind]
        summary = {"id": name, "kind": entry.kind, "parent": self._parent(name), **make(entry.path, held=held)}
        entry.stamp, entry.held_at = stamp, self._clock()
        with self._lock:
            if summary != entry.summary:
                self._version += 1
                entry.version, entry.summary = self._version, summary

    def _walk(self) -> None:
        every = dict(_folders(self._root))
        found = {name: place for name, place in every.items() if printable_path(name) == name}
        with self._lock:
            self._unshown = sorted(printable_path(name) for name in every.keys() - found.keys())
            for name in [name for name in self._entries if name not in found]:
                del self._entries[name]
                self._version += 1
                self._gone[name] = self._version
            for name, (path, kind) in found.items():
                if name not in self._entries or self._entries[name].kind != kind:
                    self._entries[name] = _Entry(path=path, kind=kind)
                    self._gone.pop(name, None)
        self._walked = self._clock()

    def _parent(self, name: str) -> str | None:
        """The sweep or study that a run belongs to, by its place."""
        parts = name.split("/")
        above = ("/".join(parts[:count]) for count in range(len(parts) - 1, 0, -1))
        return next((each for each in above if each in self._entries and self._entries[each].kind != "run"), None)


def _folders(root: Path) -> Iterator[tuple[str, tuple[Path, Kind]]]:
    """Name -> place and kind of all that a command left below a root."""
    pending = [(str(root), "", 0)]
    while pending:
        folder, name, depth = pending.pop()
        try:
            with os.scandir(folder) as listing:
                inside = list(listing)
        except OSError:
            # Gone meanwhile, or closed to us.
            continue
        files = {each.name for each in inside}
        kind = _kind(files)
        if kind is not None and name:
            yield name, (Path(folder), kind)
        if depth < DEPTH:
            pending += [
                (each.path, f"{name}/{each.name}" if name else each.name, depth + 1)
                for each in inside
                if not each.name.startswith(".") and each.name not in PASSED and each.is_dir(follow_symlinks=False)
            ]


def _kind(files: set[str]) -> Kind | None:
    if SweepFolder(Path()).settings.name in files:
        return "sweep"
    if StudyFolder(Path()).file.name in files:
        return "study"
    run = RunFolder(Path())
    # A manifest or epochs without a configuration are a run with something missing, which is to be told.
    begun = run.config.name in files or {run.manifest.name, run.epochs.name} <= files
    return "run" if begun else None


def _stamp(path: Path) -> tuple[Any, ...]:
    stamps: list[tuple[int, int] | None] = []
    for name in (*_FILES, *_MORE):
        try:
            told = os.stat(f"{path}/{name}")  # noqa: PTH116 - thousands of them a second
        except OSError:
            stamps.append(None)
        else:
            stamps.append((told.st_mtime_ns, told.st_size))
    return tuple(stamps)
