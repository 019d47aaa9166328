"""The process that sends a training's run folder to MLflow while it grows: `python -m fer.tracking.sender RUN_DIR`.

It is started by `fer.tracking.logger` and holds nothing of the training but its folder and a pipe on standard input,
whose end says that the training's process is gone, however it went.
"""

import argparse
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fer.common.errors import FerError
from fer.folders.run import RunFolder
from fer.tracking.content import Content, read_run
from fer.tracking.record import Record, owned, read_record
from fer.tracking.send import send
from fer.tracking.store import OpenStore, StoreAddress, TrackingError, find_store, open_store, patience

POLL: Final = 2.0
"""Seconds from one look at the folder to the next."""

LINGER: Final = 120.0
"""Seconds for which it goes on trying once the training's process is gone; more on a busy machine (`patience`)."""

NICENESS: Final = 5
"""Its priority: below the training's, and no lower, so that a busy machine leaves it a fair part of a core. With the
lowest priority the seconds that the import of MLflow takes become many minutes there."""

LOG: Final = "tracking.log"
"""What it complained of, in the run folder; not there when it had no reason."""

PATIENCE: Final = 30.0
"""Seconds beyond `LINGER` that a last call may take; more on a busy machine."""

_PAUSES: Final = (2.0, 5.0, 10.0, 20.0, 40.0)
"""Seconds to wait after the first, second, ... failure in a row; the last holds from then on."""

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Sender:
    """One training's sender.

    Attributes:
        folder: the run folder.
        record: what was sent.
        address: where to.
        gone: set when the training's process is gone.
        linger: seconds of trying after that.
        store: the store, once it has answered.
        failures: failures in a row.
    """

    folder: Path
    record: Record
    address: StoreAddress
    gone: threading.Event
    linger: float
    store: OpenStore | None = None
    failures: int = 0

    def run(self) -> int:
        """Sends until the run has ended and all of it is there, or until there is no hope; the exit status."""
        deadline: float | None = None
        sent: object = None
        while True:
            gone = self.gone.is_set()
            if gone and deadline is None:
                deadline = time.monotonic() + patience(self.linger)
            state = (gone, self._stamps())
            if state != sent:
                content = read_run(self.folder, alive=not gone)
                if self._attempt(content):
                    sent = state
                    if is_done(content, gone=gone):
                        return 0
            if deadline is not None and time.monotonic() > deadline:
                return 1
            self._pause(deadline)

    def _stamps(self) -> tuple[tuple[int, int], ...]:
        """Time and size of the files that tell that something is new: cheaper to ask for than to read them all."""
        folder = RunFolder(self.folder)
        page = self.folder / "report" / "report.html"
        stats = [path.stat() for path in (folder.manifest, folder.epochs, folder.metrics, page) if path.is_file()]
        return tuple((stat.st_mtime_ns, stat.st_size) for stat in stats)

    def _attempt(self, content: Content) -> bool:
        try:
            if self.store is None:
                self.store = open_store(self.address)
            send(content, self.record, self.store)
        except TrackingError as error:
            self.failures += 1
            log.warning("%s", error)
            self._remember(error)
            return False
        self.failures = 0
        return True

    def _remember(self, error: TrackingError) -> None:
        place = self.record.place(self.address.shown, self.address.experiment)
        place.state, place.error = "incomplete", str(error)
        self.record.save()

    def _pause(self, deadline: float | None) -> None:
        seconds = _PAUSES[min(self.failures, len(_PAUSES)) - 1] if self.failures else POLL
        if deadline is None:
            # The end of the training ends the pause too.
            self.gone.wait(seconds)
        else:
            time.sleep(min(seconds, POLL, max(0.0, deadline - time.monotonic())))


def is_done(content: Content, *, gone: bool) -> bool:
    """Whether nothing more will come of a run that was sent as it is."""
    return content.status != "running" and (gone or not content.awaits_report)


def main(argv: Sequence[str]) -> int:
    """Sends one run folder; the exit status: 0 when all of it is in MLflow, 1 where some is left for `fer-track`."""
    parser = argparse.ArgumentParser(prog="python -m fer.tracking.sender")
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--uri")
    parser.add_argument("--experiment")
    parser.add_argument("--linger", type=float, default=LINGER)
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", stream=sys.stderr)
    # Ctrl-C in a terminal is meant for the training; its end reaches us by the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    gone = threading.Event()
    threading.Thread(target=_watch, args=(gone,), daemon=True).start()
    threading.Thread(target=_end_late, args=(gone, arguments.linger), daemon=True).start()
    folder: Path = arguments.run_dir
    try:
        # The sender of the part before an interruption may still be at work.
        with owned(folder, timeout=patience(LINGER)):
            record = read_record(folder)
            address = find_store(folder, record, uri=arguments.uri, experiment=arguments.experiment)
            status = Sender(folder=folder, record=record, address=address, gone=gone, linger=arguments.linger).run()
        _drop_empty(folder / LOG)
        return status
    except FerError as error:
        log.warning("%s", error)
        return 1


def _drop_empty(path: Path) -> None:
    if path.is_file() and path.stat().st_size == 0:
        path.unlink()


def _watch(gone: threading.Event) -> None:
    # Not by sys.stdin, whose lock a thread that waits in it would hold while the interpreter ends: that aborts it.
    while os.read(0, 1):
        pass
    gone.set()


def _end_late(gone: threading.Event, linger: float) -> None:
    """Ends this process where a call or an import goes on long after the training: what is left is for `fer-track`."""
    gone.wait()
    seconds = patience(linger + PATIENCE)
    time.sleep(seconds)
    log.warning("gave up %.0f seconds after the training's end; `fer-track` sends what is missing", seconds)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
