"""Pictures on all cores: processes that each read, search and judge, fed in order and with a bounded lead."""

import contextlib
import pickle
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Final

from fer.common.errors import FerError
from fer.common.wording import printable_path
from fer.runtime.predict.pictures import Job, Outcome
from fer.runtime.predict.recipe import Recipe
from fer.runtime.record import Face

CHUNK: Final = 8
"""Pictures that a process is asked about at a time: a message costs little beside them."""

LEAD: Final = 3
"""Chunks a process that may wait to be taken: enough for one slow picture, and no more than that is held."""

_CODE: Final = "import sys; sys.path[:] = {path!r}; from fer.runtime.predict.worker import main; main()"


class _Dead(Exception):
    """A process ended where it should have answered."""

    def __init__(self, status: int | None) -> None:
        super().__init__(f"killed by signal {-status}" if status is not None and status < 0 else f"status {status}")


class _Worker:
    """One process; one thread at a time."""

    def __init__(self, recipe: Recipe) -> None:
        # In a group of its own: Ctrl-C on the terminal goes to this process, which ends the others.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _CODE.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=None if sys.platform == "win32" else 0,
        )
        self._send(recipe)

    def ask(self, jobs: list[Job]) -> list[Outcome]:
        """What comes of the jobs.

        Raises:
            FerError: the process tells it.
            _Dead: it ended.
        """
        self._send(jobs)
        assert self._process.stdout is not None
        try:
            answer = pickle.load(self._process.stdout)  # noqa: S301 - from our own process
        except (EOFError, pickle.UnpicklingError, OSError, ValueError) as error:
            raise _Dead(self._process.wait()) from error
        if isinstance(answer, FerError):
            raise answer
        outcomes: list[Outcome] = answer
        return outcomes

    def end(self) -> None:
        """Ends the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):
                stream.close()

    def _send(self, message: object) -> None:
        assert self._process.stdin is not None
        # Where it ended meanwhile, the answer that never comes tells.
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL))
            self._process.stdin.flush()


class WorkerPool:
    """Asks several processes; use in a `with`.

    Args:
        recipe: what they ask, and how.
        count: how many there are; each is started when there is work for it.
        tell: is told, in a line, of a process that ended.
    """

    def __init__(self, recipe: Recipe, *, count: int, tell: Callable[[str], None]) -> None:
        self._recipe = recipe
        self._count = count
        self._tell = tell
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        self._workers: set[_Worker] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="fer-predict")

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closed.set()
            workers = list(self._workers)
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.end()
        self._threads.shutdown()

    def outcomes(self, jobs: Iterable[Job]) -> Generator[Outcome, None, None]:
        """What comes of each job, in order; no more than `LEAD` chunks a process are taken ahead.

        A picture on which a process ends is a record that says so; the others of its chunk are looked at again.

        Raises:
            DataError: an annotated copy cannot be written.
        """
        waiting: deque[Future[list[Outcome]]] = deque()
        left = iter(jobs)
        while chunk := list(islice(left, CHUNK)):
            waiting.append(self._threads.submit(self._ask, chunk))
            if len(waiting) >= LEAD * self._count:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()

    def _ask(self, jobs: list[Job]) -> list[Outcome]:
        try:
            return self._asked(jobs)
        except _Dead as death:
            if self._closed.is_set():
                return []
            if len(jobs) > 1:
                self._tell(f"a process ended ({death}); its {len(jobs)} pictures are looked at again, one by one")
        outcomes: list[Outcome] = []
        for job in jobs:
            try:
                outcomes += self._asked([job])
            except _Dead as death:
                if self._closed.is_set():
                    return []
                source = printable_path(job.item.path)
                reason = f"the process that looked at it ended ({death})"
                self._tell(f"{source}: {reason}")
                outcomes.append(Outcome([Face(source=source, status="unreadable", reason=reason)]))
        return outcomes

    def _asked(self, jobs: list[Job]) -> list[Outcome]:
        worker = self._free()
        try:
            outcomes = worker.ask(jobs)
        except _Dead:
            with self._lock:
                self._workers.discard(worker)
            worker.end()
            raise
        except FerError:
            self._idle.put(worker)
            raise
        self._idle.put(worker)
        return outcomes

    def _free(self) -> _Worker:
        with contextlib.suppress(queue.Empty):
            return self._idle.get_nowait()
        with self._lock:
            if self._closed.is_set():
                raise _Dead(None)
            worker = _Worker(self._recipe)
            self._workers.add(worker)
            return worker
