"""OpenCV's own lines on the terminal."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_LOCK: Final = threading.Lock()
_within: list[int] = []
"""The level before the first, once for each who is within: the level is that of the whole process."""


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """Keeps OpenCV's lines about broken files off the terminal: ours name the file and say more.

    Several threads may be within at once: the last to leave puts the level back that the first has found.
    """
    import cv2

    log = cv2.utils.logging
    with _LOCK:
        _within.append(_within[0] if _within else log.getLogLevel())
        log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        with _LOCK:
            level = _within.pop()
            if not _within:
                log.setLogLevel(level)
