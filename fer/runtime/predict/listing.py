"""A list of files that is read ahead, so that the end of the work can be told, and that takes little memory."""

import pickle
import tempfile
import threading
from collections.abc import Iterable, Iterator
from typing import IO, Final

from fer.runtime.predict.sources import Item

IN_MEMORY: Final = 4 * 2**20
"""Bytes that are held in memory, some 20,000 files; a longer list goes to a temporary file."""


class Listing:
    """Items read ahead by a thread of its own; use in a `with`.

    Args:
        items: what is listed.

    Attributes:
        total: how many there are; None until all are known.
    """

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = items
        self._written = 0
        self._failure: Exception | None = None
        self._closed = False
        self._news = threading.Condition()
        # Where no temporary file can be had, most lists need none.
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed by `__exit__`
        self.total: int | None = None
        self._thread = threading.Thread(target=self._read_ahead, name="fer-predict-listing", daemon=True)

    def __enter__(self) -> "Listing":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._news:
            self._closed = True
            self._file.close()

    def __iter__(self) -> Iterator[Item]:
        place = number = 0
        while True:
            with self._news:
                while number == self._written and self.total is None and self._failure is None:
                    # Not for ever: a lock that waits without an end keeps Ctrl-C waiting on Windows.
                    self._news.wait(1.0)
                if number == self._written:
                    if self._failure is not None:
                        raise self._failure
                    return
                self._file.seek(place)
                item: Item = pickle.load(self._file)  # noqa: S301 - written below
                place = self._file.tell()
            number += 1
            yield item

    def _read_ahead(self) -> None:
        try:
            for item in self._items:
                message = pickle.dumps(item, protocol=pickle.HIGHEST_PROTOCOL)
                with self._news:
                    if self._closed:
                        return
                    self._file.seek(0, 2)
                    self._file.write(message)
                    self._written += 1
                    self._news.notify()
        except Exception as error:  # handed to who waits for items
            with self._news:
                self._failure = error
                self._news.notify()
            return
        with self._news:
            self.total = self._written
            self._news.notify()
