"""Where the seconds of a report go, in its log."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


@contextmanager
def told_when_done(what: str) -> Iterator[None]:
    """Logs `what` with its seconds, when it is done and not where it fails."""
    begun = time.monotonic()
    yield
    log.info("%s (%.1f s)", what, time.monotonic() - begun)
