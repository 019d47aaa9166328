"""The same sweep on a Spark cluster, through hyperopt's SparkTrials.

The driver proposes points as the local sweep does; each trial is a Spark task that trains in a process of its own on
its executor. Trials are not given up half-way: an executor has no way to ask. Run folders lie under the sweep's folder
as the executors see it; on a shared file system a sweep that died finds its finished trials there.
"""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fer.common.errors import MissingExtraError
from fer.tuning.job import Ended, refuse_by_disk, too_long
from fer.tuning.plan import trial_job, trial_overrides
from fer.tuning.settings import Sweep
from fer.tuning.space import Params
from fer.tuning.trial_store import TrialStore

_LABEL: Final = "trial"


@dataclass
class Objective:
    """Runs on an executor: trial number -> hyperopt's result. It never raises: SparkTrials would forget the trial.

    Attributes:
        jobs: number -> the arguments of `python -m fer.tuning.trial`, of trials submitted and not ended.
        minutes: a trial that takes longer has failed; None waits.
    """

    jobs: dict[int, str] = field(default_factory=dict)
    minutes: float | None = None

    def __call__(self, number: float) -> dict[str, Any]:
        """Trains one trial."""
        began, clock = time.time(), time.monotonic()
        ended = self._ended(self.jobs[int(number)])
        outcome = {"ended": ended, "began": began, "seconds": time.monotonic() - clock}
        score = ended.get("score")
        return {"status": "fail", **outcome} if score is None else {"status": "ok", "loss": -score, **outcome}

    def _ended(self, job: str) -> dict[str, Any]:
        """The fields of `Ended`."""
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-m", "fer.tuning.trial", job],
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
                timeout=None if self.minutes is None else 60 * self.minutes,
            )
        except subprocess.TimeoutExpired as error:
            return {"status": "failed", "error": too_long(error.timeout / 60)}
        try:
            ended: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        except (IndexError, json.JSONDecodeError):
            last = (done.stderr.splitlines() or ["no output"])[-1]
            return {"status": "failed", "error": f"exit code {done.returncode}: {last}"}
        return ended


class SparkSweep:
    """A sweep on a Spark cluster: the one `SPARK_HOME` and `spark-defaults.conf` name, or this machine.

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
        self.workers = workers
        self.threads = threads
        self.suggester = store.suggester()
        self._interrupted = store.interrupted()
        self._next = store.next_number
        self._objective = Objective(minutes=sweep.settings.trial_minutes)
        self._running: dict[int, tuple[Params, tuple[str, ...]]] = {}

    def run(self) -> None:
        """Trains until every trial has ended.

        Raises:
            MissingExtraError: pyspark is not installed.
            ConfigError: too many trials in a row failed.
            StorageError: the disk refused a trial.
        """
        try:
            from pyspark.sql import SparkSession
        except ImportError as error:
            raise MissingExtraError("backend=spark needs pyspark and Java: pip install 'ferlab[spark]'") from error
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        for chatty in ("py4j", "hyperopt-spark"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        left = self.settings.num_trials - len(self.store.records)
        if left <= 0:
            return
        builder = SparkSession.builder.appName("fer-sweep").config("spark.ui.showConsoleProgress", "false")
        if "SPARK_HOME" not in os.environ and "MASTER" not in os.environ:
            builder = builder.master(f"local[{self.workers}]").config("spark.driver.host", "localhost")
        session = builder.getOrCreate()
        self.store.display.begin(self.store.records)
        failure: list[BaseException] = []
        # In a thread: fmin would wait for the running trials to end before it lets an interruption through.
        thread = threading.Thread(target=self._search, args=(session, left, failure), daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                thread.join(timeout=1.0)
        finally:
            session.sparkContext.cancelAllJobs()
            session.stop()
            self.store.display.end()
        if failure:
            raise failure[0]

    def _search(self, session: Any, count: int, failure: list[BaseException]) -> None:
        from hyperopt import fmin, hp
        from hyperopt.spark import SparkTrials

        sweep = self

        class Trials(SparkTrials):  # type: ignore[misc]
            """SparkTrials that hands on what ended whenever fmin looks."""

            def refresh(self) -> None:
                super().refresh()
                sweep._harvest(self._dynamic_trials)

        try:
            trials = Trials(parallelism=self.workers, spark_session=session)
            fmin(
                self._objective,
                # fmin sees the trial's number alone: which point it stands for, our own suggester knows, which has
                # the trials of earlier parts of the sweep too.
                hp.quniform(_LABEL, 0, 2**31, 1),
                algo=self._propose,
                max_evals=count,
                trials=trials,
                show_progressbar=False,
                verbose=False,
                return_argmin=False,
            )
            trials.refresh()
        except BaseException as error:  # handed to the thread that waits for this one
            failure.append(error)

    def _propose(self, new_ids: list[int], domain: Any, trials: Any, seed: int) -> list[dict[str, Any]]:
        """hyperopt's suggest: the next points, as numbers of trials."""
        documents = []
        for new_id in new_ids:
            number, params = self._point()
            if params is None:
                break
            overrides = trial_overrides(self.sweep, params, threads=self.threads)
            folder = self.store.folder.trial(number)
            self.store.folder.plan(number, params)
            job = trial_job(self.sweep, overrides, folder.resolve())
            self._objective.jobs[number] = json.dumps({"runs": job.runs, "objective": job.objective})
            self._running[number] = (params, overrides)
            misc = {"tid": new_id, "cmd": domain.cmd, "workdir": domain.workdir}
            misc |= {"idxs": {_LABEL: [new_id]}, "vals": {_LABEL: [number]}}
            documents += trials.new_trial_docs([new_id], [None], [domain.new_result()], [misc])
        return documents

    def _point(self) -> tuple[int, Params | None]:
        if self._interrupted:
            number = min(self._interrupted)
            return number, self._interrupted.pop(number)
        self._next += 1
        return self._next - 1, self.suggester.ask(self._next - 1)

    def _harvest(self, documents: list[dict[str, Any]]) -> None:
        """Writes down the trials that ended since the last call."""
        for document in documents:
            number = int(document["misc"]["vals"][_LABEL][0])
            result = document["result"]
            if number in self._running and "ended" in result:
                self._end(number, result)

    def _end(self, number: int, result: Mapping[str, Any]) -> None:
        ended = Ended(**result["ended"])
        refuse_by_disk(number, ended)
        params, overrides = self._running.pop(number)
        del self._objective.jobs[number]
        record = self.store.record(
            number,
            params,
            overrides,
            ended,
            started=result["began"],
            seconds=result["seconds"],
        )
        self.suggester.tell(number, params, loss=record.loss)
        self.store.add(record, overrides)
