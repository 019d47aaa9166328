"""What trials are ranked by: numbers of the selection faces."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Objective = str
"""A name of `METRICS`, or of a metric of one's own; with a minus in front where lower is better."""


@dataclass(frozen=True)
class Metric:
    """A number trials are ranked by.

    Attributes:
        name: its name in `metrics.json`, after the name of the selection faces.
        logged: its name in the epoch log.
        sign: 1 where higher is better, -1 where lower is.
    """

    name: str
    logged: str
    sign: int

    def score(self, metrics: Mapping[str, Any]) -> float:
        """The score of a finished training, higher is better; NaN where its selection faces leave it undefined."""
        (value,) = (value for key, value in metrics.items() if key.partition(".")[2] == self.name)
        return self.sign * float("nan" if value is None else value)

    def loss(self, score: float) -> float:
        """What the search minimises."""
        return 1 - score if self.sign > 0 else -score

    def value(self, loss: float) -> float:
        """The metric itself, of a loss."""
        return 1 - loss if self.sign > 0 else loss


METRICS: Final[Mapping[str, Metric]] = {
    "accuracy": Metric("accuracy", "valid/accuracy", 1),
    "macro_f1": Metric("macro_f1", "valid/macro_f1", 1),
    "weighted_auc": Metric("weighted_auc", "valid/weighted_auc", 1),
    "ece": Metric("ece", "valid/ece", -1),
    "nll": Metric("nll", "valid/loss", -1),
}
"""Those of every training."""


def metric_of(objective: Objective) -> Metric:
    """The number behind an objective."""
    if objective in METRICS:
        return METRICS[objective]
    name = objective.removeprefix("-")
    return Metric(name, f"valid/{name}", 1 if name == objective else -1)
