"""The sweep folder: every trial that ended, the best one, and what the sweep was asked to do."""

import json
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from fer.common.errors import DataError
from fer.common.files import append_line, owned_folder, read_json, write_atomic, write_json
from fer.common.wording import shell_word

Status = Literal["ok", "pruned", "failed"]
SweepStatus = Literal["running", "finished", "interrupted"]


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One line of `trials.jsonl`: a trial that ended.

    Attributes:
        trial: its number, from 0.
        params: setting -> value.
        status: ok, pruned (given up half-way) or failed.
        loss: what the search minimises: 1 - score where a high score is good, the score itself where a low one is;
            of a pruned trial the best until it was given up, but no better than the median of those that had
            finished by then, whose folds it has not all seen; None for a failed one.
        metrics: of the selection faces, such as {"public.accuracy": 0.61}, means over folds, None for one
            that is undefined; empty unless ok.
        seconds: wall seconds of the trial's process.
        start_seconds: from starting its process to its first batch; None where it got none.
        train_seconds: of those spent in training batches; None unless ok.
        command: reproduces it.
        run_dir: its folder, relative to the sweep's.
        curve: [share of the training done, score so far] of every epoch; higher is better.
        started: local time, ISO 8601.
        error: what went wrong, in a line.
    """

    trial: int
    params: dict[str, Any]
    status: Status
    loss: float | None
    metrics: dict[str, float | None]
    seconds: float
    start_seconds: float | None
    train_seconds: float | None
    command: str
    run_dir: str
    curve: list[tuple[float, float]]
    started: str
    error: str | None = None


@dataclass(frozen=True)
class SweepFolder:
    """The files of one sweep, by the names of the outside contract."""

    path: Path

    @property
    def settings(self) -> Path:
        """What the sweep was asked to do; a folder that holds it is a sweep."""
        return self.path / "sweep.json"

    @property
    def trials(self) -> Path:
        """A line a trial that ended."""
        return self.path / "trials.jsonl"

    @property
    def best(self) -> Path:
        """The best trial, as overrides of fer-train."""
        return self.path / "best.yaml"

    @property
    def report(self) -> Path:
        """The page."""
        return self.path / "report.html"

    def write_status(self, status: SweepStatus) -> None:
        """Notes in `sweep.json` how far the sweep is; one that is killed leaves "running" and lets its lock go."""
        write_json(self.settings, {**read_json(self.settings), "status": status})

    def trial(self, number: int) -> Path:
        """The folder of a trial: its run folder, or those of its folds."""
        return self.path / "trials" / f"{number:04d}"

    def owned(self) -> AbstractContextManager[None]:
        """Holds the folder for this process.

        Raises:
            ConfigError: another sweep is running in it, or it cannot be written.
        """
        return owned_folder(self.path, key="sweep_dir", busy="another sweep is running in it")

    def records(self) -> list[TrialRecord]:
        """Every trial that ended, in the order of their ends.

        Raises:
            DataError: a line other than the last is not readable.
        """
        if not self.trials.is_file():
            return []
        records = []
        lines = self.trials.read_text(encoding="utf-8").splitlines(keepends=True)
        for number, line in enumerate(lines, start=1):
            if not line.endswith("\n"):
                break  # a crash while it was written: that trial is repeated
            try:
                records.append(TrialRecord(**json.loads(line)))
            except (json.JSONDecodeError, TypeError) as error:
                raise DataError(
                    f"{self.trials}, line {number} is no trial ({error}): delete the line to repeat it"
                ) from error
        return records

    def drop_torn_line(self) -> None:
        """Takes a line off that a crash left half written, so that the next one does not continue it."""
        if self.trials.is_file():
            content = self.trials.read_bytes()
            whole = content[: content.rfind(b"\n") + 1]
            if len(whole) < len(content):
                write_atomic(self.trials, whole)

    def append(self, record: TrialRecord) -> None:
        """Adds a line, safe on the disk when this returns."""
        append_line(self.trials, json.dumps(asdict(record), allow_nan=False))

    def plan(self, number: int, params: Mapping[str, Any]) -> None:
        """Remembers what a trial is about to try, so that it can go on after an interruption."""
        write_json(self.trial(number) / "params.json", dict(params))

    def planned(self) -> dict[int, dict[str, Any]]:
        """Trials that were begun, ended or not: number -> params."""
        return {
            int(path.parent.name): json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(self.path.glob("trials/*/params.json"))
        }

    def write_best(self, record: TrialRecord, overrides: Mapping[str, Any]) -> None:
        """Writes the best trial's overrides, for `fer-train @best.yaml`."""
        import yaml

        numbers = ", ".join(f"{name} {value:.4f}" for name, value in record.metrics.items() if value is not None)
        head = f"# Trial {record.trial}: {numbers}.\n# fer-train {shell_word(f'@{self.best}')} [KEY=VALUE ...]\n"
        write_atomic(self.best, head + yaml.safe_dump(dict(overrides), sort_keys=False, allow_unicode=True))

    def drop_checkpoints(self, number: int) -> None:
        """Deletes a trial's weights; its numbers stay."""
        for checkpoints in self.trial(number).glob("**/checkpoints"):
            shutil.rmtree(checkpoints, ignore_errors=True)
