"""Ctrl-C and SIGTERM as an exception, so that every `finally` and every logger's closing runs."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stopped(BaseException):
    """Somebody asked a training to stop; nothing failed."""


class Interrupted(Stopped):
    """A signal asked the process to stop.

    Attributes:
        exit_code: 130 for Ctrl-C, 143 for SIGTERM, as shells report them.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code = 128 + signum


@contextmanager
def signals_raise() -> Iterator[None]:
    """Within, SIGINT and SIGTERM raise `Interrupted`; a second one is ignored while the first is being handled."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(signum: int, frame: FrameType | None) -> None:
        for each in previous:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(signum)

    previous = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}
    for signum in previous:
        signal.signal(signum, stop)
    try:
        yield
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)
