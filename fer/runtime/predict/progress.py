"""One line on a terminal that says how far the work is."""

import time
from dataclasses import dataclass
from typing import Final, TextIO

from fer.runtime.record import Face

_SECONDS_BETWEEN: Final = 0.1
_BAR: Final = 24


@dataclass
class Tally:
    """What was seen so far."""

    pictures: int = 0
    faces: int = 0
    uncertain: int = 0
    without: int = 0
    unreadable: int = 0

    def add(self, faces: list[Face]) -> None:
        """Counts the records of one picture or frame."""
        self.pictures += 1
        for face in faces:
            self.faces += face.status == "ok"
            self.uncertain += bool(face.uncertain)
            self.without += face.status == "no_face"
            self.unreadable += face.status == "unreadable"

    def words(self, seconds: float) -> str:
        """All of it in a line."""
        doubt = f" ({self.uncertain:,} uncertain)" if self.uncertain else ""
        parts = [f"{_number(self.pictures, 'picture')}: {_number(self.faces, 'face')}{doubt}"]
        if self.without:
            parts.append(f"{self.without:,} without a face")
        if self.unreadable:
            parts.append(f"{self.unreadable:,} unreadable")
        return f"{', '.join(parts)} in {seconds:.1f} s"


class Progress:
    """A bar where the total is known, a count where not; nothing where nobody looks.

    Args:
        stream: a terminal, or None.
        total: pictures in all, where known.
    """

    def __init__(self, stream: TextIO | None, *, total: int | None) -> None:
        self._stream = stream
        self._total = total
        self._start = time.monotonic()
        self._drawn = self._start - 1.0
        unicode = stream is not None and "utf" in stream.encoding.lower()
        self._letters = ("█", "·") if unicode else ("#", ".")

    def show(self, done: int) -> None:
        """Says how many are done; draws ten times a second at most."""
        now = time.monotonic()
        if self._stream is None or (now - self._drawn < _SECONDS_BETWEEN and done != self._total):
            return
        self._drawn = now
        rate = done / max(now - self._start, 1e-9)
        if self._total:
            filled = _BAR * min(done, self._total) // self._total
            left = (self._total - done) / max(rate, 1e-9)
            full, rest = self._letters
            line = f"{full * filled:{rest}<{_BAR}} {done:,}/{self._total:,}  {rate:.0f}/s  {left:.0f} s left"
        else:
            line = f"{done:,} pictures  {rate:.0f}/s"
        print(f"\r{line}\x1b[K", end="", file=self._stream, flush=True)

    def clear(self) -> None:
        """Takes the line away."""
        if self._stream is not None:
            print("\r\x1b[K", end="", file=self._stream, flush=True)


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
