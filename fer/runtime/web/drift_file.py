"""The drift log as lines of a file, so that it outlives its server: numbers only, no image."""

import json
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from fer.common.errors import ConfigError
from fer.common.wording import printable_path
from fer.runtime.web.drift import SeenFace

logger = logging.getLogger(__name__)

_NUMBERS: Final = ("confidence", "brightness", "sharpness")


class DriftFile:
    """Appends a line of JSON a face: {"time": seconds since 1970, "model", "label", "confidence", "brightness",
    "sharpness"}, and "prior" where the model was told one; safe to use from several threads.

    A line that is torn, as by a computer that lost its power, is left where it is and passed over.

    Args:
        path: where it is, or will be.
        clock: seconds since 1970.

    Raises:
        ConfigError: it cannot be read or written, or holds something else.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._broken = False
        try:
            if not _is_ours(path):
                raise ConfigError(
                    f"--drift-log {printable_path(path)} is there and no drift log: nothing was written to it; give a "
                    "new name, or a log of fer-serve"
                )
            # Binary and unbuffered: each line is there at once, and whole unless the system itself fails.
            self._file = path.open("ab", buffering=0)
            with path.open("rb") as reader:
                size = reader.seek(0, os.SEEK_END)
                reader.seek(max(0, size - 1))
                torn = reader.read(1) not in (b"", b"\n")
            self._torn = torn
        except OSError as error:
            raise ConfigError(
                f"--drift-log {printable_path(path)}: {error.strerror}; give a file in a folder that can be written to"
            ) from error

    def read(self, *, model: str, last: int, told_prior: str | None = None) -> list[SeenFace]:
        """The last faces that a model was asked about, told the same prior, oldest first; `last`: how many at most."""
        faces: deque[SeenFace] = deque(maxlen=last)
        with self._path.open("rb") as lines:
            for line in lines:
                face = _parsed(line, model=model, told_prior=told_prior)
                if face is not None:
                    faces.append(face)
        return list(faces)

    def add(self, face: SeenFace, *, model: str, told_prior: str | None = None) -> None:
        """Appends a face; a disk that is full costs the line and a warning, not the prediction."""
        fields: dict[str, Any] = {"time": round(self._clock(), 3), "model": model}
        fields |= {} if told_prior is None else {"prior": told_prior}
        fields |= {name: round(value, 6) if name in _NUMBERS else value for name, value in asdict(face).items()}
        line = json.dumps(fields).encode() + b"\n"
        with self._lock:
            # A disk that fills up takes the beginning of a line: the next one must not stand behind it.
            line = b"\n" + line if self._torn else line
            try:
                self._torn = self._file.write(line) < len(line)
            except OSError as error:
                if not self._broken:
                    logger.warning("the drift log %s cannot be written: %s", printable_path(self._path), error.strerror)
                self._broken = True
            else:
                self._broken = False


_BEGINNING: Final = b'{"time": '
_SEARCHED: Final = 1 << 16
"""Bytes in which a log has a line of its own, whatever a torn one before it left behind."""


def _is_ours(path: Path) -> bool:
    """Whether a log may go on there: there is nothing yet, or a line of such a log."""
    if not path.exists() or path.stat().st_size == 0:
        return True
    with path.open("rb") as reader:
        return any(line.startswith(_BEGINNING) for line in reader.read(_SEARCHED).split(b"\n"))


def _parsed(line: bytes, *, model: str, told_prior: str | None) -> SeenFace | None:
    """The face of a line; None for another model's or prior's, and for a line that is torn or not of this log."""
    try:
        fields = json.loads(line)
        if fields["model"] != model or fields.get("prior") != told_prior:
            return None
        return SeenFace(label=str(fields["label"]), **{name: float(fields[name]) for name in _NUMBERS})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
