"""One trial, in a process of its own: trains, reports every epoch, and says how it ended."""

import json
import math
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

import pytorch_lightning as pl

from fer.common.debug_console import debug_console
from fer.common.errors import FerError, StorageError
from fer.common.interrupt import Stopped
from fer.common.storage import storage_error
from fer.config.compose import compose_train
from fer.config.overrides import command
from fer.config.schema import validate
from fer.folders.run import RunFolder
from fer.metrics.objectives import metric_of
from fer.training.directions import check_directions
from fer.training.kept_checkpoints import check_kept
from fer.training.run import run
from fer.training.system import build_data
from fer.tuning.job import Ended, Job, Started, Step, TrialJob

OUTPUT: Final = "output.log"
"""What a trial printed, in its folder."""


class TrialPruned(Stopped):
    """The sweep gave this trial up."""


class FailedTrial(Exception):
    """The training ran, but to no usable number."""


class Reporter(pl.Callback):
    """Tells the sweep of the first batch and of every epoch, and stops where the sweep says so.

    Args:
        tell: sends a message.
        hopeless: asks, after an epoch was told, whether to give up.
        metric: what is told of an epoch, as its Lightning name and its sign.
        before: share of the trial that earlier folds make up.
        part: share of the trial that this training makes up.
        earlier: scores of earlier folds.
        epochs: the training's `metrics.jsonl`.
    """

    def __init__(
        self,
        tell: Callable[[Started | Step], None],
        hopeless: Callable[[], bool],
        *,
        metric: str,
        before: float,
        part: float,
        earlier: Sequence[float],
        epochs: Path,
    ) -> None:
        self.tell = tell
        self.hopeless = hopeless
        self.metric = metric_of(metric)
        self.before = before
        self.part = part
        self.earlier = earlier
        self.epochs = epochs
        self._started = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook."""
        self.tell_again(trainer.max_epochs or 1)

    def tell_again(self, epochs: int) -> None:
        """Tells what the training had told before the sweep was interrupted; `epochs`: of the whole training."""
        if self.epochs.is_file():
            for line in self.epochs.read_text(encoding="utf-8").splitlines():
                told = json.loads(line)
                self._tell_epoch(told["epoch"], told, epochs, undefined=told.get("undefined", {}))

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Lightning's hook."""
        if batch_idx == 0 and self.before == 0 and not self._started:
            self._started = True
            self.tell(Started())

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        undefined = getattr(pl_module, "undefined", {})
        self._tell_epoch(trainer.current_epoch, metrics, trainer.max_epochs or 1, undefined=undefined)

    def _tell_epoch(
        self, epoch: int, metrics: Mapping[str, float | None], epochs: int, *, undefined: Mapping[str, str]
    ) -> None:
        judged, loss = metrics[self.metric.logged], metrics.get("train/loss", 0.0)
        place = f"in epoch {epoch + 1} of {epochs}"
        if loss is None or not math.isfinite(loss):
            raise FailedTrial(f"the loss is not finite {place}")
        if judged is None or not math.isfinite(judged):
            reason = undefined.get(self.metric.logged, f"it was {judged}")
            raise FailedTrial(f"{self.metric.name} is undefined {place}: {reason}")
        score = self.metric.sign * judged
        mean = (sum(self.earlier) + score) / (len(self.earlier) + 1)
        self.tell(Step(share=self.before + self.part * (epoch + 1) / epochs, score=mean))
        if self.hopeless():
            raise TrialPruned


