"""The trials of a sweep as a table of numbers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.folders.sweep import SweepFolder, TrialRecord
from fer.metrics.objectives import METRICS, metric_of


@dataclass(frozen=True)
class SweepTrials:
    """A sweep as its page sees it.

    Attributes:
        facts: content of `sweep.json`.
        records: the trials that ended, in the order of their ends.
    """

    facts: Mapping[str, Any]
    records: Sequence[TrialRecord]

    @classmethod
    def read(cls, folder: SweepFolder) -> "SweepTrials":
        """The trials in a sweep's folder.

        Raises:
            DataError: no sweep, no trial in it, or a file that is not readable.
        """
        if not folder.settings.is_file():
            raise DataError(f"{folder.path} is no sweep: it has no sweep.json")
        records = folder.records()
        if not records:
            raise DataError(f"{folder.path}: no trial has ended yet")
        return cls(json.loads(folder.settings.read_text(encoding="utf-8")), records)

    @property
    def objective(self) -> str:
        """What trials are ranked by."""
        return str(self.facts["objective"])

    @property
    def higher_is_better(self) -> bool:
        """Whether a high value is a good one."""
        return metric_of(self.objective).sign > 0

    @property
    def measure(self) -> str:
        """What its values are, in words: without the minus that says that low ones are good."""
        return self.objective.removeprefix("-").replace("_", " ")

    @property
    def is_share(self) -> bool:
        """Whether it is shown in percent: what a metric of one's own counts is not known."""
        return self.higher_is_better and self.objective in METRICS

    def value(self, loss: float) -> float:
        """The objective's own value."""
        return metric_of(self.objective).value(loss)

    @cached_property
    def scored(self) -> list[TrialRecord]:
        """Trials with a value: those that finished, and those given up half-way with what they had by then."""
        return [record for record in self.records if record.loss is not None]

    @cached_property
    def finished(self) -> list[TrialRecord]:
        """Trials that ran to their end."""
        return [record for record in self.records if record.status == "ok"]

    @cached_property
    def best(self) -> TrialRecord | None:
        """The finished trial with the least loss."""
        return min(self.finished, key=loss_of, default=None)

    @cached_property
    def settings(self) -> list[str]:
        """Every setting that was searched, in the order of the space."""
        return list(dict.fromkeys(label.rpartition("|")[2] for label in self.facts["space"]))

    def is_logarithmic(self, setting: str) -> bool:
        """Whether a setting was drawn on a logarithmic scale, in whatever branch."""
        return any(
            "loguniform" in distribution
            for label, distribution in self.facts["space"].items()
            if label.rpartition("|")[2] == setting
        )

    def is_numeric(self, setting: str) -> bool:
        """Whether all of a setting's values are numbers, more than a handful of them."""
        values = self.values(setting)
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        return numbers and len(set(values)) > 4

    def values(self, setting: str) -> list[Any]:
        """A setting's values in the trials that have it and a value of their own."""
        return [record.params[setting] for record in self.scored if setting in record.params]

    def options(self, setting: str) -> list[str]:
        """A setting's values as texts, each once, numbers in their order."""
        return options_of(self.values(setting))

    def column(self, setting: str) -> npt.NDArray[np.float64]:
        """(N,) a setting of every scored trial as a number: logarithm, value or rank of the option; NaN without it."""
        numeric, logarithmic, options = self.is_numeric(setting), self.is_logarithmic(setting), self.options(setting)

        def encoded(record: TrialRecord) -> float:
            if setting not in record.params:
                return float("nan")
            value = record.params[setting]
            if not numeric:
                return float(options.index(text_of(value)))
            return float(np.log10(value)) if logarithmic else float(value)

        return np.array([encoded(record) for record in self.scored])


def loss_of(record: TrialRecord) -> float:
    """The loss of a scored trial."""
    assert record.loss is not None
    return record.loss


def text_of(value: Any) -> str:
    """A value as the page shows it."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def options_of(values: Sequence[Any]) -> list[str]:
    """Values as texts, each once; numbers in their order, others by name."""
    unique = {text_of(value): value for value in values}
    numbers = all(isinstance(value, int | float) for value in values)
    return sorted(unique, key=(lambda text: (float(unique[text]), text)) if numbers else str)
