"""Worker processes, each for one trial; forked from a server that has imported everything, where the system allows."""

import contextlib
import multiprocessing
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from typing import Final

from fer.common.interrupt import signals_wait
from fer.tuning.job import Ended, Job, Message

PRELOAD: Final = [
    "fer.tuning.trial",
    "timm.optim",
    "hydra.compose",
    "hydra.utils",
    "pandas",
    "pyarrow.parquet",
    "cv2",
    "filelock",
]
"""What the server imports before the first trial: the training, and what it imports on use, so that no trial pays."""

PATIENCE: Final = 5.0
"""Seconds a worker has to end after it was asked to, before it is killed."""


@dataclass
class Worker:
    """A running process.

    Attributes:
        number: what the pool's owner calls it.
        process: the process.
        connection: the pool's end of the pipe.
        started: `time.monotonic()` at its start.
    """

    number: int
    process: BaseProcess
    connection: Connection
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Wall seconds since its start."""
        return time.monotonic() - self.started


class Pool:
    """Runs jobs in fresh processes and hands their messages on.

    Every job starts from the same state of memory, and what it leaks, breaks or allocates dies with it.
    """

    def __init__(self) -> None:
        self._context: ForkServerContext | SpawnContext = multiprocessing.get_context("forkserver")
        if sys.platform == "darwin":
            # There a process that was forked must not use the system's frameworks: the first use of Metal, by MPS, ends
            # it (XPC_ERROR_CONNECTION_INVALID). So each trial imports for itself.
            self._context = multiprocessing.get_context("spawn")
        self._context.set_forkserver_preload(PRELOAD)
        self._workers: dict[int, Worker] = {}

    def __len__(self) -> int:
        return len(self._workers)

    def start(self, number: int, job: Job) -> None:
        """Starts a job under a number that no running job has."""
        assert number not in self._workers
        # Imported by name in the child, from the preloaded module: this process never loads torch.
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_child, args=(theirs, job), daemon=True)
        # Cut short, the talk with the server would leave a child that nobody knows, or one that reads half a job.
        with signals_wait():
            process.start()
            theirs.close()
            self._workers[number] = Worker(number, process, ours)

    def answer(self, number: int, *, give_up: bool) -> None:
        """Answers a `Step`."""
        # It may have died meanwhile, which `messages` tells next.
        with contextlib.suppress(OSError):
            self._workers[number].connection.send(give_up)

    def messages(self, *, timeout: float | None) -> Iterator[tuple[Worker, Message]]:
        """Waits for messages of any worker; one that died without a last word has failed.

        Args:
            timeout: seconds to wait at most.
        """
        by_connection = {worker.connection: worker for worker in self._workers.values()}
        for ready in connection.wait(list(by_connection), timeout=timeout):
            assert isinstance(ready, Connection)
            worker = by_connection[ready]
            try:
                message: Message = ready.recv()
            except (EOFError, OSError):
                message = self._died(worker)
            if isinstance(message, Ended):
                self._forget(worker)
            yield worker, message

    def kill(self, number: int) -> None:
        """Ends a worker at once."""
        worker = self._workers[number]
        worker.process.kill()
        self._forget(worker)

    def stop(self) -> None:
        """Ends every worker."""
        for worker in self._workers.values():
            worker.process.terminate()
        deadline = time.monotonic() + PATIENCE
        for worker in list(self._workers.values()):
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
            self._forget(worker)

    def _died(self, worker: Worker) -> Ended:
        worker.process.join(PATIENCE)
        code = worker.process.exitcode
        if code is None:
            return Ended(status="failed", error="the process closed its pipe and did not end")
        if code < 0:
            why = " (killed: out of memory?)" if code == -9 else ""
            return Ended(status="failed", error=f"the process died of signal {-code}{why}")
        return Ended(status="failed", error=f"the process ended with exit code {code}")

    def _forget(self, worker: Worker) -> None:
        worker.process.join(PATIENCE)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.process.close()
        worker.connection.close()
        del self._workers[worker.number]


def _child(connection: Connection, job: Job) -> None:
    from fer.tuning.trial import main

    main(connection, job)