def train(job: TrialJob, tell: Callable[[Started | Step], None], hopeless: Callable[[], bool]) -> Ended:
    """Trains every fold of a trial; an interrupted training goes on where it stopped, a finished one is read.

    Raises:
        TrialPruned: the sweep gave it up.
        FailedTrial: it ended without a usable number.
        FerError: it cannot run as configured.
    """
    scores: list[float] = []
    metrics: list[dict[str, Any]] = []
    part = 1 / len(job.runs)
    for number, (run_dir, overrides) in enumerate(job.runs.items()):
        folder = RunFolder(Path(run_dir))
        finished = folder.metrics.is_file()
        tree = compose_train([*overrides, f"run_dir={run_dir}"])
        config = validate(tree)
        reporter = Reporter(
            tell,
            # Every epoch that is told is answered; one that has run to its end is not given up.
            (lambda: hopeless() and False) if finished else hopeless,
            metric=job.objective,
            before=number * part,
            part=part,
            earlier=tuple(scores),
            epochs=folder.epochs,
        )
        if finished:
            reporter.tell_again(config.trainer.max_epochs)
        else:
            # The sweep is sent as a whole at its end: a trial may be over before MLflow is imported.
            tree.get("logger", {}).pop("mlflow", None)
            # The sweep's own command would search again.
            run(validate(tree), tree, callbacks=[reporter], command=command(overrides))
        metrics.append(json.loads(folder.metrics.read_text(encoding="utf-8")))
        scores.append(metric_of(job.objective).score(metrics[-1]))
        if not math.isfinite(scores[-1]):
            reasons = "; ".join(metrics[-1].get("undefined", {}).values())
            raise FailedTrial(f"{job.objective} is undefined: {reasons or 'the loss is not finite'}")
    return Ended(status="ok", score=sum(scores) / len(scores), metrics=metrics)


def check(job: Job) -> Ended:
    """Whether the sweep can run at all: every configuration named is valid, and the data opens (and is packed)."""
    for overrides in job.checked:
        config = validate(compose_train([*overrides, "run_dir=unused"]))
        check_kept(config)
        check_directions(config)
    build_data(config).setup()
    return Ended(status="ok")


def main(connection: Connection, job: Job) -> None:
    """The body of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the sweep decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    answers: SimpleQueue[bool] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, answers), daemon=True).start()
    if job.folder is not None:
        _print_to(Path(job.folder) / OUTPUT)
    trial = job.trial
    with debug_console():
        ended = _ended(lambda: check(job) if trial is None else train(trial, connection.send, answers.get))
    connection.send(ended)
    sys.stdout.flush()
    sys.stderr.flush()
    # Nothing is left to do, and a second of interpreter clean-up is a second of a worker.
    os._exit(0)


def main_alone(argument: str) -> None:
    """The body of `python -m fer.tuning.trial JOB`: a trial that nobody listens to; its end is the last line printed.

    Args:
        argument: the fields of `TrialJob` as JSON.
    """
    job = TrialJob(**json.loads(argument))
    terminal = os.dup(1)
    folder = Path(next(iter(job.runs)))
    _print_to((folder if len(job.runs) == 1 else folder.parent) / OUTPUT)
    with debug_console():
        ended = _ended(lambda: train(job, lambda message: None, lambda: False))
    os.write(terminal, (json.dumps(asdict(ended)) + "\n").encode())


def _ended(body: Callable[[], Ended]) -> Ended:
    """How a body ended, in the words of the sweep; what nobody expected is printed with its traceback."""
    try:
        return body()
    except TrialPruned:
        return Ended(status="pruned")
    except FailedTrial as failure:
        return Ended(status="failed", error=str(failure))
    except FerError as error:
        return Ended(status="failed", error=str(error), by_disk=isinstance(error, StorageError))
    except Exception as error:
        refused = storage_error(error) if isinstance(error, OSError) else None
        if refused is not None:
            return Ended(status="failed", error=str(refused), by_disk=True)
        traceback.print_exc()
        return Ended(status="failed", error=f"{type(error).__name__}: {error}".splitlines()[0])


def _listen(connection: Connection, answers: "SimpleQueue[bool]") -> None:
    """Hands answers on; a sweep that died takes its trials with it, so that they can be repeated."""
    try:
        while True:
            answers.put(connection.recv())
    except (EOFError, OSError):
        os._exit(1)


def _print_to(path: Path) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(handle, stream)
    os.close(handle)


if __name__ == "__main__":
    main_alone(sys.argv[1])
