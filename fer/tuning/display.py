"""What a person sees of a sweep: a live table on a terminal, a line a trial elsewhere."""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from fer.common.wording import duration
from fer.folders.sweep import TrialRecord
from fer.metrics.objectives import Objective, metric_of


class Running(Protocol):
    """What is shown of a running trial."""

    number: int
    params: dict[str, Any]
    curve: list[tuple[float, float]]

    @property
    def seconds(self) -> float:
        """Wall seconds since its start."""


class Display(Protocol):
    """Shows a sweep."""

    def begin(self, records: Sequence[TrialRecord]) -> None:
        """Before the first trial; `records` are those of earlier parts."""

    def show(self, running: Mapping[int, Running]) -> None:
        """At least once a second."""

    def ended(self, record: TrialRecord, records: Sequence[TrialRecord]) -> None:
        """A trial ended."""

    def end(self) -> None:
        """After the last trial, or an interruption."""


class Lines:
    """A line a trial.

    Args:
        objective: what trials are ranked by.
        num_trials: trials in all.
    """

    def __init__(self, objective: Objective, num_trials: int) -> None:
        self.objective = objective
        self.num_trials = num_trials

    def begin(self, records: Sequence[TrialRecord]) -> None:
        """Tells how many trials are there already."""
        if records:
            print("1 trial is" if len(records) == 1 else f"{len(records)} trials are", "there already", flush=True)

    def show(self, running: Mapping[int, Running]) -> None:
        """Nothing: a log has no place for what changes."""

    def ended(self, record: TrialRecord, records: Sequence[TrialRecord]) -> None:
        """The trial's line."""
        width = len(str(self.num_trials))
        print(
            f"{len(records):{width}}/{self.num_trials}  trial {record.trial:<{width}}  {record.status:6}  "
            f"{outcome(record, self.objective)}  {record.seconds:5.0f} s  {settings_in_words(record.params)}",
            flush=True,
        )

    def end(self) -> None:
        """Nothing."""


class LiveTable:
    """The running trials, the best ones and the time left, redrawn in place.

    Args:
        objective: what trials are ranked by.
        num_trials: trials in all.
        workers: trials at a time.
    """

    ROWS = 8

    def __init__(self, objective: Objective, num_trials: int, workers: int) -> None:
        from rich.live import Live

        self.objective = objective
        self.num_trials = num_trials
        self.workers = workers
        self._records: Sequence[TrialRecord] = ()
        self._before = 0
        self._began = time.monotonic()
        self._live = Live(auto_refresh=False)

    def begin(self, records: Sequence[TrialRecord]) -> None:
        """Opens the table."""
        self._records = records
        self._before = len(records)
        self._began = time.monotonic()
        self._live.start()

    def show(self, running: Mapping[int, Running]) -> None:
        """Redraws."""
        self._live.update(self._drawn(running), refresh=True)

    def ended(self, record: TrialRecord, records: Sequence[TrialRecord]) -> None:
        """The next drawing shows it."""
        self._records = records

    def end(self) -> None:
        """Leaves the last drawing on the screen."""
        if self._live.is_started:
            self._live.update(self._drawn({}), refresh=True)
            self._live.stop()

    def _drawn(self, running: Mapping[int, Running]) -> Any:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        table = Table(title=self._title(), title_justify="left", caption_justify="left", expand=True)
        for name in ("trial", "state", self.objective, "time"):
            table.add_column(name, no_wrap=True)
        table.add_column("settings", ratio=1, overflow="ellipsis", no_wrap=True)
        metric = metric_of(self.objective)
        for trial in running.values():
            share = trial.curve[-1][0] if trial.curve else 0.0
            best = f"{metric.sign * max(score for _, score in trial.curve):.4f}" if trial.curve else ""
            bar = ProgressBar(total=1.0, completed=share, width=12)
            seconds = duration(trial.seconds)
            table.add_row(str(trial.number), bar, best, seconds, settings_in_words(trial.params))
        table.add_section()
        for record in sorted((r for r in self._records if r.status == "ok"), key=_loss)[: self.ROWS]:
            style = "bold green" if record.loss == min(_loss(r) for r in self._records if r.status == "ok") else None
            number, taken = str(record.trial), duration(record.seconds)
            words = settings_in_words(record.params)
            table.add_row(number, "finished", f"{metric.value(_loss(record)):.4f}", taken, words, style=style)
        return table

    def _title(self) -> str:
        counts = {status: sum(r.status == status for r in self._records) for status in ("ok", "pruned", "failed")}
        words = f"{len(self._records)} of {self.num_trials} trials: {counts['ok']} finished, "
        words += f"{counts['pruned']} given up, {counts['failed']} failed"
        done = len(self._records) - self._before
        left = self.num_trials - len(self._records)
        if done >= self.workers and left > 0:
            words += f"; about {duration(left * (time.monotonic() - self._began) / done)} to go"
        return words


def display_for(objective: Objective, *, num_trials: int, workers: int) -> Display:
    """The table on a terminal, lines elsewhere."""
    if sys.stdout.isatty():
        return LiveTable(objective, num_trials, workers)
    return Lines(objective, num_trials)


def outcome(record: TrialRecord, objective: Objective) -> str:
    """The trial's number in words, such as "accuracy 0.6123", or why there is none."""
    return f"{record.error}" if record.loss is None else f"{objective} {metric_of(objective).value(record.loss):.4f}"


def settings_in_words(params: Mapping[str, Any]) -> str:
    """`lr=0.01 dropout=0.2`: the last part of each key says enough."""
    return " ".join(f"{key.rpartition('.')[2]}={value}" for key, value in params.items())


def _loss(record: TrialRecord) -> float:
    assert record.loss is not None
    return record.loss
