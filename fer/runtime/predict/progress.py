"""One line on a terminal that says how far the work is."""

import time
from typing import Final, TextIO

_SECONDS_BETWEEN: Final = 0.1
_LINES_BETWEEN: Final = 5.0
"""The same where lines cannot be written over."""

_BAR: Final = 24


class Progress:
    """A bar where the total is known, a count where not; nothing where nobody looks.

    Args:
        stream: where it is shown, or None.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._start = time.monotonic()
        self._terminal = stream is not None and stream.isatty()
        self._between = _SECONDS_BETWEEN if self._terminal else _LINES_BETWEEN
        self._drawn = self._start - (self._between if self._terminal else 0.0)
        unicode = stream is not None and "utf" in (stream.encoding or "").lower()
        self._letters = ("█", "·") if unicode else ("#", ".")

    def show(self, done: int, *, total: int | None) -> None:
        """Says how many are done, of how many where that is known, the rate, and the rest of the time."""
        now = time.monotonic()
        if self._stream is None or (now - self._drawn < self._between and done != total):
            return
        self._drawn = now
        rate = done / max(now - self._start, 1e-9)
        if total:
            filled = _BAR * min(done, total) // total
            full, rest = self._letters
            line = f"{full * filled:{rest}<{_BAR}} {done:,}/{total:,}"
            # Of a first, long film nothing can be said yet.
            if done:
                line += f"  {_rate(rate)}  {_time((total - done) / rate)} left"
        else:
            line = f"{done:,} {'file' if done == 1 else 'files'}  {_rate(rate)}"
        print(f"\r{line}\x1b[K" if self._terminal else line, end="" if self._terminal else "\n", file=self._stream)
        self._stream.flush()

    def clear(self) -> None:
        """Takes the line away."""
        if self._stream is not None and self._terminal:
            print("\r\x1b[K", end="", file=self._stream, flush=True)


def _rate(rate: float) -> str:
    return f"{rate:.0f}/s" if rate >= 1 else f"{60 * rate:.0f}/min"


def _time(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02} h"
