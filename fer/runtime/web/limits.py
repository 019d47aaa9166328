"""How often one address may ask, and how many pictures are worked on at once."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MAX_ADDRESSES = 1024
"""Addresses remembered by a `RateLimit`; the one that has been silent for longest is forgotten first."""


class RateLimit:
    """A token bucket for each address: `burst` requests at once, `rate` a second in the long run.

    Args:
        rate: tokens that come back each second.
        burst: tokens a full bucket holds.
        clock: seconds, monotonic.
    """

    def __init__(self, *, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, address: str) -> float:
        """Takes a token; 0 where there was one, else the seconds until the next."""
        now = self._clock()
        with self._lock:
            tokens, then = self._buckets.pop(address, (float(self._burst), now))
            tokens = min(float(self._burst), tokens + (now - then) * self._rate)
            delay = 0.0 if tokens >= 1 else (1 - tokens) / self._rate
            self._buckets[address] = (tokens - 1 if delay == 0 else tokens, now)
            if len(self._buckets) > MAX_ADDRESSES:
                self._buckets.popitem(last=False)
        return delay


class Busy(Exception):
    """Every slot was taken for longer than a request may wait."""


class ConcurrencyLimiter:
    """A fixed number of slots to work in; a request waits for one, but not for long.

    Args:
        count: how many.
        patience: seconds to wait before `Busy`.
        clock: seconds, monotonic.
    """

    def __init__(self, count: int, *, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._free = list(range(count))
        self._clock = clock
        self._since: dict[int, float] = {}
        self._condition = threading.Condition()
        self._patience = patience

    @contextmanager
    def slot(self) -> Iterator[int]:
        """The number of a slot, held within.

        Raises:
            Busy: none came free in time.
        """
        with self._condition:
            if not self._condition.wait_for(lambda: self._free, timeout=self._patience):
                raise Busy
            slot = self._free.pop()
            self._since[slot] = self._clock()
        try:
            yield slot
        finally:
            with self._condition:
                self._free.append(slot)
                del self._since[slot]
                self._condition.notify()

    def all_taken_for(self) -> float:
        """Seconds for which every slot has been held without a change; 0 where one is free."""
        with self._condition:
            return 0.0 if self._free else self._clock() - max(self._since.values())
