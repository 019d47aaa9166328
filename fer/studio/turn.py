"""Whose turn it is at a queue that studios on several computers see, as on a network disk: that of one of them.

Studios on one computer share the queue: each knows the other's processes. A computer that has gone says nothing more,
and is waited for no longer than that takes to be sure of.
"""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from fer.common.files import read_json, write_json
from fer.common.process_identity import identity, is_alive

_EVERY: Final = 5.0
"""Seconds after which whoever works a queue off says so again."""

_SILENT: Final = 30.0
"""Seconds after which one who says nothing more has gone."""

_FRESH: Final = 120.0
"""Seconds for which what another computer has touched counts as new: its clock may go wrong, and a network disk may
tell late."""


def here() -> dict[str, Any]:
    """This process, as others find it again."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "began": identity(os.getpid())}


def is_elsewhere(told: Mapping[str, Any]) -> bool:
    """Whether a process that told `here` of itself belongs to another computer, or a container of its own."""
    host, pid, began = told.get("host"), told.get("pid"), told.get("began")
    if not isinstance(host, str) or host == socket.gethostname():
        return False
    # Some computers change their names with the network.
    return not (isinstance(pid, int) and isinstance(began, str) and is_alive(pid, began))


def is_fresh(file: Path) -> bool:
    """Whether another computer has touched a file of late."""
    try:
        return abs(time.time() - file.stat().st_mtime) < _FRESH
    except OSError:
        return False


class Turn:
    """The turn of a studio; asked and taken under the lock of the queue.

    Args:
        file: says who works the queue off.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: tuple[dict[str, Any], float] = ({}, 0.0)

    def elsewhere(self) -> str | None:
        """The other computer whose turn it is; None where there is none."""
        told = self._told()
        if not is_elsewhere(told):
            return None
        # By this computer's clock alone.
        if told != self._seen[0]:
            self._seen = (told, time.monotonic())
        if time.monotonic() - self._seen[1] < _SILENT:
            return str(told["host"])
        self._file.unlink(missing_ok=True)
        return None

    def take(self) -> None:
        """Says that this computer works the queue off.

        Raises:
            StorageError: the disk refused.
        """
        told = self._told()
        beat = told.get("beat")
        if is_elsewhere(told) or not isinstance(beat, float) or abs(time.time() - beat) >= _EVERY:
            write_json(self._file, {**here(), "beat": time.time()})

    def leave(self) -> None:
        """Says no more that this process works it off, so that nobody waits for it."""
        with suppress(OSError):
            told = self._told()
            # In containers the same number is everywhere.
            if all(told.get(name) == value for name, value in here().items()):
                self._file.unlink(missing_ok=True)

    def _told(self) -> dict[str, Any]:
        try:
            return read_json(self._file)
        except ValueError:
            return {}
