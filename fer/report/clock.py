"""Where the seconds of a report go, in its log."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


class StopWatch:
    """Seconds since it was made, as text: by the clock, and of processor time, of all threads together.

    On a busy machine the first grow, the second hardly do.
    """

    def __init__(self) -> None:
        self._begun, self._used = time.monotonic(), time.process_time()

    def __str__(self) -> str:
        return f"{time.monotonic() - self._begun:.1f} s, processor {time.process_time() - self._used:.1f} s"


@contextmanager
def told_when_done(what: str) -> Iterator[None]:
    """Logs `what` with its seconds, when it is done and not where it fails."""
    watch = StopWatch()
    yield
    log.info("%s (%s)", what, watch)
