"""Runs are deleted to a bin with their stars and notes, and come back from it with them."""

import time
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from fer.common.errors import ConfigError
from fer.common.files import is_held, write_json
from fer.common.storage import writing
from fer.studio.places import Places, read_kept

_LIST: Final = "list.json"


class Bin:
    """The folder `.bin` beside the runs, and the list of where each of its runs was and how it was marked.

    Args:
        places: the studio's.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._list = places.bin / _LIST

    def all(self) -> list[dict[str, Any]]:
        """What is in it, the latest first: {"id", "run", "deleted"}."""
        listed = read_kept(self._list)
        there = [
            {"id": name, **{key: value for key, value in entry.items() if key != "marks"}}
            for name, entry in listed.items()
            if isinstance(entry, Mapping) and {"run", "deleted"} <= {*entry} and (self._places.bin / name).is_dir()
        ]
        return sorted(there, key=lambda entry: str(entry["deleted"]), reverse=True)

    def check(self, run: str, *, inside: Iterable[str] = ()) -> None:
        """Whether a run can be put into it.

        Args:
            run: its place below the root.
            inside: those of the runs in its folder, such as the trials of a sweep, which may go on by themselves.

        Raises:
            ConfigError: a process is at work in it or in one of those, or it has gone.
        """
        place = self._places.root / run
        if not place.is_dir():
            raise ConfigError(f"{run} is not here any more: it was moved, or deleted by somebody else")
        held = next((each for each in (run, *inside) if is_held(self._places.root / each)), None)
        if held is not None:
            raise ConfigError(f"{held} is being trained: stop it first")

    def put(self, run: str) -> str:
        """Moves a run into it; the name it has there.

        Args:
            run: its place below the root, one of the index.

        Raises:
            ConfigError: a process is at work in it, or it has gone.
            DataError: the file of stars and notes is broken.
            StorageError: it cannot be moved; it is where it was.
        """
        place = self._places.root / run
        with self._places.locked():
            self.check(run)
            name = self._free(PurePosixPath(run).name)
            listed = read_kept(self._list)
            marks = read_kept(self._places.marks)
            # They are this run's, and no other's that will have its name.
            own = {key: mark for key, mark in marks.items() if key == run or key.startswith(f"{run}/")}
            entry = {"run": run, "deleted": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "marks": own}
            # First the list: a run in the bin that no list names would be lost to sight.
            write_json(self._list, {**listed, name: entry})
            with writing(place):
                place.rename(self._places.bin / name)
            if own:
                write_json(self._places.marks, {key: mark for key, mark in marks.items() if key not in own})
        return name

    def restore(self, name: str) -> str:
        """Moves a run back; its place below the root.

        Raises:
            ConfigError: nothing of that name is in the bin, or its place is taken.
            DataError: the file of stars and notes is broken.
            StorageError: it cannot be moved, or its star and note cannot be written.
        """
        with self._places.locked():
            listed = read_kept(self._list)
            if name not in {entry["id"] for entry in self.all()}:
                raise ConfigError(f"there is no {name[:80]!r} in the bin")
            run = str(listed[name]["run"])
            place = self._places.root / run
            if not place.resolve().is_relative_to(self._places.root.resolve()):
                raise ConfigError(f"{run[:80]!r} lies outside the folder of runs: move it by hand from .bin/{name}")
            if place.exists():
                raise ConfigError(f"{run} is taken by another folder: delete or rename that one first")
            own = listed[name].get("marks")
            if isinstance(own, Mapping) and own:
                write_json(self._places.marks, {**read_kept(self._places.marks), **own})
            with writing(place):
                place.parent.mkdir(parents=True, exist_ok=True)
                (self._places.bin / name).rename(place)
            write_json(self._list, {key: value for key, value in listed.items() if key != name})
        return run

    def _free(self, stem: str) -> str:
        number, name = 2, stem
        while (self._places.bin / name).exists() or name == _LIST:
            name, number = f"{stem}~{number}", number + 1
        return name
