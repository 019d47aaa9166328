"""Ctrl-C and SIGTERM as an exception, so that every `finally` and every logger's closing runs."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final


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


_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

_AGAIN_AFTER: Final = 0.05
"""Seconds after which a signal is sent once more whose exception was swallowed."""


@contextmanager
def signals_raise() -> Iterator[None]:
    """Within, SIGINT and SIGTERM raise `Interrupted`; a second one is ignored while the first is being handled.

    Where Python swallows exceptions (finalisers, callbacks of weak references), the signal is sent again, so that a
    moment's bad luck does not lose it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(signum: int, frame: FrameType | None) -> None:
        for each in previous:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(signum)

    def swallowed(unraisable: "sys.UnraisableHookArgs") -> None:
        interruption = unraisable.exc_value
        if not isinstance(interruption, Interrupted):
            told(unraisable)
            return
        # At once would be inside the same finaliser, and swallowed too.
        again = threading.Timer(_AGAIN_AFTER, signal.pthread_kill, (main, interruption.exit_code - 128))
        again.daemon = True
        for each in previous:
            signal.signal(each, stop)
        again.start()

    main = threading.get_ident()
    told = sys.unraisablehook
    previous = {signum: signal.getsignal(signum) for signum in _SIGNALS}
    for signum in previous:
        signal.signal(signum, stop)
    sys.unraisablehook = swallowed
    try:
        yield
    finally:
        sys.unraisablehook = told
        for signum, handler in previous.items():
            signal.signal(signum, handler)


@contextmanager
def signals_wait() -> Iterator[None]:
    """Within, SIGINT and SIGTERM wait for the end: for the few moments that must not be cut in two."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    previous = {signum: signal.signal(signum, lambda signum, _: came.append(signum)) for signum in _SIGNALS}
    try:
        yield
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)
        if came:
            signal.raise_signal(came[0])
