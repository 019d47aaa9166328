"""Ctrl-C and SIGTERM as an exception, so that every `finally` and every logger's closing runs."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final


class Stopped(BaseException):
    """Somebody asked a training to stop; nothing failed."""


class Interrupted(Stopped):
    """A signal asked the process to stop.

    Args:
        signum: the signal.
        unheard: called where this is swallowed: nobody holds it any more, and nobody said that it was `heard`.

    Attributes:
        exit_code: 130 for Ctrl-C, 143 for SIGTERM, as shells report them.
    """

    def __init__(self, signum: int, *, unheard: Callable[[], None] | None = None) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code = 128 + signum
        self._unheard = unheard

    def heard(self) -> None:
        """Whoever catches it without raising it again ends the work by it."""
        self._unheard = None

    def __del__(self) -> None:
        if self._unheard is not None:
            self._unheard()


_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

_AGAIN_AFTER: Final = 0.05
"""Seconds after which a signal is sent once more whose exception was swallowed."""


@contextmanager
def signals_raise() -> Iterator[None]:
    """Within, SIGINT and SIGTERM raise `Interrupted`; a second one is ignored while the first is being handled.

    Where the exception is swallowed (finalisers, callbacks of weak references, libraries that do without what they
    cannot import), the signal is sent again, so that a moment's bad luck does not lose it. Where compiled code that is
    being imported makes an ImportError of it, it comes out as it went in.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    handled = over = False

    def stop(signum: int, frame: FrameType | None) -> None:
        nonlocal handled
        if handled:
            return
        handled = True
        raise Interrupted(signum, unheard=lambda: again(signum))

    def again(signum: int) -> None:
        nonlocal handled
        handled = False
        if not over:
            # At once would be inside the same finaliser, and swallowed too.
            timer = threading.Timer(_AGAIN_AFTER, signal.pthread_kill, (main, signum))
            timer.daemon = True
            timer.start()

    def swallowed(unraisable: "sys.UnraisableHookArgs") -> None:
        if not isinstance(unraisable.exc_value, Interrupted):
            told(unraisable)

    main = threading.get_ident()
    told = sys.unraisablehook
    previous = {signum: signal.getsignal(signum) for signum in _SIGNALS}
    for signum in previous:
        signal.signal(signum, stop)
    sys.unraisablehook = swallowed
    try:
        yield
    except Exception as error:
        interruption = _behind(error)
        if interruption is None:
            raise
        raise interruption from None
    finally:
        over = True
        sys.unraisablehook = told
        for signum, handler in previous.items():
            signal.signal(signum, handler)


def _behind(error: Exception) -> Interrupted | None:
    """The interruption that was made an error of, if one was."""
    cause = error.__cause__
    while cause is not None and not isinstance(cause, Interrupted):
        cause = cause.__cause__
    return cause


@contextmanager
def signals_raise_for_callers(goes_on: str) -> Iterator[None]:
    """`signals_raise` for what is called from Python: outside, the signals are what they were to the caller, and inside
    those that the caller ignores are ignored too.

    PyTorch Lightning answers a `KeyboardInterrupt` by leaving the program, and by ignoring Ctrl-C from then on.

    Args:
        goes_on: what the caller is told of the work that was interrupted.

    Raises:
        KeyboardInterrupt: Ctrl-C, or a notebook's interrupt.
        SystemExit: SIGTERM, with status 143: a script ends, a notebook's kernel stays.
    """
    deaf = [signum for signum in _SIGNALS if signal.getsignal(signum) == signal.SIG_IGN]
    try:
        with signals_raise():
            if threading.current_thread() is threading.main_thread():
                # Shells start what is to outlive Ctrl-C so: `python train.py &` in a script.
                for each in deaf:
                    signal.signal(each, signal.SIG_IGN)
            yield
    except Interrupted as interruption:
        signum = interruption.exit_code - 128
        if signal.getsignal(signum) not in (signal.default_int_handler, signal.SIG_DFL):
            signal.raise_signal(signum)
        ended = KeyboardInterrupt(goes_on) if signum == signal.SIGINT else SystemExit(interruption.exit_code)
        raise ended from None


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
