"""The trials that ended: written down, shown, ranked, and counted where they fail."""

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

from fer.common.errors import ConfigError, DataError
from fer.config import overrides as text
from fer.config.secrets import settings_without_secrets
from fer.folders.sweep import SweepFolder, TrialRecord
from fer.metrics.objectives import metric_of
from fer.tuning.display import Display
from fer.tuning.job import Ended
from fer.tuning.plan import trial_command
from fer.tuning.settings import Sweep
from fer.tuning.space import Params
from fer.tuning.suggest import Suggester


class TrialStore:
    """The trials of a sweep folder.

    Args:
        sweep: what the sweep does.
        folder: where it is kept.
        display: told of every trial that ends.
    """

    def __init__(self, sweep: Sweep, folder: SweepFolder, display: Display) -> None:
        self.sweep = sweep
        self.folder = folder
        self.display = display
        self.records: list[TrialRecord] = folder.records()
        self._failed_in_a_row = 0

    def suggester(self) -> Suggester:
        """What proposes the next points, knowing every trial that ended."""
        settings = self.sweep.settings
        suggester = Suggester(
            self.sweep.space,
            algorithm=settings.algorithm,
            seed=self.sweep.config.seed,
            startup_trials=settings.startup_trials,
        )
        for record in self.records:
            suggester.tell(record.trial, record.params, loss=record.loss)
        for params in self.interrupted().values():
            suggester.expect(params)
        return suggester

    @property
    def next_number(self) -> int:
        """The first number that no trial had yet."""
        return max([*(record.trial for record in self.records), *self.folder.planned()], default=-1) + 1

    def interrupted(self) -> dict[int, dict[str, Any]]:
        """Trials that were begun and did not end: number -> params.

        Raises:
            DataError: what a file names is no trial of this sweep; what it set would count as typed by a person.
        """
        ended = {record.trial for record in self.records}
        begun = {number: params for number, params in self.folder.planned().items() if number not in ended}
        for number, params in begun.items():
            if not self.sweep.space.holds(params):
                raise DataError(
                    f"{self.folder.trial(number) / 'params.json'} holds no point that this sweep searches: delete it"
                )
        return begun

    def record(
        self,
        number: int,
        params: Params,
        overrides: Sequence[str],
        ended: Ended,
        *,
        started: float,
        seconds: float,
        first_batch: float | None = None,
        curve: Sequence[tuple[float, float]] = (),
    ) -> TrialRecord:
        """The line of a trial that ended.

        Args:
            number: the trial's.
            params: setting -> value.
            overrides: of fer-train, without those of a fold.
            ended: how it ended.
            started: seconds since the epoch.
            seconds: it took.
            first_batch: seconds from the start to the first batch; None where it got none, or where nobody knows.
            curve: (share of the training done, score so far); not empty for a trial that was given up.
        """
        return TrialRecord(
            trial=number,
            params=params,
            status=ended.status,
            loss=self._pruned_loss(curve) if ended.status == "pruned" else self._loss(ended.score),
            metrics=means(ended.metrics),
            seconds=round(seconds, 3),
            start_seconds=None if first_batch is None else round(first_batch, 3),
            train_seconds=round(sum(each["train_seconds"] for each in ended.metrics), 3) if ended.metrics else None,
            command=trial_command(self.sweep, overrides),
            run_dir=str(self.folder.trial(number).relative_to(self.folder.path)),
            curve=[(round(share, 6), score) for share, score in curve],
            started=time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(started)),
            error=ended.error,
        )

    def _loss(self, score: float | None) -> float | None:
        return None if score is None else metric_of(self.sweep.settings.objective).loss(score)

    def _pruned_loss(self, curve: Sequence[tuple[float, float]]) -> float:
        """The least loss until it was given up, or that of the median finished trial where this is more.

        A trial is given up for being behind half of those that finished. Its first folds may be easier than the mean of
        all, and would rank it, and what it tried, before them.
        """
        best = metric_of(self.sweep.settings.objective).loss(max(score for _, score in curve))
        finished = [record.loss for record in self.records if record.status == "ok" and record.loss is not None]
        return max(best, statistics.median(finished)) if finished else best

    def add(self, record: TrialRecord, overrides: Sequence[str]) -> None:
        """Writes a trial down; `best.yaml` and the checkpoints on disk follow.

        Raises:
            ConfigError: too many trials failed in a row.
        """
        former = best_of(self.records)
        self.folder.append(record)
        self.records.append(record)
        if best_of(self.records) is record:
            self.folder.write_best(record, settings_without_secrets(text.as_mapping(overrides)))
            if former is not None:
                self._drop(former)
        else:
            self._drop(record)
        self.display.ended(record, self.records)
        self._failed_in_a_row = self._failed_in_a_row + 1 if record.status == "failed" else 0
        if self._failed_in_a_row >= self.sweep.settings.max_failures:
            raise ConfigError(
                f"{self._failed_in_a_row} trials in a row failed, the last with: {record.error}; "
                f"its output is {self.folder.trial(record.trial) / 'output.log'}"
            )

    def _drop(self, record: TrialRecord) -> None:
        if self.sweep.settings.keep == "best":
            self.folder.drop_checkpoints(record.trial)


def best_of(records: Sequence[TrialRecord]) -> TrialRecord | None:
    """The trial with the least loss among those that ran to their end; None without one."""
    finished = [(record.loss, record.trial, record) for record in records if record.status == "ok"]
    return min(finished, key=lambda entry: entry[:2])[2] if finished else None


def means(metrics: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Means over folds of the selection faces' metrics; None for one that is undefined in any fold."""
    names = [name for name in (metrics[0] if metrics else {}) if "." in name]
    values = {name: [each[name] for each in metrics] for name in names}
    return {name: None if None in of_folds else sum(of_folds) / len(of_folds) for name, of_folds in values.items()}
