"""`log.jsonl`: everything a run had to say, a JSON object a line, for people and programs that ask later."""

import json
import logging
import math
import os
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, TextIO

from fer.common.files import append_whole, open_own, refuse_endless
from fer.common.interrupt import Interrupted, Stopped
from fer.common.parsing import parse_json
from fer.common.process_identity import identity
from fer.common.redaction import Redaction

_OURS: Final = "fer"
"""The logger above all of ours."""

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""Attributes that every record has; others were given with `extra`."""

_DEEPEST: Final = 4
"""Levels of nested values that are kept as such."""

_PIECE_BYTES: Final = 1 << 16

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class RunLog(logging.Handler):
    """Appends records to a file, one write each, so that a reader meets half a line only where a kill cut it off.

    A line holds `time` (ISO 8601, UTC, microseconds), `level`, `logger`, `message`, for an exception `traceback`, and
    whatever a record was given with `extra`. Passwords in addresses and the secret values of the environment are taken
    out. Nothing is written before the first record. Where the file cannot be written (disk full, no permission) the
    training goes on: that is told once, on standard error, and later records are tried again.

    Args:
        path: the file; a line that a crash left half written is taken off.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._descriptor: int | None = None
        self._told = False
        self._redact = Redaction()

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a record; raises nothing."""
        try:
            line = json.dumps(self._fields(record)) + "\n"
        except Exception:
            # A message whose arguments do not fit it: the standard library's own way to tell the programmer.
            self.handleError(record)
            return
        try:
            self._append(line.encode("ascii"))
        except OSError as error:
            self._tell_once(error)

    def note(self, level: int, message: str, *, error: BaseException | None = None, **fields: Any) -> None:
        """Writes a record of this file alone, which no console shows.

        Args:
            level: of `logging`.
            message: the text.
            error: goes in with its traceback.
            fields: what the line holds besides.
        """
        exc_info: _ExcInfo | None = None if error is None else (type(error), error, error.__traceback__)
        record = logging.LogRecord(__name__, level, __file__, 0, message, None, exc_info)
        vars(record).update(fields)
        self.handle(record)

    def close(self) -> None:
        """Closes the file; a later record opens it again."""
        with self.lock or threading.RLock():
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
        super().close()

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")
        fields: dict[str, Any] = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        told = _traceback(record)
        if told is not None:
            fields["traceback"] = told
        # A field of ours keeps its name.
        fields |= {name if name not in fields else f"{name}_": value for name, value in extra.items()}
        return {name: self._plain(value) for name, value in fields.items()}

    def _plain(self, value: Any, depth: int = 0) -> Any:
        """`value` as JSON can hold it."""
        if value is None or isinstance(value, int):
            return value
        if isinstance(value, float) and math.isfinite(value):
            return float(value)
        if isinstance(value, str):
            return self._redact(value)
        if depth < _DEEPEST and isinstance(value, Mapping):
            return {self._redact(str(key)): self._plain(each, depth + 1) for key, each in value.items()}
        if depth < _DEEPEST and isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
            return [self._plain(each, depth + 1) for each in value]
        return self._redact(str(value))

    def _append(self, line: bytes) -> None:
        if self._descriptor is None:
            self._descriptor = _opened(self.path)
        append_whole(self._descriptor, line)

    def _tell_once(self, error: OSError) -> None:
        if self._told or not logging.raiseExceptions:
            return
        self._told = True
        with_reason = error.strerror or str(error)
        print(f"warning: {self.path} cannot be written ({with_reason}); the run goes on without", file=sys.stderr)


@contextmanager
def logged_to(path: Path) -> Iterator[RunLog]:
    """Within, `path` receives what is logged and warned of in this process, and at last how it ended.

    That is everything of `fer` from DEBUG up, of others what their loggers let through, every shown warning as of
    logger `py.warnings`, and a last record of logger `fer.folders.run_log`: "finished"; "stopped by SIGTERM" with its
    `signal`; or the error that ended it, with its traceback. A log without such a record is that of a process which is
    at work, or was killed without notice. What the terminal shows stays as it is.
    """
    handler = RunLog(path)
    begun = time.monotonic()
    with ExitStack() as attached:
        attached.callback(handler.close)
        attached.enter_context(_attached(handler))
        attached.enter_context(_warnings_to(handler))
        # On another machine, or later, the number is another process's.
        handler.note(logging.INFO, "started", pid=os.getpid(), began=identity(os.getpid()))
        try:
            yield handler
        except BaseException as error:
            _note_end(handler, error, seconds=round(time.monotonic() - begun, 3))
            raise
        handler.note(logging.INFO, "finished", status="finished", seconds=round(time.monotonic() - begun, 3))


def read_log(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a log, oldest first; a line that is still being written, or is none of ours, is left out.

    One at a time: a log that a warning of every batch went into has hundreds of megabytes.

    Raises:
        OSError: it cannot be read.
    """
    refuse_endless(path)
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        for line in file:
            try:
                record = parse_json(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                yield record


def ended(record: Mapping[str, Any]) -> bool:
    """Whether a record is the one by which a process ended its part of the log."""
    return record.get("logger") == __name__ and "status" in record


def _note_end(handler: RunLog, error: BaseException, *, seconds: float) -> None:
    if isinstance(error, Interrupted | KeyboardInterrupt):
        name = "SIGINT" if isinstance(error, KeyboardInterrupt) else str(error)
        handler.note(logging.WARNING, f"stopped by {name}", status="interrupted", signal=name, seconds=seconds)
    elif isinstance(error, Stopped):
        message = f"stopped: {type(error).__name__}" + (f": {error}" if str(error) else "")
        handler.note(logging.INFO, message, status="interrupted", seconds=seconds)
    else:
        message = f"{type(error).__name__}: {error}"
        handler.note(logging.ERROR, message, error=error, status="failed", seconds=seconds)


@contextmanager
def _attached(handler: logging.Handler) -> Iterator[None]:
    """Within, the handler hears every logger, and ours from DEBUG up; other handlers show what they did before."""
    root, ours = logging.getLogger(), logging.getLogger(_OURS)
    apart = [
        logger
        for logger in list(logging.root.manager.loggerDict.values())
        if isinstance(logger, logging.Logger) and not logger.propagate
    ]
    level, shown = ours.level, ours.getEffectiveLevel()
    silent = not root.handlers and logging.lastResort is not None

    def as_before(record: logging.LogRecord) -> bool:
        return record.levelno >= shown or not f"{record.name}.".startswith(f"{_OURS}.")

    others = list(root.handlers)
    for other in others:
        other.addFilter(as_before)
    if silent and logging.lastResort is not None:
        # Python's own way to show warnings where nobody set up a console: it ends with the first handler.
        root.addHandler(logging.lastResort)
    listening = [root, *apart]
    for logger in listening:
        logger.addHandler(handler)
    ours.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        ours.setLevel(level)
        for logger in listening:
            logger.removeHandler(handler)
        for other in others:
            other.removeFilter(as_before)
        if silent and logging.lastResort is not None:
            root.removeHandler(logging.lastResort)


@contextmanager
def _warnings_to(handler: RunLog) -> Iterator[None]:
    """Within, warnings that are shown are written too. Not `logging.captureWarnings`, which no longer shows them."""
    show = warnings.showwarning

    def show_and_write(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        record = logging.LogRecord("py.warnings", logging.WARNING, filename, lineno, str(message), None, None)
        vars(record).update(category=category.__name__, file=filename, line=lineno)
        handler.handle(record)
        show(message, category, filename, lineno, file, line)

    warnings.showwarning = show_and_write
    try:
        yield
    finally:
        if warnings.showwarning is show_and_write:
            warnings.showwarning = show


def _traceback(record: logging.LogRecord) -> str | None:
    if record.exc_info is not None and record.exc_info[0] is not None:
        return "".join(traceback.format_exception(*record.exc_info))
    return record.exc_text


def _opened(path: Path) -> int:
    """A descriptor that appends whole lines to `path`.

    Raises:
        OSError: the disk refused, or a link or a pipe stands in its place. What a link leads to would
            lose its last line.
    """
    refuse_endless(path)
    descriptor = open_own(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0))
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        whole = _end_of_last_line(file, size)
    if whole < size:
        os.ftruncate(descriptor, whole)
    return descriptor


def _end_of_last_line(file: BinaryIO, size: int) -> int:
    """The byte behind the last line end among the first `size`; 0 without one. Looked for from the end."""
    while size > 0:
        start = max(0, size - _PIECE_BYTES)
        file.seek(start)
        found = file.read(size - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        size = start
    return 0
