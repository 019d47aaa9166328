"""How a command ends: its exit status, and what it says last."""

import codecs
import io
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from fer.common.debug_console import debug_console, debugging
from fer.common.errors import FerError, StorageError
from fer.common.extras import missing_extra
from fer.common.wording import printable_text

log = logging.getLogger(__name__)

_ESCAPED = "fer.escaped"


def guarded(body: Callable[[], int | None], *, folder: str | None = None) -> None:
    """Runs a command's body; turns its end into the exit status of the outside contract.

    Args:
        body: gives the exit status; None is 0.
        folder: the key of the folder with which an interrupted command goes on, as all that train have one; None where
            it begins again.

    Raises:
        SystemExit: a status other than 0.
    """
    _stand_in_for_closed_streams()
    write_what_cannot_be_encoded()
    from fer.common.interrupt import Interrupted, signals_raise

    try:
        with signals_raise(), debug_console():
            # Not before: a signal would find Python's own handlers.
            from fer.common.processes import started_by_another

            log.debug("%s, Python %s, %s", Path(sys.argv[0]).name, sys.version.split()[0], sys.platform)
            if folder is not None and started_by_another():
                # The process that started this one talks to the user, hears Ctrl-C and ends this one.
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            status = body()
    except FerError as error:
        _mistake(error, folder)
    except Interrupted as interruption:
        from fer.common.processes import first_process

        if not first_process():
            sys.exit(interruption.exit_code)
        goes_on = "" if folder is None else f", and the same command with its {folder} goes on"
        _end(f"stopped by {interruption}; what was saved is whole{goes_on}", interruption.exit_code)
    except BrokenPipeError:
        # The reader of our output went away (`fer-data stats | head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        from fer.common.storage import storage_error

        refused = storage_error(error)
        if refused is None:
            _report_this(error)
            raise
        _mistake(refused, folder)
    except ModuleNotFoundError as error:
        extra = missing_extra(error, Path(sys.argv[0]).name)
        if extra is None:
            _report_this(error)
            raise
        _mistake(extra, folder)
    except Exception as error:
        _report_this(error)
        raise
    if status:
        sys.exit(status)


def _stand_in_for_closed_streams() -> None:
    """Opens nothing in place of a standard stream that the caller closed (`>&-`, some daemons).

    Python has None there, and the next file that is opened gets the stream's number, which libraries write to.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is not None:
            continue
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            # Who starts other processes hands it on, as it would the stream.
            os.set_inheritable(number, True)
        setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - to the end


def write_what_cannot_be_encoded() -> None:
    """Escapes letters that a terminal's encoding lacks (cp1252, ASCII), and bytes in names that are no UTF-8.

    By default Python raises on the first of them, and the work is lost.
    """
    codecs.register_error(_ESCAPED, _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ESCAPED)


def _escaped(error: UnicodeError) -> tuple[str | bytes, int]:
    """A byte as `printable_path` writes it, `caf\\xe9.jpg`; other letters as Python's "backslashreplace" does."""
    if isinstance(error, UnicodeEncodeError):
        part = printable_text(error.object[error.start : error.end])
        return part.encode("ascii", "backslashreplace").decode("ascii"), error.end
    return codecs.backslashreplace_errors(error)


def _mistake(error: FerError, folder: str | None) -> NoReturn:
    if debugging():
        traceback.print_exc()
    # What the disk refused can be mended without a change to the command.
    goes_on = (
        f"; then the same command with its {folder} goes on"
        if folder is not None and isinstance(error, StorageError)
        else ""
    )
    _end(f"error: {error}{goes_on}", 2)


def _report_this(error: Exception) -> None:
    # Python tells it after the traceback, and exits with status 1.
    theirs = _own_part(error)
    note = (
        "This should not happen. Please report it, with what `fer-data doctor` prints."
        if theirs is None
        else f"It comes from a part that is not ferlab's: {theirs}."
    )
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)


def _own_part(error: Exception) -> str | None:
    """Where in a package that a person named or installed (`fer.common.plugins`) an error comes from, if it does."""
    from fer.common.plugins import LIBRARIES, allowed

    packages = allowed() - LIBRARIES
    places = [
        f"{frame.f_globals['__name__']}, line {line} of {frame.f_code.co_filename}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).partition(".")[0] in packages
    ]
    return places[-1] if places else None


def _end(message: str, status: int) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(status)
