"""Metrics of a whole set of faces by torchmetrics, over all processes; the undefined is told, not raised."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection

from fer.common.labels import EMOTIONS


@dataclass(frozen=True, kw_only=True)
class EpochScores:
    """What the metrics say of one set of faces.

    Attributes:
        values: name -> scalar tensor, NaN where undefined; a metric of one number a class is `name/class`.
        tables: name -> what is no scalar, such as a confusion matrix, as nested lists.
        undefined: name -> why there is no value.
    """

    values: Mapping[str, Tensor]
    tables: Mapping[str, list[object]] = field(default_factory=dict)
    undefined: Mapping[str, str] = field(default_factory=dict)


class EpochMetrics(nn.Module):
    """Several metrics of one set of faces.

    Args:
        metrics: name -> metric that takes (probabilities (N, K), label (N,)).
        classes: the names of the K classes.
    """

    def __init__(self, metrics: Mapping[str, Metric], *, classes: Sequence[str] = EMOTIONS) -> None:
        super().__init__()
        # No compute groups: they share states by what the first batch happens to look like.
        self.collection = MetricCollection(dict(metrics), compute_groups=False)
        self.classes = tuple(classes)

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics' names."""
        return tuple(map(str, self.collection.keys()))

    def forward(self, probabilities_NK: Tensor, label_N: Tensor) -> EpochScores:
        """Scores of this process's faces and those of all others, the same in each of them.

        Args:
            probabilities_NK: float32, rows that add up to 1.
            label_N: int64 in [0, K).
        """
        values: dict[str, Tensor] = {}
        tables: dict[str, list[object]] = {}
        undefined: dict[str, str] = {}
        for name, metric in self.collection.items():
            metric.reset()
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                metric.update(probabilities_NK, label_N)
                try:
                    value = metric.compute()
                except (ArithmeticError, IndexError, RuntimeError, TypeError, ValueError) as error:
                    value = torch.tensor(float("nan"), device=label_N.device)
                    undefined[name] = f"{type(metric).__name__}: {' '.join(str(error).split())[:300]}"
            metric.reset()
            reason = _meaningless([str(each.message) for each in caught], metric)
            if reason is not None:
                value, undefined[name] = torch.full_like(value, float("nan")), reason
            if value.dim() > 1 or (value.dim() == 1 and len(value) != len(self.classes)):
                tables[name] = value.tolist()
            elif value.dim() == 1:
                values |= {f"{name}/{each}": item for each, item in zip(self.classes, value.float(), strict=True)}
            else:
                values[name] = value.float()
        for name, value in values.items():
            if not torch.isfinite(value):
                undefined.setdefault(name, f"it was {float(value)}")
        return EpochScores(values=values, tables=tables, undefined=undefined)


def _meaningless(warned: Sequence[str], metric: Metric) -> str | None:
    """Why a number that torchmetrics gives has no meaning, from what it warns of; None where it has one.

    Without faces of a class, or with faces of that class alone, it takes the area under the class's curve for 0. A mean
    weighted by the classes' faces gives an absent class no weight.
    """
    for text in warned:
        absent = "No positive samples" in text
        if "meaningless" in text and not (absent and getattr(metric, "average", None) == "weighted"):
            return "no face is of one of the classes" if absent else "all faces are of one class"
    return None
