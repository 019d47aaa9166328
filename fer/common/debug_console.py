"""`FER_DEBUG=1`: what happens, on standard error, in more words than a user needs."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

FORMAT: Final = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
"""Time, process (a training may have several), level and logger before the message."""


def debugging() -> bool:
    """Whether the user asked for it."""
    return os.environ.get("FER_DEBUG") == "1"


@contextmanager
def debug_console() -> Iterator[None]:
    """Within, where the user asked for it, shows all that `fer` logs, and what other packages log from INFO up.

    The commands set up their own consoles later with `logging.basicConfig`, which leaves this one in place. Other
    packages stay at INFO: at DEBUG they bury everything, and some of them log addresses with what they carry.
    """
    if not debugging():
        yield
        return
    logging.basicConfig(level=logging.INFO, format=FORMAT, stream=sys.stderr)
    ours = logging.getLogger("fer")
    before = ours.level
    ours.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        ours.setLevel(before)
