"""How long a piece of work takes."""

import statistics
import time
from collections.abc import Callable

_LEAST = 3
"""Times behind a median at the least, however slow the work."""


def median_seconds(
    work: Callable[[], object], *, seconds: float, warm_up: int = 1, repeats: int | None = None
) -> float:
    """The median time of one call, in seconds.

    Args:
        work: what is timed.
        seconds: about how long to go on, after the warm-up.
        warm_up: calls before, which are not timed.
        repeats: the most calls that are timed; None for as many as there is time for.
    """
    for _ in range(warm_up):
        work()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < _LEAST or (time.perf_counter() < end and (repeats is None or len(times) < repeats)):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)
