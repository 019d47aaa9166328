"""A sweep on this machine: asks for points, trains them in worker processes, gives hopeless ones up."""

import logging
import time
from dataclasses import dataclass, field

from fer.common.errors import ConfigError
from fer.folders.sweep import TrialRecord
from fer.tuning.job import Ended, Job, Message, Started, Step, refuse_by_disk, too_long
from fer.tuning.plan import corner_overrides, trial_job, trial_overrides
from fer.tuning.pool import Pool, Worker
from fer.tuning.pruning import MedianRule
from fer.tuning.settings import Sweep
from fer.tuning.space import Params
from fer.tuning.trial_store import TrialStore

log = logging.getLogger(__name__)


@dataclass
class Trial:
    """A trial that is running.

    Attributes:
        number: from 0, in the order of starting.
        params: setting -> value.
        overrides: of fer-train; without those of a fold.
        curve: (share of the training done, score so far), higher is better.
        started: seconds since the epoch.
        began: the same moment by a clock that nobody sets.
        first_batch: seconds from the start to the first batch; None before it.
    """

    number: int
    params: Params
    overrides: tuple[str, ...]
    curve: list[tuple[float, float]] = field(default_factory=list)
    started: float = field(default_factory=time.time)
    began: float = field(default_factory=time.monotonic)
    first_batch: float | None = None

    @property
    def seconds(self) -> float:
        """Wall seconds since its start."""
        return time.monotonic() - self.began


class LocalSweep:
    """A sweep on this machine's cores.

    Args:
        sweep: what to do.
        store: the trials that ended.
        workers: trials at a time.
        threads: CPU threads of each.
    """

    def __init__(self, sweep: Sweep, store: TrialStore, *, workers: int, threads: int) -> None:
        self.sweep = sweep
        self.settings = sweep.settings
        self.store = store
        self.folder = store.folder
        self.workers = workers
        self.threads = threads
        self.pool = Pool()
        self.rule = MedianRule(self.settings.pruning)
        self.suggester = store.suggester()
        for record in store.records:
            self._rule_learns(record)
        self._interrupted = store.interrupted()
        self._next = store.next_number
        self._running: dict[int, Trial] = {}
        self._exhausted = False

    def run(self) -> None:
        """Trains until every trial has ended; what has ended is kept whatever happens.

        Raises:
            ConfigError: trials cannot run at all: the check, or too many in a row, failed.
            StorageError: the disk refused a trial.
        """
        display = self.store.display
        try:
            self._check()
            display.begin(self.store.records)
            while self._start_trials():
                for worker, message in self.pool.messages(timeout=1.0):
                    self._hear(worker, message)
                self._end_late()
                display.show(self._running)
        finally:
            display.end()
            self.pool.stop()

    def _check(self) -> None:
        """Finds in one process, before the first trial, what would fail in all of them."""
        if len(self.store.records) >= self.settings.num_trials and not self._interrupted:
            return
        self.pool.start(-1, Job(checked=corner_overrides(self.sweep, threads=self.threads)))
        while len(self.pool):
            for _, message in self.pool.messages(timeout=None):
                if isinstance(message, Ended) and message.status == "failed":
                    error = message.error or "the sweep cannot run"
                    hint = "; quniform(low, high, 1) gives whole numbers" if "fractional part" in error else ""
                    if error.endswith("exit code 1"):
                        # Python runs a script anew in every process that it starts.
                        guard = 'call fer.sweep under `if __name__ == "__main__":`'
                        hint = f" (what it said stands above; in a script, {guard})"
                    raise ConfigError(f"{error}{hint}")

    def _start_trials(self) -> bool:
        """Fills the free workers; whether any trial is running."""
        while len(self.pool) < self.workers:
            trial = self._next_trial()
            if trial is None:
                break
            folder = self.folder.trial(trial.number)
            self.folder.plan(trial.number, trial.params)
            self._running[trial.number] = trial
            self.pool.start(trial.number, Job(trial=trial_job(self.sweep, trial.overrides, folder), folder=str(folder)))
        return bool(self._running)

    def _next_trial(self) -> Trial | None:
        if self._interrupted:
            number = min(self._interrupted)
            return self._trial(number, self._interrupted.pop(number))
        if self._exhausted or len(self.store.records) + len(self._running) >= self.settings.num_trials:
            return None
        params = self.suggester.ask(self._next)
        if params is None:
            self._exhausted = True
            log.info("every point of the space was tried: the sweep ends early")
            return None
        self._next += 1
        return self._trial(self._next - 1, params)

    def _trial(self, number: int, params: Params) -> Trial:
        return Trial(number, params, trial_overrides(self.sweep, params, threads=self.threads))

    def _hear(self, worker: Worker, message: Message) -> None:
        trial = self._running[worker.number]
        if isinstance(message, Started):
            trial.first_batch = trial.seconds
        elif isinstance(message, Step):
            trial.curve.append((message.share, message.score))
            self.pool.answer(worker.number, give_up=self.rule.hopeless(trial.curve))
        else:
            self._end(trial, message)

    def _end_late(self) -> None:
        limit = self.settings.trial_minutes
        if limit is None:
            return
        for trial in list(self._running.values()):
            if trial.seconds > 60 * limit:
                self.pool.kill(trial.number)
                self._end(trial, Ended(status="failed", error=too_long(limit)))

    def _end(self, trial: Trial, ended: Ended) -> None:
        refuse_by_disk(trial.number, ended)
        del self._running[trial.number]
        record = self.store.record(
            trial.number,
            trial.params,
            trial.overrides,
            ended,
            started=trial.started,
            seconds=trial.seconds,
            first_batch=trial.first_batch,
            curve=trial.curve,
        )
        self.suggester.tell(record.trial, record.params, loss=record.loss)
        self._rule_learns(record)
        self.store.add(record, trial.overrides)

    def _rule_learns(self, record: TrialRecord) -> None:
        if record.status == "ok":
            self.rule.finished(record.curve)
